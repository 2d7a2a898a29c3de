"""Certificates like others, under other keys and for loopback, as openssl sees them."""

from pathlib import Path

import pytest

import certs
from companies import company
from support import openssl, read
from tls_scaffold.signing import certificates, matching, mirrors
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import PrivateKey, make_key
from tls_scaffold.signing.mirrors import Mirror
from tls_scaffold.spelling import Key

pytestmark = pytest.mark.needs("openssl")


def certificate(path: Path) -> Certificate:
    return certificates.read(path.read_bytes(), str(path))


def test_all_is_the_same_but_keys_and_signatures(tmp_path: Path) -> None:
    certs.ca(tmp_path)
    certs.member(tmp_path)
    ca, leaf = (certificate(tmp_path / f"certs/{name}.pem") for name in ("ca", "etcd1"))
    mirror = Mirror()
    mirror.know_cas([ca, leaf])

    for old in (ca, leaf):
        new = mirror.like(old)
        (tmp_path / "new.pem").write_bytes(new.pem)
        (tmp_path / "old.pem").write_bytes(old.pem)
        assert read(tmp_path / "new.pem") == read(tmp_path / "old.pem")
        told = ("x509", "-noout", "-serial", "-dates", "-issuer", "-in")
        assert openssl(*told, str(tmp_path / "new.pem")) == openssl(
            *told, str(tmp_path / "old.pem")
        )
        assert new.public_key != old.public_key
    assert matching.signed_by(mirror.like(leaf), mirror.like(ca))
    assert not matching.signed_by(mirror.like(leaf), ca)


def test_who_was_signed_by_nobody_known_is_so_still(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    for each in (ours, others):
        certs.ca(each)
        certs.member(each)
    mirror = Mirror()
    ca = certificate(ours / "certs/ca.pem")
    mirror.know_cas([ca])

    assert matching.signed_by(mirror.like(certificate(ours / "certs/etcd1.pem")), mirror.like(ca))
    stranger = mirror.like(certificate(others / "certs/etcd1.pem"))
    assert not matching.signed_by(stranger, mirror.like(ca))


def test_a_stranger_s_key_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def making(key: Key) -> PrivateKey:
        made.append(key)
        return make_key(key)

    monkeypatch.setattr(mirrors, "make_key", making)
    certs.ca(tmp_path)
    for name in ("etcd1", "etcd2"):
        certs.leaf(tmp_path, name)
    mirror = Mirror()
    for name in ("etcd1", "etcd2"):
        mirror.like(certificate(tmp_path / f"certs/{name}.pem"))
    assert len(made) == 3  # the two leaves' and that of their CA


def test_a_host_that_is_held_has_its_address_and_no_other(tmp_path: Path) -> None:
    certs.ca(tmp_path)
    certs.member(tmp_path, hosts=("localhost", "127.0.0.1", "10.0.0.1", "*.etcd.example"))
    addresses = {"10.0.0.1": "127.9.9.1", "10.0.0.2": "127.9.9.2", "a.etcd.example": "127.9.9.3"}
    mirror = Mirror(addresses)
    mirror.know_cas([certificate(tmp_path / "certs/ca.pem")])

    hosts = mirror.like(certificate(tmp_path / "certs/etcd1.pem")).hosts

    assert set(hosts) == {"localhost", "*.etcd.example", "127.9.9.1", "127.9.9.3", "127.0.0.1"}


def test_a_ca_for_one_domain_still_signs_for_that_alone() -> None:
    made = company("A CA", permitted=("etcd.example",))
    mirror = Mirror({"a.etcd.example": "127.9.9.1"})

    constraints = mirror.like(certificates.read(made.pem, "ca.pem")).name_constraints

    assert constraints
    assert [str(each.value) for each in constraints.permitted_subtrees or ()] == ["etcd.example"]
