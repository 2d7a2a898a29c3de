"""What is said of a certificate by itself is what Go says of it."""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtensionOID

import certs
import gopeer
from certs import BOTH
from conftest import Factory
from support import openssl, tls_scaffold
from test_caconstraints import HOST, MARKED, SIGN, ask, builder, read
from tls_scaffold.commands.status import status
from tls_scaffold.signing.gorefusals import refusal_of
from tls_scaffold.signing.matching import signed_by

HOSTS = x509.SubjectAlternativeName([x509.DNSName(HOST)])
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")


def unread(oid: x509.ObjectIdentifier, der: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, der)


def san(tag: int, text: bytes) -> x509.UnrecognizedExtension:
    """Return alternative names with one of a kind, its bytes unchecked."""
    name = bytes([0x80 | tag, len(text)]) + text
    return unread(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes([0x30, len(name)]) + name)


def signed(extensions: Iterable[tuple[x509.ExtensionType, bool]]) -> tuple[bytes, bytes]:
    """Return a CA, and a certificate that it signs with these extensions, critical or not."""
    name = certs.subject("a CA")
    ca = builder(name, name, KEY).add_extension(MARKED, critical=True)
    ca = ca.add_extension(SIGN, critical=True)
    leaf = builder(certs.subject("leaf"), name, KEY)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage(BOTH), critical=False)
    for extension, critical in extensions:
        leaf = leaf.add_extension(extension, critical=critical)
    both = (each.sign(KEY, hashes.SHA256()) for each in (ca, leaf))
    own, other = (each.public_bytes(Encoding.PEM) for each in both)
    return own, other


def refusal(extension: x509.ExtensionType, *, critical: bool) -> tuple[str, bytes, bytes]:
    ca, leaf = signed([(extension, critical)])
    return read(leaf).unknown_to_go, ca, leaf


SAN, AKI = "2.5.29.17", "2.5.29.35"
CRITICAL: dict[str, tuple[x509.ExtensionType, str]] = {
    "hosts": (HOSTS, ""),
    "hosts of which one is known": (
        x509.SubjectAlternativeName([OTHER, x509.DNSName(HOST)]),
        "",
    ),
    "no host": (unread(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x00"), SAN),
    "no host of a known kind": (x509.SubjectAlternativeName([OTHER]), SAN),
    "policies": (
        x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]),
        "",
    ),
    "an identifier of the key": (
        x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()),
        "2.5.29.14",
    ),
    "an identifier of the CA's key": (
        x509.AuthorityKeyIdentifier.from_issuer_public_key(KEY.public_key()),
        AKI,
    ),
    "what nobody knows": (unread(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), "1.2.3.4"),
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gopeer.build(tmp_path_factory.mktemp("go"), "verify.go")


@pytest.mark.needs("go")
@pytest.mark.parametrize("case", CRITICAL)
def test_a_critical_extension_is_refused_where_go_refuses_it(case: str, peer: Path) -> None:
    extension, oid = CRITICAL[case]
    told, ca, leaf = refusal(extension, critical=True)
    assert told.startswith(f"has the critical extension {oid}, which Go " if oid else "")
    assert bool(told) == bool(oid)
    # A client has no host, so nothing else is refused.
    assert (ask(peer, ca, leaf)[1] != "-") == bool(oid)


LATE = {
    "policy constraints": x509.PolicyConstraints(0, None),
    "no policy": x509.InhibitAnyPolicy(0),
}


@pytest.mark.parametrize("case", LATE)
def test_what_only_new_go_handles_is_refused(case: str) -> None:
    """The Go of these tests is a newer one, and takes both."""
    assert refusal(LATE[case], critical=False)[0] == ""
    assert refusal(LATE[case], critical=True)[0].endswith("which Go before 1.24 does not handle")


