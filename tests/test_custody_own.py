"""A CA that was brought: taken as it is, never made, compared with a request or replaced here."""

import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import threading
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

import kills
from certs import CLIENT, SERVER
from checking import finds_nothing
from clusters import P256, short_with
from companies import MIDDLE, ROOT, SIGNER, Company, company, written, written_key
from conftest import Factory
from peers import build as peers
from support import contents, make, openssl, run, tls_scaffold, without_place
from test_bundled_clusters import Cluster, Running, addresses, bundled
from tls_scaffold.keeping import journal
from tls_scaffold.rendering import template

WORDS = ("--members", "127.0.0.1", "--users", "app,root", "--grant", "app=/app/:rw", *P256)
CFSSL_165 = str(peers.folder("cfssl"))
STARTS = "-----BEGIN CERTIFICATE-----"
# What happens to the files of a leaf: nothing.
LEAVES = ("etcd1", "app", "root")

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def brought(
    into: Path, *cas: Company, key: Company | None = None, words: tuple[str, ...] = WORDS
) -> Path:
    """Make a folder whose CA is brought by files beside it."""
    file = written(into / "ca.pem", *cas)
    more = ("--ca-key", str(written_key(into / "ca.key", key))) if key else ()
    done = tls_scaffold("new", str(into / "tls-setup"), *words, "--ca", str(file), *more)
    assert done.returncode == 0, done.stderr
    return into / "tls-setup"


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = brought(tmp_path_factory.mktemp("own"), ROOT, SIGNER, MIDDLE, key=SIGNER)
    make(path, SIGNER="cfssl")
    return path


@pytest.fixture
def own(_made: Path, tmp_path: Path) -> Path:
    """Return a signed folder whose CA is two below the company's root."""
    return shutil.copytree(_made, tmp_path / "tls-setup", symlinks=True)


def pems(path: Path) -> list[str]:
    return [STARTS + each for each in path.read_text().split(STARTS)[1:]]


def text(ca: Company) -> str:
    return ca.pem.decode()


def serials(folder: Path) -> list[str]:
    return [
        openssl("x509", "-noout", "-serial", "-in", f"{folder}/certs/{name}.pem") for name in LEAVES
    ]


def sync(folder: Path, *words: str, code: int = 0) -> str:
    done = tls_scaffold("-C", str(folder), "sync", *words)
    assert done.returncode == code, done.stderr
    return done.stderr


def check_pairs(folder: Path) -> None:
    """Let OpenSSL, and Python's ssl at both ends of a connection, take every pair."""
    certs = folder / "certs"
    trust = str(certs / "trust.pem")
    for name in LEAVES:
        pair = str(certs / f"{name}.pem")
        assert openssl("verify", "-CAfile", trust, "-untrusted", pair, pair).endswith("OK\n")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trust)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(certs / "etcd1.pem", certs / "etcd1-key.pem")
    client = ssl.create_default_context(cafile=trust)
    client.load_cert_chain(certs / "app.pem", certs / "app-key.pem")
    one, other = socket.socketpair()
    thread = threading.Thread(target=lambda: server.wrap_socket(one, server_side=True).recv(1))
    thread.start()
    with client.wrap_socket(other, server_hostname="127.0.0.1") as connection:
        connection.sendall(b"x")
        thread.join(10)
    one.close()


# --- what is taken


@pytest.mark.parametrize("order", [*permutations((ROOT, MIDDLE, SIGNER))], ids=lambda _: "")
@pytest.mark.parametrize("has_key", [True, False])
def test_a_file_holds_the_ca_and_those_above_it_in_any_order(
    tmp_path: Path, order: tuple[Company, ...], has_key: bool
) -> None:
    path = brought(tmp_path, *order, key=SIGNER if has_key else None)
    certs = path / "certs"

    assert pems(certs / "ca.pem") == [text(SIGNER)]
    assert pems(certs / "chain.pem") == [text(SIGNER), text(MIDDLE)]
    assert pems(certs / "trust.pem") == [text(ROOT)]
    assert (certs / "ca-key.pem").exists() is has_key
    if has_key:
        assert (certs / "ca-key.pem").stat().st_mode & 0o777 == 0o600
        assert (certs / "ca-key.pem").read_bytes().strip() == SIGNER.key_pem().strip()
    said = json.loads((path / "tls-scaffold.json").read_text())["ca"]
    assert said == {"own": True, "sha256": SIGNER.certificate.fingerprint(hashes.SHA256()).hex()}


def test_a_root_needs_no_chain(tmp_path: Path) -> None:
    path = brought(tmp_path, ROOT, key=ROOT)
    make(path)

    assert not (path / "certs/chain.pem").exists()
    assert pems(path / "certs/trust.pem") == pems(path / "certs/ca.pem") == [text(ROOT)]
    assert len(pems(path / "certs/app.pem")) == 1
    check_pairs(path)


