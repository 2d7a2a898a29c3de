"""Members from `dist/` as they are, on each version of etcd, and what users may do there."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterable
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from clusters import ON_NEWEST, P256, SYSTEM, tools
from conftest import Factory
from support import Done, make, run, tls_scaffold, wait_for

USERS = ("--users", "root,calico,alice", "--grant", "alice=/alice/:rw")
PATHS = [each.values[0] for each in ON_NEWEST]

pytestmark = pytest.mark.needs("cfssl", "make", "openssl")
Running = Callable[..., "subprocess.Popen[str]"]


def addresses(path: str, test: int) -> list[str]:
    """Return three addresses of loopback, others for each version and test.

    etcd's usual ports are free on them.
    """
    return [f"127.{40 + 10 * test + PATHS.index(path)}.0.{last}" for last in (1, 2, 3)]


def bundled(folder: Path, *words: str) -> Path:
    done = tls_scaffold("-C", str(folder), "bundle", *words)
    assert done.returncode == 0, done.stderr
    return folder


def settings(folder: Path, **fields: Any) -> None:
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    (folder / "tls-scaffold.json").write_text(json.dumps({**inventory, **fields}))
    done = tls_scaffold("-C", str(folder), "sync")
    assert done.returncode == 0, done.stderr


class Cluster:
    """Hosts with copies of a folder's bundles, and one version of etcd that runs with them."""

    def __init__(self, folder: Path, path: str, running: Running) -> None:
        self.folder, self.programs, self.running = folder, f"{path}:/usr/bin:/bin", running
        self.hosts = folder.parent / "hosts"

    def host(self, name: str) -> Path:
        """Return what the host of a component has, its bundle copied onto it as it is."""
        return shutil.copytree(self.folder / "dist" / name, self.hosts / name, dirs_exist_ok=True)

    def member(self, name: str, *, copy: bool = True) -> "subprocess.Popen[str]":
        """Start a member on its host, from a fresh copy of its bundle unless that is not wanted."""
        host = self.host(name) if copy else self.hosts / name
        # A pipe that nobody reads would fill and hold etcd up.
        return self.running(
            "sh", "-c", "set -a; . ./etcd.env; exec etcd >>log 2>&1", cwd=host, PATH=self.programs
        )

    def log(self, name: str) -> str:
        return (self.hosts / name / "log").read_text()

    def etcdctl(self, user: str, words: str, **variables: Any) -> Done:
        line = f"set -a; . ./etcdctl.env; etcdctl {words}"
        return run("sh", "-c", line, cwd=self.host(user), PATH=self.programs, **variables)

    def said(self, user: str, words: str) -> str:
        limits = {"ETCDCTL_DIAL_TIMEOUT": "30s", "ETCDCTL_COMMAND_TIMEOUT": "60s"}
        done = self.etcdctl(user, words, **limits)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self, user: str = "root") -> "Cluster":
        try:
            wait_for(lambda: self.etcdctl(user, "endpoint health").returncode == 0, 60)
        except AssertionError:
            logs = [path.read_text()[-2000:] for path in self.hosts.glob("*/log")]
            raise AssertionError("\n\n".join(logs)) from None
        return self

    def enabled(self) -> "Cluster":
        for words in ([], ["--enable"]):
            done = run("sh", "rbac.sh", *words, cwd=self.folder, PATH=self.programs)
            assert done.returncode == 0, done.stderr
        return self.up()  # so each member has come as far as the last one that was asked

    def peer_port_takes(self, host: str, name: str, port: int = 2380) -> bool:
        """Ask a peer port for the members, with the bundle of `name`."""
        own = self.host(name)
        context = ssl.create_default_context(cafile=own / "ca.pem")
        context.load_cert_chain(own / f"{name}.pem", own / f"{name}-key.pem")
        connection = HTTPSConnection(host, port, context=context, timeout=60)
        try:
            connection.request("GET", "/members")
            return connection.getresponse().status == 200
        except (ssl.SSLError, ConnectionError):
            return False


@pytest.mark.parametrize("path", ON_NEWEST)
def test_members_and_users_work_from_their_bundles_as_they_are(
    signed: Factory, running: Running, path: str
) -> None:
    hosts = addresses(path, 0)
    cluster = Cluster(bundled(signed("--members", ",".join(hosts), *USERS, *P256)), path, running)

    for name in ("etcd1", "etcd2", "etcd3"):
        cluster.member(name)
    cluster.up().enabled()

    assert cluster.said("alice", "put /alice/x 1") == "OK\n"
    assert cluster.said("calico", "put /calico/x 1") == "OK\n"
    assert "permission denied" in cluster.etcdctl("calico", "get /alice/x").stderr
    assert "permission denied" in cluster.etcdctl("alice", "user list").stderr
    assert cluster.said("root", "user list") == "alice\ncalico\nroot\n"
    for host in hosts:
        assert cluster.peer_port_takes(host, "etcd1")
        assert [
            name for name in ("root", "alice", "calico") if cluster.peer_port_takes(host, name)
        ] == []
    for name in ("etcd1", "etcd2", "etcd3"):
        assert "unrecognized environment variable" not in cluster.log(name)
        told = ("1h0m0s", "ETCD_AUTO_COMPACTION_RETENTION=1h")  # from 3.5 on, and before
        assert any(words in cluster.log(name) for words in told)


