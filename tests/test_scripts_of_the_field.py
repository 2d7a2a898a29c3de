"""Scripts as the field has them, with the stand-ins and with the real programs."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import records
from peers import build as peers
from support import BIN, PROGRAMS, openssl, run

BUILT = str(peers.folder("cfssl"))
SCRIPTS = Path(__file__).parent / "fixtures/scripts"
ECDSA = {"algo": "ecdsa", "size": 256}
SIGNING = ["signing", "key encipherment"]
PROFILES = {
    "server-only": {"expiry": "87600h", "usages": [*SIGNING, "server auth"]},
    "client-only": {"expiry": "87600h", "usages": [*SIGNING, "client auth"]},
    "both": {"expiry": "100h", "usages": [*SIGNING, "client auth", "server auth"]},
    "below": {
        "expiry": "200h",
        "usages": ["cert sign", "crl sign"],
        "ca_constraint": {"is_ca": True, "max_path_len": 0, "max_path_len_zero": True},
    },
}
NAMES = [{"O": "etcd", "OU": "etcd Security", "L": "San Francisco", "ST": "California", "C": "USA"}]
INPUTS: dict[str, dict[str, Any]] = {
    "config": {
        "signing": {
            "default": {
                "usages": [*SIGNING, "server auth", "client auth"],
                "expiry": "87600h",
            },
            "profiles": PROFILES,
        }
    },
    "ca": {"CN": "ca", "key": ECDSA, "names": NAMES, "ca": {"expiry": "87600h"}},
    "root": {"CN": "root", "key": {"algo": "ecdsa", "size": 384}, "names": NAMES},
    "middle": {"CN": "middle", "key": ECDSA, "names": NAMES},
    "server": {"CN": "example.com", "hosts": ["127.0.0.1", "localhost"], "key": ECDSA},
    "nobody": {"names": NAMES, "hosts": ["127.0.0.1", "localhost"], "key": ECDSA},
    "server-rsa": {"CN": "a", "hosts": ["localhost"], "key": {"algo": "rsa", "size": 2048}},
    "server-ip": {"CN": "a", "hosts": ["127.0.0.1", "::1"], "key": ECDSA, "names": NAMES},
    "wildcard": {"CN": "a", "hosts": ["*.etcd.local", "127.0.0.1"], "key": ECDSA},
    "calico": {"CN": "calico", "hosts": [""], "key": ECDSA, "names": [{"O": "Calico"}]},
}


def stand_ins(into: Path) -> str:
    """Return a PATH on which the two names stand for ours, as a shell's wrappers have it."""
    into.mkdir()
    for name in ("cfssl", "cfssljson"):
        program = into / name
        program.write_text(f'#!/bin/sh\nexec {BIN}/tls-scaffold {name} "$@"\n')
        program.chmod(0o755)
    return f"{into}{os.pathsep}{PROGRAMS}"


def made_by(script: str, folder: Path, path: str) -> dict[str, Any]:
    """Run a script; return what it made, field by field, without what differs each time."""
    folder.mkdir()
    for name, document in INPUTS.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    shutil.copy(SCRIPTS / script, folder)
    done = run("bash", script, cwd=folder, PATH=path)
    assert done.returncode == 0, done.stderr
    certificates = [path for path in folder.iterdir() if b"BEGIN CERT" in path.read_bytes()]
    return {
        "files": sorted(path.name for path in folder.iterdir()),
        **{path.name: fields_of(path) for path in certificates if path.suffix != ".csr"},
    }


def fields_of(path: Path) -> tuple[Any, ...]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    extensions = [
        (each.oid.dotted_string, each.critical, each.value)
        for each in certificate.extensions
        if not isinstance(each.value, x509.SubjectKeyIdentifier | x509.AuthorityKeyIdentifier)
    ]
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return (
        records.name(certificate.subject),
        records.name(certificate.issuer),
        records.key(certificate.public_key()),
        extensions,
        life,
        certificate.signature_algorithm_oid,
    )


def check_revoked(folder: Path) -> None:
    """See that the CRL, made by the serial number of the log, revokes what it is to revoke."""
    crl = openssl("crl", "-inform", "DER", "-in", str(folder / "revoke.crl"))
    (folder / "crl.pem").write_text(crl)
    words = ("-crl_check", "-CAfile", str(folder / "ca.crt"), "-CRLfile", str(folder / "crl.pem"))
    openssl("verify", *words, str(folder / "server.crt"))
    refused = run("openssl", "verify", *words, str(folder / "revoked.crt"))
    assert "certificate revoked" in refused.stderr


@pytest.mark.filterwarnings("ignore:Attribute's length:UserWarning")  # a country of three letters
@pytest.mark.needs("openssl", "bash")
@pytest.mark.needs("cfssl", "cfssljson", within=BUILT)
@pytest.mark.parametrize("script", ["etcd-fixtures.sh", "kubernetes.sh"])
def test_a_script_makes_the_same_certificates_with_the_stand_ins(
    script: str, tmp_path: Path
) -> None:
    theirs = made_by(script, tmp_path / "theirs", f"{BUILT}{os.pathsep}{PROGRAMS}")
    mine = made_by(script, tmp_path / "mine", stand_ins(tmp_path / "bin"))
    assert mine == theirs
    assert len(mine) > 8
    if (tmp_path / "mine/revoke.crl").exists():
        check_revoked(tmp_path / "mine")
