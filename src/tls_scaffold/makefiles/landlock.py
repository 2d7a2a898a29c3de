"""Programs that are started in a way that they can change no file: the kernel forbids it to them.

By Landlock, which asks for no rights: Linux 5.13 has it, 5.19 (ABI 2) tells moves to other folders
apart, 6.2 (ABI 3) stops `truncate` too. Modes, owners and times of files, other processes and the
network are not in its hands.
"""

import ctypes
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO, TypeVar, cast

# On every architecture but alpha; others of old have no such.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_FOR_ABI, PATH_BENEATH, NO_NEW_PRIVS = 1, 1, 38
WHOLE = 3  # the first ABI that stops every way of changing what a file holds
WRITE_FILE, TRUNCATE, REFER = 1 << 1, 1 << 14, 1 << 13
# Remove a folder or file, or make one of six kinds. Folders (7) may be made, as make always let
# them be: a Makefile that does so first (`mkdir -p certs && $(MAKE) req`) could not be asked in a
# fresh clone.
OF_FOLDERS = sum(1 << bit for bit in (4, 5, 6, *range(8, 13)))
BLOCK = 1 << 16
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")

Process = subprocess.Popen[bytes]
Value = TypeVar("Value")


@cache
def abi_version() -> int:
    """Return which Landlock holds here, 0 for none.

    None holds either where a restriction that is tried does not work. So it is where a
    container forbids it, and within sixteen of other programs.
    """
    if sys.platform != "linux" or os.uname().machine == "alpha":
        return 0
    offered = _call(CREATE_RULESET, None, 0, ASK_FOR_ABI)
    if offered <= 0:
        return 0
    try:
        _run_in_thread(lambda: _restrict_thread(offered, ()))
    except OSError:
        return 0
    return offered


def stops_all_writes() -> bool:
    """Tell whether a confined program can change no file's content, nor remove or replace one."""
    return abi_version() >= WHOLE


def start_confined(
    words: Sequence[str], environment: Mapping[str, str], writable: Iterable[Path]
) -> Process:
    """Start a program that can write nowhere but below `writable`, and return it.

    Its outputs are pipes. It has a session of its own. Where the kernel can't forbid it, it is
    started all the same. Raises OSError where it can't be started.
    """

    def start() -> Process:
        if abi_version():
            _restrict_thread(abi_version(), writable)
        return subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    return _run_in_thread(start)


class TooMuchSaidError(Exception):
    """A program says more than anybody is to read."""


def outputs(process: Process, seconds: float, most: int) -> tuple[str, str]:
    """Return what a program that `start_confined` started says on its two outputs.

    Raises TimeoutError where they are not closed in that time, TooMuchSaidError where it is more
    than `most` bytes. It is for the caller to end it.
    """
    until = time.monotonic() + seconds
    said: dict[IO[bytes], list[bytes]] = {}
    count = 0
    with selectors.DefaultSelector() as selector:
        for stream in filter(None, (process.stdout, process.stderr)):
            said[stream] = []
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(until - time.monotonic(), 0))
            if not ready and time.monotonic() >= until:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, BLOCK)
                if not data:
                    selector.unregister(key.fileobj)
                said[cast("IO[bytes]", key.fileobj)].append(data)
                count += len(data)
            if count > most:
                raise TooMuchSaidError
            if time.monotonic() >= until and selector.get_map():
                raise TimeoutError
    stdout, stderr = map(_text, said.values())
    return stdout, stderr


def _text(parts: Iterable[bytes]) -> str:
    """Return what was said as text, with line feeds alone at the ends of lines."""
    text = b"".join(parts).decode("utf-8", "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def end_process(process: Process) -> None:
    """End a program that `start_confined` started, and what it left running in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _run_in_thread(work: Callable[[], Value]) -> Value:
    """Run something in a thread of its own, and return what it returns or raise what it raises.

    A restriction holds for a thread, and for what it starts, until that ends.
    """
    results: list[Value] = []
    errors: list[OSError] = []

    def run() -> None:
        try:
            results.append(work())
        except OSError as error:
            errors.append(error)

    # Not an executor of the library's: that loads modules when it is first asked for, where files
    # may be out of reach.
    thread = Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _restrict_thread(version: int, writable: Iterable[Path]) -> None:
    """Forbid this thread to write anywhere but below `writable`.

    Raises OSError where that does not work.
    """
    of_files = WRITE_FILE | (TRUNCATE if version >= WHOLE else 0)
    everything = of_files | OF_FOLDERS | (REFER if version > 1 else 0)
    handled = ctypes.create_string_buffer(struct.pack("=Q", everything), 8)
    ruleset = _checked(_call(CREATE_RULESET, handled, 8, 0))
    try:
        for path in (*map(Path, DEVICES), *writable):
            with suppress(OSError):
                _allow(ruleset, path, everything if path.is_dir() else of_files)
        _checked(_libc().prctl(NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _checked(_call(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Let a ruleset grant rights on a file, or on all that is below a folder."""
    descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
        _call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    """Return what a call of the kernel's returns, -1 where it fails.

    C's library has no names for these.
    """
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(_libc().syscall(ctypes.c_long(number), *words))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