@pytest.mark.parametrize(
    "programs",
    [
        ("SIGNER=cfssl",),
        ("SIGNER=tls-scaffold",),
        pytest.param(
            ("SIGNER=cfssl", f"CFSSL={CFSSL_165}/cfssl", f"JSON={CFSSL_165}/cfssljson"),
            marks=pytest.mark.needs("cfssl", within=CFSSL_165),
        ),
    ],
    ids=["cfssl 1.2.0", "own signer", "cfssl 1.6.5"],
)
def test_the_chain_stands_behind_each_leaf_and_everybody_takes_it(
    tmp_path: Path, programs: tuple[str, ...]
) -> None:
    path = brought(tmp_path, MIDDLE, ROOT, SIGNER, key=SIGNER)
    make(path, *programs)

    for name in LEAVES:
        assert pems(path / f"certs/{name}.pem")[1:] == [text(SIGNER), text(MIDDLE)]
    check_pairs(path)
    # To whom an intermediate is enough that is Go, and nobody else: so the root is asked for.
    pair = str(path / "certs/app.pem")
    done = run("openssl", "verify", "-CAfile", str(path / "certs/ca.pem"), pair)
    assert "unable to get issuer certificate" in done.stdout + done.stderr
    # What one signer made is right to the other: the chain is among what it is made from.
    before = serials(path)
    for signer in ("cfssl", "tls-scaffold"):
        make(path, SIGNER=signer)
    assert serials(path) == before


def test_a_locked_key_is_opened_by_its_password(tmp_path: Path) -> None:
    file = written(tmp_path / "ca.pem", ROOT, MIDDLE, SIGNER)
    key = written_key(tmp_path / "ca.key", SIGNER, b"geheim")
    words = ("new", "tls-setup", *WORDS, "--ca", str(file), "--ca-key", str(key))
    done = run("tls-scaffold", *words, cwd=tmp_path)

    assert done.returncode == 0
    assert "whose it is was not looked at: set CFSSL_CA_PK_PASSWORD" in done.stderr
    assert b"ENCRYPTED" in (tmp_path / "tls-setup/certs/ca-key.pem").read_bytes()
    shutil.rmtree(tmp_path / "tls-setup")
    done = run("tls-scaffold", *words, cwd=tmp_path, CFSSL_CA_PK_PASSWORD="geheim")
    assert done.returncode == 0
    assert "was not looked at" not in done.stderr
    for signer in ("cfssl", "tls-scaffold"):
        make(tmp_path / "tls-setup", "req", SIGNER=signer, CFSSL_CA_PK_PASSWORD="geheim")
        check_pairs(tmp_path / "tls-setup")


@pytest.mark.parametrize(
    "way", [("pkcs8", "-topk8", "-v2", "camellia256"), ("ec", "-aes192")], ids=["PKCS #8", "old"]
)
def test_a_cipher_that_is_not_known_is_no_wrong_password(
    tmp_path: Path, way: tuple[str, ...]
) -> None:
    file = written(tmp_path / "ca.pem", ROOT, MIDDLE, SIGNER)
    key, given = written_key(tmp_path / "ca.key", SIGNER), ("-passout", "pass:geheim")
    openssl(*way, "-in", str(key), "-out", str(tmp_path / "locked.key"), *given)
    words = ("new", "x", *WORDS, "--ca", str(file), "--ca-key", "locked.key")
    done = run("tls-scaffold", *words, cwd=tmp_path, CFSSL_CA_PK_PASSWORD="geheim")
    assert done.returncode == 1
    assert "locked.key: it is encrypted with a cipher that is not known here" in done.stderr
    assert not (tmp_path / "x").exists()
    # As the message says.
    again = ("-in", str(tmp_path / "locked.key"), "-out", str(tmp_path / "new.key"))
    openssl("ec", "-aes256", *again, "-passin", "pass:geheim", *given)
    done = run("tls-scaffold", *words[:-1], "new.key", cwd=tmp_path, CFSSL_CA_PK_PASSWORD="geheim")
    assert done.returncode == 0, done.stderr


# --- what is refused, before anything is written

