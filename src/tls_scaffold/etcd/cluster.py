"""A throw-away etcd cluster on loopback: whatever happens, everything is gone when it ends."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tls_scaffold.disk.signals import uninterrupted
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import guarded
from tls_scaffold.etcd.etcdctl import HOST, Cluster, Member, Tools
from tls_scaffold.etcd.guarded import Guarded

START_SECONDS = 30
ATTEMPTS = 3  # another program may take a free port before etcd does


@contextmanager
def cluster(
    tools: Tools, members: Sequence[Member], ca: Path, into: Path, *options: str, peer_cn: str, host: str = HOST
) -> Iterator[Cluster]:
    """Run a cluster of these members, its data and logs in the folder `into`.

    Clients and peers are authenticated by certificate, peers by their CN as well unless `peer_cn` is
    empty; `options` are added to each member's command line; `host` is the name of loopback in their
    certificates. Raises ScaffoldError with etcd's last words if it does not start.
    """
    with ExitStack() as stack:
        processes: list[Guarded] = []
        stack.callback(_end, processes)
        allowed = (f"--peer-cert-allowed-cn={peer_cn}",) if peer_cn else ()
        yield _start(Cluster(tools, ca, (), (), host), members, into, (*allowed, *options), processes)


def _start(
    empty: Cluster,
    members: Sequence[Member],
    into: Path,
    options: Sequence[str],
    processes: list[Guarded],
) -> Cluster:
    for attempt in range(ATTEMPTS):
        ports = _free_ports(2 * len(members))
        running = replace(empty, client_ports=tuple(ports[::2]), peer_ports=tuple(ports[1::2]))
        folders = [into / f"attempt{attempt}" / f"member{index}" for index in range(len(members))]
        for index, member in enumerate(members):
            processes.append(_member(running, index, member, folders[index], options))
        if _comes_up(running, members, processes):
            return replace(running, watch=partial(_watch, tuple(processes), folders))
        _end(processes)
        said = [_last_words(folder) for folder in folders]
        if not any("address already in use" in words for words in said):
            break
    raise ScaffoldError("the throw-away etcd cluster did not start", [words for words in said if words])


def _member(running: Cluster, index: int, member: Member, folder: Path, options: Sequence[str]) -> Guarded:
    folder.mkdir(parents=True)
    client, peer = running.client_ports[index], running.peer_ports[index]
    everybody = ",".join(f"member{number}={running.url(port)}" for number, port in enumerate(running.peer_ports))
    settings = {
        "name": f"member{index}",
        "data-dir": folder / "data",
        "listen-client-urls": f"https://{HOST}:{client}",
        "advertise-client-urls": running.url(client),
        "listen-peer-urls": f"https://{HOST}:{peer}",
        "initial-advertise-peer-urls": running.url(peer),
        "initial-cluster": everybody,
        "heartbeat-interval": "50",  # half of the default: loopback is near, and starting is waiting for an election
        "election-timeout": "500",
        "cert-file": member.server.certificate,
        "key-file": member.server.key,
        "trusted-ca-file": running.ca,
        "client-cert-auth": "true",
        "peer-cert-file": member.peer.certificate,
        "peer-key-file": member.peer.key,
        "peer-trusted-ca-file": running.ca,
        "peer-client-cert-auth": "true",
    }
    command = [str(running.tools.etcd), *(f"--{name}={value}" for name, value in settings.items()), *options]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("ETCD_")}
    with (folder / "log").open("wb") as log:
        return guarded.start(command, clean, folder, stdout=log, stderr=subprocess.STDOUT)


def _comes_up(running: Cluster, members: Sequence[Member], processes: Sequence[Guarded]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    waiting = [(port, member.server) for port, member in zip(running.client_ports, members, strict=True)]
    while waiting and time.monotonic() < deadline:
        if any(each.process.poll() is not None for each in processes):
            return False
        waiting = [(port, identity) for port, identity in waiting if not running.accepts(port, identity)]
        time.sleep(0.05 if waiting else 0)
    return not waiting


def _watch(processes: Sequence[Guarded], folders: Sequence[Path]) -> None:
    """Raise ScaffoldError with the name and the last words of each member that has ended."""
    ended = [folder for each, folder in zip(processes, folders, strict=True) if each.process.poll() is not None]
    if ended:
        said = [_last_words(folder) or folder.name for folder in ended]
        raise ScaffoldError("a member of the throw-away etcd cluster has ended", said)


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


def _last_words(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").splitlines()
    return f"{folder.name}: {lines[-1]}" if lines else ""
