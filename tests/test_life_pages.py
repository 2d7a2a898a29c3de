"""The pages on the life of a cluster: each block is run, and shows what the page shows."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import certs
from certs import DAY, NOW, YEAR
from clusters import SYSTEM
from conftest import Factory
from pages import DOCS, Reader, blocks_of, own_network
from rotating import ALONE
from support import PROGRAMS, SMALL, Done, environment, make, run, tls_scaffold, wait_for

WORDS = (
    *("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--proxies", "0", "--key", "ecdsa-256"),
    *("--users", "root,alice", "--grant", "alice=/alice/:rw"),
)
PATH = os.pathsep.join((SYSTEM, PROGRAMS))
LONGEST_PAGE = 60
OF_A_CLUSTER = "test_members_and_users_of_a_cluster_that_runs"
QUICK = ("--heartbeat-interval=50", "--election-timeout=500", "--unsafe-no-fsync")

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "bash")


def life(page: str, test: str) -> list[str]:
    return blocks_of(f"life/{page}", test)


def reader(at: Path, places: dict[str, str] | None = None, begin: str = "") -> Reader:
    return Reader(at, places or {}, {"PATH": PATH, "COLUMNS": "80", **ALONE}, begin)


@dataclass
class Hosts:
    """The hosts of a cluster: a folder each, with a copy of its bundle and a process."""

    folder: Path
    at: Path
    places: dict[str, str]
    root: str
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def lay_out(self, *names: str) -> None:
        for name in names:
            run("cp", "-a", str(self.folder / "dist" / name), str(self.at))

    def start(self, *names: str) -> None:
        for name in names:
            script = f"set -a; . ./etcd.env; exec etcd {' '.join(QUICK)}"
            with (self.at / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    ("sh", "-c", script),
                    cwd=self.at / name,
                    env=environment(PATH=PATH),
                    stdout=log,
                    stderr=log,
                )

    def stop(self, name: str) -> None:
        self.running[name].kill()
        self.running.pop(name).wait()

    def types(self, block: str, *, as_root: bool = False) -> None:
        """Type a block of a page on this cluster's addresses, in the folder or root's bundle."""
        reader(self.folder, self.places, self.root if as_root else "").types(block)

    def types_once_connected(self, block: str) -> None:
        """Type a block that etcd refuses until its members have been connected for 5 seconds."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.types(block, as_root=True)
            except AssertionError as error:
                if "unhealthy cluster" not in str(error) or time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def etcdctl(self, *words: str) -> Done:
        return run(
            "bash", "-ec", f'{self.root}etcdctl "$@"', "-", *words, cwd=self.folder, PATH=PATH
        )

    def wait(self) -> None:
        """Wait until each member that runs is one of the cluster, and answers."""
        wait_for(lambda: self.answering() == len(self.running), 60)

    def answering(self) -> int:
        done = self.etcdctl("endpoint", "health", "--cluster")
        return (done.stdout + done.stderr).count("is healthy")


@contextmanager
def hosts_of(into: Path) -> Iterator[Hosts]:
    """Yield a cluster that runs from copies of its bundles, with authentication on."""
    folder, network = into / "tls-setup", own_network()
    members = [{"name": f"etcd{n}", "hosts": [f"{network}{n}"]} for n in (1, 2, 3)]
    ports = {"client_port": 23790, "peer_port": 23800}
    inventory = {"members": members, "etcd": ports, "proxies": [], "users": [{"name": "root"}]}
    (into / "cluster.json").write_text(json.dumps({**inventory, "key": "ecdsa-256"}))
    new = tls_scaffold("new", str(folder), "--from", str(into / "cluster.json"))
    assert new.returncode == 0, new.stderr
    make(folder)
    assert tls_scaffold("bundle", cwd=folder).returncode == 0
    (into / "hosts").mkdir()
    (as_root,) = life("index.md", OF_A_CLUSTER)
    places = {"10.0.0.": network, ":2380": ":23800"}
    hosts = Hosts(folder, into / "hosts", places, as_root.removeprefix("$ "))
    names = ("etcd1", "etcd2", "etcd3")
    try:
        hosts.lay_out(*names)
        hosts.start(*names)
        hosts.wait()
        make(folder, "rbac", PATH=PATH)
        make(folder, "rbac-enable", PATH=PATH)
        yield hosts
    finally:
        for name in tuple(hosts.running):
            hosts.stop(name)


