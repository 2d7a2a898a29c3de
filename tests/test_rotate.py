"""One CA takes the place of another: old and new are taken by whoever trusts either."""

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import certs
from conftest import Factory
from kept import same_pairs
from revoking import listed, revoke, serial
from rotating import (
    ALONE,
    OUR_WORDS,
    alone,
    ca_keys,
    has_nothing_to_sign,
    is_whole,
    refused,
    rotate,
    takes,
)
from support import OURS, contents, make, names, openssl, read, run, tls_scaffold
from test_custody_encrypted import ENCRYPTED, GIVEN, SIGNERS, check_key
from test_questions import Terminal
from tls_scaffold.commands import rotate as command
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.rotationgates import Step
from tls_scaffold.paths import (
    CA,
    CA_KEYS,
    CA_REQUESTS,
    CHAINS,
    OLD_CA_KEYS,
    OLD_CAS,
    PEER_CA,
    TRUSTS,
)
from tls_scaffold.signing.rotation import Rotation, Stage, rotation_of
from tls_scaffold.signing.signer import utc_now

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


@dataclass(frozen=True)
class Case:
    """A folder to rotate in, and what is given to each command."""

    words: tuple[str, ...]
    ca: str = CA
    of_start: tuple[str, ...] = ()
    leaf: str = "certs/alice.pem"
    given: tuple[tuple[str, Any], ...] = ()


PEERS = (*OUR_WORDS, "--peer-ca")
PLAIN = Case(OUR_WORDS)
ENCRYPTED_CASE = Case(ENCRYPTED, given=tuple(GIVEN.items()))
OF_PEERS = Case(PEERS, PEER_CA, ("--peer-ca",), leaf="certs/peer-etcd1.pem")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(PLAIN, id="plain"),
        pytest.param(ENCRYPTED_CASE, id="encrypted", marks=pytest.mark.long),
        pytest.param(OF_PEERS, id="of peers"),
        pytest.param(Case(PEERS), id="beside peers", marks=pytest.mark.long),
    ],
)
def test_whoever_is_to_be_taken_is_taken_at_each_stage(
    folder: Factory, tmp_path: Path, case: Case
) -> None:
    path, given = folder(*case.words), dict(case.given)
    make(path, SIGNER="cfssl", **given)
    tls_scaffold("bundle", cwd=path)
    before, keys = contents(path), ca_keys(path)
    old_leaf, old = (path / case.leaf).read_bytes(), (path / case.ca).read_bytes()

    def taken() -> list[bool]:
        """Return who takes whom: old and new trust, each an old and a new leaf."""
        new, leaf = (path / case.ca).read_bytes(), (path / case.leaf).read_bytes()
        both = [(trust, each) for trust in (old, new) for each in (old_leaf, leaf)]
        return [takes(trust, each, tmp_path) for trust, each in both]

    if case.given:
        assert "CFSSL_CA_PK_PASSWORD" in refused(path, "start")
    said = rotate(path, "start", *case.of_start, **given)
    assert f"signed {case.leaf}" in said.stdout
    assert taken() == [True, True, False, True]
    both = (path / TRUSTS[case.ca]).read_bytes()
    replaced = (path / case.leaf).read_bytes()
    assert takes(both, old_leaf, tmp_path)
    assert takes(both, replaced, tmp_path)
    assert read(path / case.ca).cn.endswith("CA 2")
    assert bundled(path, case) == [replaced, both]
    check_old_ca_is_kept(path, case, before)
    is_well(path)

    rotate(path, "trust")
    new = (path / case.ca).read_bytes()
    assert (path / TRUSTS[case.ca]).read_bytes() == new
    assert bundled(path, case) == [replaced, new]
    assert taken() == [True, True, False, True]
    has_nothing_to_sign(path)

    rotate(path, "finish")
    assert taken() == [True, False, False, True]
    leaf = (path / case.leaf).read_bytes()
    assert replaced.startswith(leaf)
    assert bundled(path, case) == [leaf, new]
    for gone in (OLD_CAS[case.ca], OLD_CA_KEYS[case.ca], CHAINS[case.ca]):
        assert not (path / gone).exists()
        assert len(list(path.glob(f"archive/*/{gone}"))) == 1
    assert rotation_of(path) is None
    assert keys < ca_keys(path)
    is_well(path)


def bundled(path: Path, case: Case) -> list[bytes]:
    """Return the leaf of a case and the trust file beside it, as they are laid out."""
    place = path / "dist" / ("alice" if case.ca == CA else "etcd1")
    trust = "ca.pem" if case.ca == CA else "peer-ca.pem"
    return [(place / Path(case.leaf).name).read_bytes(), (place / trust).read_bytes()]


def check_old_ca_is_kept(path: Path, case: Case, before: dict[str, bytes | str]) -> None:
    """Check that the old CA stands beside the new one, and in the archive with all it signed."""
    assert contents(path)[OLD_CAS[case.ca]] == before[case.ca]
    assert contents(path)[OLD_CA_KEYS[case.ca]] == before[CA_KEYS[case.ca]]
    if case.given:
        check_key(path)
        check_key(path, ca="old-ca")
    (shelf,) = path.glob("archive/2*")
    for name, content in before.items():
        if name.startswith("certs/") or name in (CA_REQUESTS[case.ca], "tls-scaffold.json"):
            assert (shelf / name).read_bytes() == content, name