STRANGER = company("Stranger")
BELOW_ENDED = company("Ended", ROOT, begin=timedelta(days=-20), days=10)
REFUSED = {
    "client auth alone": (
        (ROOT, company("Clients", ROOT, usages=(CLIENT,))),
        "its extended key usage leaves out `server auth`",
    ),
    "server auth alone above it": (
        (ROOT, middle := company("M", ROOT, usages=(SERVER,)), company("S", middle)),
        "`O=Example Company, CN=M`: its extended key usage leaves out `client auth`",
    ),
    "no keyCertSign": (
        (ROOT, company("Signs nothing", ROOT, signs=False)),
        "its key usage lacks `cert sign`",
    ),
    "a leaf": (
        (ROOT, company("leaf", ROOT, is_ca=False)),
        "`O=Example Company, CN=leaf` is not a CA's certificate",
    ),
    "it has ended": ((ROOT, BELOW_ENDED), "`O=Example Company, CN=Ended` ended "),
    "one above it has ended": (
        (ROOT, BELOW_ENDED, company("S", BELOW_ENDED)),
        "`O=Example Company, CN=Ended` ended ",
    ),
    "it has not begun": (
        (ROOT, company("Later", ROOT, begin=timedelta(days=1))),
        "`O=Example Company, CN=Later` begins ",
    ),
    "no room for a CA below": (
        (ROOT, flat := company("Flat", ROOT, length=0), company("S", flat)),
        "`O=Example Company, CN=Flat` lets 0 CAs follow below it, and there are 1",
    ),
    "a short key": (
        (ROOT, company("Short", ROOT, key=rsa.generate_private_key(65537, 1024))),  # noqa: S505
        "has a key of 1024 bits of RSA: OpenSSL takes 2048",
    ),
    "no root": ((SIGNER, MIDDLE), "was signed by `O=Example Company, CN=Example Root`"),
    "a gap": ((SIGNER, ROOT), "was signed by `O=Example Company, CN=Example Middle`"),
    "one that is not above it": (
        (ROOT, MIDDLE, SIGNER, STRANGER),
        "`O=Example Company, CN=Stranger` is not above `O=Example Company, CN=Example etcd CA`",
    ),
    "hosts that it is not for": (
        (ROOT, company("Narrow", ROOT, permitted=("example.com",))),
        "name constraints do not allow `localhost`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_no_ca_of_etcd_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    cas, reason = REFUSED[name]
    file = written(tmp_path / "ca.pem", *cas)
    signer = cas[0] if name in ("no root", "a gap") else cas[-1]
    signer = SIGNER if name == "one that is not above it" else signer
    key = written_key(tmp_path / "ca.key", signer)
    before = contents(tmp_path)

    done = tls_scaffold("new", str(tmp_path / "x"), *WORDS, "--ca", str(file), "--ca-key", str(key))

    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    assert contents(tmp_path) == before


def test_a_weak_signature_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "root.pem", ROOT)
    written_key(tmp_path / "root.key", ROOT)
    (tmp_path / "extensions").write_text("basicConstraints=critical,CA:true\n")
    request = ("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
    openssl(
        *(*request, "-subj", "/CN=Weak", "-keyout", f"{tmp_path}/x.key", "-out"),
        f"{tmp_path}/x.csr",
    )
    openssl(
        *("x509", "-req", "-sha1", "-in", f"{tmp_path}/x.csr", "-CA", f"{tmp_path}/root.pem"),
        *("-CAkey", f"{tmp_path}/root.key", "-set_serial", "9", "-out", f"{tmp_path}/weak.pem"),
        *("-extfile", f"{tmp_path}/extensions"),
    )
    (tmp_path / "ca.pem").write_bytes((tmp_path / "weak.pem").read_bytes() + ROOT.pem)

    done = tls_scaffold("new", str(tmp_path / "x"), *WORDS, "--ca", str(tmp_path / "ca.pem"))

    assert done.returncode == 1
    assert "`CN=Weak` is signed with SHA-1, which Go refuses" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("certificate", "key", "reason"),
    [
        (ROOT.pem + SIGNER.pem + MIDDLE.pem, STRANGER.key_pem(), "is the key of no certificate in"),
        (ROOT.pem + STRANGER.pem, b"", "holds several CAs of which each could be the one that"),
        (ROOT.pem + ROOT.key_pem(), b"", "holds a private key"),
        (ROOT.pem[:300], b"", "is not a certificate"),
        (b"", b"", "is not a certificate"),
        (ROOT.pem, b"nothing", "can't be read as a private key"),
    ],
    ids=["another's key", "two CAs", "a key in it", "cut off", "empty", "no key"],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, certificate: bytes, key: bytes, reason: str
) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate)
    (tmp_path / "ca.key").write_bytes(key)
    with_key = ("--ca-key", str(tmp_path / "ca.key")) if key else ()

    words = ("new", str(tmp_path / "x"), *WORDS, "--ca", str(tmp_path / "ca.pem"), *with_key)
    done = tls_scaffold(*words)

    assert (done.returncode, reason in done.stderr) == (1, True), done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--ca-key", "x"), "`--ca-key` names the key of a CA, and no certificate of it"),
        (("--ca-offline", "--encrypt-ca-key"), "exclude each other"),
        (("--ca", "x", "--ca-key", "y", "--ca-offline"), "`--ca-offline` leaves it elsewhere"),
        (("--ca-label", "x"), "`--ca-label` goes with `--ca-remote`"),
        (("--ca", "/nowhere/ca.pem"), "`/nowhere/ca.pem` can't be read"),
        (("--ca", ""), "it is empty"),
    ],
)
def test_options_that_can_t_stand_together_are_refused(
    tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    done = tls_scaffold("new", str(tmp_path / "x"), *WORDS, *words)

    assert done.returncode in (1, 2)
    assert reason in done.stderr
    assert not (tmp_path / "x").exists()


# --- what is never done


@pytest.mark.usefixtures("either_signer")
def test_no_other_ca_is_made_in_its_place(own: Path, tmp_path: Path) -> None:
    done = make(own, "regenerate", code=2)
    assert (
        "this folder has a CA of its own, which was brought: no other is made here" in done.stderr
    )

    (own / "certs/ca-key.pem").rename(tmp_path / "away")
    done = make(own, "req-app", code=2)
    assert "`tls-scaffold sync --ca-key FILE` brings it" in done.stderr
    assert "regenerate" not in done.stderr
    make(own)  # nothing is to be signed
    assert "next:" not in tls_scaffold("-C", str(own), "status").stderr
    (own / "certs/app.pem").unlink()
    done = tls_scaffold("-C", str(own), "status")
    assert f"next: tls-scaffold -C {own} sync --ca-key FILE\n" in done.stderr

    (own / "certs/ca.pem").rename(tmp_path / "ca.pem")
    done = tls_scaffold("-C", str(own), "status")
    assert f"next: tls-scaffold -C {own} sync --ca FILE --ca-key FILE\n" in done.stderr
    assert "orphaned" not in done.stdout  # `certs/chain.pem` is no component's
    shutil.rmtree(own / "certs")
    for goal in ("ca", "all", "req-app"):
        done = make(own, goal, code=2)
        assert "it is not in `certs`" in done.stderr
        assert "regenerate" not in done.stderr
    assert not (own / "certs/ca.pem").exists()
    # With its record alone it is as a clone: `check` has no fault to tell.
    done = tls_scaffold("-C", str(own), "check")
    assert done.returncode == 0
    assert "[keys-elsewhere]" in done.stdout
    done = tls_scaffold("-C", str(own), "status")
    assert done.returncode == 1
    assert "sync --ca FILE --ca-key FILE` brings it again" in " ".join(done.stdout.split())
    (own / "certs").mkdir(exist_ok=True)
    (own / "certs/app.csr").touch()
    done = tls_scaffold("-C", str(own), "check")
    assert done.returncode == 1
    assert "sync --ca FILE --ca-key FILE` brings it again" in " ".join(done.stdout.split())
    assert "regenerate" not in done.stdout + done.stderr


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_ca_of_peers_beside_it_is_made_and_renewed_here(tmp_path: Path, signer: str) -> None:
    words = (*WORDS, "--peer-ca")
    path = brought(tmp_path, ROOT, SIGNER, MIDDLE, key=SIGNER, words=words)
    make(path, SIGNER=signer)
    certs, peer = path / "certs", path / "certs/peer-etcd1.pem"

    # The chain stands behind what the brought one signed alone.
    check_pairs(path)
    assert pems(certs / "etcd1.pem")[1:] == [text(SIGNER), text(MIDDLE)]
    assert len(pems(peer)) == 1
    openssl("verify", "-CAfile", str(certs / "peer-trust.pem"), str(peer))
    trusted = ("-CAfile", str(certs / "trust.pem"), "-untrusted", str(certs / "chain.pem"))
    assert run("openssl", "verify", *trusted, str(peer)).returncode != 0
    bundled(path)
    made = path / "dist/etcd1"
    assert pems(made / "ca.pem") == [text(ROOT)]
    assert (made / "peer-ca.pem").read_bytes() == (certs / "peer-ca.pem").read_bytes()
    assert (made / "peer-etcd1.pem").read_bytes() == peer.read_bytes()
    assert finds_nothing(tls_scaffold("-C", str(path), "check"))

    assert "no other is made here" in make(path, "regenerate", code=2, SIGNER=signer).stderr
    before = contents(path)
    done = make(path, "renew-ca", SIGNER=signer)
    assert "certs/ca.pem was brought: it is not signed again here" in done.stderr
    assert "signed certs/peer-ca.pem again" in done.stdout
    after = contents(path)
    assert {name for name in before if after.get(name) != before[name]} == {
        "certs/peer-ca.pem",
        "certs/peer-trust.pem",
    }
    assert (certs / "peer-trust.pem").read_bytes() == (certs / "peer-ca.pem").read_bytes()
    # Nor does the next one that is brought touch what peers show.
    new = renewed()
    sync(path, "--ca", str(written(tmp_path / "new.pem", new, MIDDLE, ROOT)))
    for each in ("cfssl", "tls-scaffold"):
        done = make(path, SIGNER=each)
        assert "nothing to sign: " in done.stdout + done.stderr
    assert pems(certs / "app.pem")[1:] == [text(new), text(MIDDLE)]
    assert peer.read_bytes() == before["certs/peer-etcd1.pem"]
    # Without the key of the other it waits, and nothing is written.
    (certs / "ca-key.pem").rename(tmp_path / "away")
    before = contents(path)
    done = make(path, "renew-ca", code=2, SIGNER=signer)
    assert "`tls-scaffold sync --ca-key FILE` brings it" in done.stderr
    assert contents(path) == before


def test_that_the_ca_of_peers_ends_is_advised_as_anywhere(tmp_path: Path) -> None:
    path = brought(tmp_path, SIGNER, MIDDLE, ROOT, key=SIGNER, words=(*WORDS, "--peer-ca"))
    ca = company("peers of Example etcd CA", days=100)
    written(path / "certs/peer-ca.pem", ca)
    written_key(path / "certs/peer-ca-key.pem", ca)
    make(path, SIGNER="cfssl")
    done = make(path, "renew", SIGNER="cfssl")
    assert "`certs/peer-ca.pem` ends" in done.stderr
    assert "`make renew-ca` signs it again" in done.stderr
    assert "--ca FILE" not in done.stderr


def test_a_lost_ca_of_peers_is_made_anew_as_it_is_told(tmp_path: Path) -> None:
    path = brought(tmp_path, SIGNER, MIDDLE, ROOT, key=SIGNER, words=(*WORDS, "--peer-ca"))
    make(path, SIGNER="cfssl")
    away = path / "archive/lost"
    away.mkdir(parents=True)
    before = contents(path)
    for file in (*path.glob("certs/peer-ca*"), path / "certs/peer-trust.pem"):
        file.rename(away / file.name)
    for signer in ("cfssl", "tls-scaffold"):
        told = make(path, code=2, SIGNER=signer).stderr
        assert "`certs/peer-*` and `issued/peer-ca-*.pem` into a folder of `archive/`" in told
        assert "regenerate" not in told
    told = " ".join(tls_scaffold("-C", str(path), "status").stdout.split())
    assert "`issued/peer-ca-*.pem` into a folder of `archive/`" in told
    assert "regenerate" not in told
    for file in (*path.glob("certs/peer-*"), *path.glob("issued/peer-ca-*")):
        file.rename(away / file.name)
    make(path, SIGNER="cfssl")
    openssl("verify", "-CAfile", f"{path}/certs/peer-ca.pem", f"{path}/certs/peer-etcd1.pem")
    after = contents(path)
    assert [after[f"certs/{name}.pem"] for name in LEAVES] == [
        before[f"certs/{name}.pem"] for name in LEAVES
    ]


def test_without_its_key_what_is_next_is_to_bring_it(tmp_path: Path) -> None:
    file = written(tmp_path / "ca.pem", ROOT, SIGNER, MIDDLE)
    done = tls_scaffold("new", "x", *WORDS, "--ca", str(file), cwd=tmp_path)
    assert "next: tls-scaffold -C x sync --ca-key FILE\n" in done.stderr
    done = tls_scaffold("-C", "x", "status", cwd=tmp_path)
    assert "next: tls-scaffold -C x sync --ca-key FILE\n" in done.stderr


def test_nothing_compares_it_with_a_request(own: Path) -> None:
    assert not (own / "config/ca-csr.json").exists()
    (own / "config/ca-csr.json").write_text('{"CN": "x", "key": {"algo": "rsa", "size": 2048}}')
    document = json.loads((own / "tls-scaffold.json").read_text())
    changed = {**document, "ca_cn": "Another", "organization": "O2", "ca_expiry": "17520h"}
    (own / "tls-scaffold.json").write_text(json.dumps(changed))

    sync(own)
    done = tls_scaffold("-C", str(own), "status", "--json")

    rows = {each["name"]: each for each in json.loads(done.stdout)["components"]}
    assert (rows["ca"]["state"], rows["ca"]["reasons"]) == ("valid", [])
    assert "regenerate" not in done.stderr
    assert pems(own / "certs/ca.pem") == [text(SIGNER)]


def test_status_and_check_follow_the_way_to_the_root(own: Path) -> None:
    assert tls_scaffold("-C", str(own), "status").returncode == 0
    done = tls_scaffold("-C", str(own), "check")
    assert finds_nothing(done), done.stdout

    # A leaf without the chain is refused by everybody who trusts the root alone.
    whole = (own / "certs/app.pem").read_text()
    (own / "certs/app.pem").write_text(pems(own / "certs/app.pem")[0])
    done = tls_scaffold("-C", str(own), "status")
    assert done.returncode == 4
    assert (
        "stale: `certs/chain.pem`, the CAs up to the root, does not stand behind it" in done.stdout
    )
    assert tls_scaffold("-C", str(own), "bundle", "app").returncode == 1
    (own / "certs/app.pem").write_text(whole)

    trust = (own / "certs/trust.pem").read_text()
    (own / "certs/trust.pem").write_text(text(STRANGER))
    done = tls_scaffold("-C", str(own), "check")
    assert done.returncode == 1
    assert "nor the root above it by way of `certs/chain.pem`" in done.stdout
    assert "`tls-scaffold sync --ca FILE` brings the CA again" in without_place(done.stdout)
    (own / "certs/trust.pem").unlink()
    for signer in ("cfssl", "tls-scaffold"):
        done = make(own, code=2, SIGNER=signer)
        assert "`certs/trust.pem`, the root that everybody trusts, is missing" in done.stderr
    (own / "certs/trust.pem").write_text(trust)


def test_a_ca_below_a_root_that_was_signed_with_a_hash_go_does_not_know_is_told(own: Path) -> None:
    old = SIGNER.certificate
    builder = x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer)
    builder = builder.public_key(old.public_key()).serial_number(old.serial_number)
    builder = builder.not_valid_before(old.not_valid_before_utc)
    builder = builder.not_valid_after(old.not_valid_after_utc)
    for each in old.extensions:
        builder = builder.add_extension(each.value, critical=each.critical)
    weak = builder.sign(MIDDLE.key, hashes.SHA224()).public_bytes(Encoding.PEM).decode()
    for path in (own / "certs").glob("*.pem"):
        path.write_text(path.read_text().replace(text(SIGNER), weak))
    told = "the CA `Example etcd CA` is signed with SHA-224, which Go refuses"
    for command in ("status", "check", "bundle"):
        done = tls_scaffold("-C", str(own), command)
        assert done.returncode, command
        assert told in " ".join((done.stdout + done.stderr).split()), command


