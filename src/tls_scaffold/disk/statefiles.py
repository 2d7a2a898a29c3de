"""The files that make up a folder's state: what a backup holds, and a restore may bring."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.locking import FILE as LOCK
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.disk.workfolders import WORK
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, AWAITING, CERTS, ISSUED, MIB, NEW_SET, PENDING, STATE

NOTE = f"{ARCHIVE}/.backups"
NEW_NOTE = f"{NOTE}.new"
PRIVATE_FOLDERS = (CERTS, ARCHIVE, AWAITING)
"""Folders that git has nothing of: only their owner looks into them."""
WHOLE = (*PRIVATE_FOLDERS, "config", ISSUED, STATE)
PASSING = (LOCK, NOTE, NEW_NOTE, PENDING, NEW_SET)
"""What is about a run, or about this copy of the folder alone."""
LARGEST_STATE = 512 * MIB


@dataclass(frozen=True)
class State:
    """A folder's state: its files, and what is left out, since it is no plain file."""

    files: tuple[Packed, ...]
    left_out: tuple[str, ...] = ()


def is_of_state(path: str, elsewhere: Iterable[str] = ()) -> bool:
    """Tell whether a path below a folder may be one of its state.

    That are the files in the folder itself and all in WHOLE; `elsewhere` has what the inventory
    names beside them. Nothing of git's is.
    """
    parts = PurePosixPath(path).parts
    if any(part.lower() == ".git" or part.startswith((WORK, ".draft.")) for part in parts):
        return False
    if path in PASSING or path.startswith(f"{NEW_SET}/"):
        return False
    return len(parts) == 1 or parts[0] in WHOLE or path in elsewhere


def state_paths(folder: Path) -> Iterator[str]:
    """Yield the paths of a folder's state that are there, but for what the inventory names."""
    yield from (path for path in _paths(folder) if is_of_state(path))


def read_state(
    folder: Path, elsewhere: Iterable[str], is_no_state: Callable[[bytes], bool]
) -> State:
    """Return the state of a folder, whose lock is held; a file that `is_no_state` is left out.

    Raises ScaffoldError where something can't be read, or is too much.
    """
    left_out: list[str] = []
    files: list[Packed] = []
    room = LARGEST_STATE
    named = tuple(elsewhere)
    for path in dict.fromkeys((*_paths(folder), *named)):
        if not os.path.lexists(folder / path) or not is_of_state(path, named):
            continue
        if not stat.S_ISREG(inside(folder, path).lstat().st_mode):
            left_out.append(path)
            continue
        file = _read(folder, path)
        room -= len(file.content)
        if room < 0:
            raise ScaffoldError(
                f"there are more than {LARGEST_STATE // MIB} MiB in `{folder}`",
                hint=f"move what nobody needs any more out of `{ARCHIVE}`",
            )
        if "/" in path or not is_no_state(file.content):
            files.append(file)
    return State(tuple(files), tuple(left_out))


def _read(folder: Path, path: str) -> Packed:
    with telling(folder / path, "read"):
        content = plain(folder / path, path, follow=False)
        status = (folder / path).lstat()
    return Packed(path, content, stat.S_IMODE(status.st_mode), int(status.st_mtime))


def _paths(folder: Path) -> Iterator[str]:
    """Yield the paths of all files in a folder itself and in those of WHOLE, links too."""
    with telling(folder, "looked into"):
        yield from sorted(each.name for each in os.scandir(folder) if not _is_directory(each))
    for name in WHOLE:
        yield from _below(folder, name)


def _below(folder: Path, directory: str) -> Iterator[str]:
    if (folder / directory).is_symlink() or not (folder / directory).is_dir():
        return
    with telling(folder / directory, "looked into"):
        entries = sorted(os.scandir(folder / directory), key=lambda each: each.name)
    for entry in entries:
        path = f"{directory}/{entry.name}"
        if _is_directory(entry):
            yield from _below(folder, path)
        else:
            yield path


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)
