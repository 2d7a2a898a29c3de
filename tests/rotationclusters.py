"""A cluster of three that runs from its bundles, each on a host of its own, while a CA is replaced.

What the page on rotation says is done here by hand: pairs are laid out by one rename, trust files
before a restart, members are restarted one after another. Clients write all the time.
"""

import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

from clusters import P256
from runningmembers import free_ports, tools_of
from support import OURS, PROGRAMS, Done, environment, make, run, tls_scaffold
from tls_scaffold.etcd.etcdctl import Identity, identity_at
from tls_scaffold.etcd.tallies import Endpoint, Tally
from tls_scaffold.etcd.writers import DEADLINE, Client, Connection, Writers, writing

NAMES = ("etcd1", "etcd2", "etcd3")
USERS = ("root", "early", "late")
"""Of the writers, who gets new files as soon as may be, and who as late as may be."""
TRUSTS = ("ca.pem", "peer-ca.pem")
UNREACHED = "can't be reached", "unreachable"
TLS_WORDS = ("certificate", "authority", "tls", "ssl", "handshake")


@dataclass
class Host:
    """A machine with the bundle of a member, or of a client, laid out as renewal does it."""

    name: str
    bundle: Path
    place: Path
    count: int = 0

    @property
    def identity(self) -> Identity:
        return identity_at(self.place / self.name)

    @property
    def trust(self) -> Path:
        return self.place / "ca.pem"

    def lay_out(self) -> None:
        """Bring all that the bundle has here."""
        self.place.mkdir(parents=True, exist_ok=True)
        for path in self.bundle.glob("*.env"):
            shutil.copy(path, self.place)
        self.lay_out_pairs()
        self.lay_out_trust()

    def lay_out_pairs(self) -> None:
        """Bring all pairs here, certificates and keys by the rename of one link."""
        self.count += 1
        new = self.place / f"pairs-{self.count}"
        new.mkdir()
        for path in self.bundle.glob("*.pem"):
            if path.name not in TRUSTS:
                shutil.copy(path, new)
                link = self.place / path.name
                if not link.is_symlink():
                    link.symlink_to(f"pairs/{path.name}")
        link = self.place / ".pairs"
        link.symlink_to(new.name)
        link.rename(self.place / "pairs")

    def lay_out_trust(self) -> None:
        """Bring the trust files here; a member reads them when it is started."""
        for name in TRUSTS:
            if (self.bundle / name).exists():
                shutil.copy(self.bundle / name, self.place / f".{name}")
                (self.place / f".{name}").rename(self.place / name)