def test_the_end_of_a_ca_above_is_the_end_of_all_below(tmp_path: Path) -> None:
    for days, codes, told in (
        (20, (5, 0), " [expiring]"),
        (200, (0, 0), ", before what it signs [ca-ends-first]"),
    ):
        root = company("Short Root", days=days)
        signer = company("Long CA", root, days=1800)
        file = written(tmp_path / "ca.pem", root, signer)
        key = written_key(tmp_path / "key.pem", signer)
        folder = tmp_path / f"x{days}"
        words = ("--ca", str(file), "--ca-key", str(key))
        assert tls_scaffold("new", str(folder), *WORDS, *words).returncode == 0
        make(folder, SIGNER="tls-scaffold")
        end = f"{root.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"

        shown = tls_scaffold("-C", str(folder), "status", "--json")
        rows = {each["name"]: each for each in json.loads(shown.stdout)["components"]}
        state = "expiring" if days < 30 else "valid"
        assert {each["state"] for each in rows.values()} == {state}
        assert f"{state}: the CA `Short Root` above it ends {end}" in rows["ca"]["reasons"][0]
        assert f"the CA `Short Root` above `certs/ca.pem` ends {end}" in rows["app"]["reasons"][0]
        assert {each["days_left"] for each in rows.values()} == {days - 1}
        checked = tls_scaffold("-C", str(folder), "check")
        assert (shown.returncode, checked.returncode) == codes
        ends = f"the CA `Short Root` above it ends {end}"
        assert f"warning: certs/ca.pem: {ends}{told}\n" in checked.stdout
        fixes = without_place(checked.stdout)
        assert fixes.count("`tls-scaffold sync --ca FILE` brings a folder's own") == 1
        # To sign anything again would be no help.
        assert "next:" not in tls_scaffold("-C", str(folder), "status").stderr


