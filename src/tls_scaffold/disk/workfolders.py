"""Folders in which files come into being: whoever works in one holds flock(2) on it.

One that nobody holds is left over from a run that was killed. Its name says nothing about whose it
is: process numbers are not the same in two containers. sign.sh's `workshop` makes and clears them
alike.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.locking import is_taken

WORK = ".work."
"""What their names begin with."""
WORK_FOLDER = re.compile(rf"{re.escape(WORK)}[0-9A-Za-z_]{{6}}(?:[0-9a-z_]{{2}})?")
"""Their names: mktemp puts six letters and digits behind that, Python eight."""


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """Make an empty folder in `parent`, for its owner alone, and hold it while the block runs.

    What is left in it then is removed.
    """
    work, descriptor = _held_folder(parent)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(descriptor)


def _held_folder(parent: Path) -> tuple[Path, int]:
    while True:
        work = Path(tempfile.mkdtemp(prefix=WORK, dir=parent))
        with suppress(FileNotFoundError):
            descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
            # Another run may clear it as long as it is not held yet.
            if is_taken(descriptor) and work.is_dir():
                return work, descriptor
            os.close(descriptor)


def clear_leftovers(parent: Path) -> None:
    """Remove the work folders in `parent` in which nobody works any more."""
    for work in parent.glob(f"{WORK}*"):
        if not WORK_FOLDER.fullmatch(work.name):
            continue  # it was made by somebody else
        # Of a link only the link would go, and a file is none of ours.
        with suppress(FileNotFoundError, NotADirectoryError):
            _remove_unless_held(work)


def _remove_unless_held(work: Path) -> None:
    descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if is_taken(descriptor):
            shutil.rmtree(work)
    finally:
        os.close(descriptor)
