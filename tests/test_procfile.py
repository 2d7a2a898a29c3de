"""The generated Procfile: a real etcd cluster on loopback, and what certificates may do there."""

import fcntl
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from clusters import ON_NEWEST, SYSTEM
from conftest import NEED_TOOLS, Factory
from support import PROGRAMS, Done, make, run, tls_scaffold

pytestmark = [
    pytest.mark.needs("make", "cfssl", "cfssljson", "etcd", "etcdctl", "honcho"),
]

ENDPOINT = "https://127.0.0.1:2379"
STARTED = 180
Start = Callable[..., "subprocess.Popen[str]"]


def processes(folder: Path) -> dict[str, str]:
    lines = (folder / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if not line.startswith("#"))


def ports(folder: Path) -> set[int]:
    return {
        int(port)
        for port in re.findall(r"https://127\.0\.0\.1:(\d+)", (folder / "Procfile").read_text())
    }


def etcdctl(
    folder: Path, user: str, *words: str, endpoint: str = ENDPOINT, seconds: int = 60
) -> Done:
    files = ("--cert", f"certs/{user}.pem", "--key", f"certs/{user}-key.pem") if user else ()
    limits = (f"--dial-timeout={seconds}s", f"--command-timeout={seconds}s")
    common = ("--endpoints", endpoint, "--cacert", "certs/trust.pem", *limits)
    return run("etcdctl", *common, *files, *words, cwd=folder, ETCDCTL_API="3")


def done(folder: Path, user: str, *words: str) -> str:
    result = etcdctl(folder, user, *words)
    assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture
def one_at_a_time() -> Iterator[None]:
    """Keep the workers of one machine from the same ports: a Procfile's are always the same."""
    with (Path(tempfile.gettempdir()) / f"tls-scaffold-procfile-{os.getuid()}").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


@pytest.fixture
def started(folder: Factory, running: Start, one_at_a_time: None) -> Iterator[Callable[..., Path]]:  # noqa: ARG001
    """Return a function that makes a folder, signs it and starts its Procfile with honcho."""
    honchos = []

    def start(*words: str, etcd: str = SYSTEM) -> Path:
        path = folder(*words)
        for port in ports(path):
            need_port(port)
        make(path, "-j2")
        honchos.append(running("honcho", "start", cwd=path, PATH=os.pathsep.join((etcd, PROGRAMS))))
        wait_for_health(path)
        return path

    yield start
    for honcho in honchos:
        os.killpg(honcho.pid, signal.SIGTERM)
        honcho.communicate(timeout=120)


def need_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            message = f"port {port} of the Procfile is in use"
            if os.environ.get(NEED_TOOLS):
                pytest.fail(message, pytrace=False)
            pytest.skip(message)


def wait_for_health(folder: Path) -> None:
    clients = re.findall(r"--listen-client-urls (\S+)", (folder / "Procfile").read_text())
    end = time.monotonic() + STARTED
    for endpoint in clients:
        while (
            last := etcdctl(folder, "calico", "endpoint", "health", endpoint=endpoint, seconds=3)
        ).returncode != 0:
            assert time.monotonic() < end, last.stderr
            time.sleep(0.1)