def is_well(path: Path) -> None:
    """Check that a folder is whole, and that no command finds anything wrong with it."""
    is_whole(path)
    has_nothing_to_sign(path)
    for words in (("status",), ("check",), ("sync", "--check")):
        done = tls_scaffold(*words, cwd=path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("years", [1, 20])
def test_the_cross_certificate_has_the_new_ca_s_name_and_key_and_the_first_end(
    folder: Factory, years: int
) -> None:
    path = folder(*OUR_WORDS, "--organization", "Größe & Söhne, GmbH")
    certs.ca(path, life=years * certs.YEAR)
    make(path, SIGNER="tls-scaffold")
    rotate(path, "start")

    def shown(name: str, *words: str) -> str:
        return openssl("x509", "-noout", "-in", str(path / name), *words).partition("=")[2]

    # Go compares names byte by byte.
    exactly = ("-nameopt", "dump_der,dump_all")
    cross, new, old = CHAINS[CA], CA, OLD_CAS[CA]
    assert shown(cross, "-subject", *exactly) == shown(new, "-subject", *exactly)
    assert shown(cross, "-issuer", *exactly) == shown(old, "-subject", *exactly)
    for name in names(path):
        leaf = f"certs/{name}.pem"
        assert shown(leaf, "-issuer", *exactly) == shown(new, "-subject", *exactly)
    assert openssl("x509", "-noout", "-in", str(path / cross), "-pubkey") == openssl(
        "x509", "-noout", "-in", str(path / new), "-pubkey"
    )
    assert shown(cross, "-enddate") == shown(old if years == 1 else new, "-enddate")
    text = openssl("x509", "-noout", "-in", str(path / cross), "-text")
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE\n" in text
    assert "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n" in text
    identifiers = [
        openssl("x509", "-noout", "-in", str(path / name), "-ext", f"{whose}KeyIdentifier")
        for name, whose in ((cross, "authority"), (old, "subject"))
    ]
    key_of_cross, key_of_old = (each.split()[-1].removeprefix("keyid:") for each in identifiers)
    assert key_of_cross == key_of_old != ""


def test_what_is_added_meanwhile_has_the_cross_certificate_behind_it(
    signed: Factory, tmp_path: Path
) -> None:
    path = signed(*OUR_WORDS)
    old = (path / CA).read_bytes()
    rotate(path, "start")
    for name, signer in zip(("bob", "carol", "dave"), SIGNERS.values(), strict=True):
        tls_scaffold("add", name, cwd=path)
        make(path, **signer)
        assert takes(old, (path / f"certs/{name}.pem").read_bytes(), tmp_path), name
        assert takes((path / CA).read_bytes(), (path / f"certs/{name}.pem").read_bytes(), tmp_path)
    make(path, "req-bob", SIGNER="cfssl")
    assert takes(old, (path / "certs/bob.pem").read_bytes(), tmp_path)
    rotate(path, "trust")
    tls_scaffold("add", "erin", cwd=path)
    make(path, SIGNER="cfssl")
    rotate(path, "finish")
    has_nothing_to_sign(path)
    for name in names(path):
        assert (path / f"certs/{name}.pem").read_text().count("BEGIN") == 1


def test_the_steps_by_make_are_the_same(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    make(path, "rotate-start")
    assert rotation_of(path)
    assert "certs/trust.pem holds both" not in make(path, "rotate-trust", **ALONE).stdout
    assert make(path, "rotate-finish", **ALONE).stdout
    assert rotation_of(path) is None
    make(path, "rotate-start")
    make(path, "rotate-abort", **ALONE)
    assert rotation_of(path) is None


def test_each_step_is_said_again_where_it_was_done(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    for words in (["trust"], ["finish"], ["abort"]):
        assert "no CA of this folder is being replaced" in refused(path, *words)
    rotate(path, "start")
    for words in (["start"], ["start", "--compromised", "--yes"]):
        assert "the CA is being replaced (replacing)" in refused(path, *words)
    assert "`tls-scaffold rotate trust` comes first" in refused(path, "finish")
    assert "`tls-scaffold rotate trust` comes first" in refused(path, "finish", "--force")
    assert "being replaced" in refused(path, "start", "--peer-ca")
    rotate(path, "trust")
    before = contents(path)
    assert "held the new CA alone" in rotate(path, "trust").stdout
    assert contents(path) == before
    assert "the CA is being replaced (trusting)" in refused(path, "start")
    note = tls_scaffold("status", cwd=path).stderr
    assert "note: `certs/ca.pem` takes the place of `certs/old-ca.pem` (trusting)" in note


def test_what_a_step_did_is_said_to_programs_too(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    tls_scaffold("bundle", "alice", cwd=path)
    begun = utc_now()
    document = json.loads(rotate(path, "start", "--json").stdout)
    assert document["command"] == "rotate start"
    assert document["signed"] == ["certs/etcd1.pem", "certs/alice.pem"]
    assert (document["ca"], document["stage"]) == (CA, "replacing")
    assert document["next"] == ["tls-scaffold rotate trust"]
    assert document["bundles"] == ["alice"]
    life = timedelta(hours=87600)  # of a CA: two or three days less than ten years
    assert int(document["until"][:4]) in {(at + life).year for at in (begun, utc_now())}
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", document["until"])
    assert (path / document["archive"] / CA).exists()
    document = json.loads(rotate(path, "trust", "--json").stdout)
    assert (document["stage"], document["written"]) == ("trusting", [TRUSTS[CA]])
    assert json.loads(rotate(path, "trust", "--json").stdout)["changed"] is False
    document = json.loads(rotate(path, "finish", "--json").stdout)
    assert (document["stage"], document["archived"]) == (None, [OLD_CAS[CA], CHAINS[CA]])
    error = json.loads(rotate(path, "finish", "--json", code=1).stdout)["error"]
    assert error["exit_code"] == 1
    rotate(path, "start")
    document = json.loads(rotate(path, "abort", "--json").stdout)
    assert (document["command"], document["stage"]) == ("rotate abort", None)


def test_an_abort_brings_back_what_was(signed: Factory, tmp_path: Path) -> None:
    path = signed(*OUR_WORDS)
    before, old = contents(path), (path / CA).read_bytes()
    rotate(path, "start")
    new_key = (path / "certs/ca-key.pem").read_bytes()
    handed_out = (path / "certs/alice.pem").read_bytes()
    tls_scaffold("add", "bob", cwd=path)
    make(path, SIGNER="cfssl")

    said = rotate(path, "abort").stdout

    assert "put certs/alice.pem back" in said
    assert "signed certs/bob.pem" in said
    after = contents(path)
    assert {name: after[name] for name in before if name.startswith("certs/")} == {
        name: text for name, text in before.items() if name.startswith("certs/")
    }
    assert after["config/ca-csr.json"] == before["config/ca-csr.json"]
    assert json.loads(after["tls-scaffold.json"])["ca_generation"] == 1
    assert {name for name in after if name.startswith("certs/")} - set(before) == {
        *(f"certs/bob{ending}" for ending in (".pem", "-key.pem", ".csr"))
    }
    assert takes(old, (path / "certs/bob.pem").read_bytes(), tmp_path)
    assert takes(old, handed_out, tmp_path)
    assert new_key in ca_keys(path)
    is_whole(path)
    has_nothing_to_sign(path)
    assert tls_scaffold("status", cwd=path).returncode == 0
    assert tls_scaffold("sync", "--check", cwd=path).returncode == 0


def test_an_edited_request_is_signed_again_by_the_old_ca(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    request = path / "config/req-alice.json"
    request.write_text(request.read_text().replace('"alice"', '"Alice"'))
    said = rotate(path, "abort").stdout
    assert "put certs/etcd1.pem back" in said
    assert "signed certs/alice.pem" in said
    assert read(path / "certs/alice.pem").cn == "Alice"
    has_nothing_to_sign(path)


@pytest.mark.parametrize(
    "way",
    ["rotate", "regenerate cfssl", pytest.param("regenerate own", marks=pytest.mark.long)],
)
def test_the_number_of_a_ca_that_was_given_up_is_not_given_again(signed: Factory, way: str) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    rotate(path, "abort")
    if way == "rotate":
        rotate(path, "start")
    else:
        make(path, "regenerate", SIGNER="cfssl" if "cfssl" in way else "tls-scaffold")
    assert read(path / CA).cn == "Autogenerated CA 3"
    assert json.loads((path / "tls-scaffold.json").read_text())["ca_generation"] == 3
    has_nothing_to_sign(path)


@pytest.mark.parametrize("signer", ["cfssl 1.2", pytest.param("own", marks=pytest.mark.long)])
def test_the_two_cas_have_numbers_of_their_own(signed: Factory, signer: str) -> None:
    path = signed(*OUR_WORDS, "--peer-ca")

    def cns() -> list[str]:
        return [read(path / ca).cn for ca in (CA, PEER_CA)]

    def rotated(*words: str) -> None:
        rotate(path, "start", *words)
        rotate(path, "trust")
        rotate(path, "finish")
        assert tls_scaffold("check", cwd=path).returncode == 0
        assert tls_scaffold("sync", "--check", cwd=path).returncode == 0

    ours, peers = "Autogenerated CA", "peers of Autogenerated CA"
    rotated()
    assert cns() == [f"{ours} 2", peers]
    rotated("--peer-ca")
    assert cns() == [f"{ours} 2", f"{peers} 2"]
    rotated("--peer-ca")
    assert cns() == [f"{ours} 2", f"{peers} 3"]
    rotate(path, "start")
    rotate(path, "abort")
    make(path, "regenerate", **SIGNERS[signer])
    assert cns() == [f"{ours} 4", f"{peers} 4"]
    has_nothing_to_sign(path)
    assert tls_scaffold("check", cwd=path).returncode == 0
    assert tls_scaffold("sync", "--check", cwd=path).returncode == 0


def test_a_ca_that_was_compromised_is_trusted_by_nobody(signed: Factory, tmp_path: Path) -> None:
    path = signed(*OUR_WORDS)
    before, old = contents(path), (path / CA).read_bytes()
    said = refused(path, "start", "--compromised")
    assert "a cluster that runs is interrupted" in said
    assert "there is no terminal to ask on" in said

    done = rotate(path, "start", "--compromised", "--yes")

    assert "1. members: " in done.stderr
    assert "2. clients: " in done.stderr
    new = (path / CA).read_bytes()
    assert (path / TRUSTS[CA]).read_bytes() == new
    for name in names(path):
        leaf = (path / f"certs/{name}.pem").read_bytes()
        assert leaf.count(b"BEGIN") == 1
        assert takes(new, leaf, tmp_path)
        assert not takes(old, leaf, tmp_path)
    assert not list(path.glob("certs/old-*"))
    assert not (path / CHAINS[CA]).exists()
    (shelf,) = path.glob("archive/2*")
    assert (shelf / "certs/ca-key.pem").read_bytes() == before["certs/ca-key.pem"]
    assert rotation_of(path) is None
    is_whole(path)
    has_nothing_to_sign(path)


def test_others_that_are_trusted_stay_trusted(signed: Factory, tmp_path: Path) -> None:
    path, company = signed(*OUR_WORDS), tmp_path / "company"
    certs.root(company)
    theirs = (company / CA).read_bytes()
    old = (path / CA).read_bytes()
    (path / TRUSTS[CA]).write_bytes(old + theirs)
    rotate(path, "start")
    new = (path / CA).read_bytes()
    assert (path / TRUSTS[CA]).read_bytes() == new + old + theirs
    rotate(path, "trust")
    assert (path / TRUSTS[CA]).read_bytes() == new + theirs
    (path / TRUSTS[CA]).write_bytes(new + old + theirs)
    rotate(path, "abort")
    assert (path / TRUSTS[CA]).read_bytes() == old + theirs


def test_a_trust_file_that_is_lost_comes_back_with_both(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    both = (path / TRUSTS[CA]).read_bytes()
    for signer in ("cfssl 1.2", "own"):
        (path / TRUSTS[CA]).unlink()
        make(path, **SIGNERS[signer])
        assert (path / TRUSTS[CA]).read_bytes() == both, signer


def test_what_lies_elsewhere_and_a_group_s_keys_go_along(folder: Factory) -> None:
    path = folder(*OUR_WORDS)
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    inventory["users"][0]["output"] = "apps/alice/client"
    inventory["key_group"] = "0"
    (path / "tls-scaffold.json").write_text(json.dumps(inventory, indent=2))
    tls_scaffold("sync", cwd=path)
    make(path, SIGNER="cfssl")
    before = contents(path)

    def modes() -> list[int]:
        keys = ("apps/alice/client-key.pem", "certs/etcd1-key.pem", "certs/ca-key.pem")
        return [(path / key).stat().st_mode & 0o777 for key in keys]

    assert modes() == [0o640, 0o640, 0o600]
    rotate(path, "start")
    assert modes() == [0o640, 0o640, 0o600]
    assert (path / "certs/old-ca-key.pem").stat().st_mode & 0o777 == 0o600
    (shelf,) = path.glob("archive/2*")
    assert (shelf / "apps/alice/client.pem").read_bytes() == before["apps/alice/client.pem"]
    assert (path / "apps/alice/client.pem").read_text().count("BEGIN") == 2
    has_nothing_to_sign(path)
    aborted = shutil.copytree(path, path.with_name("aborted"), symlinks=True)
    rotate(aborted, "abort")
    after = contents(aborted)
    pairs = [name for name in before if name.startswith(("certs/", "apps/"))]
    assert {name: after[name] for name in pairs} == {name: before[name] for name in pairs}
    assert (aborted / "apps/alice/client-key.pem").stat().st_mode & 0o777 == 0o640
    rotate(path, "trust")
    rotate(path, "finish")
    assert (path / "apps/alice/client.pem").read_text().count("BEGIN") == 1
    assert modes() == [0o640, 0o640, 0o600]
    has_nothing_to_sign(path)


BY_HAND = """all: ca req
ca:
\tmkdir -p certs
\tcfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca
req:
\t$(sign) config/req-csr.json | cfssljson -bare certs/etcd1
\t$(sign) -profile client config/req-alice.json | cfssljson -bare certs/alice
sign = cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json
"""


def test_a_folder_that_was_adopted_is_as_any_other(folder: Factory, tmp_path: Path) -> None:
    path = tmp_path / "by-hand"
    shutil.copytree(folder(*OUR_WORDS) / "config", path / "config")
    (path / "Makefile").write_text(BY_HAND)
    make(path)
    old, leaf = (path / CA).read_bytes(), (path / "certs/alice.pem").read_bytes()
    for words in (("adopt",), ("sync",)):
        done = tls_scaffold(*words, cwd=path)
        assert done.returncode == 0, done.stderr
    rotate(path, "start")
    assert takes(old, (path / "certs/alice.pem").read_bytes(), tmp_path)
    has_nothing_to_sign(path)
    rotate(path, "abort")
    assert (path / "certs/alice.pem").read_bytes() == leaf
    rotate(path, "start")
    rotate(path, "trust")
    rotate(path, "finish")
    has_nothing_to_sign(path)
    assert tls_scaffold("status", cwd=path).returncode == 0


def test_bundles_are_made_anew_in_the_forms_that_they_have(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    tls_scaffold("bundle", "etcd1", "--at", "/srv/etcd", "--kubernetes", cwd=path)
    given: dict[str, Any] = {"TLS_SCAFFOLD_P12_PASSWORD": "correct-horse"}
    done = run(OURS, "bundle", "alice", "--tar", "--p12", cwd=path, **given)
    assert done.returncode == 0, done.stderr
    before = contents(path)
    said = rotate(path, "start")
    assert "made dist/etcd1 anew" in said.stdout
    assert "warning: `dist/alice`: --p12 needs" in said.stderr
    after = contents(path)
    assert after["dist/etcd1/etcd.env"] == before["dist/etcd1/etcd.env"]
    assert (path / "dist/etcd1/ca.pem").read_bytes() == after["certs/trust.pem"]
    (secret,) = (path / "dist/etcd1").glob("*.secret.yaml")
    leaf = base64.b64encode((path / "certs/etcd1.pem").read_bytes()).decode()
    assert leaf[:200] in secret.read_text().replace("\n", "").replace(" ", "")
    told = refused(path, "trust")
    assert "`dist/alice/alice.pem` is a certificate of the old CA" in told
    assert "`dist/alice/ca.pem` trusts the old CA, and not the new one" in told
    assert "made dist/alice anew" in rotate(path, "start", **given).stdout
    assert contents(path)["dist/alice.tar.gz"] != before["dist/alice.tar.gz"]
    assert "is being replaced (replacing)" in refused(path, "start")
    rotate(path, "trust")


def test_a_bundle_that_can_t_be_laid_out_is_named(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    tls_scaffold("bundle", cwd=path)
    (path / "dist/etcd1/notes.txt").write_text("ours\n")
    before = (path / "dist/etcd1/etcd1.pem").read_bytes()
    said = rotate(path, "start")
    assert "made dist/alice anew" in said.stdout
    assert "`dist/etcd1` holds what no bundle brings: `notes.txt`" in said.stderr
    assert (path / "dist/etcd1/etcd1.pem").read_bytes() == before
    told = refused(path, "trust")
    assert "`dist/etcd1/etcd1.pem` is a certificate of the old CA" in told
    assert "`dist/etcd1/ca.pem` trusts the old CA, and not the new one" in told
    (path / "dist/etcd1/notes.txt").unlink()
    tls_scaffold("bundle", "etcd1", cwd=path)
    rotate(path, "trust")


def test_no_pair_comes_back_that_was_revoked_meanwhile(signed: Factory) -> None:
    path = signed(*OUR_WORDS, "--crl")
    before = contents(path)
    old = serial(path / "certs/etcd1.pem")
    rotate(path, "start")
    revoke(path, old)
    said = rotate(path, "abort")
    assert "signed certs/etcd1.pem" in said.stdout
    assert "put certs/alice.pem back" in said.stdout
    assert contents(path)["certs/alice.pem"] == before["certs/alice.pem"]
    assert serial(path / "certs/etcd1.pem") not in listed(path)
    openssl("verify", "-CAfile", str(path / "certs/ca.pem"), str(path / "certs/etcd1.pem"))
    has_nothing_to_sign(path)
    assert tls_scaffold("check", cwd=path).returncode == 0


@pytest.mark.parametrize("step", ["status", "start", "trust", "finish", "abort"])
def test_a_clone_without_keys_does_not_say_that_no_ca_follows_another(
    signed: Factory, step: str
) -> None:
    path = signed(*OUR_WORDS)
    for name in ("certs", "archive"):
        shutil.rmtree(path / name, ignore_errors=True)
    said = refused(path, step)
    assert "error: the CA is on record, and not here" in said
    assert "`tls-scaffold restore FILE`" in said
    # Where its key is kept elsewhere none follows another, here or there.
    inventory = path / "tls-scaffold.json"
    kept_elsewhere = {**json.loads(inventory.read_text()), "ca": {"key": "offline"}}
    inventory.write_text(json.dumps(kept_elsewhere))
    done = tls_scaffold("rotate", step, cwd=path)
    assert "on record" not in done.stderr
    assert done.returncode == (0 if step == "status" else 1)


def test_nobody_goes_back_to_a_ca_that_has_ended(signed: Factory, tmp_path: Path) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    (tmp_path / "certs").mkdir()
    shutil.copy(path / "certs/old-ca-key.pem", tmp_path / "certs/ca-key.pem")
    key = certs.ca_key(tmp_path)
    certs.ca(tmp_path, begin=certs.NOW - 3 * certs.DAY, life=certs.DAY, key=key)
    for place in ("certs/old-ca.pem", "issued/ca-0123456789.pem"):
        shutil.copy(tmp_path / "certs/ca.pem", path / place)
    said = refused(path, "abort")
    assert "error: `certs/old-ca.pem` ended " in said
    assert "go on with the new: `tls-scaffold rotate status` says how" in said
    rotate(path, "trust")
    rotate(path, "finish")


def test_who_is_revoked_is_told_where_the_new_ca_lets_him_in_again(signed: Factory) -> None:
    path = signed(*OUR_WORDS, "--crl")
    revoke(path, "alice")
    said = rotate(path, "start").stderr
    assert "warning: `certs/alice.pem` was revoked, and members take the new one: if it is" in said
    assert "`tls-scaffold remove --revoke alice`" in said.replace("\n  ", " ")
    assert said.count(" was revoked, ") == 1


def test_a_member_s_second_pair_that_is_revoked_goes_with_its_member(signed: Factory) -> None:
    path = signed(*OUR_WORDS, "--peer-ca")
    make(path, SIGNER="tls-scaffold")
    revoke(path, "--force", str(path / "certs/peer-etcd1.pem"))
    said = rotate(path, "start", "--peer-ca").stderr.replace("\n  ", " ")
    assert "`certs/peer-etcd1.pem` was revoked" in said
    assert "`tls-scaffold remove --revoke etcd1`" in said


def test_a_ca_that_somebody_laid_beside_is_neither_trusted_nor_put_in_place(
    signed: Factory,
) -> None:
    path = signed(*OUR_WORDS)
    strange = path.with_name("strange")
    certs.ca(strange, cn="stranger")
    shutil.copy(strange / CA, path / OLD_CAS[CA])
    shutil.copy(strange / CA_KEYS[CA], path / OLD_CA_KEYS[CA])
    (path / TRUSTS[CA]).unlink()
    make(path)
    assert (path / TRUSTS[CA]).read_bytes() == (path / CA).read_bytes()
    shutil.copy(strange / CA, path / CHAINS[CA])
    named = "certs/old-ca.pem: it is no CA that the record, `issued/`, has"
    for words in (["abort"], ["trust"], ["finish"], ["start"], ["status"]):
        assert f"none of this folder's: nothing was changed\n  {named}" in refused(path, *words)
    assert f"note: {named}" in tls_scaffold("status", cwd=path).stderr
    assert named in tls_scaffold("renew-ca", cwd=path).stderr


def test_what_is_no_certificate_where_the_old_ca_would_be_is_told_by_name(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    (path / OLD_CAS[CA]).write_text("junk\n")
    named = "certs/old-ca.pem: it holds no certificate"
    for words in (["start"], ["finish", "--force"]):
        assert named in refused(path, *words)
    assert f"note: {named}: move it away, or put back" in tls_scaffold("status", cwd=path).stderr
    has_nothing_to_sign(path)


def test_commands_are_told_with_the_folder_that_was_named(signed: Factory) -> None:
    path = signed(*OUR_WORDS)

    def told(*words: str, code: int = 0) -> str:
        at = ("-C", path.name, "rotate", *alone(*words))
        done = run(OURS, *at, cwd=path.parent)
        assert done.returncode == code, done.stderr
        return done.stderr

    ours = f"`tls-scaffold -C {path.name} rotate"
    assert f"hint: {ours} start` begins" in told("finish", code=1)
    assert f"{ours} trust`" in told("start")
    assert f"{ours} trust`; {ours} abort` goes back" in told("start", code=1)
    assert f"{ours} trust` comes first" in told("finish", code=1)
    assert f"{ours} finish`" in told("trust")
    document = json.loads(
        run(OURS, "-C", path.name, "revoke", "etcd1", "--json", cwd=path.parent).stdout
    )
    assert document["error"]["hint"].startswith("`--sign-again` gives")
    said = run(OURS, "-C", path.name, "revoke", cwd=path.parent).stderr
    assert f"hint: `tls-scaffold -C {path.name} sync --crl` gives members" in said
    assert "hint: `tls-scaffold sync --crl` gives" in run(OURS, "revoke", cwd=path).stderr


def test_who_is_here_is_asked_before_a_cluster_is_interrupted(
    signed: Factory,
) -> None:
    path = signed(*OUR_WORDS)
    before = contents(path)
    question = "Give the old CA up at once? [y/N]: "
    for answer, code in (("\n", 1), ("n\n", 1), ("y\n", 0)):
        on = Terminal(path, "start", "--compromised", command="rotate")
        shown = on.shown_until(question)
        assert "a cluster that runs is interrupted" in shown
        on.answer(answer)
        ended, rest = on.end()
        assert ended == code, rest
        assert ("Aborted!" in rest) == bool(code)
        assert (contents(path) == before) == bool(code)
    assert "signed certs/etcd1.pem" in rest


def test_what_hangs_on_the_old_ca_keeps_it(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    old = (path / "certs/alice.pem").read_bytes()
    rotate(path, "start")
    rotate(path, "trust")
    (path / "certs/left.pem").write_bytes(old)
    told = run(OURS, "rotate", "finish", cwd=path, **{**ALONE, "TLS_SCAFFOLD_FORCE": ""})
    assert told.returncode == 1
    assert "  `etcd1` can't be reached: connection refused" in told.stderr
    assert "  `certs/left.pem` is a certificate of the old CA\n" in told.stderr
    assert rotation_of(path)
    forced = rotate(path, "finish", "--force").stderr
    assert "warning: `certs/left.pem` is a certificate of the old CA" in forced
    assert rotation_of(path) is None


def test_a_member_that_holds_a_step_up_is_told_with_the_files_that_do(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    old = (path / "certs/alice.pem").read_bytes()
    rotate(path, "start")
    (path / "certs/left.pem").write_bytes(old)
    asked: list[Step] = []

    def ask(_rotation: Rotation, step: Step) -> tuple[str, ...]:
        asked.append(step)
        raise ScaffoldError("a member", ["it does not do that"], "mend it")

    def reasons(step: Callable[[], object]) -> list[str]:
        before = contents(path)
        with pytest.raises(ScaffoldError) as raised:
            step()
        assert contents(path) == before
        return [each.message for each in raised.value.problems]

    hangs = "`certs/left.pem` is a certificate of the old CA"
    assert reasons(lambda: command.trust(path, utc_now(), ask)) == ["it does not do that", hangs]
    means: Any = None
    assert reasons(lambda: command.abort(path, means, utc_now(), ask)) == ["it does not do that"]
    (path / "certs/left.pem").unlink()
    assert command.trust(path, utc_now(), lambda *_: ("a warning",)).warnings == ("a warning",)
    (path / "certs/left.pem").write_bytes(old)
    assert reasons(lambda: command.finish(path, utc_now(), ask)) == ["it does not do that", hangs]
    # By force a file may hang on it, and no member that was seen.
    forced = reasons(lambda: command.finish(path, utc_now(), ask, is_forced=True))
    assert forced == ["it does not do that"]
    assert asked == [Step.TRUST, Step.ABORT, Step.FINISH, Step.FINISH]


def test_going_back_is_right_while_each_member_takes_both(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    before = contents(path)
    rotate(path, "start")
    rotate(path, "trust")
    _, turned = command.abort(path, None, utc_now())  # type: ignore[arg-type]
    assert turned.stage is None
    assert same_pairs(before, path)
    assert (path / TRUSTS[CA]).read_bytes() == before[TRUSTS[CA]]


def test_what_can_t_be_used_in_its_place_is_refused(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    (path / CHAINS[CA]).unlink()
    rotation = rotation_of(path)
    assert rotation
    assert rotation.stage is Stage.FINISHING
    assert "put it back" in refused(path, "finish")
    assert "put it back" in refused(path, "abort")
    assert "put it back" in refused(path, "trust")


REFUSED = {
    "remote": ("http://127.0.0.1:9 sign for this folder", "docs/ca-rotation.md"),
    "a linked request": ("`config/ca-csr.json` is a link", ""),
    "a link": ("`certs/ca-key.pem` is a link", "bring it here first"),
    "pathlen:0": ("it lets no CA follow below it (`pathlen:0`)", "`make regenerate` makes"),
    "ended": ("it ended ", "`make renew-ca` signs again"),
    "a clock that is behind": ("it begins ", "hint: this machine's clock says "),
    "half": ("`certs/ca-key.pem` is missing", "`make regenerate YES=1` makes another"),
    "two": ("`certs/ca.pem` holds more than the CA's certificate", "leave the certificate"),
    "chain": ("`certs/chain.pem` is there", "move it away"),
    "trust": ("`certs/trust.pem` does not hold the CA that signs", "put back what it was"),
    "no CN": ("`config/ca-csr.json` does not tell what the next CA is called", '"CN"'),
    "a line of its own": ("`certs/bob.pem`: a line of the Makefile's own", "tls-scaffold add"),
    "peers": ("peers have no CA of their own here", "`tls-scaffold rotate start`"),
    "nothing": ("the CA is not there", "`make` makes the first one"),
    "not ours": ("is no folder of ours", "`tls-scaffold adopt`"),
    "a broken request": ("nothing is signed", ""),
}


def spoil(path: Path, how: str) -> None:  # noqa: C901, PLR0912 - one step for each
    """Do what is refused then."""
    request, makefile = path / "config/req-alice.json", path / "Makefile"
    if how == "pathlen:0":
        key = ("-key", str(path / "certs/ca-key.pem"), "-out", str(path / CA))
        constraints = ("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0")
        openssl("req", "-x509", "-new", "-subj", "/CN=Autogenerated CA", *constraints, *key)
    elif how == "ended":
        certs.ca(path, begin=certs.NOW - timedelta(days=9), life=timedelta(days=2))
    elif how == "a clock that is behind":
        certs.ca(path, begin=certs.NOW + timedelta(days=2))
    elif how == "two":
        (path / CA).write_bytes((path / CA).read_bytes() * 2)
    elif how == "trust":
        certs.ca(path.with_name("other"))
        shutil.copy(path.with_name("other") / CA, path / TRUSTS[CA])
    elif how == "chain":
        shutil.copy(path / CA, path / CHAINS[CA])
    elif how == "half":
        (path / "certs/ca-key.pem").unlink()
    elif how == "a link":
        (path / "certs/ca-key.pem").rename(path.with_name("token.pem"))
        (path / "certs/ca-key.pem").symlink_to(path.with_name("token.pem"))
    elif how == "remote":
        inventory = json.loads((path / "tls-scaffold.json").read_text())
        held = {"key": "remote", "remotes": ["http://127.0.0.1:9"], "sha256": "0" * 64}
        (path / "tls-scaffold.json").write_text(json.dumps({**inventory, "ca": held}))
    elif how == "a linked request":
        (path / "config/ca-csr.json").rename(path / "config/other.json")
        (path / "config/ca-csr.json").symlink_to("other.json")
    elif how == "nothing":
        for place in ("certs", "issued"):  # with the record `make` makes none
            shutil.rmtree(path / place)
    elif how == "no CN":
        text = (path / "config/ca-csr.json").read_text()
        (path / "config/ca-csr.json").write_text(text.replace('"CN"', '"cn"'))
    elif how == "a line of its own":
        makefile.write_text(makefile.read_text().replace("req:\n", f"req:\n\t{OWN_LINE}\n"))
    elif how == "not ours":
        makefile.write_text("all:\n\ttrue\n")
    elif how == "a broken request":
        request.write_text("{")
    if how in ("pathlen:0", "ended", "a clock that is behind"):
        shutil.copy(path / CA, path / TRUSTS[CA])


OWN_LINE = (
    "cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json "
    "config/req-alice.json | cfssljson -bare certs/bob"
)


@pytest.mark.parametrize("how", REFUSED)
def test_what_can_t_be_followed_is_refused_before_anything_is_written(
    signed: Factory, how: str
) -> None:
    path = signed(*OUR_WORDS)
    spoil(path, how)
    told = refused(path, "start", *(["--peer-ca"] if how == "peers" else []))
    for words in REFUSED[how]:
        assert words in told


def test_a_ca_that_is_made_elsewhere_is_replaced_there(folder: Factory, tmp_path: Path) -> None:
    certs.ca(tmp_path / "company", cn="A company")
    brought = ("--ca", f"{tmp_path}/company/certs/ca.pem")
    key = ("--ca-key", f"{tmp_path}/company/certs/ca-key.pem")
    path = folder(*OUR_WORDS, *brought, *key, "--peer-ca")
    for place in (path, folder(*OUR_WORDS, "--ca-offline", name="offline")):
        assert "cross certificate" in (said := refused(place, "start")) or "signs it with" in said
        assert "docs/ca-rotation.md" in said
        stolen = refused(place, "start", "--compromised", "--yes")
        assert "is not signed by this one; `make clean`" in stolen
        assert "docs/ca-rotation.md" in stolen
    make(path, SIGNER="cfssl")
    before = contents(path)

    rotate(path, "start", "--peer-ca")  # that one is made here

    assert (path / CA).read_bytes() == before[CA]
    both = (path / TRUSTS[PEER_CA]).read_bytes()
    for signer in ("cfssl 1.2", "own"):
        (path / TRUSTS[PEER_CA]).unlink()
        make(path, **SIGNERS[signer])
        assert (path / TRUSTS[PEER_CA]).read_bytes() == both, signer
    has_nothing_to_sign(path)
    rotate(path, "trust")
    rotate(path, "finish")
    has_nothing_to_sign(path)


@pytest.mark.parametrize(
    "words",
    [
        ("make", "regenerate", "YES=1"),
        ("make", "renew-ca"),
        ("make", "renew-ca", "SIGNER=tls-scaffold"),
        ("make", "regenerate", "YES=1", "SIGNER=tls-scaffold"),
        ("tls-scaffold", "renew-ca"),
        ("tls-scaffold", "encrypt-ca-key"),
        ("tls-scaffold", "sync", "--encrypt-ca-key"),
        ("tls-scaffold", "sync", "--ca-offline"),
        ("tls-scaffold", "sync", "--peer-ca"),
    ],
    ids=" ".join,
)
def test_nothing_else_touches_the_cas_meanwhile(signed: Factory, words: tuple[str, ...]) -> None:
    path = signed(*OUR_WORDS)
    rotate(path, "start")
    before = contents(path)
    done = run(*words, cwd=path, **GIVEN)
    assert done.returncode != 0
    assert "rotate" in done.stderr.partition("hint: ")[2]
    assert contents(path) == before


def test_regenerate_says_that_there_is_another_way(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    assert "`make rotate-start` brings one" in make(path, "regenerate", YES="", code=2).stderr


@pytest.mark.parametrize("name", ["Old-CA", "peer-chain"])
def test_no_component_is_called_as_an_old_ca(folder: Factory, name: str) -> None:
    path = folder(*OUR_WORDS)
    done = tls_scaffold("add", name, cwd=path)
    assert done.returncode == 1
    assert "is taken by the CA's own files" in done.stderr
    makefile = path / "Makefile"
    text = makefile.read_text().replace("certs/alice.pem", f"certs/{name}.pem")
    makefile.write_text(text)
    for signer in ("cfssl 1.2", "own"):
        done = make(path, code=2, **SIGNERS[signer])
        assert f"certs/{name}".lower() in done.stderr.lower()
        assert not list(path.glob(f"certs/{name}*"))


def test_the_secret_of_the_old_ca_is_kept(signed: Factory) -> None:
    path = signed(*OUR_WORDS)
    run("git", "init", "-q", cwd=path)
    rotate(path, "start")
    tls_scaffold("bundle", cwd=path)
    secret = (path / OLD_CA_KEYS[CA]).read_bytes()
    laid_out = [each for each in path.glob("dist/**/*") if each.is_file()]
    assert laid_out
    assert all(secret not in each.read_bytes() for each in laid_out)
    listed = run("git", "ls-files", "--others", "--exclude-standard", cwd=path).stdout
    assert "key" not in listed
    (path / OLD_CA_KEYS[CA]).chmod(0o644)
    told = tls_scaffold("check", cwd=path)
    assert told.returncode == 1
    assert f"{OLD_CA_KEYS[CA]}: its mode is 0644" in told.stdout
