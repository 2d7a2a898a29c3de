"""Who may work in a folder: sign.sh's `lock` takes the same lock, and asks the same of make.

The lock is flock(2) on the file `archive/.lock`. The kernel lets go of it when its holder is gone,
killed or not, in a container or not.
"""

import fcntl
import os
import random
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tls_scaffold import STARTED_BY
from tls_scaffold.disk.files import make_private, telling
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE

FILE = f"{ARCHIVE}/.lock"
HOOKS = f"{ARCHIVE}/.hooks"
"""A lock of its own for the hooks of renewals: they may work on the folder, one after another."""
WAIT = 5.0
LOCK_SECONDS = 60.0
"""How long those wait who sign, or work beside make: many of them may be begun at one time."""
# The files that this process has locked: flock(2) does not tell whose a lock is.
_held: set[tuple[int, int]] = set()


class UnwritableError(ScaffoldError):
    """No lock can be taken in a folder: the disk takes nothing there."""


@contextmanager
def lock(folder: Path, *, wait: float = WAIT, file: str = FILE) -> Iterator[None]:
    """Hold `folder`, or what another `file` in it stands for, while the block runs.

    Raises ScaffoldError if another has the folder for longer than `wait` seconds, UnwritableError
    where nothing can be written.
    """
    with telling(folder / file, as_error=UnwritableError):
        make_private(folder / ARCHIVE)
        descriptor = _open_lock(folder / file, os.O_RDWR | os.O_CREAT)
    number = _file_number(descriptor)
    try:
        with telling(folder / file, "locked"):
            wait_for(descriptor, folder, wait)
        _held.add(number)
        yield
    finally:
        _held.discard(number)
        os.close(descriptor)


def check_parent() -> None:
    """Raise ScaffoldError if make asked for this run, and is gone.

    A killed make leaves its children behind. One that went on would put its work in place when the
    next make has ended.
    """
    if "MAKELEVEL" in os.environ and os.getppid() != STARTED_BY:
        raise ScaffoldError("the make that asked for this is gone")


def wait_for(descriptor: int, folder: Path, wait: float) -> None:
    """Take the lock of what a descriptor stands for.

    ScaffoldError if another has it for longer than `wait` seconds.
    """
    deadline = time.monotonic() + wait
    if is_taken(descriptor):
        return
    _tell_waiting()
    # A blocking flock(2) could not be told when to give up.
    while not is_taken(descriptor):
        if time.monotonic() > deadline:
            raise ScaffoldError(
                f"another run works on the folder `{folder}`",
                hint="run this again when it has ended",
            )
        # Many that wait are not to try at the same moment, again and again.
        time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - nothing is hidden by it


def is_taken(descriptor: int) -> bool:
    """Take the lock of what a descriptor stands for, unless another has it; tell if it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def others_kept_out(folder: Path) -> Iterator[Callable[[], bool]]:
    """Hold `folder` while the block runs, if nobody else does, and change nothing in it for that.

    Yields what tells whether nobody else has held it since.
    """
    try:
        descriptor = _open_lock(folder / FILE, os.O_RDONLY)
    except FileNotFoundError:  # nobody has ever held it
        yield lambda: not os.path.lexists(folder / FILE)
        return
    except (OSError, ScaffoldError):
        yield lambda: False
        return
    try:
        is_alone = _file_number(descriptor) in _held or is_taken(descriptor)
        yield lambda: is_alone
    finally:
        os.close(descriptor)


def _open_lock(path: Path, flags: int) -> int:
    """Open the file that is locked; ScaffoldError if it is a link or no plain file."""
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        what = "is a link" if path.is_symlink() else "should be a plain file"
        raise ScaffoldError(f"`{path}` {what}", hint="move it away")
    # A link that comes in between is not followed, and a named pipe is not waited for.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _file_number(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _tell_waiting() -> None:
    import logging  # seldom needed; without a handler its warnings go to stderr as they are

    logging.getLogger(__name__).warning("waiting for another run")
