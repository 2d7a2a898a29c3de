"""Programs that are started in a way that they can change no file: the kernel forbids it to them.

By Landlock, which asks for no rights: Linux 5.13 has it, 5.19 (ABI 2) tells moves to other folders apart, 6.2 (ABI 3)
stops `truncate` too. Modes, owners and times of files, other processes and the network are not in its hands.
"""

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on every architecture but alpha; others of old have no such
ASK_FOR_ABI, PATH_BENEATH, NO_NEW_PRIVS = 1, 1, 38
WHOLE = 3  # the first ABI that stops every way of changing what a file holds
WRITE_FILE, TRUNCATE, REFER = 1 << 1, 1 << 14, 1 << 13
OF_FOLDERS = sum(1 << bit for bit in range(4, 13))  # remove a folder or file; make one of any of seven kinds
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")

Process = subprocess.Popen[str]


@cache
def abi() -> int:
    """Return which Landlock this kernel offers; 0 where there is none, or where a container forbids it."""
    if sys.platform != "linux" or os.uname().machine == "alpha":
        return 0
    return max(_call(CREATE_RULESET, None, 0, ASK_FOR_ABI), 0)


def start(words: Sequence[str], environment: Mapping[str, str], writable: Iterable[Path]) -> Process:
    """Start a program that can write nowhere but below `writable`, and return it; its outputs are pipes.

    Where the kernel can't forbid it, it is started all the same. Raises OSError where it can't be started.
    """
    started: list[Process | OSError] = []

    def begin() -> None:
        try:
            _restrict_thread(writable)
            started.append(
                subprocess.Popen(
                    words,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="surrogateescape",
                )
            )
        except OSError as error:
            started.append(error)

    # A restriction holds for one thread and for what it starts, and is never taken back: this thread ends with it.
    thread = Thread(target=begin)
    thread.start()
    thread.join()
    (process,) = started
    if isinstance(process, OSError):
        raise process
    return process


def _restrict_thread(writable: Iterable[Path]) -> None:
    if not abi():
        return
    of_files = WRITE_FILE | (TRUNCATE if abi() >= WHOLE else 0)
    everything = of_files | OF_FOLDERS | (REFER if abi() > 1 else 0)
    handled = ctypes.create_string_buffer(struct.pack("=Q", everything), 8)
    ruleset = _call(CREATE_RULESET, handled, 8, 0)
    if ruleset < 0:
        return
    try:
        for path in (*map(Path, DEVICES), *writable):
            with suppress(OSError):
                _allow(ruleset, path, everything if path.is_dir() else of_files)
        if _libc().prctl(NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0:  # without it root alone may go on
            _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """Let a ruleset grant rights on a file, or on all that is below a folder."""
    descriptor = os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor), 12)
        _call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    """Return what a call of the kernel's returns, -1 where it fails; C's library has no names for these."""
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(_libc().syscall(ctypes.c_long(number), *words))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
