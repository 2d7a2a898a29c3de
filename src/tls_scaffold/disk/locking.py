"""The lock of a folder, kept by `sign.sh` and by every command alike.

A token `.lock/GROUP.PID.COMPONENT` stands for each process at work: `sign.sh` works on one component and
lets others of its make go on beside it; a command of ours works on `all` of them, and alone. Whoever has put
down its own looks at the others, and steps back where one is alive. A token holds the line `START WORDS`; it
is dead when its process is.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.disk.files import create, telling
from tls_scaffold.disk.processes import alive, started
from tls_scaffold.errors import ScaffoldError

DIRECTORY = ".lock"
ALL = "all"
WAIT = 5.0


class UnwritableError(ScaffoldError):
    """No lock can be put down in a folder: the disk takes nothing there."""


@dataclass(frozen=True)
class Token:
    """Who is at work: the name of the token's file, the process, when that began, and what runs."""

    file_name: str
    pid: int
    start: str
    words: str


@contextmanager
def lock(folder: Path, words: str, wait: float = WAIT) -> Iterator[None]:
    """Hold `folder` while the block runs; `words` say what that is (`tls-scaffold sync`).

    Raises ScaffoldError naming the holder if another has the folder for longer than `wait` seconds,
    UnwritableError where nothing can be written.
    """
    pid = os.getpid()
    token = Token(f"{pid}.{pid}.{ALL}", pid, started(pid), words)
    directory = folder / DIRECTORY
    _acquire(directory, token, wait)
    try:
        yield
    finally:
        _release(directory, token)


def _acquire(directory: Path, token: Token, wait: float) -> None:
    if directory.is_symlink():
        raise ScaffoldError(f"`{directory}` is a link: a lock is a folder of its own", hint="move it away")
    deadline = time.monotonic() + wait
    while True:
        holder = _try(directory, token)
        if holder is None:
            return
        if time.monotonic() > deadline:
            raise ScaffoldError(
                f"`{holder.words or 'another run'}` (process {holder.pid}) works on the folder `{directory.parent}`",
                hint="run this again when it has ended",
            )
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311  (it spreads the waiting, it hides nothing)


def _try(directory: Path, token: Token) -> Token | None:
    """Put the token down; if there is another live one, take it back and return that one."""
    _put_down(directory, token)
    try:
        holder = next(_live(directory, token), None)
    except BaseException:
        _release(directory, token)
        raise
    if holder:
        _release(directory, token)
    return holder


def _put_down(directory: Path, token: Token) -> None:
    path = directory / token.file_name
    with telling(directory, as_error=UnwritableError):
        while True:
            directory.mkdir(exist_ok=True)
            try:
                create(path, f"{token.start} {token.words}\n", flush=False)
            except FileExistsError:
                path.unlink(missing_ok=True)  # of a dead process that had our number
            except FileNotFoundError:
                continue  # another run ended and took the directory away
            else:
                return


def is_held_by_others(folder: Path) -> bool:
    """Tell whether a process other than this one works on a folder now."""
    try:
        tokens = [_read(path) for path in (folder / DIRECTORY).iterdir()]
    except FileNotFoundError:
        return False
    except OSError:  # a token of another user's make can't be read
        return True
    return any(token and token.pid != os.getpid() and alive(token.pid, token.start) for token in tokens)


def _live(directory: Path, own: Token) -> Iterator[Token]:
    for path in sorted(directory.iterdir()):
        other = _read(path)
        if other is None or other.file_name == own.file_name:
            continue
        if alive(other.pid, other.start):
            yield other
        else:
            path.unlink(missing_ok=True)


def _read(path: Path) -> Token | None:
    pid = path.name.partition(".")[2].partition(".")[0]
    if not (pid.isascii() and pid.isdecimal()):
        return None
    try:
        start, _, words = path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    except FileNotFoundError:
        return None
    return Token(path.name, int(pid), start, words)


def _release(directory: Path, token: Token) -> None:
    (directory / token.file_name).unlink(missing_ok=True)
    with suppress(OSError):
        directory.rmdir()
