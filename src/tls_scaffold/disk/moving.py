"""What is moved stays whole: by one rename, or by a copy on the disk before the original goes."""

import errno
import filecmp
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import PRIVATE_FOLDER, SECRET, create, flush_path
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.errors import ScaffoldError


def move(source: Path, target: Path) -> None:
    """Move a file, a link or a folder to where nothing is yet, also to another disk.

    A kill leaves the source or the target whole, and the same call ends what it left. Raises
    OSError, and ScaffoldError if something else is at `target`.
    """
    if not os.path.lexists(target):
        move_over(source, target)
    elif is_in(source, target):
        _remove_copied(source, target)
    else:
        raise ScaffoldError(
            f"both `{source}` and `{target}` are there, and differ", hint="move one of them away"
        )


def move_over(source: Path, target: Path) -> None:
    """Move something to its place, over a file that is there, also to another disk.

    A kill leaves the source or the target whole, and the same call ends what it left.
    """
    try:
        source.replace(target)
    except OSError as error:
        # Two disks, two mounts of one disk, or a folder from the lower layer of an overlay.
        if error.errno != errno.EXDEV:
            raise
        with work_folder(target.parent) as work:
            _copy(source, work / target.name)
            (work / target.name).replace(target)
        _remove_copied(source, target)


def _remove_copied(source: Path, target: Path) -> None:
    """Remove what has been copied, when the copy is on the disk."""
    flush_path(target.parent)
    remove(source)
    flush_path(source.parent)


def is_in(part: Path, whole: Path) -> bool:
    """Tell whether all that a file or folder holds is in another just so.

    Then nothing is lost when the first goes.
    """
    if part.is_symlink() or whole.is_symlink():
        return part.is_symlink() and whole.is_symlink() and part.readlink() == whole.readlink()
    if part.is_dir():
        return whole.is_dir() and all(is_in(entry, whole / entry.name) for entry in part.iterdir())
    return part.is_file() and whole.is_file() and filecmp.cmp(part, whole, shallow=False)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; it may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_directories(path: Path) -> None:
    """Make a directory and those above it, their names on the disk.

    Else what is moved there could be lost with them when the power fails.
    """
    if not path.is_dir():
        make_directories(path.parent)
        path.mkdir(exist_ok=True)
        flush_path(path.parent)


def _copy(source: Path, target: Path) -> None:
    """Copy with owner, mode and times, and flush it; it is the owner's alone until it is whole."""
    status = source.lstat()
    if stat.S_ISLNK(status.st_mode):
        target.symlink_to(source.readlink())
        return
    if stat.S_ISDIR(status.st_mode):
        target.mkdir(mode=PRIVATE_FOLDER)
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    elif stat.S_ISREG(status.st_mode):
        create(target, b"", SECRET, flush=False)
        shutil.copyfile(source, target)
    else:
        raise ScaffoldError(
            f"`{source}` is not a plain file: it can't be copied", hint="move it away"
        )
    with suppress(OSError):  # root alone may give a file to others
        os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)
    flush_path(target)
