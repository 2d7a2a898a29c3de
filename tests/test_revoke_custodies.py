"""Revoking with a CA whose key is locked or elsewhere, and with several CAs of one folder."""

import hashlib
import json
import re
import shutil
import ssl
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import certs
from clusters import SYSTEM
from companies import MIDDLE, ROOT, SIGNER, written, written_key
from conftest import Factory
from keeping import change
from peers import build as peers
from revoking import CRL, FOLDER, REVOKED, crl_of, listed, put_crl, revoke, rows, serial, version_1
from support import BIN, PROGRAMS, contents, make, run, tls_scaffold

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
SMALL = ("--members", "127.0.0.1", "--users", "root,alice", "--proxies", "0", "--key", "ecdsa-256")
PASSWORD = "a long one"
GIVEN: dict[str, Any] = {"CFSSL_CA_PK_PASSWORD": PASSWORD}
Leave = Callable[[Path, Path], None]


def key_leaves(folder: Path, machine: Path) -> None:
    """Move the CA's key to another machine, which has a copy of the certificate."""
    machine.mkdir()
    shutil.copy(folder / "certs/ca.pem", machine)
    (folder / "certs/ca-key.pem").rename(machine / "ca-key.pem")


def offline(folder: Path, machine: Path) -> None:
    key_leaves(folder, machine)
    change(folder, ca={"key": "offline"})


def remote(folder: Path, machine: Path) -> None:
    key_leaves(folder, machine)
    der = ssl.PEM_cert_to_DER_cert((machine / "ca.pem").read_text())
    pin = hashlib.sha256(der).hexdigest()
    held = {"own": True, "key": "remote", "remotes": ["http://127.0.0.1:1"], "sha256": pin}
    change(folder, ca=held)


def own(folder: Path, machine: Path) -> None:
    key_leaves(folder, machine)
    change(folder, ca={"own": True})


ELSEWHERE = {"offline": offline, "remote": remote, "own without its key": own, "lost": key_leaves}
CFSSLS = {
    "1.2.0": pytest.param(f"{SYSTEM}:{PROGRAMS}", id="1.2.0"),
    "1.6.5": pytest.param(
        f"{peers.folder('cfssl')}:{PROGRAMS}",
        id="1.6.5",
        marks=pytest.mark.needs("cfssl", within=str(peers.folder("cfssl"))),
    ),
}


def told_commands(stderr: str) -> list[str]:
    """Return the commands that are left to run, in their order."""
    _, _, rest = stderr.partition("next: ")
    return [line.strip() for line in rest.splitlines()]


@pytest.mark.parametrize("mode", ELSEWHERE)
def test_where_the_key_is_elsewhere_it_is_noted_and_the_way_is_told(
    signed: Factory, tmp_path: Path, mode: str
) -> None:
    folder = signed(*SMALL)
    number = serial(folder / "certs/alice.pem")
    ELSEWHERE[mode](folder, tmp_path / "machine")

    done = revoke(folder, "alice", code=4)

    assert [row[:2] for row in rows(folder)] == [[number, "alice"]]
    assert not (folder / CRL).exists()
    assert "crl" not in json.loads((folder / "tls-scaffold.json").read_text())
    assert "the CA's key is not here" in done.stderr
    assert "they refuse nobody" in done.stderr
    place = f"tls-scaffold -C {folder} revoke"
    assert told_commands(done.stderr) == [
        f"{place} --serials >serials.txt",
        "cfssl gencrl serials.txt ca.pem ca-key.pem | base64 -d >crl.der",
        f"{place} --crl crl.der",
    ]
    assert "is written" not in done.stderr
    # The same again says the same, and notes nothing twice.
    assert told_commands(revoke(folder, "alice", code=4).stderr) == told_commands(done.stderr)
    assert len(rows(folder)) == 1
    if mode == "offline":
        refused = revoke(folder, "--sign-again", "root", code=1).stderr
        assert f"`make -C {folder} req-NAME` asks" in refused


