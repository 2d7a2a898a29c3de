"""A throw-away etcd cluster on loopback: whatever happens, everything is gone when it ends."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tls_scaffold.bundles.memberflags import Urls
from tls_scaffold.disk.signals import uninterrupted
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.etcdctl import (
    HOST,
    START_ANSWER_SECONDS,
    Cluster,
    Member,
    SilentError,
    Tools,
)
from tls_scaffold.etcd.guarded import Guarded, start_etcd
from tls_scaffold.etcd.logs import first_cause

Flags = Callable[[str, Mapping[str, Urls], Path], Mapping[str, str]]
"""Gives etcd's flags for a member of that name, at these URLs, with its data in that folder."""
START_SECONDS = 30
UNUSABLE_SECONDS = 5  # for a pair that we can't load to end etcd too
ATTEMPTS = 3  # another program may take a free port before etcd does


@contextmanager
def cluster(
    tools: Tools,
    members: Sequence[Member],
    ca: Path,
    into: Path,
    flags: Flags,
    *options: str,
    host: str = HOST,
) -> Iterator[Cluster]:
    """Run a cluster of these members, its data and logs in the folder `into`.

    `ca` is what its clients trust, `host` the name of loopback in the members' certificates.
    `flags` gives what each member is started with, `options` are added to each member's command
    line. Raises ScaffoldError with the cause that etcd's logs tell if it does not start.
    """
    processes: list[Guarded] = []
    try:
        yield _start(Cluster(tools, ca, (), (), host), members, into, flags, options, processes)
    finally:
        _end(processes)


def _start(
    empty: Cluster,
    members: Sequence[Member],
    into: Path,
    flags: Flags,
    options: Sequence[str],
    processes: list[Guarded],
) -> Cluster:
    for attempt in range(ATTEMPTS):
        ports = _free_ports(2 * len(members))
        running = replace(empty, client_ports=tuple(ports[::2]), peer_ports=tuple(ports[1::2]))
        folders = [into / f"attempt{attempt}" / member.name for member in members]
        ports_of = zip(members, running.client_ports, running.peer_ports, strict=True)
        urls = {member.name: _urls(running, client, peer) for member, client, peer in ports_of}
        started = {folder.name: flags(folder.name, urls, folder / "data") for folder in folders}
        for folder in folders:
            folder.mkdir(parents=True)
            with (folder / "log").open("wb") as log:
                program = running.tools.etcd
                processes.append(start_etcd(program, started[folder.name], folder, log, *options))
        if _comes_up(running, members, processes):
            watch = partial(_raise_if_ended, tuple(processes), folders)
            return replace(running, flags=started, watch=watch)
        # The others only wait for one that has ended.
        causes = _causes(processes, folders) or list(map(_cause, processes, folders))
        _end(processes)
        if not any("address already in use" in cause for cause in causes):
            break
    raise ScaffoldError("the throw-away etcd cluster did not start", causes)


def _urls(running: Cluster, client: int, peer: int) -> Urls:
    # What etcd listens on has to be an address, and no name of loopback.
    return Urls(
        listen_client=f"https://{HOST}:{client}",
        advertise_client=running.url(client),
        listen_peer=f"https://{HOST}:{peer}",
        advertise_peer=running.url(peer),
    )


def _comes_up(running: Cluster, members: Sequence[Member], processes: Sequence[Guarded]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    waiting = dict(zip(running.client_ports, members, strict=True))
    unusable: ScaffoldError | None = None
    while waiting and time.monotonic() < deadline:
        if any(each.process.poll() is not None for each in processes):
            return False
        for port, member in list(waiting.items()):
            try:
                accepted = running.accepts(port, member.server, START_ANSWER_SECONDS)
            except SilentError:
                accepted = False
            except ScaffoldError as error:
                # etcd mostly can't use it either, and says why when it ends.
                deadline = deadline if unusable else time.monotonic() + UNUSABLE_SECONDS
                unusable, accepted = error, False
            if accepted:
                del waiting[port]
        time.sleep(0.05 if waiting else 0)
    # One that has ended meanwhile tells the cause in its log.
    if unusable and all(each.process.poll() is None for each in processes):
        raise unusable
    return not waiting


def _raise_if_ended(processes: Sequence[Guarded], folders: Sequence[Path]) -> None:
    """Raise ScaffoldError with the name of each member that has ended, and why."""
    if causes := _causes(processes, folders):
        raise ScaffoldError("a member of the throw-away etcd cluster has ended", causes)


def _causes(processes: Sequence[Guarded], folders: Sequence[Path]) -> list[str]:
    return [
        _cause(each, folder)
        for each, folder in zip(processes, folders, strict=True)
        if each.process.poll() is not None
    ]


def _cause(member: Guarded, folder: Path) -> str:
    ended = member.process.returncode
    if ended is not None and ended < 0:  # its log knows nothing of that
        return f"{folder.name}: ended by {signal.Signals(-ended).name}"
    return f"{folder.name}: {first_cause(folder / 'log') or 'no answer, and nothing in its log'}"


def _end(members: list[Guarded]) -> None:
    """End every member and wait for it; nothing interrupts this."""
    with uninterrupted():
        for member in members:
            member.end()
        members.clear()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
