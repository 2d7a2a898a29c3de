"""A new folder is filled in place, in an order in which a second run, or `sync`, can finish it.

Nothing is written or looked for beside it. Whatever is taken away again after a failure was put
there by this very run.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.files import create, flush_path, telling, usual_mode
from tls_scaffold.disk.locking import WAIT, wait_for
from tls_scaffold.disk.vacancy import holds, missing_paths, real_folder
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import STATE

# What a disk says that has none: FAT, shares, file systems of a program.
NO_HARD_LINKS = (
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
)


def make_folder(
    target: Path, tree: Mapping[str, str], finish: Callable[[Path], object] | None = None
) -> list[str]:
    """Put the texts of `tree` (path → text) into `target`, which is made if it is missing.

    `finish` then gives the folder what is no text. Returns the paths that were missing: what a
    killed run has put there of the same texts is finished. After an error the target is as it was.
    Raises ScaffoldError as `missing_paths`, where another run works on it, and where the disk
    refuses.
    """
    missing_paths(target, tree)  # so that a refusal comes before a folder is made
    folder = real_folder(target)
    with telling(folder, "written"), ExitStack() as undo:  # what has to be done if this fails
        _make_directories(folder, undo)
        with _held(folder):
            paths = missing_paths(target, tree)
            _fill(folder, {path: tree[path] for path in paths}, undo)
            if finish:
                finish(folder)
        undo.pop_all()
    return paths


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other runs of `new` out.

    The folder itself is held, as nothing is in it yet that could be locked.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        wait_for(descriptor, folder, WAIT)
        yield
    finally:
        os.close(descriptor)


def _fill(folder: Path, texts: Mapping[str, str], undo: ExitStack) -> None:
    """Give a folder files that it lacks, in the order of `texts`; the folder is held.

    All are on the disk before one is in place: a power failure leaves no half of a file.
    """
    _make_directories(folder / STATE, undo)
    clear_leftovers(folder / STATE)
    with work_folder(folder / STATE) as work:
        for path, text in texts.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            create(work / path, text, usual_mode(work / path), flush=False)
        os.sync()  # one for all is many times faster than one for each
        *first, last = texts
        _put_in_place(folder, work, texts, first, undo)
        # A power failure must not leave the last one, the Makefile, alone.
        for directory in {(folder / path).parent for path in first}:
            flush_path(directory)
        _put_in_place(folder, work, texts, [last], undo)
        flush_path(folder)


def _put_in_place(
    folder: Path, work: Path, texts: Mapping[str, str], paths: Iterable[str], undo: ExitStack
) -> None:
    for path in paths:
        target = folder / path
        _make_directories(target.parent, undo)
        if os.path.lexists(target) or not _link_or_rename(work / path, target):
            # A `sync` may finish the folder at the same time: what it wrote just so is its own.
            if not holds(target, texts[path]):
                raise ScaffoldError(f"`{target}` has just come into being: it is not written over")
        else:
            undo.callback(_remove_file, target, texts[path])


def _link_or_rename(source: Path, target: Path) -> bool:
    """Put a file in its place; tell whether it was free.

    A link is refused where something is; a rename would write over what comes into being now.
    """
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        source.rename(target)
    return True


def _make_directories(path: Path, undo: ExitStack) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        # Another run may have just made it, and then it is that one's to take away.
        with suppress(FileExistsError):
            folder.mkdir()
            undo.callback(_remove_folder, folder)


def _remove_file(path: Path, text: str) -> None:
    with suppress(OSError):
        if holds(path, text):  # what was edited since stays
            path.unlink()


def _remove_folder(path: Path) -> None:
    with suppress(OSError):
        path.rmdir()  # and stays where somebody has put something into it
