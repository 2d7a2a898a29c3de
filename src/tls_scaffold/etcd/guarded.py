"""Programs in sessions of their own that end when we do, even by SIGKILL.

No process of them is left behind.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tls_scaffold.disk.files import telling

ASK_AND_KILL = "trap '' TERM; kill -TERM 0; sleep 1; kill -KILL 0"
# A guard beside the program notices by the channel's end that we are gone.
# It keeps the channel as 3, and so does the program: some shells take no number of two digits.
GUARDED = f'exec 3<&0 </dev/null; (cat <&3; {ASK_AND_KILL}) >/dev/null 2>&1 & exec "$@"'
# Until it stays away: what we started may live on for seconds where a machine is busy, and an etcd
# that starts makes its missing folders anew.
REMOVE = """read -r nothing
gone=0 rounds=0
while [ $gone -lt 3 ] && [ $rounds -lt 60 ]; do
    if [ -e "$0" ]; then rm -rf "$0"; gone=0; else gone=$((gone + 1)); fi
    rounds=$((rounds + 1))
    sleep 1
done"""


@dataclass(frozen=True)
class Guarded:
    """A program that runs.

    The channel stays open for as long as a process of its session lives.
    """

    process: "subprocess.Popen[Any]"
    channel: socket.socket

    def end(self, *, ask: float = 0) -> None:
        """End everything that runs in the program's session and wait until it is gone.

        With `ask` the program may clean up after itself for so many seconds.
        """
        if ask:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(ask)
        self._signal(signal.SIGKILL)
        self.process.wait()
        while self.channel.recv(1):
            pass
        self.channel.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def start_guarded(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    cwd: Path | None,
    **streams: Any,
) -> Guarded:
    """Start a program with nothing on its standard input; `streams` are those of Popen.

    Should we be killed, its session is, and may clean up for a second before.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ["sh", "-c", GUARDED, "sh", *command],
            env=dict(environment),
            cwd=cwd,
            stdin=theirs.fileno(),
            start_new_session=True,
            **streams,
        )
    return Guarded(process, ours)


def start_etcd(
    etcd: Path, flags: Mapping[str, str], home: Path, log: IO[bytes], *options: str
) -> Guarded:
    """Start a member with these flags and options, and none of our variables' for etcd."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("ETCD_")}
    command = [str(etcd), *(f"--{flag}={text}" for flag, text in flags.items()), *options]
    return start_guarded(command, clean, home, stdout=log, stderr=subprocess.STDOUT)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a folder that is ours alone and gone when this ends, even by SIGKILL.

    What removes it is there before it. Raises ScaffoldError where it can't be made or removed.
    """
    path = Path(tempfile.gettempdir(), f"{prefix}{secrets.token_hex(8)}")
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            guard = subprocess.Popen(
                ["sh", "-c", REMOVE, str(path)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        with telling(path, "made"):
            path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            with telling(path, "removed"):
                shutil.rmtree(path)  # where this is interrupted, the guard goes on with it
            guard.kill()
            guard.wait()