@pytest.mark.needs("etcd", "etcdctl", within=SYSTEM)
def test_members_and_users_of_a_cluster_that_runs(tmp_path: Path) -> None:
    with hosts_of(tmp_path) as hosts:
        _move_a_member(hosts)
        _add_and_remove_a_member(hosts)
        _add_and_remove_a_user(hosts)


def _move_a_member(hosts: Hosts) -> None:
    signed, told, looked = life("move-a-member.md", OF_A_CLUSTER)
    inventory = hosts.folder / "tls-scaffold.json"
    network = hosts.places["10.0.0."]
    inventory.write_text(inventory.read_text().replace(f'"{network}3"', f'"{network}33"'))
    hosts.types(signed)
    hosts.lay_out("etcd1", "etcd2")
    hosts.types(told, as_root=True)
    hosts.stop("etcd3")
    hosts.lay_out("etcd3")
    hosts.start("etcd3")
    hosts.wait()
    hosts.types(looked, as_root=True)
    assert f"etcd3, https://{network}33:23800" in hosts.etcdctl("member", "list").stdout


def _add_and_remove_a_member(hosts: Hosts) -> None:
    signed, told, looked = life("add-a-member.md", OF_A_CLUSTER)
    hosts.types(signed)
    hosts.lay_out("etcd1", "etcd2", "etcd3")
    hosts.types(told, as_root=True)
    hosts.lay_out("etcd4")
    hosts.start("etcd4")
    hosts.wait()
    hosts.types(looked, as_root=True)
    assert "etcd4" in hosts.etcdctl("member", "list").stdout

    removed, signed_again = life("remove-a-member.md", OF_A_CLUSTER)
    hosts.types_once_connected(removed)
    hosts.running.pop("etcd4").wait(120)  # it ends by itself
    hosts.types(signed_again)
    hosts.wait()
    assert "etcd4" not in hosts.etcdctl("member", "list").stdout


def _add_and_remove_a_user(hosts: Hosts) -> None:
    added, written = life("add-a-user.md", OF_A_CLUSTER)
    hosts.types(added)
    hosts.types(written)
    assert hosts.etcdctl("get", "/bob/first").stdout == "/bob/first\n1\n"
    (removed,) = life("remove-a-user.md", OF_A_CLUSTER)
    hosts.types(removed)
    assert hosts.etcdctl("user", "list").stdout == "root\n"


def test_renewing(signed: Factory) -> None:
    nothing, carried = life("renew-and-who-reloads.md", "test_renewing")
    folder = signed(*WORDS)
    reader(folder).types(nothing)
    reader(folder).types(carried)


def test_a_lost_key(signed: Factory) -> None:
    lost, stolen = life("a-lost-key.md", "test_a_lost_key")
    folder = signed(*WORDS)
    (folder / "certs/alice-key.pem").unlink()
    seen, mended = lost_and_mended(lost)
    reader(folder).types(seen, code=1)
    reader(folder).types(mended)
    reader(folder).types(stolen)
    assert tls_scaffold("-C", str(folder), "status").returncode == 0


def lost_and_mended(block: str) -> tuple[str, str]:
    """Divide a block whose first command shows what is wrong, and ends so."""
    lost, _, mended = block.partition("\n$ ")
    return f"{lost}\n", f"$ {mended}"


def test_an_expired_certificate(folder: Factory) -> None:
    (block,) = life("an-expired-certificate.md", "test_an_expired_certificate")
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "alice", begin=NOW - YEAR - DAY)
    seen, mended = lost_and_mended(block)
    reader(path).types(seen, code=1)
    reader(path).types(mended)
    assert tls_scaffold("-C", str(path), "status").returncode == 0


