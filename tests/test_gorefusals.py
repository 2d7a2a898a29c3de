"""What is said of a certificate by itself is what Go says of it."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

import certs
import gopeer
from certs import BOTH
from conftest import Factory
from test_caconstraints import HOST, MARKED, SIGN, ask, builder, read
from tls_scaffold.commands.status import status

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


@pytest.mark.parametrize("case", LATE)
def test_a_ca_that_older_go_refuses_is_no_good(case: str, folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--user", "app")
    certs.ca(path, critical=[LATE[case]])
    rows = {row.name: row for row in status(path, timedelta(), certs.NOW).rows}
    assert rows["ca"].state == "mismatched"
    oid = LATE[case].oid.dotted_string
    told = f"it has the critical extension {oid}, which Go before 1.24 does not handle"
    assert rows["ca"].reasons[0] == f"mismatched: {told}"