NAMES = {
    "a DNS name beyond ASCII": (2, "bücher.example".encode()),
    "an e-mail address beyond ASCII": (1, "ü@example.com".encode()),
    "a URI beyond ASCII": (6, "http://bücher.example/".encode()),
    "a URI with a blank in its scheme": (6, b"ht p://x"),
    "a URI without a scheme": (6, b":x"),
    "a URI with a bad escape": (6, b"http://x/%zz"),
    "a URI with a bad escape in a fragment": (6, b"http://x/#%zz"),
    "a URI with a bad host": (6, b"http://a b/"),
    "a URI with an empty label": (6, b"http://a..b/"),
    "a URI that ends in a dot": (6, b"http://a./"),
    "a URI with a bad port": (6, b"http://a:b/"),
}
READ = {
    "a DNS name": (2, b"a.example"),
    "a DNS name with a blank": (2, b"a b"),
    "an empty DNS name": (2, b""),
    "an e-mail address": (1, b"not one"),
    "a URI": (6, b"spiffe://example.org/a?b#c"),
    "a URI without a host": (6, b"urn:a:b c"),
    "an empty URI": (6, b""),
    "a path": (6, b"/a/b"),
    "a path of slashes": (6, b"///a"),
    "a word": (6, b"a/b:c"),
    "an asterisk": (6, b"*"),
    "an address and a port": (6, b"https://[::1]:2379"),
    "a user": (6, b"https://u:p@x/"),
}


@pytest.mark.needs("go")
@pytest.mark.parametrize("case", [*NAMES, *READ])
def test_a_host_is_refused_where_go_can_not_read_it(case: str, peer: Path) -> None:
    told, ca, leaf = refusal(san(*{**NAMES, **READ}[case]), critical=False)
    assert bool(told) == (case in NAMES)
    assert (ask(peer, ca, leaf)[1] != "-") == (case in NAMES)
    assert not told or told.endswith("`, which Go can't read")


RSA = rsa.generate_private_key(65537, 2048)


def pss(digest: hashes.HashAlgorithm, mask: hashes.HashAlgorithm, salt: int) -> tuple[Any, ...]:
    return RSA, digest, padding.PSS(padding.MGF1(mask), salt)


SHORT, LONG = hashes.SHA256(), hashes.SHA512()
SIGNED: dict[str, tuple[tuple[Any, ...], str]] = {
    # the CA's key, hash and padding; what is said
    "SHA-224 on a curve": ((KEY, hashes.SHA224()), "SHA-224"),
    "SHA-3 on a curve": ((KEY, hashes.SHA3_256()), "SHA3-256"),
    "SHA-512 on a curve": ((KEY, LONG), ""),
    "SHA-224 of RSA": ((RSA, hashes.SHA224()), "SHA-224"),
    "SHA-3 of RSA": ((RSA, hashes.SHA3_512()), "SHA3-512"),
    "SHA-384 of RSA": ((RSA, hashes.SHA384()), ""),
    "PSS": (pss(SHORT, SHORT, 32), ""),
    "PSS with SHA-512": (pss(LONG, LONG, 64), ""),
    "PSS with a short salt": (pss(SHORT, SHORT, 20), "RSA-PSS whose"),
    "PSS with another mask": (pss(SHORT, LONG, 32), "RSA-PSS whose"),
    "PSS with SHA-224": (pss(hashes.SHA224(), hashes.SHA224(), 28), "SHA-224"),
    "Ed25519": ((ed25519.Ed25519PrivateKey.generate(), None), ""),
    "Ed448": ((ed448.Ed448PrivateKey.generate(), None), "the algorithm 1.3.101.113"),
}


