"""The pages of docs/ whose commands no other test runs: each block, as it is printed."""

import base64
import hashlib
import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from conftest import Factory
from keeping import edit
from pages import DOCS, Reader, blocks_of
from rotating import ALONE
from support import SMALL, make, run, tls_scaffold
from tls_scaffold.commands.alerts import alert_rules
from tls_scaffold.state.prometheus import HELP

P256 = ("--key", "ecdsa-256")
PASSWORD = "a long one, made by a machine"
NOTHING = "nothing to sign: all is as asked for\n"

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def pair_sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each certificate and key."""
    found = sorted((folder / "certs").glob("*.pem"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def subject_and_key(certificate: Path) -> str:
    words = ("-in", str(certificate), "-noout", "-subject", "-pubkey")
    return run("openssl", "x509", *words).stdout


@pytest.mark.needs("age", "age-keygen")
def test_backup(signed: Factory, tmp_path: Path) -> None:
    made, needed, by_hand = blocks_of("backup.md", "test_backup")
    folder = signed(*SMALL, *P256)
    places = {"~/": f"{tmp_path}/", "/mnt/safe/": f"{tmp_path}/safe/"}
    (tmp_path / "safe").mkdir()

    keygen, backup = made.splitlines()
    told = Reader(tmp_path, places).types(keygen)
    public = re.search("age1[0-9a-z]+", told)
    assert public
    Reader(tmp_path, {"age1...": public[0], **places}).types(backup)

    for name, block in (("machine", needed), ("without us", by_hand)):
        (tmp_path / name).mkdir()
        Reader(tmp_path / name, places).types(block)
        assert pair_sums(tmp_path / name / "tls-setup") == pair_sums(folder)
        assert make(tmp_path / name / "tls-setup").stdout == NOTHING


def test_several_folders(signed: Factory, tmp_path: Path) -> None:
    (asked,) = blocks_of("several-folders.md", "test_several_folders")
    text = (DOCS / "several-folders.md").read_text("utf-8")
    table = text.split("\n```\n")[2]
    words = ("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--users", "calico,root")
    whole = signed(*words, *P256, name="clusters/ap")
    for name in ("eu", "us"):
        shutil.copytree(whole, tmp_path / "clusters" / name)
    (tmp_path / "clusters/eu/certs/calico.pem").unlink()
    edit(tmp_path / "clusters/us/tls-scaffold.json", '"version": 1', '"version": 9')

    of_all, of_two = asked.splitlines()
    Reader(tmp_path).types(f"{of_all}\n{table}\n…\n", code=1)
    check = Reader(tmp_path).types(of_two, code=1)
    assert "clusters/us/tls-scaffold.json: the inventory has the format 9" in check
    assert "clusters/eu/" in check
    assert "clusters/ap/" not in check


def test_ca_encrypted(signed: Factory, tmp_path: Path) -> None:
    new, there, changed_password = blocks_of("ca-encrypted.md", "test_ca_encrypted")
    places = {"…": f"'{PASSWORD}'"}
    (tmp_path / "new").mkdir()

    Reader(tmp_path / "new", places).types(new)
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)
    Reader(folder, places).types(there)

    for each in (tmp_path / "new/tls-setup", folder):
        assert tls_scaffold("-C", str(each), "status").returncode == 0
        assert json.loads((each / "tls-scaffold.json").read_text())["ca"] == {"key": "encrypted"}
        assert "Proc-Type: 4,ENCRYPTED" in (each / "certs/ca-key.pem").read_text()
        assert make(each).stdout == NOTHING
    changed = {name for name, one in pair_sums(folder).items() if one != before[name]}
    assert changed == {"ca-key.pem"}

    clear, encrypted = private_key_of(folder, PASSWORD), pair_sums(folder)
    other = {"OLD": f"'{PASSWORD}'", "NEW": "another"}
    Reader(folder, other).types(changed_password)
    assert private_key_of(folder, "another") == clear
    changed = {name for name, one in pair_sums(folder).items() if one != encrypted[name]}
    assert changed == {"ca-key.pem"}
    secret = clear.splitlines()[1]
    assert not [
        each for each in folder.rglob("*") if each.is_file() and secret in each.read_bytes()
    ]


def private_key_of(folder: Path, password: str) -> bytes:
    """Return the key of a folder's CA in the clear, which it is not there."""
    pem = (folder / "certs/ca-key.pem").read_bytes()
    key = load_pem_private_key(pem, password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def test_ca_renewal(signed: Factory) -> None:
    (renewed,) = blocks_of("ca-renewal.md", "test_ca_renewal")
    folder = signed(*SMALL, *P256)
    before, ca = pair_sums(folder), subject_and_key(folder / "certs/ca.pem")

    Reader(folder).types(renewed)

    changed = {name for name, one in pair_sums(folder).items() if one != before[name]}
    assert changed == {"ca.pem", "trust.pem"}
    assert subject_and_key(folder / "certs/ca.pem") == ca
    assert make(folder).stdout == NOTHING


def test_ca_rotation(signed: Factory) -> None:
    start, trust, finish, abort, compromised = blocks_of("ca-rotation.md", "test_ca_rotation")
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)
    ann = Reader(folder, variables=ALONE)
    for step in (start, abort):
        ann.types(step)
        assert make(folder).stdout == NOTHING
    assert pair_sums(folder) == before
    for step in (start, trust, finish, compromised.replace("\n", " --yes\n")):
        ann.types(step)
        assert make(folder).stdout == NOTHING
    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    assert not set(pair_sums(folder).values()) & set(before.values())


