"""The rules of `check` over what is revoked: each fault is found, and a sound folder has none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import certs
from conftest import Factory
from revoking import CRL, FOLDER, REVOKED, crl_of, put_crl, revoke, serial, version_1
from support import tls_scaffold

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
Change = Callable[[Path], None]
Found = tuple[str, str, str, str]


@pytest.fixture
def sound(signed: Factory) -> Path:
    """Return a folder in which one user was revoked."""
    folder = signed(*FOLDER)
    revoke(folder, "bob")
    return folder


def found(folder: Path) -> list[Found]:
    done = tls_scaffold("-C", str(folder), "check", "--json")
    return [
        (each["level"], each["id"], each["where"], each["message"])
        for each in json.loads(done.stdout)["findings"]
        if each["id"] not in ("ca-key-in-the-clear", "no-root")
    ]


def content(raw: bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / CRL).write_bytes(raw)

    return change


def with_list(*names: str, form: Encoding = Encoding.DER, begin: int = 0) -> Change:
    """Return a change that puts another list there, of what certs/ has of these names."""

    def change(folder: Path) -> None:
        numbers = [serial(folder / f"certs/{name}.pem") for name in names]
        put_crl(folder, *numbers, form=form, begin=begin)

    return change


def of_version_1(folder: Path) -> None:
    (folder / REVOKED).unlink()
    (folder / CRL).write_bytes(version_1(folder, folder.parent / "work"))


def of_another_ca(folder: Path) -> None:
    other = folder.parent / "other"
    certs.ca(other, cn="another")
    crl = crl_of(other, serial(folder / "certs/bob.pem"))
    (folder / CRL).write_bytes(crl.public_bytes(Encoding.DER))


def without_flags(folder: Path) -> None:
    path = folder / "tls-scaffold.json"
    path.write_text(path.read_text().replace('"crl": true', '"crl": false'))


def damaged(folder: Path) -> None:
    (folder / REVOKED).write_text((folder / REVOKED).read_text() + "junk\n")


NOT_DER = ("error", "crl-not-der", CRL, "it is no CRL in DER")
FAULTS: dict[str, tuple[Change, Found]] = {
    "junk": (content(b"junk"), NOT_DER),
    "empty": (content(b""), NOT_DER),
    "base64": (content(b"MIIB"), NOT_DER),
    "PEM": (with_list("bob", form=Encoding.PEM), NOT_DER),
    "version 1": (of_version_1, ("error", "crl-version", CRL, "it is of version 1")),
    "of no CA of ours": (
        of_another_ca,
        ("warning", "foreign-crl", CRL, "no CA of this folder signed this CRL"),
    ),
    "holds a member": (
        with_list("bob", "etcd2"),
        ("error", "crl-holds-live", CRL, "`certs/etcd2.pem` is in use, and has the serial number "),
    ),
    "holds root": (
        with_list("bob", "root"),
        ("error", "crl-holds-live", CRL, "`certs/root.pem` is in use, and has the serial number "),
    ),
    "lacks one": (with_list(), ("error", "crl-lacks", CRL, "it lacks ")),
    "over": (with_list("bob", begin=-3), ("note", "crl-over", CRL, "the next one was to come ")),
    "missing": (
        lambda folder: (folder / CRL).unlink(),
        ("error", "crl-missing", CRL, "it is missing"),
    ),
    "unused": (
        without_flags,
        (
            *("warning", "crl-unused", "tls-scaffold.json: crl"),
            "it is not true, and `revoked.tsv` has lines",
        ),
    ),
    "damaged": (damaged, ("error", "revoked-unreadable", f"{REVOKED}:3", "it has 1 columns, and ")),
}


def test_a_folder_in_which_somebody_was_revoked_has_no_fault(sound: Path) -> None:
    assert found(sound) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_nothing_else_of_its_kind(sound: Path, fault: str) -> None:
    change, expected = FAULTS[fault]
    change(sound)
    told = [each for each in found(sound) if "crl" in each[1] or "revoked" in each[1]]
    assert len(told) == 1
    assert told[0][:3] == expected[:3]
    assert told[0][3].startswith(expected[3])


def test_a_list_by_an_older_ca_of_the_folder_is_one_of_ours(sound: Path) -> None:
    shelf = sound / "archive/20260101T000000Z/certs"
    shelf.mkdir(parents=True)
    for name in ("ca.pem", "ca-key.pem"):
        shutil.copy(sound / "certs" / name, shelf)
    shutil.rmtree(sound / "issued")
    certs.ca(sound, cn="another")
    shutil.copy(sound / "certs/ca.pem", sound / "certs/trust.pem")
    for name in ("root", "alice", "bob"):
        certs.leaf(sound, name)
    assert not [each for each in found(sound) if "crl" in each[1]]
    shutil.rmtree(shelf)
    assert [each[1] for each in found(sound) if "crl" in each[1]] == ["foreign-crl"]


def test_before_the_first_make_nothing_is_missing(folder: Factory) -> None:
    assert found(folder(*FOLDER, "--crl")) == []
