"""Running a command under strace.

It is stopped at one of the calls that write, refused one of them, or only watched.
"""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support import Done, environment, group_is_there, run, wait_for

OPENING = "open,openat,creat"
CHANGING = (
    "write,pwrite64,writev,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "symlink,symlinkat,"
    "link,linkat,chmod,fchmod,fchmodat,ftruncate,truncate,copy_file_range,sendfile"
)
ABSOLUTE = re.compile(r'["<](/[^">]*)[">]')
PIPE = re.compile(r"^\d+ +(write|writev|pwrite64)\(\d+<(pipe|socket|/dev/)")
DELAY = "10ms"  # before each call that changes something: time for the kill to come first


def writes_into(line: str, place: Path) -> bool:
    """Tell whether a line of strace is about a call that changes something in a place."""
    if " resumed>" in line or PIPE.match(line) or not re.match(r"\d+ +\w+\(", line):
        return False
    if re.match(r"\d+ +(open|openat|creat)\(", line) and not re.search(
        "O_CREAT|O_TRUNC|O_WRONLY|O_RDWR", line
    ):
        return False
    named = ABSOLUTE.findall(line)
    return any(path.startswith(str(place)) for path in named) or not named


def calls(command: tuple[str, ...], place: Path, kill_at: int = 0) -> int:
    """Run a command under strace and return how many calls changed something.

    Kill everything at one of them where `kill_at` says at which.
    """
    reading, writing = os.pipe()
    traced = (
        "strace",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-s",
        "512",
        "-o",
        f"/dev/fd/{writing}",
        "-e",
        f"trace={OPENING},{CHANGING}",
    )
    process = subprocess.Popen(
        [*traced, "-e", f"inject={CHANGING}:delay_enter={DELAY}", *command]
        if kill_at
        else [*traced, *command],
        cwd=place,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    count = 0
    for line in lines(reading):
        count += writes_into(line, place)
        if kill_at and count >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
            break
    os.close(reading)
    process.wait(120)
    wait_for(lambda: not group_is_there(process.pid), 60)
    return count


def traced(
    command: tuple[str, ...], cwd: Path, *options: str, **variables: Any
) -> tuple[Done, list[str]]:
    """Run a command under strace with these options to its end.

    Return what it said, and the lines of strace.
    """
    with tempfile.NamedTemporaryFile("r", prefix="strace-", errors="replace") as log:
        done = run(
            "strace",
            "-f",
            "--seccomp-bpf",
            "-y",
            "-s",
            "4096",
            "-o",
            log.name,
            *options,
            *command,
            cwd=cwd,
            **variables,
        )
        return done, log.read().splitlines()


def lines(descriptor: int) -> Iterator[str]:
    """Yield what strace writes into a pipe by lines, each as soon as its call has begun."""
    rest, told = b"", False
    while piece := os.read(descriptor, 1 << 16):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if not told:
                yield line.decode(errors="replace")
            told = False
        if rest and not told:
            yield rest.decode(errors="replace")
            told = True