@pytest.mark.parametrize("etcd", ON_NEWEST)
def test_the_cluster_starts_and_users_have_the_rights_of_their_cn(
    started: Callable[..., Path], etcd: str
) -> None:
    hosts = "10.0.0.1,etcd-b.example.com,2001:db8::3"
    path = started("--members", hosts, "--users", "root,calico,felix=calico-node", etcd=etcd)

    members = done(path, "calico", "member", "list").splitlines()
    assert sorted(member.split(", ")[2] for member in members) == ["etcd1", "etcd2", "etcd3"]
    done(path, "calico", "put", "/before", "anybody with a certificate")
    assert "context deadline exceeded" in etcdctl(path, "", "get", "/before", seconds=3).stderr

    for user in ("root", "calico", "calico-node"):
        done(path, "root", "user", "add", user, "--no-password")
    done(path, "root", "role", "add", "calico")
    done(
        path, "root", "role", "grant-permission", "calico", "--prefix=true", "readwrite", "/calico/"
    )
    done(path, "root", "user", "grant-role", "calico", "calico")
    done(path, "root", "user", "grant-role", "root", "root")
    done(path, "root", "auth", "enable")

    assert done(path, "calico", "put", "/calico/x", "1") == "OK\n"
    assert done(path, "calico", "get", "/calico/x", "--print-value-only") == "1\n"
    for user, words in (
        ("calico", ("put", "/registry/x", "1")),
        ("calico", ("user", "list")),
        ("felix", ("put", "/calico/x", "2")),
        ("etcd1", ("get", "/calico/x")),
    ):
        assert "permission denied" in etcdctl(path, user, *words).stderr, (user, words)
    assert sorted(done(path, "root", "user", "list").split()) == ["calico", "calico-node", "root"]


def test_leaves_that_are_signed_again_are_taken_up_and_a_strange_ca_is_not(
    started: Callable[..., Path],
) -> None:
    path = started(
        "--members", "10.0.0.1", "--users", "calico", "--proxies", "0", "--separate-requests"
    )

    make(path, "req")
    assert done(path, "calico", "put", "/x", "1") == "OK\n"

    for name in ("certs", "issued"):  # with the record there would be no second CA
        (path / name).rename(path / f"known-{name}")
    make(path)
    assert "context deadline exceeded" in etcdctl(path, "calico", "get", "/x", seconds=3).stderr


def test_peers_must_be_members(started: Callable[..., Path]) -> None:
    path = started("--members", "10.0.0.1", "--users", "calico", "--proxies", "0")

    assert "etcdserver" in version(path, "etcd1")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        version(path, "calico")


def version(folder: Path, name: str) -> str:
    """Ask the first member's peer port for its version, with the certificate of a component."""
    context = ssl.create_default_context(cafile=folder / "certs/trust.pem")
    context.load_cert_chain(folder / f"certs/{name}.pem", folder / f"certs/{name}-key.pem")
    connection = HTTPSConnection("127.0.0.1", 2380, context=context, timeout=60)
    connection.request("GET", "/version")
    return connection.getresponse().read().decode()


def test_each_member_has_ports_and_data_of_its_own(folder: Factory) -> None:
    path = folder("--members", "a.b=10.0.0.1,a-b=10.0.0.2,c=10.0.0.3", "--users", "calico")

    started = processes(path)

    assert [name for name in started if not re.fullmatch(r"[A-Za-z0-9_-]+", name)] == []
    assert len(started) == 3
    urls = [
        re.findall(r"--listen-(?:client|peer)-urls (\S+)", command) for command in started.values()
    ]
    assert len({url for pair in urls for url in pair}) == 6
    assert [re.findall(r"--data-dir (\S+)", command) for command in started.values()] == [
        ["data/a.b"],
        ["data/a-b"],
        ["data/c"],
    ]
    for command in started.values():
        for flag in (
            "--client-cert-auth",
            "--peer-client-cert-auth",
            "--peer-cert-allowed-cn etcd",
        ):
            assert f" {flag}" in command


@pytest.mark.parametrize(
    "cn", ["etcd members", "x$(touch ran)", "`touch ran`", "'; touch ran; '", 'a"b', "$HOME"]
)
def test_the_members_cn_reaches_etcd_as_it_is(tmp_path: Path, cn: str) -> None:
    (tmp_path / "etcd").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "etcd").chmod(0o755)
    (tmp_path / "inventory.json").write_text(
        json.dumps({"members": ["10.0.0.1"], "members_cn": cn})
    )
    made = tls_scaffold("new", "folder", "--from", "inventory.json", cwd=tmp_path)
    assert made.returncode == 0, made.stderr

    (line,) = processes(tmp_path / "folder").values()
    said = run("sh", "-c", line, cwd=tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")

    words = said.stdout.splitlines()
    assert words[words.index("--peer-cert-allowed-cn") + 1] == cn
    assert not (tmp_path / "ran").exists()
