"""Field-by-field records of what was signed, in the form of golden/cfssl-1.6.5.json."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KINDS = {
    "DNSName": "dns_name",
    "RFC822Name": "rfc822_name",
    "IPAddress": "ip_address",
    "UniformResourceIdentifier": "uniform_resource_identifier",
}
EXTENSIONS = {
    "2.5.29.15": "key_usage",
    "2.5.29.37": "extended_key_usage",
    "2.5.29.19": "basic_constraints",
    "2.5.29.14": "key_identifier",
    "2.5.29.35": "authority_key_identifier",
    "2.5.29.17": "subject_alt_name",
    "2.5.29.31": "crl_distribution_points",
    "1.3.6.1.5.5.7.1.1": "authority_information_access",
}
KEY_USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "non_repudiation",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "key_cert_sign": "key_cert_sign",
    "crl_sign": "crl_sign",
}
EXTENDED = {
    "serverAuth": "server_auth",
    "clientAuth": "client_auth",
    "codeSigning": "code_signing",
    "emailProtection": "email_protection",
    "timeStamping": "time_stamping",
    "OCSPSigning": "ocsp_signing",
}
SIGNATURES = {
    "1.2.840.10045.4.3.2": "sha256_ecdsa",
    "1.2.840.10045.4.3.3": "sha384_ecdsa",
    "1.2.840.10045.4.3.4": "sha512_ecdsa",
    "1.2.840.113549.1.1.11": "sha256_rsa",
    "1.2.840.113549.1.1.12": "sha384_rsa",
    "1.2.840.113549.1.1.13": "sha512_rsa",
    "1.3.101.112": "ed25519",
}


def signed(folder: Path) -> dict[str, Any]:
    """The record of `ca` and `leaf` in a folder, each with its three files."""
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    leaf = x509.load_pem_x509_certificate((folder / "leaf.pem").read_bytes())
    csr = x509.load_pem_x509_csr((folder / "leaf.csr").read_bytes())
    assert csr.is_signature_valid
    assert csr.public_key() == leaf.public_key()
    leaf.verify_directly_issued_by(ca)
    ca.verify_directly_issued_by(ca)
    return {
        "ca": certificate(ca, ca),
        "leaf": certificate(leaf, ca),
        "key_pem": first_line(folder / "leaf-key.pem"),
        "ca_key_pem": first_line(folder / "ca-key.pem"),
        "csr_extensions": [kind_of(each) for each in csr.extensions],
    }


def first_line(path: Path) -> str:
    return path.read_text().splitlines()[0]


def certificate(parsed: x509.Certificate, issuer: x509.Certificate) -> dict[str, Any]:
    lifetime = parsed.not_valid_after_utc - parsed.not_valid_before_utc
    return {
        "subject": name(parsed.subject),
        "issuer": name(parsed.issuer),
        "serial_bytes_max": 20,
        "version": parsed.version.name,
        "lifetime_seconds": int(lifetime.total_seconds()),
        "not_before_second": parsed.not_valid_before_utc.second,
        "not_after": None,
        "signature": SIGNATURES[parsed.signature_algorithm_oid.dotted_string],
        "key": key(parsed.public_key()),
        "extensions": [extension(each, parsed, issuer) for each in parsed.extensions],
    }


def name(parsed: x509.Name) -> list[list[dict[str, str]]]:
    return [
        [
            {"oid": each.oid.dotted_string, "value": str(each.value), "string": each._type.name}
            for each in rdn
        ]
        for rdn in parsed.rdns
    ]


def key(public: Any) -> list[Any]:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ["ec", -(-public.key_size // 8) * 8]
    if isinstance(public, rsa.RSAPublicKey):
        return ["rsa", public.key_size]
    assert isinstance(public, ed25519.Ed25519PublicKey)
    return ["ed25519", 256]


def extension(
    found: x509.Extension[Any], parsed: x509.Certificate, issuer: x509.Certificate
) -> dict[str, Any]:
    kind = kind_of(found)
    return {
        "id": kind,
        "critical": found.critical,
        "value": _value(kind, found.value, parsed, issuer),
    }


def kind_of(found: x509.Extension[Any]) -> str:
    """Return the word for an extension; of one without a word the OID."""
    return EXTENSIONS.get(found.oid.dotted_string, found.oid.dotted_string)


def _value(kind: str, value: Any, parsed: x509.Certificate, issuer: x509.Certificate) -> Any:
    if kind == "key_identifier":
        assert value.digest == _sha1(parsed)
    if kind == "authority_key_identifier":
        assert value.key_identifier == _sha1(issuer)
    return VALUES[kind](value) if kind in VALUES else value.public_bytes().hex()


VALUES: dict[str, Callable[[Any], Any]] = {
    "key_usage": lambda value: sorted(
        word for each, word in KEY_USAGES.items() if getattr(value, each)
    ),
    "extended_key_usage": lambda value: sorted(
        EXTENDED.get(oid._name, oid.dotted_string) for oid in value
    ),
    "basic_constraints": lambda value: {"ca": value.ca, "path_len_constraint": value.path_length},
    "key_identifier": lambda _: "sha1-of-public-key",
    "authority_key_identifier": lambda _: "issuer-key-identifier",
    "subject_alt_name": lambda value: [
        [KINDS[type(each).__name__], str(each.value)] for each in value
    ],
    "crl_distribution_points": lambda value: [
        str(url.value) for point in value for url in point.full_name
    ],
    "authority_information_access": lambda value: [
        [each.access_method.dotted_string, str(each.access_location.value)] for each in value
    ],
}


def _sha1(parsed: x509.Certificate) -> bytes:
    public = parsed.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(public, rsa.RSAPublicKey):
        bits = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        assert isinstance(public, ed25519.Ed25519PublicKey)
        bits = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha1(bits).digest()  # noqa: S324 - RFC 5280, 4.2.1.2
