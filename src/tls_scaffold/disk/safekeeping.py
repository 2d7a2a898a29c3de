"""The CA's files are kept while make is only asked, where the kernel can't keep what make runs from writing."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tls_scaffold.disk.files import create, telling, write
from tls_scaffold.disk.folder import archive, move_away
from tls_scaffold.disk.locking import DIRECTORY
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import anyway, gnumake, sealed
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import ARCHIVE
from tls_scaffold.words import visible

OF_A_CA = re.compile(r"(?:.*[^a-z])?(?:root|etcd)?ca(?![a-z]).*\.(?:pem|key|crt|csr)", re.IGNORECASE)


class _File(NamedTuple):
    """What a file holds, and its mode."""

    content: bytes
    mode: int


@contextmanager
def ca_kept(folder: Path) -> Iterator[None]:
    """Put back the files of a CA that make changes in the block, in which it is only asked.

    What took their place goes to `archive/`. Where others work on the folder meanwhile, a change may be theirs: then
    it stays, and the files that were there go to `archive/`. Raises ScaffoldError where one was changed.
    """
    if sealed.abi() >= sealed.WHOLE:  # nothing that make runs can write there
        yield
        return
    before, moment = _files(folder), _moment(folder)
    try:
        yield
    finally:
        after = _files(folder)
        if after != before:
            alone = moment == _moment(folder) and not _others(folder)
            kept = _put_back(folder, before, after) if alone else _put_aside(folder, before, after)
            raise ScaffoldError(
                "a CA was changed while make was only asked" + ("; it was put back" if alone else ""),
                (*kept, *map(visible, anyway.look_through(folder, MAKEFILE).running)),
                gnumake.RUNS_ANYWAY_HINT,
            )


def _files(folder: Path) -> dict[str, _File]:
    """Return the files that are called as a CA's are, in a folder and those right below."""
    found = {}
    with suppress(OSError):
        below = [f"{each.name}/" for each in os.scandir(folder) if each.is_dir(follow_symlinks=False)]
        for place in ("", *(each for each in below if each != f"{ARCHIVE}/")):
            for entry in os.scandir(folder / place):
                if OF_A_CA.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(OSError, ScaffoldError):
                        mode = stat.S_IMODE(entry.stat().st_mode)
                        found[place + entry.name] = _File(plain(entry.path, entry.path), mode)
    return found


def _moment(folder: Path) -> int:
    """Return when names in a folder changed last: whoever works on it makes and removes a lock there."""
    with telling(folder):
        return folder.stat().st_mtime_ns


def _others(folder: Path) -> bool:
    with suppress(OSError):
        return any(path.name.split(".")[1:2] != [str(os.getpid())] for path in (folder / DIRECTORY).iterdir())
    return False


def _put_back(folder: Path, before: Mapping[str, _File], after: Mapping[str, _File]) -> list[str]:
    shelf = archive(folder)
    told = []
    for path in sorted({*before, *after}):
        if before.get(path) == after.get(path):
            continue
        if path in after:
            move_away(folder, path, shelf)
            told.append(f"`{path}`: what was made is `{(shelf / path).relative_to(folder)}`")
        if path in before:
            with telling(folder / path, "written"):
                write(folder / path, *before[path])
    return told


def _put_aside(folder: Path, before: Mapping[str, _File], after: Mapping[str, _File]) -> list[str]:
    shelf = archive(folder)
    told = []
    for path, file in before.items():
        if after.get(path) != file:
            with telling(shelf / path, "written"):
                (shelf / path).parent.mkdir(exist_ok=True)
                create(shelf / path, *file)
            told.append(f"`{path}`: what was there is `{(shelf / path).relative_to(folder)}`")
    return told