def test_bundles_hand_out_the_root_and_the_chain(own: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    password = ("--p12", "--p12-password-file", str(tmp_path / "password"))
    bundled(own, "--kubernetes", "--kubeadm", *password, "etcd1")

    made = own / "dist/etcd1"
    assert pems(made / "ca.pem") == [text(ROOT)]
    assert pems(made / "pki/etcd/ca.crt") == [text(ROOT)]
    assert pems(made / "pki/etcd/server.crt")[1:] == [text(SIGNER), text(MIDDLE)]
    shown = openssl(
        *("pkcs12", "-nokeys", "-in", str(made / "etcd1.p12")),
        *("-passin", f"file:{tmp_path}/password"),
    )
    assert [name in shown for name in ("Example etcd CA", "Example Middle", "Example Root")] == [
        True
    ] * 3


@pytest.mark.parametrize("path", short_with("newest 3.5", "newest 3.6"))
def test_members_and_a_user_work_from_their_bundles(
    tmp_path: Path, running: Running, path: str
) -> None:
    host = addresses(path, 4)[0]
    words = ("--members", host, *WORDS[2:])
    folder = brought(tmp_path, SIGNER, MIDDLE, ROOT, key=SIGNER, words=words)
    make(folder)
    cluster = Cluster(bundled(folder), path, running)
    cluster.member("etcd1")
    cluster.up().enabled()

    assert cluster.said("app", "put /app/x 1") == "OK\n"
    assert "permission denied" in cluster.etcdctl("app", "put /b 1").stderr
    assert cluster.peer_port_takes(host, "etcd1")


# --- a change of who holds it


def renewed() -> Company:
    return company("Example etcd CA", MIDDLE, key=SIGNER.key, length=0, days=2000)


def test_its_next_certificate_signs_nothing_again(own: Path, tmp_path: Path) -> None:
    before, new = serials(own), renewed()
    said = sync(own, "--ca", str(written(tmp_path / "new.pem", new, MIDDLE, ROOT)))

    assert "nothing was signed: copy them to where they are used" in said
    assert pems(own / "certs/app.pem")[1:] == [text(new), text(MIDDLE)]
    for signer in ("cfssl", "tls-scaffold"):
        done = make(own, SIGNER=signer)
        assert "gencert" not in done.stdout
        assert "nothing to sign: " in done.stdout + done.stderr
    assert serials(own) == before
    check_pairs(own)
    told = tls_scaffold("-C", str(own), "status")
    assert told.returncode == 0
    assert "ends, the pairs have to be laid out with their new chain" in told.stderr
    assert "no member has to restart" in told.stderr
    document = json.loads(tls_scaffold("-C", str(own), "status", "--json").stdout)
    assert [each["restart"] for each in document["earlier_cas"]] == [False]
    (shelf,) = (each for each in (own / "archive").iterdir() if each.is_dir())
    assert pems(shelf / "certs/ca.pem") == [text(SIGNER)]
    # Again it changes nothing.
    kept = contents(own)
    sync(own, "--ca", str(tmp_path / "new.pem"))
    assert contents(own) == kept


def test_the_same_ca_may_come_out_from_below_its_root(own: Path, tmp_path: Path) -> None:
    before = serials(own)
    alone = company("Example etcd CA", key=SIGNER.key)

    said = sync(own, "--ca", str(written(tmp_path / "alone.pem", alone)))

    assert "nothing was signed: copy them to where they are used" in said
    assert not (own / "certs/chain.pem").exists()
    assert pems(own / "certs/trust.pem") == pems(own / "certs/ca.pem") == [text(alone)]
    assert len(pems(own / "certs/app.pem")) == 1
    make(own, SIGNER="cfssl")
    assert serials(own) == before
    check_pairs(own)


def test_another_root_is_told_with_the_way_to_it(own: Path, tmp_path: Path) -> None:
    again = company("Example Root", key=ROOT.key, days=9000)
    signer = company("Example etcd CA", again, key=SIGNER.key)
    said = sync(own, "--ca", str(written(tmp_path / "again.pem", signer, again)))
    assert "`certs/trust.pem` is another one now" in said
    assert "another root" not in said

    root = company("Another Root")
    below = company("Example etcd CA", root, key=SIGNER.key)
    file = str(written(tmp_path / "ca.pem", below, root))
    for dry in (("--dry-run",), ()):
        assert "another root is trusted from now on" in sync(own, "--ca", file, *dry)
    # As the message says: what either of the two roots is above is taken.
    leaf, old = own / "certs/app.pem", tmp_path / "old.pem"
    old.write_text("".join([pems(leaf)[0], text(SIGNER), text(MIDDLE)]))
    newest = max(own.glob("archive/*/certs/trust.pem"))
    trust = own / "certs/trust.pem"
    trust.write_text(trust.read_text() + newest.read_text())
    for each in (leaf, old):
        trusted = ("-CAfile", str(own / "certs/trust.pem"), "-untrusted", str(each))
        openssl("verify", *trusted, str(each))
    done = tls_scaffold("-C", str(own), "check")
    assert finds_nothing(done), done.stdout
    assert "another root" not in sync(own, "--ca", file)


def below_root(folder: Path, tmp_path: Path) -> Path:
    """Return a file with our CA's certificate as the company signs it by its CSR, and the root."""
    root, key = (
        written(tmp_path / "root.pem", ROOT),
        written_key(tmp_path / "root.key", ROOT),
    )
    extensions = tmp_path / "extensions"
    extensions.write_text("basicConstraints=critical,CA:true\nkeyUsage=keyCertSign,cRLSign\n")
    openssl(
        *("x509", "-req", "-in", str(folder / "certs/ca.csr"), "-days", "900"),
        *("-CA", str(root), "-CAkey", str(key), "-set_serial", "77"),
        *("-extfile", str(extensions), "-out", str(tmp_path / "signed.pem")),
    )
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "signed.pem").read_bytes() + ROOT.pem)
    return both