@pytest.mark.parametrize("path", CFSSLS.values())
def test_the_commands_that_are_told_do_it_with_cfssl_alone(
    signed: Factory, tmp_path: Path, path: str
) -> None:
    folder, machine = signed(*SMALL), tmp_path / "machine"
    number = serial(folder / "certs/alice.pem")
    offline(folder, machine)
    done = revoke(folder, "alice", "0xc0ffee", "--force", code=4)

    for command in told_commands(done.stderr):
        ran = run("sh", "-c", command, cwd=machine, PATH=path)
        assert ran.returncode == 0, ran.stderr

    assert set(listed(folder)) == {number, "c0ffee"}
    assert json.loads((folder / "tls-scaffold.json").read_text())["crl"] is True
    assert tls_scaffold("-C", str(folder), "bundle", "etcd1").returncode == 0
    assert (folder / f"dist/etcd1/{Path(CRL).name}").read_bytes() == (folder / CRL).read_bytes()
    assert revoke(folder).stdout.startswith("nothing is new")
    # A week later it says so, and etcd goes on by it. cfssl looks at the clock twice.
    life = x509.load_der_x509_crl((folder / CRL).read_bytes())
    assert life.next_update_utc
    short = timedelta(days=7) - (life.next_update_utc - life.last_update_utc)
    assert timedelta(0) <= short < timedelta(minutes=1)


def test_a_pair_that_was_renewed_does_not_wait_for_a_list(signed: Factory, tmp_path: Path) -> None:
    folder = signed(*SMALL, "--crl")
    assert tls_scaffold("-C", str(folder), "bundle").returncode == 0
    laid_out, pair = folder / "dist/etcd1", folder / "certs/etcd1.pem"
    before = (laid_out / "crl.der").read_bytes()
    make(folder, "req-etcd1")
    offline(folder, tmp_path / "machine")
    number = serial(folder / "certs/alice.pem")
    revoke(folder, "alice", code=4)

    # A bundle that is asked for by name is whole, or is not made.
    refused = tls_scaffold("-C", str(folder), "bundle", "etcd1")
    assert refused.returncode == 1
    assert f"meanwhile `tls-scaffold -C {folder} renewed NAME` renews a bundle" in refused.stderr
    assert (laid_out / "etcd1.pem").read_bytes() != pair.read_bytes()

    done = tls_scaffold("-C", str(folder), "renewed", "etcd1")
    assert done.returncode == 0, done.stderr
    assert "`dist/etcd1` got the best list that there is: `certs/crl.der`: it lacks" in done.stdout
    assert number in done.stdout
    assert (laid_out / "etcd1.pem").read_bytes() == pair.read_bytes()
    assert (laid_out / "crl.der").read_bytes() == before

    # Of the folder's and the bundle's the one that lacks less is taken, of a CA of the folder.
    theirs = (laid_out / "crl.der").resolve()
    theirs.write_bytes(b"junk")
    assert tls_scaffold("-C", str(folder), "renewed", "etcd1").returncode == 0
    assert (laid_out / "crl.der").read_bytes() == before

    # One without a list that members can start with is left as it is.
    (laid_out / "crl.der").resolve().write_bytes(b"junk")
    (folder / "certs/crl.der").write_bytes(b"junk")
    again = tls_scaffold("-C", str(folder), "renewed", "etcd1")
    assert again.returncode == 1
    assert "`dist/etcd1`: no bundle is made: `certs/crl.der`: it is no list in DER" in again.stderr


def test_no_bundle_gets_an_older_list_where_the_newer_one_was_lost(signed: Factory) -> None:
    folder = signed(*SMALL, "--crl")
    assert tls_scaffold("-C", str(folder), "bundle").returncode == 0
    revoke(folder, "alice")
    # The members have it: it is given by itself too.
    (folder / "certs/crl.der").unlink()
    make(folder, "req-etcd1")

    done = tls_scaffold("-C", str(folder), "renewed", "etcd1")

    assert done.returncode == 1
    assert "`dist/etcd1`: no bundle is made: `certs/crl.der`: it is missing" in done.stderr