@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_cluster_that_runs_takes_its_bundle_and_one_more_member(
    signed: Factory, running: Running, tmp_path: Path, path: str
) -> None:
    hosts, data = addresses(path, 1), tmp_path / "data"
    folder = signed("--members", hosts[0], *USERS, *P256)
    settings(folder, etcd={"client_port": 4001, "peer_port": 7001, "data_dir": f"{data}/first"})
    cluster = Cluster(bundled(folder), path, running)
    first = cluster.member("etcd1")
    cluster.up().enabled().said("alice", "put /alice/x before")

    assert tls_scaffold("-C", str(folder), "add", "--members", hosts[1]).returncode == 0
    make(folder, SIGNER="cfssl")
    first.terminate()
    first.wait(120)
    bundled(folder, "etcd1")
    cluster.member("etcd1")
    add = f"member add etcd2 --peer-urls=https://{hosts[1]}:7001"

    def is_added() -> bool:
        done = cluster.etcdctl("root", add)
        return done.returncode == 0 or "Peer URLs already exists" in done.stderr  # told too late

    wait_for(is_added, 120)
    bundled(
        folder,
        "etcd2",
        "alice",
        "--initial-cluster-state",
        "existing",
        "--data-dir",
        f"{data}/second",
    )
    cluster.member("etcd2")

    assert cluster.up("alice").said("alice", "get /alice/x --print-value-only") == "before\n"
    assert f"https://{hosts[1]}:4001" in cluster.said("alice", "member list")
    assert (data / "second/member").is_dir()
    assert not cluster.peer_port_takes(hosts[1], "alice", 7001)


@pytest.mark.parametrize("path", ON_NEWEST)
def test_members_whose_peers_have_other_cns_are_taken_over_in_two_rounds(
    signed: Factory, running: Running, path: str
) -> None:
    """As docs/bundles.md says: at no moment a member is refused, at the end users are."""
    hosts = addresses(path, 3)
    folder = signed("--members", ",".join(hosts), *USERS, *P256)
    cluster = Cluster(bundled(folder), path, running)
    names = ("etcd1", "etcd2", "etcd3")
    old_cns(folder, cluster, names)
    members = {name: cluster.member(name, copy=False) for name in names}
    cluster.up()
    for refusing in (False, True):
        for name in names:
            members[name].terminate()
            members[name].wait(120)
            variables = cluster.host(name) / "etcd.env"
            if not refusing:
                kept = [
                    line for line in variables.read_text().splitlines() if "ALLOWED_CN" not in line
                ]
                variables.write_text("\n".join(kept) + "\n")
            members[name] = cluster.member(name, copy=False)
            wait_for(
                lambda: cluster.etcdctl("root", "endpoint health --cluster").returncode == 0, 60
            )
            assert cluster.said("root", f"put /x {name}") == "OK\n"

    assert cluster.peer_port_takes(hosts[0], "etcd2")
    assert not cluster.peer_port_takes(hosts[0], "alice")


def old_cns(folder: Path, cluster: Cluster, names: Iterable[str]) -> None:
    """Give the members on their hosts certificates with CNs that no flag asks for."""
    request = json.loads((folder / "config/req-csr.json").read_text())
    for name in names:
        host = cluster.host(name)
        old = {**request, "CN": f"{name}.old"}
        (host / "old.json").write_text(json.dumps(old))
        ca = ("-ca", folder / "certs/ca.pem", "-ca-key", folder / "certs/ca-key.pem")
        signing = [
            "cfssl",
            "gencert",
            *map(str, ca),
            "-config",
            str(folder / "config/ca-config.json"),
            "old.json",
        ]
        signed = run(*signing, cwd=host)
        pair = json.loads(signed.stdout)
        (host / f"{name}.pem").write_text(pair["cert"])
        (host / f"{name}-key.pem").write_text(pair["key"])
        variables = (host / "etcd.env").read_text().splitlines()
        (host / "etcd.env").write_text(
            "\n".join(line for line in variables if "ALLOWED_CN" not in line) + "\n"
        )


@pytest.mark.parametrize("path", ON_NEWEST)
def test_members_of_several_cns_are_a_list_where_etcd_takes_one(
    folder: Factory, tmp_path: Path, running: Running, path: str
) -> None:
    hosts = addresses(path, 2)
    members = [
        {"name": f"m{number}", "hosts": [host], "cn": f"member {number}"}
        for number, host in enumerate(hosts)
    ]
    inventory = {
        "members": members,
        "users": ["root", "alice"],
        "separate_requests": True,
        "key": "ecdsa-256",
    }
    (tmp_path / "several.json").write_text(json.dumps(inventory))
    made = folder("--from", str(tmp_path / "several.json"))
    make(made, "-j2", SIGNER="cfssl")
    done = tls_scaffold("-C", str(made), "bundle")
    assert "warning: members have several CNs (`member 0`, `member 1`, `member 2`): " in done.stderr
    cluster = Cluster(made, path, running)

    for member in members:
        cluster.member(str(member["name"]))

    if tools(path).knows_several_peer_cns:
        cluster.up()
        takes = [
            name for name in ("m0", "m1", "m2", "alice") if cluster.peer_port_takes(hosts[0], name)
        ]
        assert takes == ["m0", "m1", "m2"]
    else:
        wait_for(lambda: "client certificate authentication failed" in cluster.log("m0"), 30)
        assert cluster.etcdctl("root", "endpoint health").returncode != 0
        assert not cluster.peer_port_takes(hosts[0], "alice")


@pytest.mark.parametrize("name", ["1e3", "0x10", "1.0", "yes", "y", "1_000"])
def test_names_that_look_like_numbers_are_names_to_etcd(
    signed: Factory, running: Running, name: str
) -> None:
    folder = signed("--members", f"{name}=127.39.0.1", *P256, "--users", "root")
    settings(
        folder,
        etcd={"client_port": 20000 + sum(name.encode()), "peer_port": 30000 + sum(name.encode())},
    )
    cluster = Cluster(bundled(folder), SYSTEM, running)

    cluster.member(name)

    assert cluster.up().said("root", "member list").split(", ")[2] == name
