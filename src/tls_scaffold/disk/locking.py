"""The lock of a folder, kept by `sign.sh` and by every command alike.

A token `.lock/GROUP.PID.COMPONENT` stands for each process at work. Whoever has put down its own looks at
the others; one of another group, or of the same component, means to step back and wait. `all` as component
is every component. A token holds the line `START WORDS`; it is dead when its process is.
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


@dataclass(frozen=True)
class Token:
    """Who works on what: the process group of one make, the process, the component, and what runs."""

    group: int
    pid: int
    component: str
    start: str
    words: str

    @property
    def file_name(self) -> str:
        """The name of the token's file."""
        return f"{self.group}.{self.pid}.{self.component}"

    def excludes(self, other: "Token") -> bool:
        """Tell whether both can't be at work at once."""
        same = self.component == other.component or ALL in (self.component, other.component)
        return same or self.group != other.group


@contextmanager
def lock(
    folder: Path,
    words: str,
    wait: float = WAIT,
    component: str = ALL,
    group: int | None = None,
) -> Iterator[None]:
    """Hold `folder`, or one component of it, while the block runs.

    `words` say what runs (`tls-scaffold sync`); `group` is the process id of the make that this run belongs
    to. Raises ScaffoldError naming the holder if another has the folder for longer than `wait` seconds.
    """
    pid = os.getpid()
    token = Token(group or pid, pid, component, started(pid), words)
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
    """Put the token down; if a live one excludes it, take it back and return that one."""
    _put_down(directory, token)
    try:
        holder = next((other for other in _live(directory, token) if token.excludes(other)), None)
    except BaseException:
        _release(directory, token)
        raise
    if holder:
        _release(directory, token)
    return holder


def _put_down(directory: Path, token: Token) -> None:
    path = directory / token.file_name
    with telling(directory):
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
    group, _, rest = path.name.partition(".")
    pid, _, component = rest.partition(".")
    if not (group.isdecimal() and pid.isdecimal()):
        return None
    try:
        start, _, words = path.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    except FileNotFoundError:
        return None
    return Token(int(group), int(pid), component, start, words)


def _release(directory: Path, token: Token) -> None:
    (directory / token.file_name).unlink(missing_ok=True)
    with suppress(OSError):
        directory.rmdir()
