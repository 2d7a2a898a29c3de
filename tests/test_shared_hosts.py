"""Hosts that several members have, wildcards and underscores, from option to certificate."""

import json
from pathlib import Path

import pytest

from checking import finds_nothing
from conftest import Factory
from keeping import kept
from support import make, openssl, read, tls_scaffold

SHARING = (
    "--separate-requests",
    *("--member", "etcd1=10.0.0.1+lb.example.com+10.0.0.100+*.etcd.default.svc"),
    *("--member", "etcd2=10.0.0.2+lb.example.com+10.0.0.100+*.etcd.default.svc"),
    *("--member", "etcd3=stack_etcd3+lb.example.com"),
    *("--proxies", "0", "--user", "root"),
)


@pytest.mark.usefixtures("either_signer")
def test_what_members_share_is_in_each_certificate_and_nothing_is_found_wrong(
    folder: Factory,
) -> None:
    path = folder(*SHARING)
    make(path)

    shared = {"DNS:lb.example.com", "IP Address:10.0.0.100", "DNS:*.etcd.default.svc"}
    for name, own in (("etcd1", "IP Address:10.0.0.1"), ("etcd2", "IP Address:10.0.0.2")):
        assert {own, *shared} < set(read(path / f"certs/{name}.pem").sans)
    assert {"DNS:stack_etcd3", "DNS:lb.example.com"} < set(read(path / "certs/etcd3.pem").sans)
    assert tls_scaffold("-C", str(path), "status").returncode == 0
    assert tls_scaffold("-C", str(path), "sync", "--check").returncode == 0
    assert finds_nothing(tls_scaffold("-C", str(path), "check"))


@pytest.mark.parametrize(
    ("certificate", "host", "fits"),
    [
        ("etcd1", "etcd-0.etcd.default.svc", True),
        ("etcd1", "a.b.etcd.default.svc", False),
        ("etcd1", "etcd.default.svc", False),
        ("etcd2", "lb.example.com", True),
        ("etcd3", "stack_etcd3", True),
    ],
)
def test_clients_take_a_certificate_at_the_hosts_it_names(
    signed: Factory, certificate: str, host: str, fits: bool
) -> None:
    path = signed(*SHARING) / "certs"
    shown = openssl("x509", "-noout", "-checkhost", host, "-in", str(path / f"{certificate}.pem"))

    assert ("does match" in shown) is fits


def test_members_and_clients_are_told_of_each_member_s_own_host_alone(signed: Factory) -> None:
    path = signed(*SHARING)
    assert tls_scaffold("-C", str(path), "bundle", "--kubeadm").returncode == 0

    own = ("https://10.0.0.1:2379", "https://10.0.0.2:2379", "https://stack_etcd3:2379")
    variables = (path / "dist/etcd1/etcd.env").read_text(encoding="utf-8")
    # Only the member that has it at the moment could bind the virtual address.
    assert "ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://127.0.0.1:2379" in variables
    assert "lb.example.com" not in variables
    for written in (path / "rbac.tsv", path / "dist/root/etcdctl.env"):
        text = written.read_text(encoding="utf-8")
        assert all(url in text for url in own)
    everything = "".join(
        each.read_text(encoding="utf-8")
        for each in (*path.glob("dist/*/*.env"), path / "rbac.tsv", path / "Procfile")
    )
    for shared in ("lb.example.com", "10.0.0.100", "*."):
        assert shared not in everything


def test_a_folder_made_by_hand_keeps_what_its_members_share(tmp_path: Path) -> None:
    requests = {"a": ["*.etcd.svc", "a.etcd.svc", "lb"], "b": ["*.etcd.svc", "lb", "stack_b"]}
    line = "cfssl gencert -ca ca.pem -ca-key ca-key.pem {0}.json | cfssljson -bare {0}"
    lines = [f"req-{name}: ca.pem\n\t{line.format(name)}\n" for name in requests]
    ca = "ca.pem:\n\tcfssl gencert -initca ca.json | cfssljson -bare ca\n"
    (tmp_path / "Makefile").write_text("\n".join(["all: req-a req-b\n", ca, *lines]))
    document = {"CN": "etcd", "key": {"algo": "ecdsa", "size": 256}}
    for name, hosts in {"ca": [], **requests}.items():
        text = json.dumps({**document, "CN": "CA" if name == "ca" else "etcd", "hosts": hosts})
        (tmp_path / f"{name}.json").write_text(text)
    make(tmp_path, "all")
    before = {name: set(read(tmp_path / f"{name}.pem").sans) for name in requests}

    kept(tmp_path, "adopt")
    kept(tmp_path, "sync")
    make(tmp_path, SIGNER="cfssl")

    inventory = json.loads((tmp_path / "tls-scaffold.json").read_text(encoding="utf-8"))
    assert [each["hosts"] for each in inventory["members"]] == [
        ["a.etcd.svc", "*.etcd.svc", "lb"],
        ["stack_b", "*.etcd.svc", "lb"],
    ]
    for name, sans in before.items():
        assert sans == set(read(tmp_path / f"{name}.pem").sans)


def test_one_host_that_is_several_members_first_is_refused_with_the_way(tmp_path: Path) -> None:
    words = ("--member", "a=lb.example+10.0.0.1", "--member", "b=lb.example+10.0.0.2")

    done = tls_scaffold("new", "t", *words, cwd=tmp_path)

    assert done.returncode == 1
    assert (
        "  members[1].hosts[0]: `lb.example` is the same host as `lb.example` in "
        "members[0].hosts[0]: each has one of its own first, and behind it what several share\n"
    ) in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_inventory_lists_what_is_shared_at_each_member(folder: Factory) -> None:
    document = json.loads((folder(*SHARING) / "tls-scaffold.json").read_text(encoding="utf-8"))

    assert [each["hosts"][1] for each in document["members"]] == ["lb.example.com"] * 3