def test_calico(tmp_path: Path) -> None:
    one, several, rotated = blocks_of("calico.md", "test_calico")
    reader = Reader(tmp_path, variables=ALONE)

    def secret(name: str, path: str = "calico-etcd-secrets.yaml") -> dict[str, Any]:
        found = yaml.safe_load((reader.at / "dist" / name / path).read_text("utf-8"))
        assert isinstance(found, dict)
        return found

    def held(name: str, field: str) -> bytes:
        return base64.b64decode(secret(name)["data"][field])

    reader.types(one)
    assert secret("calico")["metadata"] == {
        "name": "calico-etcd-secrets",
        "namespace": "kube-system",
    }
    pair = {"etcd-ca": "trust", "etcd-cert": "calico", "etcd-key": "calico-key"}
    for field, name in pair.items():
        assert held("calico", field) == (reader.at / f"certs/{name}.pem").read_bytes()
    patch = secret("calico", "calico-config.patch.yaml")["data"]
    assert patch["etcd_endpoints"] == "https://10.0.0.1:2379"
    assert {patch[name] for name in ("etcd_ca", "etcd_cert", "etcd_key")} == {
        f"/calico-secrets/{field}" for field in pair
    }
    (container,) = secret("calico", "calico-kube-controllers.patch.yaml")["spec"]["template"][
        "spec"
    ]["containers"]
    assert container["env"] == [{"name": "COMPACTION_PERIOD", "value": "0"}]

    said = reader.types(several)
    assert "have one Secret by the name that Calico's manifests know" in said
    renamed = secret(".", "controllers.yaml")
    assert renamed["metadata"]["name"] == "controllers-etcd-secrets"
    assert renamed["data"] == secret("calico-kube-controllers")["data"]
    patches = [secret(each, "calico-config.patch.yaml") for each in ("calico", "calico-node")]
    assert patches[0] == patches[1]

    replaced = held("calico", "etcd-cert")
    reader.types(rotated)
    assert held("calico", "etcd-ca").count(b"BEGIN") == 2
    renewed = held("calico", "etcd-cert")
    assert renewed != replaced
    reader.types("$ tls-scaffold rotate trust\n")
    assert held("calico", "etcd-ca") == (reader.at / "certs/ca.pem").read_bytes()
    reader.types("$ tls-scaffold rotate finish\n")
    assert renewed.startswith(held("calico", "etcd-cert"))


