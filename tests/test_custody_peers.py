"""Peers with a CA of their own, from `new` to members that run, and how a cluster gets to it."""

import json
import shutil
import ssl
import subprocess
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from clusters import P256, VERSIONS
from conftest import Factory
from support import make, run, tls_scaffold, wait_for
from test_bundled_clusters import Cluster, Running, addresses, bundled, settings

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
USERS = ("--users", "root,alice", "--grant", "alice=/alice/:rw")
NAMES = ("etcd1", "etcd2", "etcd3")
NEWEST = ("newest 3.5", "newest 3.6")
SHORT = [
    each
    if each.id in NEWEST
    else pytest.param(*each.values, id=each.id, marks=[*each.marks, pytest.mark.long])
    for each in VERSIONS
]


def answers(host: str, port: int, trusted: Path, pair: Path) -> bool:
    """Tell whether a port answers over TLS to whoever shows this pair (its path without .pem)."""
    context = ssl.create_default_context(cafile=trusted)
    context.load_cert_chain(f"{pair}.pem", f"{pair}-key.pem")
    connection = HTTPSConnection(host, port, context=context, timeout=10)
    try:
        connection.request("GET", "/version")
        return connection.getresponse().status == 200
    except (ssl.SSLError, ConnectionError):
        return False


class Writer(threading.Thread):
    """Puts one key after another as a user, each by an etcdctl of its own, until it is told."""

    def __init__(self, cluster: Cluster, user: str, key: str) -> None:
        super().__init__()
        self.key, self.written, self.failed = key, 0, list[str]()
        self.longest = 0.0
        self._end = threading.Event()
        self._cluster = cluster
        self._host = shutil.copytree(
            cluster.folder / "dist" / user, cluster.hosts / f"writer {key.replace('/', ' ')}"
        )

    def run(self) -> None:
        while not self._end.is_set():
            begun = time.monotonic()
            line = f"set -a; . ./etcdctl.env; etcdctl put {self.key}{self.written} x"
            done = run("sh", "-c", line, cwd=self._host, PATH=self._cluster.programs)
            self.longest = max(self.longest, time.monotonic() - begun)
            if done.returncode:
                self.failed.append(done.stderr)
            else:
                self.written += 1

    def end(self) -> None:
        self._end.set()
        self.join()


def with_peer_ca(folder: Path) -> Path:
    settings(folder, peer_ca=True)
    return folder


def restarted(cluster: Cluster, members: dict[str, "subprocess.Popen[str]"], name: str) -> None:
    members[name].terminate()
    members[name].wait(20)
    members[name] = cluster.member(name, copy=False)
    every = "endpoint health --cluster"
    wait_for(lambda: cluster.etcdctl("root", every).returncode == 0, 60)


def without_peers_cn(host: Path) -> None:
    """Take the second lock away: the CA alone is to keep users out."""
    lines = (host / "etcd.env").read_text().splitlines(keepends=True)
    (host / "etcd.env").write_text("".join(each for each in lines if "ALLOWED_CN" not in each))


