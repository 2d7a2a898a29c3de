"""Programs in sessions of their own that end when we do, even by SIGKILL, and of which no process is left behind."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REMOVE = 'kill -KILL $$; rm -rf "$0"; kill -KILL 0'
ASK_AND_KILL = "trap '' TERM; kill -TERM 0; sleep 1; kill -KILL 0"
# A guard beside the program notices by the channel's end that we are gone.
# It keeps the channel as 3, and so does the program: some shells take no number of two digits.
GUARDED = 'exec 3<&0 </dev/null; (cat <&3; %s) >/dev/null 2>&1 & exec "$@"'


@dataclass(frozen=True)
class Guarded:
    """A program that runs, and the channel that stays open for as long as a process of its session does."""

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


def start(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    cwd: Path | None,
    *,
    removing: Path | None = None,
    **streams: Any,
) -> Guarded:
    """Start a program with nothing on its standard input; `streams` are those of Popen.

    Should we be killed, its session is: what it has to clean up it may do, unless its folder `removing` goes too.
    """
    ours, theirs = socket.socketpair()
    ending = REMOVE if removing else ASK_AND_KILL
    with theirs:
        process = subprocess.Popen(
            ["sh", "-c", GUARDED % ending, str(removing), *command],
            env=dict(environment),
            cwd=cwd,
            stdin=theirs.fileno(),
            start_new_session=True,
            **streams,
        )
    return Guarded(process, ours)