def test_ca_rotation_by_hand(tmp_path: Path) -> None:
    made, brought, alone, finished = blocks_of("ca-rotation.md", "test_ca_rotation_by_hand")
    folder = tmp_path / "tls-setup"
    request = {"CN": "A company, old", "key": {"algo": "ecdsa", "size": 256}}
    (tmp_path / "ca.json").write_text(json.dumps({**request, "ca": {"expiry": "87600h"}}))
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare old-ca", cwd=tmp_path)
    # It names its own key as that of its issuer, which a cross certificate must not.
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650"
    usages = "-addext keyUsage=critical,keyCertSign,cRLSign"  # `-x509_strict` below asks for them
    into = "-subj '/CN=A company, new' -keyout new-ca-key.pem -out new-ca.pem"
    run("sh", "-c", f"{words} {usages} {into}", cwd=tmp_path)
    held = ("--ca", "old-ca.pem", "--ca-key", "old-ca-key.pem")
    assert tls_scaffold("new", "tls-setup", *SMALL, *P256, *held, cwd=tmp_path).returncode == 0
    make(folder)
    leaf = folder / "certs/calico.pem"
    (tmp_path / "shown.pem").write_bytes(leaf.read_bytes())

    def takers(shown: Path) -> list[str]:
        """Return who takes a certificate, with what stands behind it."""
        words = ("openssl", "verify", "-x509_strict", "-untrusted", str(shown), "-CAfile")
        trusts = ("old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem")
        return [
            each for each in trusts if not run(*words, each, str(shown), cwd=tmp_path).returncode
        ]

    files = ("new-ca.pem", "new-ca-key.pem", "next.pem")
    Reader(tmp_path).types(made)
    Reader(folder, {each: f"../{each}" for each in files}).types(brought)
    assert takers(leaf) == ["old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem"]
    assert takers(tmp_path / "shown.pem") == ["old-ca.pem", "tls-setup/certs/trust.pem"]
    assert make(folder).stdout == NOTHING
    Reader(folder, {"new-ca.pem": "../new-ca.pem"}).types(alone)
    assert takers(leaf) == ["old-ca.pem", "new-ca.pem", "tls-setup/certs/trust.pem"]
    Reader(folder, {"new-ca.pem": "../new-ca.pem"}).types(finished)
    assert takers(leaf) == ["new-ca.pem", "tls-setup/certs/trust.pem"]
    assert make(folder).stdout == NOTHING
    assert tls_scaffold("-C", str(folder), "status").returncode == 0