@pytest.mark.needs("go")
@pytest.mark.parametrize("case", SIGNED)
def test_a_signature_is_refused_where_go_verifies_none_of_its_kind(case: str, peer: Path) -> None:
    (key, digest, *way), told = SIGNED[case]
    options = {"rsa_padding": way[0]} if way else {}
    name = certs.subject("a CA")
    ca = builder(name, name, key).add_extension(MARKED, critical=True)
    leaf = builder(certs.subject("leaf"), name, key)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage(BOTH), critical=False)
    own, other = (
        each.sign(key, digest, **options).public_bytes(Encoding.PEM) for each in (ca, leaf)
    )
    found = read(other)
    assert signed_by(found, read(own))
    assert found.unverified_by_go.startswith(told)
    assert bool(found.unverified_by_go) == bool(told)
    assert (ask(peer, own, other)[1] != "-") == bool(told)


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_only_a_serial_number_below_0_is_refused_and_no_warning_of_python_s_is_shown(
    number: int, folder: Factory
) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    for name in ("ca", "app"):
        certs.ca(path)
        certs.member(path)
        certs.leaf(path, "app")
        certs.renumber(path, name, number)
        done = tls_scaffold("-C", str(path), "status", "--json")
        assert "Warning" not in done.stderr
        rows = {each["name"]: each for each in json.loads(done.stdout)["components"]}
        reason = "mismatched: it has the serial number -1, and Go takes no negative one"
        assert (reason in rows[name]["reasons"]) == (number < 0)
        bundled = tls_scaffold("-C", str(path), "bundle", "app")
        assert bundled.returncode == (number < 0)
        assert ("negative" in bundled.stderr) == (number < 0)
        assert "Warning" not in bundled.stderr


@pytest.mark.needs("go")
def test_go_reads_no_serial_number_below_0(folder: Factory, peer: Path) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path)
    for number, told in ((-1, "x509: negative serial number"), (0, "-")):
        certs.leaf(path, "app")
        certs.renumber(path, "app", number)
        ca, leaf = ((path / f"certs/{name}.pem").read_bytes() for name in ("ca", "app"))
        assert ask(peer, ca, leaf)[1] == told


@pytest.mark.parametrize("number", [-1, 0])
@pytest.mark.parametrize("word", ["app", "{}/certs/app.pem"])
def test_a_serial_number_that_no_list_can_name_is_not_revoked(
    number: int, word: str, folder: Factory
) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path)
    certs.leaf(path, "app")
    certs.renumber(path, "app", number)
    done = tls_scaffold("-C", str(path), "revoke", word.format(path))
    assert done.returncode == 1
    assert f"has the serial number {number}, which no list can name: only another CA" in done.stderr
    assert not (path / "revoked.tsv").exists()


def test_a_key_of_rsa_that_go_does_not_take_is_refused(folder: Factory, tmp_path: Path) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path)
    pem = tmp_path / "key.pem"
    for exponent, told in (
        (2**32 + 1, "the exponent 4294967297: Go takes 2147483647 at most"),
        (2**31 - 1, ""),
    ):
        option = f"rsa_keygen_pubexp:{exponent}"
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", option, "-out", str(pem))
        key = load_pem_private_key(pem.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        certs.leaf(path, "app", key=key)
        shown = tls_scaffold("-C", str(path), "status", "--json").stdout
        row = next(row for row in json.loads(shown)["components"] if row["name"] == "app")
        refusals = [each for each in row["reasons"] if each.startswith("mismatched")]
        assert [each.endswith(told) for each in refusals] == [True] * bool(told)


def test_a_key_of_rsa_that_is_too_large_for_go_is_refused(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path)
    certs.leaf(path, "app")
    leaf = x509.load_pem_x509_certificate((path / "certs/app.pem").read_bytes())
    # A number of that length passes for a key: to make one takes half a minute.
    keys = (rsa.RSAPublicNumbers(65537, 2**bits - 1).public_key() for bits in (8192, 8200))
    told = [refusal_of(leaf, each) for each in keys]
    assert told[0] == ""
    assert told[1].endswith("8200 bits of RSA: Go's TLS takes 8192 at most")


@pytest.mark.parametrize("case", LATE)
def test_a_ca_that_older_go_refuses_is_no_good(case: str, folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path, critical=[LATE[case]])
    rows = {row.name: row for row in status(path, timedelta(), certs.NOW).rows}
    assert rows["ca"].state == "mismatched"
    oid = LATE[case].oid.dotted_string
    told = f"it has the critical extension {oid}, which Go before 1.24 does not handle"
    assert rows["ca"].reasons[0] == f"mismatched: {told}"
