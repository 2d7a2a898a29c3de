"""Keys that git has, or would take: told by what makes a folder, or where keys come, in it."""

import posixpath
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.gitcommand import is_in_repository
from tls_scaffold.disk.gitfiles import UNTRACKED, git_files, not_ignored
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.keeping.authorities import is_of_ca
from tls_scaffold.paths import ARCHIVE, AWAITING, CERTS, KEY_ENDING
from tls_scaffold.spelling import listed

FEW = 3  # names that a line has room for
# These keep themselves out of git, at the latest with the next `make`.
KEPT_OUT = (f"{CERTS}/", f"{AWAITING}/", f"{ARCHIVE}/")
EXPLAIN = "`tls-scaffold check --explain {}` says what to do"


def warnings(folder: Path, coming: Iterable[str] = ()) -> tuple[str, ...]:
    """Return a line for the keys that git has of a folder, and one for those that it would take.

    `coming` are the paths of keys that `make` is to make, if they are not there yet.
    """
    if not folder.is_dir() or not is_in_repository(folder):
        return ()
    with suppress(ScaffoldError):  # git gave no answer: what was done is told all the same
        return tuple(_warnings(folder, tuple(filter(_is_at_large, coming))))
    return ()


def _warnings(folder: Path, coming: Collection[str]) -> Iterator[str]:
    found = git_files(folder, [f"*{KEY_ENDING}"])
    tracked = [path for tag, path in found if tag != UNTRACKED]
    if tracked:
        yield (
            f"git tracks keys, which are in every clone: {_listed(folder, tracked)}; "
            f"{EXPLAIN.format('tracked-by-git')}"
        )
    untracked = [path for tag, path in found if tag == UNTRACKED and _is_at_large(path)]
    given_away = {*untracked, *not_ignored(folder, coming)}.difference(tracked)
    if given_away:
        yield (
            "git does not ignore keys, which the next `git add .` takes: "
            f"{_listed(folder, given_away)}; {EXPLAIN.format('not-ignored-by-git')}"
        )


def _is_at_large(path: str) -> bool:
    return not posixpath.normpath(path).startswith(KEPT_OUT)


def _listed(folder: Path, paths: Iterable[str]) -> str:
    """Return some paths as one line: a CA's key stands first."""
    return listed(sorted(paths, key=lambda path: (not is_of_ca(folder, path), path)), FEW)
