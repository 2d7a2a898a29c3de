"""Clients that write to a running cluster all the time, and go from one member to the next.

What is done to the cluster meanwhile shows in what they count.
"""

import asyncio
import math
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tls_scaffold.etcd import rpc_pb2 as rpc
from tls_scaffold.etcd import tls
from tls_scaffold.etcd.calls import Line
from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.etcd.methods import Call
from tls_scaffold.etcd.tallies import Endpoint, Failure, Refusal, Tally, Write, tally

DEADLINE = 5.0  # seconds that a write may take, over all members
ATTEMPT = 2.0  # seconds that one member may take
PAUSE = 0.02  # seconds between two writes of a client
ROUND_PAUSE = 0.25  # seconds before the first member is asked again, where none took a write
LISTEN = 0.5  # seconds in which a member says why it lets a connection go
SETTLED = 3  # writes of each client that show how a step went
LOST = "Connection lost"  # all that grpclib tells of a connection that ended


class Connection(Enum):
    """What a client does with its connection."""

    NEW = "a new connection for each write"
    KEPT = "one connection, kept open"


@dataclass(frozen=True)
class Client:
    """Who writes what: no other client has its name.

    `trust` is the file of whom it trusts.
    """

    name: str
    identity: Identity
    trust: Path
    key: str
    connection: Connection