def test_our_ca_may_come_below_a_root(signed: Factory, tmp_path: Path) -> None:
    folder = signed(*WORDS)
    before, old = serials(folder), shutil.copy(folder / "certs/ca.pem", tmp_path / "old.pem")

    said = sync(folder, "--ca", str(below_root(folder, tmp_path)))

    assert "`certs/trust.pem` is another one now: hand it out to everybody" in said
    assert "another root is trusted from now on" in said
    make(folder, SIGNER="cfssl")
    assert serials(folder) == before
    assert not (folder / "config/ca-csr.json").exists()
    check_pairs(folder)
    assert tls_scaffold("-C", str(folder), "status").returncode == 0
    # Whoever trusts the old certificate goes on taking what is signed.
    openssl("verify", "-CAfile", str(old), str(folder / "certs/app.pem"))


def test_a_key_leaves_for_the_archive_and_comes_back(own: Path, tmp_path: Path) -> None:
    before, key = serials(own), SIGNER.key_pem()

    said = sync(own, "--ca-offline")
    assert "`certs/ca-key.pem` went to archive/: move it from there" in said
    assert not (own / "certs/ca-key.pem").exists()
    (kept,) = own.glob("archive/*/certs/ca-key.pem")
    assert kept.read_bytes() == key
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads((own / "tls-scaffold.json").read_text())["ca"]["key"] == "offline"
    make(own, SIGNER="cfssl")

    state = contents(own)
    said = sync(own, "--ca-here", code=1)
    assert "no key was brought: nothing was changed" in said
    other = str(written_key(tmp_path / "other.key", STRANGER))
    said = sync(own, "--ca-here", "--ca-key", other, code=1)
    assert "is the key of no certificate in `certs/ca.pem`" in said
    assert contents(own) == state

    file = str(written_key(tmp_path / "ca.key", SIGNER))
    said = sync(own, "--ca-here", "--ca-key", file)
    assert f"`certs/ca-key.pem` is the key out of `{file}`, in the clear" in said
    assert "packs that are on their way are of no use any more" in said
    make(own, SIGNER="cfssl")
    assert serials(own) == before
    make(own, "req-app", SIGNER="cfssl")
    check_pairs(own)