def test_revocation(signed: Factory, tmp_path: Path) -> None:
    revoked, by_hand = blocks_of("revocation.md", "test_revocation")
    words = ("--members", "10.0.0.1,10.0.0.2", "--proxies", "0", "--users", "root,alice,bob,carol")
    folder = signed(*words, *P256)
    before = pair_sums(folder)
    leaked = shutil.copy(folder / "certs/carol.pem", tmp_path / "leaked.pem")

    Reader(folder, {"leaked.pem": str(leaked)}).types(revoked)

    lines = (folder / "revoked.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[1] for line in lines] == ["alice", "bob", "etcd1", "root", "carol"]
    after = pair_sums(folder)
    assert {name for name in before if after.get(name, before[name]) != before[name]} == {
        *(f"{name}{ending}" for name in ("etcd1", "root") for ending in (".pem", "-key.pem"))
    }
    (folder / "certs/crl.der").unlink()
    Reader(folder).types(by_hand)
    text = ("-inform", "DER", "-in", str(folder / "certs/crl.der"), "-noout", "-text")
    assert run("openssl", "crl", *text).stdout.count("Serial Number:") == 5
    assert tls_scaffold("-C", str(folder), "bundle", "etcd1,etcd2").returncode == 0


def test_ca_by_hand(tmp_path: Path) -> None:
    asked, there, back = blocks_of("ca-by-hand.md", "test_ca_by_hand")
    machine = tmp_path / "machine"
    machine.mkdir()
    (machine / "ca.json").write_text('{"CN": "far away", "key": {"algo": "ecdsa", "size": 256}}')
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare ca", cwd=machine)
    words = ("openssl", "x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256")
    pin = run(*words, cwd=machine).stdout.strip().partition("=")[2]
    folder = tmp_path / "tls-setup"

    # Nobody is here to be asked: what a person would answer comes as an option.
    Reader(tmp_path).types(asked)
    (folder / "requests.tar").rename(machine / "requests.tar")
    Reader(machine).types(f"{there.rstrip()} --yes")
    (machine / "requests-signed.tar").rename(folder / "requests-signed.tar")
    Reader(folder).types(f"{back.rstrip()} --ca-sha256 {pin}")

    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    assert make(folder).stdout == NOTHING


def test_ca_peers(tmp_path: Path) -> None:
    """How a cluster that runs gets them, the other blocks, is in tests/test_custody_peers.py."""
    (made,) = blocks_of("ca-peers.md", "test_ca_peers")
    Reader(tmp_path).types(made)
    assert tls_scaffold("-C", str(tmp_path / "tls-setup"), "status").returncode == 0
    assert (tmp_path / "tls-setup/certs/peer-etcd3.pem").exists()


@pytest.mark.needs("promtool")
def test_renewal(signed: Factory) -> None:
    hooks, timer, alerts = blocks_of("renewal.md", "test_renewal")
    folder = signed(*SMALL, *P256)
    before = pair_sums(folder)

    nothing, everything = hooks.splitlines()
    ann = Reader(folder)
    ann.types(f"{nothing}\nnothing expires within 30 days\n")
    said = ann.types(everything)
    assert {name for name, one in pair_sums(folder).items() if one == before[name]} == {
        *("ca.pem", "ca-key.pem", "trust.pem")
    }
    assert "etcd1-key.pem -> current/etcd1-key.pem\n" in said
    assert said.splitlines()[-1].startswith("left to do: calico: renew its Secret")
    ann.types(timer)
    assert len(list((folder / "dist/signer").iterdir())) == 2
    assert "9 rules found" in ann.types(alerts)


def test_the_page_on_renewal_names_each_alert_and_metric() -> None:
    text = (DOCS / "renewal.md").read_text("utf-8")
    rules = yaml.safe_load(alert_rules((), timedelta(days=30)))["groups"][0]["rules"]
    named = re.findall("^[|] `(TLS[A-Za-z]+)`", text, re.MULTILINE)
    assert named == [each["alert"] for each in rules]
    assert [name for name in HELP if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("words", "says", "says_not"),
    [
        ((), ["`make renew-ca` | the CA's"], ["CFSSL_AUTH", "`custody.sh`", "LoadCredential"]),
        (
            ("--encrypt-ca-key",),
            ["CFSSL_CA_PK_PASSWORD` has to hold", "LoadCredential="],
            ["refuse: no other"],
        ),
        (
            ("--ca", "ca.pem"),
            ["sync --ca-key FILE` brings it", "`make renew-ca` | refuses"],
            ["LoadCredential"],
        ),
        (
            ("--ca", "ca.pem", "--ca-remote", "http://10.0.0.9:8888"),
            ["CFSSL_AUTH_ROOT", "EnvironmentFile=", "sync --ca FILE` brings it again"],
            ["encrypt-ca-key", "--ca-key", "if there is none, then"],
        ),
        (
            ("--ca-offline",),
            ["requests export FILE", "another key and CSR", "sync --ca FILE` brings it again"],
            ["encrypt-ca-key", "--ca-key", "if there is none, then", "this/folder renew"],
        ),
    ],
)
def test_a_folder_s_readme_says_what_its_mode_needs(
    words: tuple[str, ...], says: list[str], says_not: list[str], tmp_path: Path
) -> None:
    (tmp_path / "ca.json").write_text('{"CN": "a company", "key": {"algo": "ecdsa", "size": 256}}')
    run("sh", "-c", "cfssl gencert -initca ca.json | cfssljson -bare ca", cwd=tmp_path)
    done = tls_scaffold("new", "made", *SMALL, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    text = (tmp_path / "made/README.md").read_text()
    assert [each for each in says if each not in text] == []
    assert [each for each in says_not if each in text] == []