@dataclass
class MemberHost(Host):
    """A member's machine, with etcd of one version."""

    version: str = ""
    address: str = ""
    client: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.name, self.client, self.address, self.address)

    def start(self) -> None:
        path = f"{tools_of(self.version).etcd.parent}{os.pathsep}{PROGRAMS}"
        self.process = subprocess.Popen(
            ("sh", "-c", "set -a; . ./etcd.env; exec etcd >>log 2>&1"),
            cwd=self.place,
            env=environment(PATH=path, ETCD_UNSAFE_NO_FSYNC="true"),
            stdin=subprocess.DEVNULL,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def is_well(self, context: ssl.SSLContext) -> bool:
        """Tell whether it serves clients, and knows a leader."""
        connection = HTTPSConnection(self.address, self.client, context=context, timeout=5)
        try:
            connection.request("GET", "/health")
            return b"true" in connection.getresponse().read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class Cluster:
    """The folder, its members and clients, and what may not be done at the same time."""

    folder: Path
    version: str
    members: list[MemberHost]
    clients: dict[str, Host]
    chance: random.Random
    turn: threading.Lock = field(default_factory=threading.Lock)

    def member(self, name: str) -> MemberHost:
        return next(each for each in self.members if each.name == name)

    def ours(self, *words: str) -> Done:
        """Run a command of ours; a member that is busy for a second is there all the same."""
        return run(OURS, "-C", str(self.folder), *words, TLS_SCAFFOLD_TIMEOUT="10")

    def rotate(self, *words: str, code: int = 0) -> Done:
        """Run a step of `rotate`, again as long as a member is just being restarted."""
        end = time.monotonic() + 60
        while True:
            done = self.ours("rotate", *words)
            is_busy = any(word in done.stdout + done.stderr for word in UNREACHED)
            if not is_busy or time.monotonic() > end:
                break
            time.sleep(0.2)
        assert done.returncode == code, f"rotate {' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    def bundle(self) -> None:
        done = tls_scaffold("-C", str(self.folder), "bundle")
        assert done.returncode == 0, done.stderr

    def is_ready(self) -> None:
        """Assert that nobody who can be seen is left behind in this stage."""
        self.rotate("status", "--live")

    def is_level(self) -> None:
        """Assert that all that runs is what the folder has, and that nobody has to restart."""
        done = self.ours("status", "--live")
        assert done.returncode == 0, done.stdout + done.stderr

    def context(self) -> ssl.SSLContext:
        """Return how root comes who trusts both CAs, and so is taken by all at every moment."""
        certs = self.folder / "certs"
        cas = [certs / "trust.pem", certs / "old-ca.pem"]
        text = "".join(each.read_text() for each in cas if each.exists())
        context = ssl.create_default_context(cadata=text)
        context.load_cert_chain(certs / "root.pem", certs / "root-key.pem")
        return context

    def wait(self, *names: str) -> None:
        """Wait until members are well, as one does between two restarts."""
        context, end = self.context(), time.monotonic() + 120
        waiting = [self.member(name) for name in names]
        while waiting:
            waiting = [each for each in waiting if not each.is_well(context)]
            if waiting and time.monotonic() > end:
                logs = "\n".join((each.place / "log").read_text()[-3000:] for each in waiting)
                raise AssertionError(logs)
            time.sleep(0.1 if waiting else 0)

    def restart(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Restart a member as it is laid out, while no other one is being restarted."""
        with self.turn:
            self.member(name).stop(number)
            self.member(name).start()
            self.wait(name)
            self.wait(*NAMES)

    def restart_alone(self, name: str) -> None:
        """Restart a member that the others may refuse then, and wait for nothing."""
        self.member(name).stop()
        self.member(name).start()

    @contextmanager
    def restarted_meanwhile(self) -> Iterator[None]:
        """Kill and start a member at a random moment of what is done within this."""
        name, delay = self.chance.choice(NAMES), self.chance.uniform(0, 0.5)
        failed: list[BaseException] = []

        def restart() -> None:
            try:
                time.sleep(delay)
                self.restart(name, signal.SIGKILL)
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failed.append(error)

        thread = threading.Thread(target=restart)
        thread.start()
        try:
            yield
        finally:
            thread.join()
        if failed:
            raise failed[0]


def inventory_of(into: Path, *, peer_ca: bool) -> Path:
    """Write an inventory of three members at free ports of loopback."""
    ports = free_ports(6)
    members = [
        {
            "name": name,
            "hosts": [f"127.0.0.{number + 1}"],
            "etcd": {"client_port": ports[2 * number], "peer_port": ports[2 * number + 1]},
        }
        for number, name in enumerate(NAMES)
    ]
    document = {"members": members, "users": list(USERS), "proxies": 0, "key": P256[1]}
    path = into / "inventory.json"
    path.write_text(json.dumps({**document, **({"peer_ca": True} if peer_ca else {})}))
    return path


@contextmanager
def running_cluster(
    into: Path, version: str, *, peer_ca: bool = False, signer: str = "tls-scaffold"
) -> Iterator[Cluster]:
    """Yield a cluster that runs from the bundles of its folder; all of it is ended."""
    inventory = inventory_of(into, peer_ca=peer_ca)
    folder = into / "tls-setup"
    done = tls_scaffold("new", str(folder), "--from", str(inventory))
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER=signer)
    members = []
    for each in json.loads(inventory.read_text())["members"]:
        name, address, port = each["name"], each["hosts"][0], each["etcd"]["client_port"]
        place, bundle = into / "hosts" / name, folder / "dist" / name
        members.append(
            MemberHost(name, bundle, place, version=version, address=address, client=port)
        )
    clients = {name: Host(name, folder / "dist" / name, into / "hosts" / name) for name in USERS}
    chance = random.Random(version)  # noqa: S311 - which member is restarted, and when
    cluster = Cluster(folder, version, members, clients, chance)
    cluster.bundle()
    with ExitStack() as stack:
        for host in (*members, *clients.values()):
            host.lay_out()
        for member in members:
            stack.callback(member.stop, signal.SIGKILL)
            member.start()
        cluster.wait(*NAMES)
        yield cluster


@dataclass
class Rotation:
    """A cluster under writers, and what is done to it step by step."""

    cluster: Cluster
    writers: Writers
    told: list[str] = field(default_factory=list)

    def clients_of(self, name: str) -> list[str]:
        return [each.name for each in self.writers.clients if each.name.startswith(f"{name} ")]

    def equip(self, name: str, *, reconnect: bool = False) -> None:
        """Let the clients of a user read their files again; some at their next connection."""
        host = self.cluster.clients[name]
        for each in self.clients_of(name):
            self.writers.equip(each, host.identity, host.trust, reconnect=reconnect)

    def client_pairs(self, name: str) -> None:
        self.cluster.clients[name].lay_out_pairs()
        self.equip(name, reconnect=True)

    def client_trust(self, name: str) -> None:
        self.cluster.clients[name].lay_out_trust()
        self.equip(name, reconnect=True)

    def client_files(self, name: str) -> None:
        """Lay out pair and trust of a client at the same time."""
        self.cluster.clients[name].lay_out()
        self.equip(name, reconnect=True)

    def member_files(self, name: str) -> None:
        """Lay out a member's pairs and its trust file, and restart nothing."""
        self.cluster.member(name).lay_out_pairs()
        self.cluster.member(name).lay_out_trust()

    def member_restart(self, name: str) -> None:
        """Lay out a member's trust file and restart it."""
        self.cluster.member(name).lay_out_trust()
        self.cluster.restart(name)

    def take(self, steps: Sequence[tuple[str, Callable[[], object]]], at: int | None) -> None:
        """Take steps in turn; during the one of that number a member is killed and restarted."""
        for number, (name, step) in enumerate(steps):
            begin = self.writers.mark()
            with ExitStack() as stack:
                if number == at:
                    stack.enter_context(self.cluster.restarted_meanwhile())
                step()
                self.writers.settle()
            tally = self.writers.since(begin)
            assert not tally.failures, f"{name}: {tally.failures[:3]}"
            assert not refused_by_tls(tally), f"{name}: {refused_by_tls(tally)}"


def refused_by_tls(tally: Tally) -> list[tuple[str, str]]:
    """Return who was refused for a certificate: no restart does that."""
    return [
        refusal
        for refusal in tally.refusals
        if any(word in refusal[1].lower() for word in TLS_WORDS)
    ]


@contextmanager
def written_to(cluster: Cluster, deadline: float = DEADLINE) -> Iterator[Rotation]:
    """Let the early and the late client write, each by new connections and by one that it keeps."""
    clients = [
        Client(
            f"{name} {each.name.lower()}",
            cluster.clients[name].identity,
            cluster.clients[name].trust,
            f"/{name}/{each.name.lower()}",
            each,
        )
        for name in ("early", "late")
        for each in Connection
    ]
    endpoints = [each.endpoint for each in cluster.members]
    with writing(clients, endpoints, deadline=deadline) as writers:
        writers.settle()
        yield Rotation(cluster, writers)