def test_our_stand_in_does_it_too_and_takes_how_long_it_is_to_live(
    signed: Factory, tmp_path: Path
) -> None:
    folder, machine = signed(*SMALL), tmp_path / "machine"
    offline(folder, machine)
    done = revoke(folder, "alice", code=4)
    numbers, gencrl, bring = told_commands(done.stderr)
    longer = gencrl.replace("cfssl gencrl", f"{BIN}/tls-scaffold cfssl gencrl").replace(
        "ca-key.pem", "ca-key.pem 315360000"
    )

    for command in (numbers, longer, bring):
        ran = run("sh", "-c", command, cwd=machine)
        assert ran.returncode == 0, ran.stderr

    crl = x509.load_der_x509_crl((folder / CRL).read_bytes())
    assert crl.next_update_utc
    assert (crl.next_update_utc - crl.last_update_utc).days == 3650


def test_a_list_that_is_brought_is_looked_at_before_it_takes_its_place(
    signed: Factory, tmp_path: Path
) -> None:
    folder, machine = signed(*FOLDER), tmp_path / "machine"
    numbers = {name: serial(folder / f"certs/{name}.pem") for name in ("alice", "bob", "root")}
    sound = crl_of(folder, numbers["alice"], numbers["bob"])
    first = version_1(folder, tmp_path / "work")
    lacking = crl_of(folder, numbers["bob"])
    shut_out = crl_of(folder, *numbers.values())
    shutil.copytree(folder / "certs", tmp_path / "other/certs")
    certs.ca(tmp_path / "other", cn="another")
    foreign = crl_of(tmp_path / "other", numbers["alice"])
    offline(folder, machine)
    revoke(folder, "alice", code=4)
    file, before = tmp_path / "file", contents(folder)

    for raw, told in (
        (b"", "it is empty"),
        (b"junk", "it is no list in DER"),
        ((folder / "certs/alice.pem").read_bytes(), "it holds a certificate"),
        (first, "it is of version 1: etcd refuses everybody from 3.6 on"),
        (foreign.public_bytes(Encoding.DER), "no CA of this folder signed it"),
        (
            lacking.public_bytes(Encoding.DER),
            f"it lacks what `revoked.tsv` has: {numbers['alice']}",
        ),
        (shut_out.public_bytes(Encoding.DER), "`certs/root.pem` is in use"),
    ):
        file.write_bytes(raw)
        assert told in revoke(folder, "--crl", str(file), code=1).stderr
        assert contents(folder) == before
    assert "can't be read" in revoke(folder, "--crl", str(tmp_path / "none"), code=1).stderr

    # In whatever form it comes, what etcd reads is put there; what it names besides is noted.
    der = sound.public_bytes(Encoding.DER)
    for raw in (sound.public_bytes(Encoding.PEM), b64encode(der) + b"\n", der):
        file.write_bytes(raw)
        revoke(folder, "--crl", str(file))
        assert (folder / CRL).read_bytes() == der
    assert {row[1] for row in rows(folder)} == {"alice", "bob"}
    file.write_bytes(shut_out.public_bytes(Encoding.DER))
    revoke(folder, "--crl", str(file), "--force")
    assert set(listed(folder)) == set(numbers.values())


def test_with_the_flags_and_without_a_list_no_bundle_of_a_member_is_made(
    signed: Factory, tmp_path: Path
) -> None:
    folder = signed(*FOLDER)
    number = serial(folder / "certs/bob.pem")
    assert tls_scaffold("-C", str(folder), "sync", "--crl").returncode == 0
    make(folder, SIGNER="tls-scaffold")
    empty = (folder / CRL).read_bytes()
    revoke(folder, "bob")
    sound = (folder / CRL).read_bytes()

    def bundle(*names: str) -> str:
        done = tls_scaffold("-C", str(folder), "bundle", *names)
        assert done.returncode in (0, 1)
        assert (done.returncode == 1) == ("no bundle is made" in done.stderr)
        return done.stderr if done.returncode else ""

    assert bundle("etcd1", "etcd2") == ""
    for raw, told in (
        (None, "it is missing or empty"),
        (b"", "it is missing or empty"),
        (b"junk", "it is no list in DER: etcd refuses everybody"),
        (x509.load_der_x509_crl(sound).public_bytes(Encoding.PEM), "it holds a CRL"),
        (version_1(folder, tmp_path / "work"), "it is of version 1"),
        (empty, f"it lacks what `revoked.tsv` has: {number}"),
        (
            crl_of(folder, number, serial(folder / "certs/etcd2.pem")).public_bytes(Encoding.DER),
            "`certs/etcd2.pem` is in use",
        ),
    ):
        (folder / CRL).unlink(missing_ok=True)
        if raw is not None:
            (folder / CRL).write_bytes(raw)
        assert f"`{CRL}`: {told}" in bundle("etcd1")
        assert f"`tls-scaffold -C {folder} revoke` makes" in bundle("etcd1")
        assert bundle("alice") == ""  # who is no member has no flags


