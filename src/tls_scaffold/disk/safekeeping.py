"""Keys and certificates are kept while make is only asked, where the kernel can't keep what make runs from writing."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tls_scaffold.disk.files import create, telling, write
from tls_scaffold.disk.folder import archive, move_away
from tls_scaffold.disk.locking import others_kept_out
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.signals import ended_by_signals, uninterrupted
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import landlock
from tls_scaffold.makefiles.dryruneffects import dry_run_effects
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import ARCHIVE, LARGEST

KINDS = (".pem", ".key", ".crt", ".cer", ".csr", ".p12", ".pfx")
OF_A_CA = re.compile(r"(?:.*[^a-z])?(?:root|etcd)?ca(?![a-z])", re.IGNORECASE)
NOT_LOOKED_INTO = (ARCHIVE, ".git")
PUT_BACK_HINT = "take what changes them out of these lines: make runs it whenever it is asked"
PUT_ASIDE_HINT = "others work on the folder, and the change may be theirs: put back from `archive/` what should not have changed"


class _File(NamedTuple):
    """What a file holds, and its mode."""

    content: bytes
    mode: int


@contextmanager
def ca_kept(folder: Path) -> Iterator[None]:
    """Put back the keys and certificates that make changes in the block, in which it is only asked.

    What took their place goes to `archive/`, and so does a CA that was made beside them. Where others work on the
    folder meanwhile, a change may be theirs: then it stays, and the files that were there go to `archive/`. Raises
    ScaffoldError where one was changed, or a CA was made.
    """
    with ended_by_signals():
        if landlock.stops_all_writes():  # nothing that make runs can write there
            yield
            return
        # What a make beside us puts in place meanwhile is not what to put back.
        with others_kept_out(folder) as is_alone:
            before = _files(folder)
            try:
                yield
            finally:
                with uninterrupted():
                    _look_after(folder, before, is_alone=is_alone())


def _look_after(folder: Path, before: Mapping[str, _File], *, is_alone: bool) -> None:
    changed = [path for path in before if _file(folder / path) != before[path]]
    # A component's may be of a run beside us that has ended; it takes nothing away.
    made = [
        path
        for path in _paths(folder)
        if path not in before and OF_A_CA.match(path.rpartition("/")[2])
    ]
    if not changed and (not made or not is_alone):
        return
    kept = (
        _put_back(folder, before, changed, made)
        if is_alone
        else _put_aside(folder, before, changed)
    )
    raise ScaffoldError(
        "keys or certificates were changed while make was only asked"
        + ("; they were put back" if is_alone else ""),
        (*kept, *dry_run_effects(folder, MAKEFILE).running),
        PUT_BACK_HINT if is_alone else PUT_ASIDE_HINT,
    )


def _files(folder: Path) -> dict[str, _File]:
    """Return the keys and certificates below a folder, those of CAs first; those beyond a sum are left out."""
    found: dict[str, _File] = {}
    room = LARGEST
    for path in sorted(
        _paths(folder), key=lambda each: (not OF_A_CA.match(each.rpartition("/")[2]), each)
    ):
        file = _file(folder / path)
        room -= len(file.content) if file else 0
        if room < 0:
            return found
        if file:
            found[path] = file
    return found


def _file(path: Path) -> _File | None:
    with suppress(OSError, ScaffoldError):
        return _File(plain(path, str(path), follow=False), stat.S_IMODE(path.stat().st_mode))
    return None


def _paths(folder: Path) -> Iterator[str]:
    for place, directories, names in os.walk(folder):
        if place == str(folder):
            directories[:] = [each for each in directories if each not in NOT_LOOKED_INTO]
        for name in names:
            path = Path(place, name)
            if name.lower().endswith(KINDS) and not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _put_back(
    folder: Path, before: Mapping[str, _File], changed: list[str], made: list[str]
) -> list[str]:
    shelf = archive(folder)
    told = []
    for path in (*changed, *made):
        if os.path.lexists(folder / path):
            move_away(folder, path, shelf)
            told.append(f"`{path}`: what was made is `{(shelf / path).relative_to(folder)}`")
    for path in changed:
        with telling(folder / path, "written"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write(folder / path, *before[path])
    return told


def _put_aside(folder: Path, before: Mapping[str, _File], changed: list[str]) -> list[str]:
    shelf = archive(folder)
    told = []
    for path in changed:
        with telling(shelf / path, "written"):
            (shelf / path).parent.mkdir(parents=True, exist_ok=True)
            create(shelf / path, *before[path])
        told.append(f"`{path}`: what was there is `{(shelf / path).relative_to(folder)}`")
    return told
