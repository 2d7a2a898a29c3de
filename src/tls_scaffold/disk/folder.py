"""A folder on the disk: it is held while it is worked on, and written by whole files.

What is taken away goes to its `archive/`, to a shelf for each time.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.disk import locking
from tls_scaffold.disk.files import (
    PUBLIC,
    SECRET,
    create,
    flush_path,
    make_private,
    telling,
    usual_mode,
    write_by_way_of,
)
from tls_scaffold.disk.healing import HALF, clear_half, heal
from tls_scaffold.disk.moving import is_in, make_directories, move
from tls_scaffold.disk.obstacles import check_folder, inside
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.keptfolder import check_format, check_is_kept
from tls_scaffold.paths import ARCHIVE, KEY_ENDING, STATE


@contextmanager
def lock(folder: Path, *, wait: float = locking.WAIT) -> Iterator[None]:
    """Hold `folder` while the block runs, and first finish what a killed run had decided.

    Raises ScaffoldError as `locking.lock`, where the folder has a newer format than is known here,
    where what is to be finished can't be, and if make asked for this run and is gone: the next make
    may have ended already.
    """
    check_folder(folder)
    check_format(folder)
    with locking.lock(folder, wait=wait):
        locking.check_parent()
        with telling(folder):
            heal(folder)
        yield


@contextmanager
def lock_kept(folder: Path, *, wait: float = locking.WAIT) -> Iterator[None]:
    """Hold a folder of ours as `lock` does; nothing is made in any other, which is refused."""
    check_is_kept(folder)
    with lock(folder, wait=wait):
        yield


@contextmanager
def lock_or_refusal(folder: Path) -> Iterator[ScaffoldError | None]:
    """Hold `folder` as `lock` does, or yield why nothing can be written in it.

    The block then only reads. The other errors of `lock` are raised.
    """
    with ExitStack() as stack:
        refusal = None
        try:
            stack.enter_context(lock(folder, wait=locking.LOCK_SECONDS))
        except locking.UnwritableError as error:
            refusal = error
        yield refusal


def write_inside(folder: Path, path: str, content: str) -> None:
    """Put a file of the folder in place, whole, by one rename; a link of that name is replaced.

    Its mode stays, and a new file gets the one that a new folder's files have.
    """
    target = inside(folder, path)
    with telling(target, "written"):
        state = folder / STATE
        state.mkdir(exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_in_work_folder(state, target, content)
        except OSError as error:
            # In a container a part of the folder, as `config`, may be a volume of its own.
            if error.errno != errno.EXDEV:
                raise
            clear_leftovers(target.parent)
            _write_in_work_folder(target.parent, target, content)


def _write_in_work_folder(parent: Path, target: Path, content: str) -> None:
    with work_folder(parent) as work:
        write_by_way_of(work / target.name, target, content, usual_mode(target))


def remove_inside(folder: Path, path: str) -> None:
    """Take away a file that is ours and unedited; it may be gone already."""
    target = inside(folder, path)
    with telling(target, "removed"):
        target.unlink(missing_ok=True)


def new_shelf(folder: Path) -> str:
    """Return a path `archive/<UTC time>` that nothing has; sign.sh's `put_away` names alike."""
    name = f"{ARCHIVE}/{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%SZ')}"
    while (folder / name).exists():
        name += "x"
    return name


def make_shelf(folder: Path, shelf: str = "") -> Path:
    """Make the folder `shelf` of the archive, a new one unless it is given, and return it.

    Only its owner can look into `archive`.
    """
    with telling(folder / ARCHIVE, "made"):
        make_private(folder / ARCHIVE)
        made = folder / (shelf or new_shelf(folder))
        made.mkdir(0o700, exist_ok=bool(shelf))
        flush_path(made.parent)
    return made


def copy_to_new_shelf(folder: Path, paths: Iterable[str]) -> Path:
    """Copy plain files to the same paths below a new shelf, which is whole from its first moment.

    Keys are for their owner alone; what is missing is passed over. The folder's lock is held.
    """
    with telling(folder / ARCHIVE, "written"):
        make_private(folder / ARCHIVE)
        clear_half(folder)
        half = folder / HALF
        half.mkdir(mode=0o700)
        for path in dict.fromkeys(paths):
            source, target = inside(folder, path), half / path
            if os.path.lexists(source):
                make_directories(target.parent)
                mode = SECRET if path.endswith(KEY_ENDING) else PUBLIC
                create(target, plain(source, path, follow=False), mode)
        shelf = folder / new_shelf(folder)
        half.rename(shelf)
        flush_path(shelf.parent)
    return shelf


def move_to_shelf(folder: Path, path: str, shelf: Path) -> None:
    """Move a file or folder to the same path below `shelf`; it may be gone already.

    If there is something else, of a run that was killed and of what was done since, it goes to a
    new shelf.
    """
    source, target = inside(folder, path), shelf / path
    with telling(source, "moved"):
        if not os.path.lexists(source):
            return
        if os.path.lexists(target) and not is_in(source, target):
            target = make_shelf(folder) / path
        make_directories(target.parent)
        clear_leftovers(target.parent)
        move(source, target)


def move_to_archive(folder: Path, paths: Iterable[str], shelf: str = "") -> str:
    """Move files to a shelf of the archive, a new one unless it is given; return its path."""
    with telling(folder):
        place = make_shelf(folder, shelf)
        for path in paths:
            move_to_shelf(folder, path, place)
    return place.relative_to(folder).as_posix()