@pytest.mark.usefixtures("either_signer")
def test_from_the_first_day_make_makes_an_empty_list_and_members_have_the_flags(
    folder: Factory,
) -> None:
    path = folder(*SMALL, "--crl")
    make(path)
    assert listed(path) == {}
    before = (path / CRL).read_bytes()
    again = make(path)
    assert "nothing to sign: " in again.stdout + again.stderr
    assert (path / CRL).read_bytes() == before

    done = tls_scaffold("-C", str(path), "bundle", "--kubernetes", "--kubeadm", "etcd1")

    assert done.returncode == 0, done.stderr
    made = path / "dist/etcd1"
    for name in ("crl.der", "pki/etcd/crl.der"):
        assert (made / name).read_bytes() == before
    assert "binaryData" in (made / "etcd-crl.configmap.yaml").read_text()
    flags = (made / "etcd.env").read_text()
    assert "ETCD_CLIENT_CRL_FILE=crl.der\n" in flags
    assert "ETCD_PEER_CRL_FILE=crl.der\n" in flags
    kubeadm = (made / "kubeadm-etcd.yaml").read_text()
    assert kubeadm.count("/etc/kubernetes/pki/etcd/crl.der") == 2
    # It goes with the flags, and an older bundle that has it is replaced.
    change(path, crl=False)
    tls_scaffold("-C", str(path), "sync")
    assert tls_scaffold("-C", str(path), "bundle", "etcd1").returncode == 0
    assert not (made / "crl.der").exists()
    assert "CRL" not in (made / "etcd.env").read_text()


def test_a_bundle_with_an_older_list_is_told_as_one_that_is_not_current(signed: Factory) -> None:
    folder = signed(*SMALL)
    revoke(folder, "0xc0ffee", "--force")
    assert tls_scaffold("-C", str(folder), "bundle", "--tar", "etcd1").returncode == 0
    assert "dist/etcd1" not in tls_scaffold("-C", str(folder), "status").stderr
    revoke(folder, "0xc0ffed", "--force")
    told = tls_scaffold("-C", str(folder), "status").stderr
    assert "`dist/etcd1` holds other files than `certs/`" in told


def test_an_encrypted_key_is_opened_before_anything_is_written(folder: Factory) -> None:
    path = folder(*SMALL, "--encrypt-ca-key")
    make(path, SIGNER="cfssl", **GIVEN)
    before = contents(path)
    words = (str(BIN / "tls-scaffold"), "-C", str(path), "revoke", "alice")
    wrong: tuple[dict[str, Any], ...] = ({}, {"CFSSL_CA_PK_PASSWORD": "another"})
    for variables in wrong:
        refused = run(*words, **variables)
        assert refused.returncode == 1
        assert contents(path) == before
    done = run(*words, **GIVEN)
    assert done.returncode == 0, done.stderr
    assert list(listed(path)) == [serial(path / "certs/alice.pem")]
    # What is whole needs no key, and so no password.
    assert run(*words).returncode == 0
    assert PASSWORD not in done.stdout + done.stderr


def test_a_ca_that_has_ended_signs_no_list(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "root,alice", "--proxies", "0")
    certs.ca(path, begin=certs.NOW - 9 * certs.DAY, life=8 * certs.DAY)
    certs.leaf(path, "alice")
    before = contents(path)
    done = revoke(path, "alice", code=1)
    assert "`certs/ca.pem` ended " in done.stderr
    assert "renew-ca` signs it again" in done.stderr
    assert contents(path) == before