def test_another_ca_is_refused_with_the_way(own: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "ca.pem", STRANGER)
    key = written_key(tmp_path / "ca.key", STRANGER)
    before = contents(own)

    for words in (("--ca", str(file)), ("--ca", str(file), "--ca-key", str(key))):
        said = sync(own, *words, code=1)
        assert "what is brought is another CA than this folder's: nothing was changed" in said
        assert "CN=Stranger" in said
        assert "CN=Example etcd CA" in said
    assert contents(own) == before

    # The way that it names.
    make(own, "clean")
    sync(own, "--ca", str(file), "--ca-key", str(key))
    make(own, SIGNER="cfssl")
    check_pairs(own)
    assert pems(own / "certs/trust.pem") == [text(STRANGER)]


def test_a_clone_gets_only_the_ca_that_the_record_has(own: Path, tmp_path: Path) -> None:
    shutil.rmtree(own / "certs")
    said = sync(own, "--ca", str(written(tmp_path / "x.pem", STRANGER)), code=1)
    assert "another CA than this folder's" in said

    sync(own, "--ca", str(written(tmp_path / "ca.pem", ROOT, SIGNER, MIDDLE)))
    make(own, "ca")
    assert pems(own / "certs/ca.pem") == [text(SIGNER)]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--ca",), id="next"),
        pytest.param(("--ca-offline",), id="offline", marks=pytest.mark.long),
    ],
)
def test_a_change_killed_at_any_of_its_steps_loses_nothing_and_heals(
    own: Path,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setattr(template, "render", kills.remembered(template.render))
    if words == ("--ca",):
        words = ("--ca", str(written(tmp_path / "new.pem", renewed(), MIDDLE, ROOT)))
    before, old = serials(own), certs_of(own)
    finished = Path(shutil.copytree(own, tmp_path / "finished", symlinks=True))
    assert kills.run(finished, ["sync", *words]) == 0
    new = certs_of(finished)
    kills.run(finished, ["sync", *words])  # renders what is remembered from here on
    hits = 0
    for step in range(9, 500, 1 if pytestconfig.getoption("--long") else 41):
        copy = Path(shutil.copytree(own, tmp_path / "copy", symlinks=True))
        if kills.run(copy, ["sync", *words], step=step) == 0:
            break
        hits += 1
        assert open_keys(copy) == [], step
        # Each file of a CA is somewhere, and what make finds is whole.
        there = {path.read_bytes() for path in copy.rglob("*") if path.is_file()}
        lost = {name for name, content in old.items() if content not in there}
        assert {name for name in lost if "ca" in name or "key" in name} == set(), step
        make(copy, SIGNER="cfssl")
        check_pairs(copy)
        assert kills.run(copy, ["sync", *words]) == 0, step
        assert certs_of(copy) == new, step
        make(copy, SIGNER="cfssl")
        assert serials(copy) == before, step
        shutil.rmtree(copy)
    assert hits > 2


def test_killed_between_the_ca_and_the_inventory_nothing_is_signed_again(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = serials(own)
    words = ["sync", "--ca", str(written(tmp_path / "new.pem", renewed(), MIDDLE, ROOT))]
    with monkeypatch.context() as patched:
        patched.setattr(journal, "carry_out", lambda *_: os._exit(9))
        assert kills.run(own, words) == 9

    assert pems(own / "certs/ca.pem") != [text(SIGNER)]
    make(own, SIGNER="cfssl")
    assert serials(own) == before
    check_pairs(own)
    assert "[unpinned-ca]" in tls_scaffold("-C", str(own), "check").stdout
    assert kills.run(own, words) == 0
    assert finds_nothing(tls_scaffold("-C", str(own), "check"))


def open_keys(folder: Path) -> list[Path]:
    """Return the files with a private key that others than their owner may read."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077)
    return [path for path in files if b" PRIVATE KEY-----" in path.read_bytes()]


def certs_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "certs").glob("*.*")}


def test_a_new_one_killed_at_any_of_its_steps_is_finished(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template, "render", kills.remembered(template.render))
    file = str(written(tmp_path / "ca.pem", ROOT, MIDDLE, SIGNER))
    words = ("--ca", file, "--ca-key", str(written_key(tmp_path / "ca.key", SIGNER)))
    place = tmp_path / "place"
    place.mkdir()
    assert kills.run(place, ["new", "x", *WORDS, *words]) == 0
    whole, hits = contents(place), 0
    for step in range(5, 500, 1 if pytestconfig.getoption("--long") else 23):
        shutil.rmtree(place / "x")
        if kills.run(place, ["new", "x", *WORDS, *words], step=step) == 0:
            break
        hits += 1
        assert open_keys(place) == [], step
        if kills.run(place, ["new", "x", *WORDS, *words]):
            sync(place / "x", *words)
        there = contents(place)
        assert {name: there.get(name) for name in whole} == whole, step
        assert {name for name in there.keys() - whole.keys() if "archive/" not in name} <= {
            "x/.tls-scaffold/.gitignore",
            "x/issued/ca-" + hashlib.sha256(SIGNER.pem).hexdigest()[:10] + ".pem",
        }, step
    assert hits > 3


# --- the page


PAGE = (Path(__file__).parents[1] / "docs/ca-own.md").read_text(encoding="utf-8")


def test_the_page_s_commands_do_what_it_says(tmp_path: Path) -> None:
    written(tmp_path / "company.pem", ROOT, SIGNER, MIDDLE)
    written(tmp_path / "company-next.pem", ROOT, renewed(), MIDDLE)
    written_key(tmp_path / "etcd-ca-key.pem", SIGNER)
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)

    for line in "".join(blocks).split("$ ")[1:]:
        command, _, output = line.partition("\n")
        done = run("sh", "-c", command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert output in done.stdout