def test_the_cas_last_year(signed: Factory) -> None:
    (renewed,) = life("the-cas-last-year.md", "test_the_cas_last_year")
    folder = signed(*WORDS)
    leaf, ca = ((folder / f"certs/{name}.pem").read_bytes() for name in ("alice", "ca"))
    reader(folder).types(renewed)
    assert (folder / "certs/alice.pem").read_bytes() == leaf
    assert (folder / "certs/ca.pem").read_bytes() != ca
    assert (folder / "dist/alice/ca.pem").read_bytes() == (folder / "certs/ca.pem").read_bytes()


def test_rotate(signed: Factory) -> None:
    folder = signed(*SMALL, "--key", "ecdsa-256")
    ca = (folder / "certs/ca.pem").read_bytes()
    for step in life("rotate.md", "test_rotate"):
        reader(folder).types(step)
    assert ca not in (folder / "certs/trust.pem").read_bytes()
    assert tls_scaffold("-C", str(folder), "status").returncode == 0


def test_revoke(signed: Factory) -> None:
    (revoked,) = life("revoke.md", "test_revoke")
    folder = signed(*WORDS)
    reader(folder).types(revoked)
    assert (folder / "dist/etcd1/crl.der").read_bytes() == (folder / "certs/crl.der").read_bytes()


def test_your_own_ca(tmp_path: Path) -> None:
    made, renewed = life("your-own-ca.md", "test_your_own_ca")
    request = {"CN": "A company", "key": {"algo": "ecdsa", "size": 256}}
    (tmp_path / "ca.json").write_text(json.dumps({**request, "ca": {"expiry": "87600h"}}))
    company = "cfssl gencert -initca ca.json | cfssljson -bare company"
    again = "cfssl gencert -renewca -ca company.pem -ca-key company-key.pem"
    run("sh", "-c", company, cwd=tmp_path)
    run("sh", "-c", f"{again} | cfssljson -bare company-next", cwd=tmp_path)
    reader(tmp_path).types(made)
    reader(tmp_path).types(renewed)
    company_next = (tmp_path / "company-next.pem").read_bytes()
    assert (tmp_path / "tls-setup/certs/ca.pem").read_bytes() == company_next


def test_a_ca_elsewhere(signed: Factory, tmp_path: Path) -> None:
    encrypted, by_hand = life("ca-elsewhere.md", "test_a_ca_elsewhere")
    folder = signed(*WORDS)
    other = shutil.copytree(folder, tmp_path / "other", symlinks=True)
    (tmp_path / "ca-password").write_text("a long one, made by a machine\n")
    reader(folder, {"~/": f"{tmp_path}/"}).types(encrypted)
    assert "ENCRYPTED" in (folder / "certs/ca-key.pem").read_text()
    reader(other).types(by_hand)
    assert (other / "requests.tar").exists()
    assert not (other / "certs/ca-key.pem").exists()
    page = (DOCS / "life/ca-elsewhere.md").read_text("utf-8")
    (signs,) = re.findall(r"`(tls-scaffold requests sign [^`]*)`", page)
    (key,) = other.glob("archive/*/certs/ca-key.pem")
    machine = tmp_path / "machine"
    machine.mkdir()
    for each in (key, other / "certs/ca.pem", other / "requests.tar"):
        shutil.copy(each, machine)
    assert run("sh", "-c", f"{signs} --yes", cwd=machine).returncode == 0


def test_pages_are_short() -> None:
    pages = {each.name: each.read_text("utf-8") for each in (DOCS / "life").glob("*.md")}
    lines = {name: len(text.splitlines()) for name, text in pages.items()}
    assert {name for name, count in lines.items() if count > LONGEST_PAGE} == {"states.md"}
    index = pages.pop("index.md")
    assert {name for name in pages if f"]({name})" not in index} == set()
    assert {name for name in pages if f"\n{name.removesuffix('.md')}\n" not in index} == set()