def test_what_an_older_ca_signed_is_on_the_same_list(signed: Factory) -> None:
    folder = signed(*SMALL)
    old = {name: serial(folder / f"certs/{name}.pem") for name in ("alice", "root")}
    make(folder, "regenerate", SIGNER="tls-scaffold")
    new = serial(folder / "certs/alice.pem")

    revoke(folder, "alice", old["root"])

    assert set(listed(folder)) == {*old.values(), new}
    cas = {row[0]: row[2] for row in rows(folder)}
    assert cas == {
        old["alice"]: "Autogenerated CA",
        old["root"]: "Autogenerated CA",
        new: "Autogenerated CA 2",
    }
    ca = x509.load_pem_x509_certificate((folder / "certs/ca.pem").read_bytes())
    crl = x509.load_der_x509_crl((folder / CRL).read_bytes())
    assert crl.issuer == ca.subject
    # After another CA the list goes on: numbers are all that etcd compares.
    make(folder, "regenerate", SIGNER="tls-scaffold")
    found = json.loads(tls_scaffold("-C", str(folder), "check", "--json").stdout)["findings"]
    assert not [each for each in found if "crl" in each["id"]]
    revoke(folder)
    again = x509.load_der_x509_crl((folder / CRL).read_bytes())
    assert again.issuer != ca.subject
    assert set(listed(folder)) == {*old.values(), new}


def test_what_stands_behind_each_leaf_is_in_use_too(tmp_path: Path) -> None:
    """etcd looks for every certificate that a client shows."""
    file = written(tmp_path / "ca.pem", ROOT, SIGNER, MIDDLE)
    key = written_key(tmp_path / "ca.key", SIGNER)
    words = ("--members", "127.0.0.1", "--users", "root,alice", "--key", "ecdsa-256")
    folder = tmp_path / "tls-setup"
    done = tls_scaffold("new", str(folder), *words, "--ca", str(file), "--ca-key", str(key))
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER="tls-scaffold")
    revoke(folder, "alice")
    assert list(listed(folder)) == [serial(folder / "certs/alice.pem")]
    for ca in (SIGNER, MIDDLE):
        number = f"{ca.certificate.serial_number:040x}"
        refused = revoke(folder, f"0x{number}", code=1)
        assert "`--force` lists it all the same" in refused.stderr
        path, text = folder / REVOKED, (folder / REVOKED).read_text()
        path.write_text(f"{text}{number}\t-\t-\tsuperseded\t2026-01-01T00:00:00Z\t-\n")
        assert "is in use, and has the serial number" in revoke(folder, code=1).stderr
        path.write_text(text)
    middle = written(tmp_path / "middle.pem", MIDDLE)
    assert "is a CA's" in revoke(folder, str(middle), code=1).stderr


def test_two_components_whose_files_are_called_alike_are_told_apart_by_numbers(
    signed: Factory,
) -> None:
    folder = signed(*SMALL)
    users = json.loads((folder / "tls-scaffold.json").read_text())["users"]
    twin = {"name": "twin", "cn": "twin", "output": "other/alice"}
    change(folder, users=[*users, twin])
    done = tls_scaffold("-C", str(folder), "sync")
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER="tls-scaffold")
    refused = revoke(folder, "alice", code=1)
    assert re.search("can't tell the certificates of `alice` and `twin` apart", refused.stderr)
    number = serial(folder / "other/alice.pem")
    revoke(folder, number)
    assert list(listed(folder)) == [number]


def test_a_folder_without_the_keys_notes_what_the_one_that_has_them_puts_on_the_list(
    signed: Factory, tmp_path: Path
) -> None:
    """As in a clone: git has the record, and what is revoked."""
    folder = signed(*SMALL)
    number = serial(folder / "certs/alice.pem")
    clone = shutil.copytree(folder, tmp_path / "clone")
    shutil.rmtree(clone / "certs")
    revoke(clone, "alice", code=4)
    shutil.copy(clone / REVOKED, folder)

    done = revoke(folder)

    assert list(listed(folder)) == [number]
    assert "one restart" in done.stderr
    put_crl(folder, number)
    made = shutil.copy(folder / CRL, tmp_path / "crl.der")
    revoke(clone, "--crl", str(made))
    assert list(listed(clone)) == [number]
    assert (clone / "certs").stat().st_mode & 0o777 == 0o700
