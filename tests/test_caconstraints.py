"""What is said of a CA is what Go says of what it signed."""

import subprocess
from base64 import b64encode
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

import certs
import gopeer
from certs import BOTH, NOW
from support import openssl
from tls_scaffold.signing import caconstraints, certificates
from tls_scaffold.signing.certificates import Certificate

pytestmark = pytest.mark.needs("go", "openssl")

SIGN = certs.usage(ca=True)
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CODE = ExtendedKeyUsageOID.CODE_SIGNING
MARKED = x509.BasicConstraints(ca=True, path_length=None)
HOST = "member.example.com"
HOSTS = (HOST, "10.0.0.1", "*.example.com", "fd00::1")
Extensions = tuple[x509.ExtensionType, ...]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gopeer.build(tmp_path_factory.mktemp("go"), "verify.go")


def ca_and_leaf(extensions: Extensions, hosts: tuple[str, ...] = HOSTS) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = certs.subject("a CA")
    ca = builder(name, name, key)
    for extension in extensions:
        ca = ca.add_extension(extension, critical=False)
    leaf = builder(certs.subject("leaf"), name, key)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage(BOTH), critical=False)
    names = [certs.general_name(host) for host in hosts]
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    both = (each.sign(key, hashes.SHA256()) for each in (ca, leaf))
    own, other = (each.public_bytes(Encoding.PEM) for each in both)
    return own, other


def builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    found = x509.CertificateBuilder().subject_name(name).issuer_name(issuer)
    found = found.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return found.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=2))


def ask(peer: Path, ca: bytes, leaf: bytes, host: str = HOST) -> tuple[str, str]:
    """Return what Go says of a certificate as a server's at a host and as a client's."""
    line = b" ".join((b64encode(ca), b64encode(leaf), host.encode()))
    done = subprocess.run([peer], input=line, capture_output=True, check=True)
    server, client = done.stdout.decode().strip().split("\t")
    return server, client


def read(pem: bytes) -> Certificate:
    return certificates.read(pem, "ca.pem")


