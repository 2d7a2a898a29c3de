"""The CA signed again with its own key: what it signed goes on, whichever somebody trusts."""

import json
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import certs
from certs import DAY, NOW, YEAR
from clusters import BUILT, live, tools
from conftest import Factory
from keeping import edit
from kept import same_pairs
from support import BIN, PAGES, contents, faults, make, names, openssl, run
from test_custody_encrypted import ENCRYPTED, GIVEN, SIGNERS, check_key, each_signer, either
from tls_scaffold.commands import renewca, status
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.capassword import CAPassword

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
LAST_YEAR = f"{PAGES}/life/the-cas-last-year.md"
SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")


def subject_key_end(certificate: Path) -> tuple[str, str, str]:
    words = ("openssl", "x509", "-noout", "-in", str(certificate))
    subject, key, end = (run(*words, each).stdout for each in ("-subject", "-pubkey", "-enddate"))
    return subject, key, end


def verifies(ca: bytes, leaf: Path, into: Path, *strict: str) -> bool:
    (into / "trusted.pem").write_bytes(ca)
    trusted = (*strict, "-CAfile", str(into / "trusted.pem"))
    return run("openssl", "verify", *trusted, str(leaf)).returncode == 0


def aged(folder: Path, life: timedelta = 10 * YEAR, left: timedelta = 200 * DAY) -> bytes:
    """Give a folder a CA that ends soon, and sign all with it; return the CA's certificate."""
    certs.ca(folder, begin=NOW - life + left, life=life)
    make(folder, SIGNER="tls-scaffold")
    return (folder / "certs/ca.pem").read_bytes()


@each_signer
def test_it_has_the_same_name_and_key_and_nothing_is_signed_again(
    folder: Factory, tmp_path: Path, signer: str
) -> None:
    path, how = folder(*SMALL), SIGNERS[signer]
    old = aged(path)
    before, was = contents(path), subject_key_end(path / "certs/ca.pem")
    key = (path / "certs/ca-key.pem").read_bytes()

    done = make(path, "renew-ca", **how)

    new = (path / "certs/ca.pem").read_bytes()
    subject, public, end = subject_key_end(path / "certs/ca.pem")
    assert (subject, public) == was[:2]
    assert end != was[2]
    assert faults(path) == []
    assert (path / "certs/ca-key.pem").read_bytes() == key
    assert same_pairs(before, path)
    (shelf,) = path.glob("archive/*/certs/ca.pem")
    assert shelf.read_bytes() == old
    assert f"the certificate that was is {shelf.relative_to(path)}" in done.stdout
    assert "it ends " in done.stdout
    assert "has to get the new certs/trust.pem" in done.stdout
    assert "can't be seen from outside" in done.stdout
    make(path, **how)
    make(path, **SIGNERS["own"])
    assert same_pairs(before, path)
    # Old leaves under the new certificate, new ones under the old.
    for name in names(path):
        assert verifies(new, path / f"certs/{name}.pem", tmp_path, "-x509_strict")
    make(path, "req", **how)
    assert not same_pairs(before, path)
    for name in names(path):
        for trusted in (old, new):
            assert verifies(trusted, path / f"certs/{name}.pem", tmp_path, "-x509_strict")


@each_signer
def test_a_key_that_is_encrypted_is_opened_and_stays_as_it_is(folder: Factory, signer: str) -> None:
    path, how = folder(*ENCRYPTED), SIGNERS[signer]
    make(path, **how, **GIVEN)
    before, old = contents(path), (path / "certs/ca.pem").read_bytes()
    make(path, "renew-ca", **how, **GIVEN)
    assert (path / "certs/ca.pem").read_bytes() != old
    check_key(path)
    assert contents(path)["certs/ca-key.pem"] == before["certs/ca-key.pem"]
    make(path, **how)
    assert same_pairs(before, path)