@pytest.mark.parametrize("path", SHORT)
def test_users_are_refused_on_the_peer_port_by_the_ca_alone(
    folder: Factory, running: Running, path: str
) -> None:
    """A cluster of three with authentication, a user's put, and the HTTP gateway by a password."""
    hosts = addresses(path, 5)
    users = ("--users", "root,alice,patroni", "--grant", "alice=/alice/:rw")
    made = with_peer_ca(folder("--members", ",".join(hosts), *users, *P256))
    make(made, "-j2", SIGNER="cfssl")
    cluster = Cluster(bundled(made), path, running)
    for name in NAMES:
        without_peers_cn(cluster.host(name))
        cluster.member(name, copy=False)

    cluster.up()
    for words in ([], ["--enable"]):
        given = "patroni:secret"
        done = run(
            *("sh", "rbac.sh", *words),
            cwd=made,
            PATH=cluster.programs,
            TLS_SCAFFOLD_PASSWORDS=given,
        )
        assert done.returncode == 0, done.stderr
    assert cluster.said("alice", "put /alice/x 1") == "OK\n"
    assert "permission denied" in cluster.etcdctl("alice", "put /bob/x 1").stderr

    certs = made / "certs"
    peers = certs / "peer-trust.pem"
    for host in hosts:
        takes = [
            each
            for each in ("peer-etcd1", "etcd2", "root", "alice", "patroni")
            if answers(host, 2380, peers, certs / each)
        ]
        assert takes == ["peer-etcd1"]
        takes = [
            each
            for each in ("peer-etcd1", "etcd2", "root", "alice", "patroni")
            if answers(host, 2379, certs / "trust.pem", certs / each)
        ]
        assert takes == ["etcd2", "root", "alice", "patroni"]
        assert token(host, certs, "patroni", "secret")
    assert "ECDSA" not in cluster.log("etcd1")


def token(host: str, certs: Path, user: str, password: str) -> str:
    """Log in at a member's HTTP gateway."""
    context = ssl.create_default_context(cafile=certs / "trust.pem")
    context.load_cert_chain(certs / f"{user}.pem", certs / f"{user}-key.pem")
    connection = HTTPSConnection(host, 2379, context=context, timeout=10)
    login = json.dumps({"name": user, "password": password})
    connection.request("POST", "/v3/auth/authenticate", login)
    return str(json.loads(connection.getresponse().read()).get("token", ""))


@pytest.mark.parametrize("path", SHORT)
def test_a_cluster_that_runs_gets_a_ca_of_peers_in_two_rounds_and_no_write_fails(
    signed: Factory, running: Running, path: str
) -> None:
    """As docs/ca-peers.md says it."""
    hosts = addresses(path, 6)
    made = signed("--members", ",".join(hosts), *USERS, *P256)
    cluster = Cluster(bundled(made), path, running)
    members = {name: cluster.member(name) for name in NAMES}
    cluster.up().enabled()
    before = {each: (made / f"certs/{each}.pem").read_bytes() for each in (*NAMES, "ca", "alice")}
    writers = [Writer(cluster, "alice", f"/alice/{number}/") for number in range(2)]
    for writer in writers:
        writer.start()
    try:
        with_peer_ca(made)
        said = make(made, SIGNER="cfssl").stdout
        assert "holds both CAs" in said
        assert before == {each: (made / f"certs/{each}.pem").read_bytes() for each in before}
        bundled(made)
        for name in NAMES:  # they trust both, and show what they showed before
            host = cluster.host(name)
            for ending in (".pem", "-key.pem"):
                shutil.copy(host / f"{name}{ending}", host / f"peer-{name}{ending}")
            restarted(cluster, members, name)
        for name in NAMES:  # read at each new connection
            for ending in (".pem", "-key.pem"):
                shutil.copy(made / f"dist/{name}/peer-{name}{ending}", cluster.hosts / name)
        shutil.copy(made / "certs/peer-ca.pem", made / "certs/peer-trust.pem")
        bundled(made)
        for name in NAMES:
            cluster.host(name)
            restarted(cluster, members, name)
    finally:
        for writer in writers:
            writer.end()
    assert [writer.failed for writer in writers] == [[], []]
    assert all(writer.written > 10 for writer in writers)
    counted = [
        cluster.said("root", f"get --prefix {w.key} --count-only --write-out=fields")
        for w in writers
    ]
    assert all(
        f'"Count" : {writer.written}' in text for text, writer in zip(counted, writers, strict=True)
    )
    certs = made / "certs"
    assert answers(hosts[0], 2380, certs / "peer-trust.pem", certs / "peer-etcd2")
    assert not answers(hosts[0], 2380, certs / "peer-trust.pem", certs / "etcd2")
    assert tls_scaffold("-C", str(made), "check").stdout + "" == ""
