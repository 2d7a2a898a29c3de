"""Calls of etcd's API over gRPC: what many callers are answered, asked at the same time.

grpclib takes Python's own TLS, which shakes hands with every kind of key that a folder may have.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message
from grpclib.client import Channel, StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.config import Configuration
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import rpc_pb2 as rpc
from tls_scaffold.etcd import tls
from tls_scaffold.etcd.etcdctl import HOST, Cluster, Identity
from tls_scaffold.etcd.methods import BOTH_STREAM, SNAPSHOT, UNARY, Call

ALLOWED, DENIED = "allowed", "denied"
UNKNOWN_USER = "user name not found"
# etcd's words depend on the version and on what is asked, and the codes beside them even more.
REFUSALS = {
    f"{who}: {what}"
    for who in ("etcdserver", "auth")
    for what in (
        "permission denied",
        UNKNOWN_USER,
        "user not found",
        "user name is empty",  # a certificate without a CN, and no password
    )
}
# Whoever gets this has been let through: somebody else was faster.
DONE_BEFORE = "etcdserver: mvcc: required revision has been compacted"
# What passes by itself: users have just changed, or a busy machine let a leader's time run out.
PASSING = (
    "etcdserver: revision of auth store is old",
    "etcdserver: request timed out",
    "etcdserver: leader changed",
    "etcdserver: no leader",
)
PAUSE = 0.2
GRPC_WORDS = " desc = "  # before the words of the error, where etcd quotes a whole one
SECONDS = 30
ATTEMPTS = 5
AT_ONCE = 64


@dataclass(frozen=True)
class Caller:
    """Who calls, and the port of the member that is asked.

    `login` are the name and the password of a user of etcd's HTTP gateway.
    """

    identity: Identity
    port: int
    login: tuple[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    """The reply, or the words of an error; of a watch that is refused, both."""

    reply: Message | None
    error: str = ""

    @property
    def outcome(self) -> str:
        """What it comes to: ALLOWED, DENIED or the words of another error."""
        if self.error in REFUSALS:
            return DENIED
        return self.error if self.error not in ("", DONE_BEFORE) else ALLOWED


def check(answers: Iterable[Answer]) -> None:
    """Raise ScaffoldError unless all that root prepares was allowed."""
    if wrong := [each.outcome for each in answers if each.outcome != ALLOWED]:
        raise ScaffoldError("root can't prepare the proof in the throw-away cluster", set(wrong))


def ask(
    cluster: Cluster,
    sequences: Sequence[tuple[Caller, Sequence[Call]]],
    ended: Callable[[], object] = lambda: None,
) -> list[list[Answer]]:
    """Return the answers to the calls of each sequence: those of one follow each other.

    `ended` is called at the end of each. Raises ScaffoldError where a member ends meanwhile.
    """
    return asyncio.run(_ask(cluster, sequences, ended))


async def _ask(
    cluster: Cluster,
    sequences: Sequence[tuple[Caller, Sequence[Call]]],
    ended: Callable[[], object],
) -> list[list[Answer]]:
    callers = dict.fromkeys(caller for caller, _ in sequences)
    lines = {caller: _line(cluster, caller) for caller in callers}
    turns = asyncio.Semaphore(AT_ONCE)

    async def follow(caller: Caller, calls: Sequence[Call]) -> list[Answer]:
        async with turns:
            answers = [await lines[caller].answer(call) for call in calls]
        if not all(each.outcome in (ALLOWED, DENIED) for each in answers):
            cluster.watch()
        ended()
        return answers

    try:
        return await asyncio.gather(*(follow(*each) for each in sequences))
    finally:
        for line in lines.values():
            line.close()


def ask_for_user(
    host: str, port: int, seconds: float, ca: Path, identity: Identity, name: str
) -> Answer:
    """Return what an etcd, wherever it is, answers `identity` about the user of a name.

    Raises ScaffoldError where OpenSSL does not take the files.
    """
    context = tls.client_context(ca, identity.certificate, identity.key)
    return asyncio.run(_ask_for_user(context, host, port, seconds, name))


async def _ask_for_user(
    context: ssl.SSLContext, host: str, port: int, seconds: float, name: str
) -> Answer:
    call = Call("Auth/UserGet", rpc.AuthUserGetRequest(name=name))
    line = Line(context, host, port)
    try:
        return await asyncio.wait_for(line.answer(call), seconds)
    except asyncio.TimeoutError:
        return Answer(None, "no answer")
    finally:
        line.close()


def _line(cluster: Cluster, caller: Caller) -> "Line":
    identity = caller.identity
    context = tls.client_context(cluster.ca, identity.certificate, identity.key)
    return Line(context, HOST, caller.port, cluster.host, caller.login)


class Line:
    """A connection to a member, made by the first call, and logged in where that is to be.

    `name` is the one that the member's certificate has to hold where that is not its address.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        address: str,
        port: int,
        name: str = "",
        login: tuple[str, str] | None = None,
    ) -> None:
        context.set_alpn_protocols(["h2"])
        named = Configuration(ssl_target_name_override=name or None)
        self._channel = Channel(address, port, ssl=context, config=named)
        self._login = login
        self._logging_in = asyncio.Lock()
        self._metadata: Mapping[str, str] | None = None

    async def answer(self, call: Call) -> Answer:
        """Return the answer to a call, asked again where what it says passes by itself."""
        for _ in range(ATTEMPTS):
            answer = await self.answer_once(call)
            if not answer.error.startswith(PASSING):
                break
            await asyncio.sleep(PAUSE)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    async def answer_once(self, call: Call) -> Answer:
        """Return the answer to a call, or what the connection says where there is none."""
        try:
            reply = await self._reply(call, await self._token())
        except GRPCError as error:
            return Answer(None, error.message or error.status.name)
        except (StreamTerminatedError, ProtocolError, OSError, asyncio.TimeoutError) as error:
            return Answer(None, str(error) or type(error).__name__)
        if reply is None:
            return Answer(None, "no reply")
        if isinstance(reply, rpc.WatchResponse) and reply.canceled:
            reason = reply.cancel_reason.rpartition(GRPC_WORDS)[2]
            return Answer(reply, reason or "canceled")
        return Answer(reply)

    async def _token(self) -> Mapping[str, str]:
        async with self._logging_in:
            if self._metadata is None:
                self._metadata = {"token": await self._log_in()} if self._login else {}
        return self._metadata

    async def _log_in(self) -> str:
        name, password = self._login or ("", "")
        request = rpc.AuthenticateRequest(name=name, password=password)
        reply = await self._reply(Call("Auth/Authenticate", request), {})
        return reply.token if isinstance(reply, rpc.AuthenticateResponse) else ""

    async def _reply(self, call: Call, metadata: Mapping[str, str]) -> Message | None:
        path, kind = f"/etcdserverpb.{call.method}", type(call.request)
        if call.method in UNARY:
            return await UnaryUnaryMethod(self._channel, path, kind, UNARY[call.method])(
                call.request, timeout=SECONDS, metadata=metadata
            )
        if call.method == SNAPSHOT:
            parts = await UnaryStreamMethod(self._channel, path, kind, rpc.SnapshotResponse)(
                call.request, timeout=SECONDS, metadata=metadata
            )
            return next(iter(parts), None)
        both: StreamStreamMethod[Message, Message] = StreamStreamMethod(
            self._channel, path, kind, BOTH_STREAM[call.method]
        )
        async with both.open(timeout=SECONDS, metadata=metadata) as stream:
            await stream.send_message(call.request)
            reply = await stream.recv_message()
            await stream.cancel()
        return reply