@either
def test_status_and_check_offer_it_a_year_before_and_repeat_until_when_all_restart(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    aged(path, left=370 * DAY)
    assert run("tls-scaffold", "status", cwd=path).stderr == ""
    shutil.rmtree(path / "certs")
    shutil.rmtree(path / "issued")
    aged(path, left=360 * DAY)
    end = NOW + 360 * DAY

    offered = run("tls-scaffold", "status", cwd=path)
    assert offered.returncode == 0
    assert offered.stderr == f"next: make renew-ca\npage: {LAST_YEAR}\n"
    found = json.loads(run("tls-scaffold", "check", "--json", cwd=path).stdout)["findings"]
    (told,) = [each for each in found if each["id"] == "ca-ends"]
    assert (told["level"], "`make renew-ca`" in told["fix"]) == ("note", True)
    assert "`make renew-ca`" in make(path, "renew", SIGNER="cfssl").stderr

    make(path, "renew-ca", **SIGNERS[signer])

    shown = run("tls-scaffold", "status", cwd=path)
    assert shown.returncode == 0
    assert f"until {end:%Y-%m-%d %H:%M} UTC, when the one before ends, each member" in shown.stderr
    assert "can't be seen from outside" in shown.stderr
    assert "next:" not in shown.stderr
    (earlier,) = json.loads(run("tls-scaffold", "status", "--json", cwd=path).stdout)["earlier_cas"]
    assert earlier["ca"] == "certs/ca.pem"
    assert earlier["not_after"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
    assert earlier["days_left"] in (359, 360)
    assert (path / earlier["file"]).is_file()
    assert earlier["restart"] is True
    found = json.loads(run("tls-scaffold", "check", "--json", cwd=path).stdout)["findings"]
    assert [each["id"] for each in found] == ["ca-key-in-the-clear"]


def test_no_earlier_certificate_is_believed_that_another_key_signed(signed: Factory) -> None:
    path = signed(*SMALL)
    ca = x509.load_pem_x509_certificate((path / "certs/ca.pem").read_bytes())
    forged = (
        x509.CertificateBuilder(ca.issuer, ca.subject, ca.public_key(), 1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    pem = forged.public_bytes(serialization.Encoding.PEM)
    (path / "issued/ca-0123456789.pem").write_bytes(pem)
    assert "signed again" not in run("tls-scaffold", "status", cwd=path).stderr


def test_what_ended_holds_nobody_up(folder: Factory) -> None:
    path = folder(*SMALL)
    aged(path, left=datetime.now(timezone.utc) - NOW + timedelta(minutes=4))
    make(path, "renew-ca", SIGNER="tls-scaffold")
    assert "was signed again" in run("tls-scaffold", "status", cwd=path).stderr
    later = datetime.now(timezone.utc) + timedelta(minutes=6)
    assert status.status(path, timedelta(), later).earlier == ()


@either
def test_a_ca_that_has_ended_is_signed_again_and_that_members_hold_it_is_told(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    aged(path, left=DAY)
    key, certificate = path / "certs/ca-key.pem", path / "certs/ca.pem"
    # The same CA a day later: with its key, and a certificate that has ended.
    certs.ca(path, begin=NOW - 10 * YEAR - DAY, key=certs.ca_key(path))
    shutil.copy(certificate, path / "certs/trust.pem")
    told = make(path, "req", code=2, SIGNER="cfssl").stderr
    assert "has ended" in told
    assert "`make renew-ca`" in told
    assert "next: make renew-ca\n" in run("tls-scaffold", "status", cwd=path).stderr
    whole = key.read_bytes()

    done = make(path, "renew-ca", **SIGNERS[signer])

    assert "what runs takes nothing until it has the new certs/trust.pem" in done.stdout
    clock = "warning: `certs/ca.pem` has ended, by this machine's clock"
    assert done.stderr.startswith(clock) or f"\n{clock}" in done.stderr
    assert key.read_bytes() == whole
    make(path, "req", **SIGNERS[signer])
    assert faults(path) == []


@either
def test_a_clock_that_is_behind_the_ca_s_beginning_signs_none_again(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    certs.ca(path, begin=NOW + DAY)
    make(path, "ca", SIGNER="cfssl")
    before = contents(path)

    told = make(path, "renew-ca", code=2, **SIGNERS[signer]).stderr

    assert "error: `certs/ca.pem` begins " in told
    assert "later than this machine's clock says" in told
    assert contents(path) == before


def test_the_clock_is_doubted_before_anything_is_written(folder: Factory) -> None:
    path = folder(*SMALL)
    aged(path, left=DAY)

    assert list(renewca.doubts(path, NOW)) == []
    (doubt,) = renewca.doubts(path, NOW + 2 * DAY)
    assert doubt.startswith("`certs/ca.pem` has ended, by this machine's clock, ")
    with pytest.raises(ScaffoldError, match="later than this machine's clock says"):
        renewca.renew_ca(path, CAPassword(None), NOW - 11 * YEAR)


@either
def test_what_was_cut_to_the_old_end_is_named_and_renewed_when_it_is_due(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL)
    aged(path, left=20 * DAY)  # so that the own signer cuts a year to that
    assert make(path, "renew", SIGNER="cfssl").stdout == "nothing expires within 30 days\n"
    before = contents(path)
    done = make(path, "renew-ca", **SIGNERS[signer])
    for name in names(path):
        assert f"`certs/{name}.pem`" in done.stderr
    assert "with the old one" in done.stderr
    make(path, **SIGNERS[signer])
    assert same_pairs(before, path)
    assert "next: make renew\n" in run("tls-scaffold", "status", cwd=path).stderr
    make(path, "renew", **SIGNERS[signer])
    assert not same_pairs(before, path)
    assert faults(path) == []


def refused(path: Path, **how: Any) -> str:
    before = contents(path)
    done = make(path, "renew-ca", code=2, **how)
    assert contents(path) == before
    assert "Traceback" not in done.stderr
    return done.stderr


@either
def test_it_is_refused_with_what_helps_where_it_can_not_be_done(
    signed: Factory, folder: Factory, signer: str
) -> None:
    how = SIGNERS[signer]
    path = signed(*SMALL)
    key, ca = path / "certs/ca-key.pem", path / "certs/ca.pem"
    whole, certificate = key.read_bytes(), ca.read_bytes()
    key.write_bytes((path / "certs/alice-key.pem").read_bytes())
    assert "`certs/ca-key.pem` is not the key of `certs/ca.pem`" in refused(path, **how)
    key.unlink()
    told = refused(path, **how)
    assert "the key of `certs/ca.pem` is not here" in told
    assert "cfssl" not in told
    assert "`tls-scaffold restore FILE`); is it lost for good, `make regenerate YES=1`" in told
    key.write_bytes(whole)
    key.chmod(0o600)
    ca.unlink()
    assert "`certs/ca.pem` is missing" in refused(path, **how)
    ca.write_bytes(certificate)
    assert "makes the first one" in refused(folder(*SMALL, name="new"), **how)
    # Below another CA, and brought.
    other = folder(*SMALL, name="company")
    certs.ca(other)
    below = folder(*SMALL, name="below")
    certs.ca(below, above=other)
    assert "`certs/ca.pem` is no root: another CA signed it" in refused(below, **how)
    brought = folder(*SMALL, name="brought")
    words = ("sync", "--ca", str(ca), "--ca-key", str(key))
    done = run(str(BIN / "tls-scaffold"), *words, cwd=brought)
    assert done.returncode == 0, done.stderr
    assert "`tls-scaffold sync --ca FILE` brings the new" in refused(brought, **how)


def test_a_name_that_cfssl_would_write_otherwise_is_left_to_the_own_signer(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder(*SMALL)
    words = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "300")
    files = ("-keyout", str(path / "certs/ca-key.pem"), "-out", str(path / "certs/ca.pem"))
    (path / "certs").mkdir(mode=0o700)
    openssl("req", "-x509", *words, *files, "-subj", "/CN=a CA/O=first/emailAddress=a@example.com")
    make(path, SIGNER="cfssl")
    before = contents(path)
    told = refused(path, SIGNER="cfssl")
    assert "`make renew-ca SIGNER=tls-scaffold` writes its name as it is" in told
    old = (path / "certs/ca.pem").read_bytes()
    make(path, "renew-ca", SIGNER="tls-scaffold")
    assert same_pairs(before, path)
    new = (path / "certs/ca.pem").read_bytes()
    assert new != old
    for name in names(path):
        assert verifies(new, path / f"certs/{name}.pem", tmp_path)


@either
def test_what_each_ca_signed_is_recorded_under_its_own_next_certificate(
    folder: Factory, signer: str
) -> None:
    path, how = folder(*SMALL, "--key", "ecdsa-256", "--peer-ca"), SIGNERS[signer]
    other = folder(*SMALL, name="other")
    certs.ca(other, cn="peers of Autogenerated CA", life=5 * YEAR)
    certs.ca(path, life=5 * YEAR)
    edit(path / "Makefile", "-profile client", "-profile 'client'")  # as sh hands it on
    for ending in (".pem", "-key.pem"):
        shutil.copy(other / f"certs/ca{ending}", path / f"certs/peer-ca{ending}")
    make(path, SIGNER="cfssl")
    before, record = contents(path), set((path / "issued").iterdir())
    trust = path / "certs/peer-trust.pem"
    both = trust.read_bytes() + (path / "certs/trust.pem").read_bytes()
    trust.write_bytes(both)
    done = make(path, "renew-ca", **how)
    assert "`certs/peer-trust.pem` is not `certs/peer-ca.pem` alone, and stays" in done.stderr
    assert trust.read_bytes() == both
    assert (path / "certs/trust.pem").read_bytes() == (path / "certs/ca.pem").read_bytes()
    noted = [each.name for each in set((path / "issued").iterdir()) - record]
    # Each CA, and each pair once: under the CA that signed it.
    words = sorted(each.removeprefix("peer-").split("-")[0] for each in noted)
    assert words == ["alice", "ca", "ca", "etcd1", "etcd1"]
    make(path, SIGNER="cfssl")
    make(path, SIGNER="tls-scaffold")
    assert same_pairs(before, path)
    told = run("tls-scaffold", "status", cwd=path).stderr
    for ca in ("ca", "peer-ca"):
        assert f"`certs/{ca}.pem` was signed again: until " in told
    # One that can't be renewed keeps the other from being: both, or none.
    (path / "certs/peer-ca-key.pem").write_bytes((path / "certs/alice-key.pem").read_bytes())
    assert "`certs/peer-ca-key.pem` is not the key of" in refused(path, **how)
    (path / "certs/peer-ca-key.pem").unlink()
    refused(path, **how)


@either
def test_a_file_of_several_that_others_trust_stays_and_is_told(
    signed: Factory, folder: Factory, signer: str
) -> None:
    path, other = signed(*SMALL), folder(*SMALL, name="other")
    certs.ca(other)
    trust = path / "certs/trust.pem"
    both = trust.read_bytes() + (other / "certs/ca.pem").read_bytes()
    trust.write_bytes(both)
    done = make(path, "renew-ca", **SIGNERS[signer])
    assert "`certs/trust.pem` is not `certs/ca.pem` alone, and stays" in done.stderr
    assert trust.read_bytes() == both


def test_json_tells_what_was_done(signed: Factory) -> None:
    path = signed(*SMALL)
    old = x509.load_pem_x509_certificate((path / "certs/ca.pem").read_bytes())
    done = run(str(BIN / "tls-scaffold"), "renew-ca", "--json", cwd=path)
    document = json.loads(done.stdout)
    assert document["command"] == "renew-ca"
    new = x509.load_pem_x509_certificate((path / "certs/ca.pem").read_bytes())
    ends = {"not_after": new.not_valid_after_utc, "until": old.not_valid_after_utc}
    told = {name: f"{end:%Y-%m-%dT%H:%M:%SZ}" for name, end in ends.items()}
    assert document["renewed"] == [{"ca": "certs/ca.pem", **told}]
    assert document["signed"] == ["certs/ca.pem"]
    assert document["written"] == ["certs/ca.pem", "certs/trust.pem"]
    assert (path / document["archive"] / "certs/ca.pem").is_file()


@pytest.mark.parametrize(
    ("version", "signer"),
    [
        pytest.param(
            name,
            signer,
            marks=pytest.mark.needs("etcd", "etcdctl", within=BUILT[f"newest {name}"]),
        )
        for name, signer in (("3.5", "cfssl 1.2"), ("3.6", "own"))
    ],
)
def test_a_cluster_and_a_client_that_hold_the_old_one_go_on(
    folder: Factory, tmp_path: Path, version: str, signer: str
) -> None:
    words = ("--users", "alice", "--proxies", "0", "--key", "ecdsa-256")
    path = folder("--members", "127.0.0.1", *words)
    old = aged(path)
    (tmp_path / "old.pem").write_bytes(old)
    with_old: dict[str, Any] = {"ETCDCTL_CACERT": str(tmp_path / "old.pem")}
    with live(path, tmp_path / "data", with_tools=tools(BUILT[f"newest {version}"])) as on:
        assert on.ctl("put", "/a", "1", user="alice", **with_old).returncode == 0
        make(path, "renew-ca", **SIGNERS[signer])
        both: tuple[dict[str, Any], ...] = (with_old, {})
        for trusted in both:
            assert on.ctl("put", "/a", "2", user="alice", **trusted).returncode == 0
        # Its member shows the new pair at the next handshake, and holds the old CA in memory.
        make(path, "req", **SIGNERS[signer])
        for trusted in both:
            done = on.ctl("put", "/a", "3", user="alice", **trusted)
            assert (done.returncode, done.stdout) == (0, "OK\n"), done.stderr
        assert on.said("get", "/a", user="alice") == "/a\n3\n"
