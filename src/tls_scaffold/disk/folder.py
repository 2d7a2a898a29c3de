"""A folder on the disk is held while it is worked on, and written by whole files."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tls_scaffold.disk import locking
from tls_scaffold.disk.files import telling, usual_mode, write_by_way_of
from tls_scaffold.disk.healing import heal
from tls_scaffold.disk.obstacles import check_folder, inside
from tls_scaffold.disk.parent import check_parent
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import STATE


@contextmanager
def lock(folder: Path, *, wait: float = locking.WAIT) -> Iterator[None]:
    """Hold `folder` while the block runs, and first finish what a killed run had decided.

    Raises ScaffoldError as `locking.lock`, where what is to be finished can't be, and if make asked
    for this run and is gone: the next make may have ended already.
    """
    check_folder(folder)
    with locking.lock(folder, wait=wait):
        check_parent()
        with telling(folder):
            heal(folder)
        yield


@contextmanager
def lock_or_refusal(folder: Path, *, wait: float = locking.WAIT) -> Iterator[ScaffoldError | None]:
    """Hold `folder` as `lock` does, or yield why nothing can be written in it.

    The block then only reads. The other errors of `lock` are raised.
    """
    with ExitStack() as stack:
        refusal = None
        try:
            stack.enter_context(lock(folder, wait=wait))
        except locking.UnwritableError as error:
            refusal = error
        yield refusal


def write_inside(folder: Path, path: str, content: str | bytes, mode: int | None = None) -> None:
    """Put a file of the folder in place, whole, by one rename; a link of that name is replaced.

    Unless `mode` is given it stays, and a new file gets the one that a new folder's files have.
    """
    target = inside(folder, path)
    with telling(target, "written"):
        state = folder / STATE
        state.mkdir(exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = usual_mode(target) if mode is None else mode
        try:
            _write_in_work_folder(state, target, content, mode)
        except OSError as error:
            # In a container a part of the folder, as `config`, may be a volume of its own.
            if error.errno != errno.EXDEV:
                raise
            clear_leftovers(target.parent)
            _write_in_work_folder(target.parent, target, content, mode)


def _write_in_work_folder(place: Path, target: Path, content: str | bytes, mode: int) -> None:
    with work_folder(place) as work:
        write_by_way_of(work / target.name, target, content, mode)


def remove_inside(folder: Path, path: str) -> None:
    """Take away a file that is ours and unedited; it may be gone already."""
    target = inside(folder, path)
    with telling(target, "removed"):
        target.unlink(missing_ok=True)