NO_SIGNING = "x509: certificate signed by unknown authority"
CASES: dict[str, tuple[Extensions, tuple[str, ...], bool, bool]] = {
    # the CA's extensions, what it is refused for, and whether Go takes servers and clients
    "as cfssl makes it": ((MARKED, SIGN), (), True, True),
    "no key usage": ((MARKED,), (), True, True),
    "no cert sign": ((MARKED, certs.usage(ca=False)), ("key usage",), False, False),
    "no mark": ((SIGN,), ("mark",), False, False),
    "marked as none": (
        (x509.BasicConstraints(ca=False, path_length=None), SIGN),
        ("mark",),
        False,
        False,
    ),
    "no extension": ((), ("mark",), False, False),
    "path length 0": ((x509.BasicConstraints(ca=True, path_length=0), SIGN), (), True, True),
    "both usages": ((MARKED, SIGN, x509.ExtendedKeyUsage(BOTH)), (), True, True),
    "any usage": ((MARKED, SIGN, x509.ExtendedKeyUsage([ANY])), (), True, True),
    "servers alone": (
        (MARKED, SIGN, x509.ExtendedKeyUsage([certs.SERVER])),
        ("extended usage",),
        True,
        False,
    ),
    "clients alone": (
        (MARKED, SIGN, x509.ExtendedKeyUsage([certs.CLIENT])),
        ("extended usage",),
        False,
        True,
    ),
    "code alone": (
        (MARKED, SIGN, x509.ExtendedKeyUsage([CODE])),
        ("extended usage", "extended usage"),
        False,
        False,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_ca_is_refused_where_go_refuses_what_it_signed(case: str, peer: Path) -> None:
    extensions, refused, servers, clients = CASES[case]
    ca, leaf = ca_and_leaf(extensions)
    assert tuple(each.about for each in caconstraints.refusals(read(ca))) == refused
    assert tuple(said == "-" for said in ask(peer, ca, leaf)) == (servers, clients)


def test_the_words_name_what_is_left_out() -> None:
    words = [
        [each.words for each in caconstraints.refusals(read(ca_and_leaf(CASES[case][0])[0]))]
        for case in ("no mark", "no cert sign", "servers alone")
    ]
    assert words == [
        ["it is not marked as a CA (basic constraints)"],
        ["its key usage lacks `cert sign`"],
        ["its extended key usage leaves out `client auth`, for all that it signs"],
    ]


def test_a_root_of_version_1_is_taken(tmp_path: Path, peer: Path) -> None:
    key, path = str(tmp_path / "k"), str(tmp_path / "ca.pem")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    config = tmp_path / "config"
    config.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    openssl("req", "-new", "-config", str(config), "-key", key, "-subj", "/CN=ca", "-out", path)
    ca = openssl("x509", "-req", "-in", path, "-key", key, "-days", "2")
    (tmp_path / "ca.pem").write_text(ca)
    openssl("req", "-new", "-config", str(config), "-key", key, "-subj", "/CN=x", "-out", f"{key}2")
    extensions = tmp_path / "extensions"
    extensions.write_text(f"subjectAltName=DNS:{HOST}\nextendedKeyUsage=serverAuth,clientAuth\n")
    words = ("-CA", path, "-CAkey", key, "-days", "1", "-extfile", str(extensions))
    leaf = openssl("x509", "-req", "-in", f"{key}2", *words)
    assert read(ca.encode()).parsed.version == x509.Version.v1
    assert list(caconstraints.refusals(read(ca.encode()))) == []
    assert ask(peer, ca.encode(), leaf.encode()) == ("-", "-")


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def ip(*networks: str) -> list[x509.GeneralName]:
    return [x509.IPAddress(ip_network(network)) for network in networks]


CONSTRAINTS: dict[
    str, tuple[list[x509.GeneralName] | None, list[x509.GeneralName] | None, set[str]]
] = {
    "a domain": (dns("example.com"), None, set()),
    "subdomains": (dns(".example.com"), None, set()),
    "a name": (dns(HOST), None, {"*.example.com"}),
    "great letters": (dns("EXAMPLE.com"), None, set()),
    "another domain": (dns("ample.com"), None, {HOST, "*.example.com"}),
    "one of two": (dns("other.org", "example.com"), None, set()),
    "all names": (dns(""), None, set()),
    "no domain": (None, dns("example.com"), {HOST, "*.example.com"}),
    "not this name": (None, dns(HOST), {HOST, "*.example.com"}),
    "an address": (ip("10.0.0.0/8", "fd00::/8"), None, set()),
    "another address": (ip("10.1.0.0/16"), None, {"10.0.0.1", "fd00::1"}),
    "no address": (None, ip("10.0.0.1/32"), {"10.0.0.1"}),
    "no address of the other kind": (None, ip("fd00::/8"), {"fd00::1"}),
    "both kinds": (dns("example.com") + ip("10.0.0.0/24"), None, {"fd00::1"}),
    "within and without": (dns("example.com"), dns(HOST), {HOST, "*.example.com"}),
}


@pytest.mark.parametrize("case", CONSTRAINTS)
def test_hosts_are_allowed_where_go_allows_them(case: str, peer: Path) -> None:
    permitted, excluded, refused = CONSTRAINTS[case]
    extensions = (MARKED, SIGN, x509.NameConstraints(permitted, excluded))
    found = {}
    for host in HOSTS:
        ca, leaf = ca_and_leaf(extensions, (host,))
        found[host] = ask(peer, ca, leaf, host.replace("*", "a"))[0]
        assert caconstraints.excluded_hosts(read(ca), [host]) == ((host,) * (found[host] != "-"))
    assert {host for host, said in found.items() if said != "-"} == refused
