"""Whether a new folder can be made at a place: what of it is there already, and what is in the way.

What a killed run of the same words has left is in nobody's way: it is finished.
"""

import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.workfolders import WORK
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.reach import RENDERED
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import MAKEFILE, OURS_IF_SAID, STATE, says_ours
from tls_scaffold.rendering.documents import LAST_RENDER
from tls_scaffold.spelling import escaped, first_of

ELSEWHERE = "`tls-scaffold new DIRECTORY` makes another"
HINT = (
    "`tls-scaffold -C {0} sync` updates or finishes a folder of ours, "
    f"`tls-scaffold adopt {{0}}` takes over one made by hand, {ELSEWHERE}"
)
NAMED = 5  # of what is in the way; a home directory has hundreds
# What a new disk has, and what code hosts and people put into a repository before anything else.
OTHERS = (
    "lost+found",
    *(".git", ".gitattributes", ".gitkeep", ".editorconfig", ".pre-commit-config.yaml"),
    *(".github", ".gitlab", ".gitlab-ci.yml", "CODEOWNERS"),
    *("LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING", "README", "README.rst", "README.txt"),
)
# What a run writes before it puts it in place.
WORK_FOLDER = re.compile(rf"{re.escape(STATE)}/{re.escape(WORK)}[a-z0-9_]{{8}}(?:/|$)")
# With other words there are requests of other names.
REQUEST = re.compile(r"config/[^/]+\.json")


def missing_paths(target: Path, tree: Mapping[str, str]) -> list[str]:
    """Return the paths of `tree` (path → text) that `target` lacks, in the order to write them.

    Raises ScaffoldError where `target` is no directory, or has something else in it than OTHERS,
    files of `tree` as they would be written, and what a killed run was at work on; and where it has
    the last file already. What `tree` leaves to others (`texts_of_others`) may be there.
    """
    folder = _directory(target)
    *first, last = sorted(tree, key=_turn)
    in_the_way = list(_in_the_way(folder, tree))
    if in_the_way or os.path.lexists(folder / last):
        raise _not_empty(target, in_the_way or [last])
    return [*(path for path in first if not os.path.lexists(folder / path)), last]


def refuse_occupied(target: Path) -> None:
    """Raise ScaffoldError where no folder can be made at `target`, whatever it is made from."""
    folder = _directory(target)
    ours = {path.partition("/")[0] for path in (*RENDERED, LAST_RENDER)}
    with suppress(FileNotFoundError):
        names = sorted(each.name for each in folder.iterdir())
        in_the_way = [name for name in names if name not in (*OTHERS, *ours)]
        if in_the_way or MAKEFILE in names:
            raise _not_empty(target, in_the_way or [MAKEFILE])


def texts_of_others(target: Path) -> dict[str, str]:
    """Return what is at `target` of the files that are only ours if they say so, path to text.

    They stay as they are, as everything does that was there before.
    """
    texts = {}
    for path in OURS_IF_SAID:
        with suppress(FileNotFoundError, NotADirectoryError):
            if stat.S_ISREG((target / path).lstat().st_mode):
                text = plain(target / path, path).decode("utf-8", "replace")
                if not says_ours(text):
                    texts[path] = text
    return texts


def _directory(target: Path) -> Path:
    """Return where a path leads; ScaffoldError where that is, or is below, something else."""
    folder = real_folder(target)
    nearest = next(path for path in (target, folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise ScaffoldError(f"`{nearest}` is not a directory: nothing was written", hint=ELSEWHERE)
    return folder


def real_folder(target: Path) -> Path:
    """Return where a path leads, through links and `..`, with nothing of them left in it."""
    return Path(os.path.realpath(target))


def holds(path: Path, text: str) -> bool:
    """Tell whether a plain file has just this text; FileNotFoundError if it is missing."""
    data, status = text.encode(), path.lstat()
    return (
        stat.S_ISREG(status.st_mode) and status.st_size == len(data) and path.read_bytes() == data
    )


def _not_empty(target: Path, in_the_way: list[str]) -> ScaffoldError:
    problems = first_of([f"`{escaped(path)}` is in the way" for path in in_the_way], NAMED)
    hint = HINT.format(shlex.quote(str(target)))
    return ScaffoldError(f"`{target}` is not empty: nothing was written", problems, hint)


def _turn(path: str) -> tuple[int, str]:
    """Return what sorts files by when they are to be written.

    With the inventory `sync` can finish the rest. To `sync`, a file that the record of the last
    render names and that is missing was deleted by hand: so the record comes after the others.
    Without the Makefile nothing can be signed yet.
    """
    return {FILE: 0, LAST_RENDER: 2, MAKEFILE: 3}.get(path, 1), path


def _in_the_way(folder: Path, tree: Mapping[str, str], below: str = "") -> Iterator[str]:
    """Yield what this run would not have put there, by path below the folder.

    No link is followed.
    """
    folders = {STATE, *(str(parent) for path in tree for parent in PurePosixPath(path).parents)}
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder / below), key=lambda each: each.name):
            path = f"{below}{entry.name}"
            if path in OTHERS:
                continue
            # What is left to others is a plain file: `sync` follows no link.
            if path in OURS_IF_SAID and path not in tree and entry.is_file(follow_symlinks=False):
                continue
            if not entry.is_dir(follow_symlinks=False):
                if not _is_expected(folder, path, tree):
                    yield path
            elif _when_done(path) in folders:
                yield from _in_the_way(folder, tree, f"{path}/")
            else:
                yield f"{path}/"


def _when_done(path: str) -> str:
    """Return where a file that a run is at work on will be once that is done.

    A path in no work folder stays as it is.
    """
    return WORK_FOLDER.sub("", path, count=1) or "."


def _is_expected(folder: Path, path: str, tree: Mapping[str, str]) -> bool:
    """Tell whether a file is what this run would write, or what a killed run was at work on."""
    try:
        if path in tree:
            return holds(folder / path, tree[path])
        done = _when_done(path)
        if done == path or not (done in tree or REQUEST.fullmatch(done)):
            return False
        status = (folder / path).lstat()
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    except FileNotFoundError:  # of a run that goes on: it is looked at again when that has ended
        return True