class Writers:
    """Clients that write until `writing` ends; what they do is read and changed meanwhile."""

    def __init__(
        self,
        clients: Iterable[Client],
        endpoints: Sequence[Endpoint],
        deadline: float,
        pause: float,
    ) -> None:
        self._pause = pause
        self._endpoints = tuple(endpoints)
        self._begun = time.monotonic()
        self._written: list[Write] = []
        self._tasks = {
            client.name: _Task(self, client, place, deadline)
            for place, client in enumerate(clients)
        }
        self._stopped = self._given_up = False
        self._running: Future[None] | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The members that are asked."""
        return self._endpoints

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients as they are now."""
        return tuple(task.client for task in self._tasks.values())

    def mark(self) -> float:
        """Return this moment, to count from."""
        return time.monotonic()

    def since(self, begin: float) -> Tally:
        """Return what was written from one moment until now.

        A write belongs to where it ends.
        """
        return tally(list(self._written), self._tasks, self._begun, begin, time.monotonic())

    def settle(self, writes: int = SETTLED, seconds: float = math.inf) -> None:
        """Wait until each client has begun and ended so many writes, or for so many seconds.

        Taken or not: so that a step is not over before it can show.
        """
        until = time.monotonic() + seconds
        wanted = {name: task.begun + writes for name, task in self._tasks.items()}
        while time.monotonic() < until and any(
            self._tasks[name].ended < count for name, count in wanted.items()
        ):
            if self._running and self._running.done():
                self._running.result()  # what ended it is not for us alone
                return
            time.sleep(PAUSE)

    def equip(self, name: str, identity: Identity, trust: Path, *, reconnect: bool = False) -> None:
        """Give a client another pair and trust from its next connection on.

        With `reconnect` the connection that it keeps is closed after its next write, as by a
        restart. Raises ScaffoldError where OpenSSL does not take the files.
        """
        self._tasks[name].equip(identity, trust, reconnect=reconnect)

    def reach(self, endpoints: Sequence[Endpoint]) -> None:
        """Let all clients ask these members from their next write on."""
        self._endpoints = tuple(endpoints)

    def start(self, executor: ThreadPoolExecutor) -> None:
        """Begin to write."""
        self._running = executor.submit(asyncio.run, self._write())

    def stop(self, *, at_once: bool = False) -> None:
        """Let nobody begin another write, and wait for those that were begun.

        `at_once` they are given up, as they are where somebody interrupts us.
        """
        self._stopped = True
        self._given_up = at_once
        if self._running:
            self._running.result()

    async def _write(self) -> None:
        # What a connection is ended by is told as a reason, not on the terminal.
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        writing = [asyncio.ensure_future(self._write_as(task)) for task in self._tasks.values()]
        left: set[asyncio.Future[None]] = set(writing)
        while left and not self._given_up:
            done, left = await asyncio.wait(
                left, timeout=LISTEN, return_when=asyncio.FIRST_EXCEPTION
            )
            if any(each.exception() for each in done):
                break
        for each in left:
            each.cancel()
        for ended in await asyncio.gather(*writing, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _write_as(self, task: "_Task") -> None:
        try:
            while not self._stopped:
                self._written.append(await task.write())
                await asyncio.sleep(self._pause)
        finally:
            task.let_go()


class _Task:
    """What one client is at."""

    def __init__(self, writers: Writers, client: Client, place: int, deadline: float) -> None:
        self.client = client
        self.begun = self.ended = 0
        self._writers = writers
        self._place = place  # clients begin at different members
        self._deadline = deadline
        self._context = _context_of(client.identity, client.trust)
        self._line: Line | None = None
        self._reconnects = False

    def equip(self, identity: Identity, trust: Path, *, reconnect: bool) -> None:
        """Take what the next connection is made with."""
        self._context = _context_of(identity, trust)
        old = self.client
        self.client = Client(old.name, identity, trust, old.key, old.connection)
        self._reconnects = self._reconnects or reconnect

    def let_go(self) -> None:
        """Close the connection if there is one."""
        if self._line:
            self._line.close()
        self._line = None

    async def write(self) -> Write:
        """Write once, to the first member that takes it; give up at the deadline."""
        self.begun += 1
        until = time.monotonic() + self._deadline
        refused: list[Refusal] = []
        if self._reconnects:
            self._reconnects = False
            self.let_go()
        value = f"{self.client.name} {self.begun}"
        endpoints = self._writers.endpoints
        while (left := until - time.monotonic()) > 0:
            endpoint = endpoints[self._place % len(endpoints)]
            reason = await self._put(endpoint, value, min(ATTEMPT, left))
            if self.client.connection is Connection.NEW or reason:
                self._place += 1
                self.let_go()
            if not reason:
                break
            refused.append(Refusal(self.client.name, endpoint, reason))
            if len(refused) % len(endpoints) == 0:
                await asyncio.sleep(ROUND_PAUSE)
        self.ended += 1
        reasons = {each.endpoint.member: each.reason for each in refused}
        failure = Failure(self.client.name, reasons) if left <= 0 else None
        return Write(self.client.name, time.monotonic(), tuple(refused), failure)

    async def _put(self, endpoint: Endpoint, value: str, seconds: float) -> str:
        """Try one member; return why it did not take the write, empty where it did."""
        request = rpc.PutRequest(key=self.client.key.encode(), value=value.encode())
        context = self._context
        if not self._line:
            self._line = Line(context, endpoint.address, endpoint.port, endpoint.host)
        try:
            answer = await asyncio.wait_for(
                self._line.answer_once(Call("KV/Put", request)), seconds
            )
        except asyncio.TimeoutError:
            return "no answer"
        if answer.error == LOST:
            return await _why_lost(context, endpoint) or LOST
        return answer.error


def _context_of(identity: Identity, trust: Path) -> ssl.SSLContext:
    return tls.client_context(trust, identity.certificate, identity.key)


async def _why_lost(context: ssl.SSLContext, endpoint: Endpoint) -> str:
    """Return what a member says to another connection of the same client, if anything.

    With TLS 1.3 a client's certificate is refused when the client takes the connection for made.
    """
    with suppress(asyncio.TimeoutError):
        try:
            return await asyncio.wait_for(_heard(context, endpoint), LISTEN)
        except OSError as error:  # ssl.SSLError is one
            return str(error)
    return ""


async def _heard(context: ssl.SSLContext, endpoint: Endpoint) -> str:
    reader, writer = await asyncio.open_connection(
        endpoint.address, endpoint.port, ssl=context, server_hostname=endpoint.host
    )
    try:
        while await reader.read(1024):
            pass
    finally:
        writer.close()
    return ""


@contextmanager
def writing(
    clients: Iterable[Client],
    endpoints: Sequence[Endpoint],
    *,
    deadline: float = DEADLINE,
    pause: float = PAUSE,
) -> Iterator[Writers]:
    """Let clients write until this ends, each within `deadline` seconds for a write.

    Between two writes of a client there are `pause` seconds. Raises ScaffoldError where OpenSSL
    does not take their files.
    """
    writers = Writers(clients, endpoints, deadline, pause)
    with ThreadPoolExecutor(1, "writers") as executor:
        writers.start(executor)
        try:
            yield writers
        except BaseException:
            writers.stop(at_once=True)
            raise
        writers.stop()
