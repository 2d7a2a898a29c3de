"""Members that run from files of their own, which a test leaves behind, replaces and spoils."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from clusters import SYSTEM, tools
from peers import build as peers
from support import Done, environment, run, wait_for
from tls_scaffold.etcd.etcdctl import Tools

HOST = "127.0.0.1"
NEWEST = {minor: str(peers.folder(f"etcd-{minor}")) for minor in ("3.5", "3.6", "3.7")}


# Who names no port gets one of 32768 and more from the kernel, and so does every connection that
# begins: such a port may be taken a moment after it was free, and a member that is restarted needs
# its own again. Below them each test process has ports of its own.
OWN_PORTS = 1_000
_FIRST = 10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 20 * OWN_PORTS
_BEGIN = random.SystemRandom().randrange(OWN_PORTS)  # another run of the tests may be under way
_LEFT = cycle(_FIRST + (_BEGIN + number) % OWN_PORTS for number in range(OWN_PORTS))


def tools_of(version: str) -> Tools:
    return tools(SYSTEM if version == "3.4" else NEWEST[version])


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free, and that nobody else chooses."""
    found: list[int] = []
    while len(found) < count:
        port = next(_LEFT)
        with suppress(OSError), socket.socket() as tried:
            # As programs of Go bind: connections that have ended there are no matter.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((HOST, port))
            found.append(port)
    return found


@dataclass
class Running:
    """A member, its folder with `pair.pem`, `pair-key.pem` and `ca.pem`, and its two ports."""

    name: str
    place: Path
    tools: Tools
    client: int
    peer: int
    cluster: str = ""
    flags: tuple[str, ...] = ()
    with_client_auth: bool = True
    process: "subprocess.Popen[bytes] | None" = None
    read: int = 0
    host: str = HOST

    @property
    def log(self) -> Path:
        return self.place / "log"

    @property
    def endpoint(self) -> str:
        return f"{self.name}={self.host}:{self.client}"

    @property
    def peer_endpoint(self) -> str:
        return f"{self.name}={self.host}:{self.peer}"

    def lay_out(self, certificate: Path, key: Path | None = None) -> None:
        """Replace the pair, certificate and key at the same moment as far as clients notice."""
        key = key or certificate.with_name(f"{certificate.stem}-key.pem")
        for source, name in ((key, "pair-key.pem"), (certificate, "pair.pem")):
            shutil.copy(source, self.place / f".{name}")
            (self.place / f".{name}").rename(self.place / name)

    def trust(self, pem: bytes) -> None:
        (self.place / "ca.pem").write_bytes(pem)

    def start(self, *, wait: bool = True) -> None:
        at, ca = f"https://{self.host}", str(self.place / "ca.pem")
        pair = str(self.place / "pair.pem"), str(self.place / "pair-key.pem")
        clients = ("--client-cert-auth", f"--trusted-ca-file={ca}") if self.with_client_auth else ()
        words = (
            str(self.tools.etcd),
            f"--name={self.name}",
            f"--data-dir={self.place / 'data'}",
            f"--listen-client-urls={at}:{self.client}",
            f"--advertise-client-urls={at}:{self.client}",
            f"--listen-peer-urls={at}:{self.peer}",
            f"--initial-advertise-peer-urls={at}:{self.peer}",
            f"--initial-cluster={self.cluster or f'{self.name}={at}:{self.peer}'}",
            f"--cert-file={pair[0]}",
            f"--key-file={pair[1]}",
            f"--peer-cert-file={pair[0]}",
            f"--peer-key-file={pair[1]}",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={ca}",
            *clients,
            "--heartbeat-interval=50",
            "--election-timeout=500",
            "--unsafe-no-fsync",
            *self.flags,
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, cwd=self.place, env=environment()
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until the port for clients shows what etcd has to show, or etcd has ended."""
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):  # it takes connections before it has a leader
                shown = subprocess.run(
                    ("openssl", "s_client", "-connect", f"{self.host}:{self.client}"),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    check=False,
                    timeout=10,
                )
                if b"BEGIN CERTIFICATE" in shown.stdout:
                    return
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def said(self, *, until: str = "") -> str:
        """Return what the log has since the last time.

        What etcd has just done it may log later: wait until there is a line with `until`.
        """
        time.sleep(0.2)

        def new() -> str:
            return self.log.read_text(errors="replace")[self.read :]

        wait_for(lambda: until in new().rpartition("\n")[0] or not until)
        text = new()
        self.read += len(text)
        return text

    def ctl(self, *words: str, files: Sequence[Path] = (), url: str = "", wait: str = "1s") -> Done:
        """Run etcdctl, which trusts the first file and comes with the others."""
        names = ("ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY")
        variables: dict[str, Any] = dict(zip(names, map(str, files), strict=False))
        return run(
            str(self.tools.etcdctl),
            f"--endpoints={url or f'https://{self.host}:{self.client}'}",
            f"--dial-timeout={wait}",
            f"--command-timeout={wait}",
            *words,
            ETCDCTL_API="3",
            **variables,
        )


@dataclass
class Started:
    """What a test has started, to be ended."""

    members: list[Running] = field(default_factory=list)


@contextmanager
def started() -> Iterator[Started]:
    """Yield what members are noted in; at the end each of them is ended."""
    noted = Started()
    try:
        yield noted
    finally:
        for member in noted.members:
            member.stop()


def member(
    noted: Started,
    into: Path,
    name: str,
    version: str,
    *flags: str,
    with_client_auth: bool = True,
) -> Running:
    """Return a member of a cluster of its own, not started yet."""
    place = into / f"{name}-{len(noted.members)}"
    place.mkdir(parents=True)
    client, peer = free_ports(2)
    running = Running(
        name,
        place,
        tools_of(version),
        client,
        peer,
        flags=flags,
        with_client_auth=with_client_auth,
    )
    noted.members.append(running)
    return running


def cluster_of(
    noted: Started, into: Path, folder: Path, names: Sequence[str], version: str, *flags: str
) -> list[Running]:
    """Start a cluster of the folder's members from copies of their files, and return them."""
    begun = [member(noted, into, name, version, *flags) for name in names]
    addresses = ",".join(f"{each.name}=https://{HOST}:{each.peer}" for each in begun)
    for each in begun:
        each.cluster = addresses
        each.lay_out(folder / f"certs/{each.name}.pem")
        each.trust((folder / "certs/trust.pem").read_bytes())
        each.start(wait=False)
    for each in begun:
        each.wait()
    return begun


def with_ports(members: Sequence[Running]) -> tuple[str, ...]:
    """Return the options of a look at these members."""
    return (
        "--endpoints",
        ",".join(each.endpoint for each in members),
        "--peer-endpoints",
        ",".join(each.peer_endpoint for each in members),
    )
