"""Looks at many ports at the same time: one that is dead or silent does not hold up the others."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.endpoints import CLIENT, Port
from tls_scaffold.live.server import Server
from tls_scaffold.live.shakes import SILENT, Shake

SECONDS = 1.2
SPARE = 0.2  # for what a thread does between two waits
AT_ONCE = 256


@dataclass(frozen=True)
class Look:
    """What a port showed without a credential, and what etcd behind it told to a user's."""

    port: Port
    shake: Shake
    server: Server | None = None
    refused: str = ""


Ask = Callable[[str, int, float], Server]
"""Asks etcd with a user's pair: host, port and seconds in."""


class Looking:
    """Looks that have begun; `looks` waits for them, and no longer than it may take.

    They are threads that end with the program: the search for a name has no time limit of its own.
    """

    def __init__(self, ports: Sequence[Port], seconds: float, ask: Ask | None = None) -> None:
        self._ports = list(dict.fromkeys(ports))
        self._seconds = seconds
        self._ask = ask
        self._end = time.monotonic() + seconds + SPARE
        self._found: dict[Port, Look] = {}
        self._turns = threading.Semaphore(AT_ONCE)
        self._threads = [
            threading.Thread(target=self._look, args=(each,), daemon=True) for each in self._ports
        ]
        for thread in self._threads:
            thread.start()

    def looks(self) -> tuple[Look, ...]:
        """Return what was seen of each port, in the order in which they were named."""
        for thread in self._threads:
            thread.join(max(0, self._end - time.monotonic()))
        silent = Shake(unreachable=f"{SILENT} within {self._seconds:g} s")
        return tuple(self._found.get(port, Look(port, silent)) for port in self._ports)

    def _look(self, port: Port) -> None:
        if not port.host:
            self._found[port] = Look(port, Shake(unreachable="the inventory names no host"))
            return
        from tls_scaffold.live.handshake import shake_hands  # not before somebody looks

        with self._turns:
            begun = time.monotonic()
            look = Look(port, shake_hands(port.host, port.port, self._seconds))
            self._found[port] = look
            left = self._seconds - (time.monotonic() - begun)
            if self._ask and port.side == CLIENT and look.shake.speaks_tls and left > 0:
                try:
                    told = self._ask(port.host, port.port, left)
                except ScaffoldError as error:
                    self._found[port] = replace(look, refused=error.summary)
                    return
                self._found[port] = replace(look, server=told)
