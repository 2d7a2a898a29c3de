"""Certificates and CSRs as `cfssl certinfo` shows them: documents with the names of Go's fields."""

from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tls_scaffold.cfssl.requests import POSTAL_CODE, STREET, SUBJECT
from tls_scaffold.cfssl.sans import KINDS
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.spelling import UTC_TIME

EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
# Of each algorithm cfssl's name and Go's number.
SIGNATURES = {
    "1.2.840.113549.1.1.4": ("MD5WithRSA", 2),
    "1.2.840.113549.1.1.5": ("SHA1WithRSA", 3),
    "1.2.840.113549.1.1.11": ("SHA256WithRSA", 4),
    "1.2.840.113549.1.1.12": ("SHA384WithRSA", 5),
    "1.2.840.113549.1.1.13": ("SHA512WithRSA", 6),
    "1.2.840.10045.4.1": ("ECDSAWithSHA1", 9),
    "1.2.840.10045.4.3.2": ("ECDSAWithSHA256", 10),
    "1.2.840.10045.4.3.3": ("ECDSAWithSHA384", 11),
    "1.2.840.10045.4.3.4": ("ECDSAWithSHA512", 12),
    "1.3.101.112": ("Ed25519", 16),
}
UNKNOWN_SIGNATURE = ("Unknown Signature", 0)
# The attributes that Go has fields for: the name in a certificate's document, and in a CSR's.
LISTS = {
    SUBJECT["C"]: ("country", "Country"),
    SUBJECT["O"]: ("organization", "Organization"),
    SUBJECT["OU"]: ("organizational_unit", "OrganizationalUnit"),
    SUBJECT["L"]: ("locality", "Locality"),
    SUBJECT["ST"]: ("province", "Province"),
    STREET: ("street_address", "StreetAddress"),
    POSTAL_CODE: ("postal_code", "PostalCode"),
}


def of_certificate(certificate: Certificate) -> dict[str, Any]:
    """Return what `cfssl certinfo -cert` shows."""
    parsed = certificate.parsed
    sans = [name for name in certificate.alternative_names if name[0] in ("dns", "ip")]
    algorithm = parsed.signature_algorithm_oid.dotted_string
    return {
        "subject": _short_name(parsed.subject),
        "issuer": _short_name(parsed.issuer),
        "serial_number": str(parsed.serial_number),
        **({"sans": [text for _, text in sans]} if sans else {}),
        "not_before": f"{certificate.not_before:{UTC_TIME}}",
        "not_after": f"{certificate.not_after:{UTC_TIME}}",
        "sigalg": SIGNATURES.get(algorithm, UNKNOWN_SIGNATURE)[0],
        "authority_key_id": certificate.issuer_key_id.hex(":").upper(),
        "subject_key_id": certificate.key_id.hex(":").upper(),
        "pem": certificate.pem.decode(),
    }


def of_csr(csr: CSR) -> dict[str, Any]:
    """Return what `cfssl certinfo -csr` shows."""
    parsed = csr.parsed
    spki = csr.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm = parsed.signature_algorithm_oid.dotted_string
    kind, key = _public_key(csr)
    names = {wanted: [text for each, text in csr.names if each == wanted] for wanted in KINDS}
    return {
        "Raw": _base64(csr.der),
        "RawTBSCertificateRequest": _base64(parsed.tbs_certrequest_bytes),
        "RawSubjectPublicKeyInfo": _base64(spki),
        "RawSubject": _base64(parsed.subject.public_bytes()),
        "Version": 0,
        "Signature": _base64(parsed.signature),
        "SignatureAlgorithm": SIGNATURES.get(algorithm, UNKNOWN_SIGNATURE)[1],
        "PublicKeyAlgorithm": kind,
        "PublicKey": key,
        "Subject": _long_name(parsed.subject),
        "Attributes": _attributes(parsed),
        "Extensions": [_extension(each) for each in parsed.extensions] or None,
        "ExtraExtensions": None,
        "DNSNames": names["dns"] or None,
        "EmailAddresses": names["email"] or None,
        "IPAddresses": names["ip"] or None,
        "URIs": [_url(text) for text in names["uri"]] or None,
    }


def _short_name(name: x509.Name) -> dict[str, Any]:
    lists = {word: ",".join(_texts(name, oid)) for oid, (word, _) in LISTS.items()}
    document = {
        "common_name": _last(name, "CN"),
        "serial_number": _last(name, "serialNumber"),
        **lists,
        "names": [str(attribute.value) for attribute in name],
    }
    return {word: value for word, value in document.items() if value}


def _long_name(name: x509.Name) -> dict[str, Any]:
    return {
        **{word: _texts(name, oid) or None for oid, (_, word) in LISTS.items()},
        "SerialNumber": _last(name, "serialNumber"),
        "CommonName": _last(name, "CN"),
        "Names": [{"Type": _numbers(each.oid), "Value": str(each.value)} for each in name] or None,
        "ExtraNames": None,
    }


def _texts(name: x509.Name, oid: str) -> list[str]:
    return [str(each.value) for each in name if each.oid.dotted_string == oid]


def _last(name: x509.Name, word: str) -> str:
    return "".join(_texts(name, SUBJECT[word])[-1:])


def _public_key(csr: CSR) -> tuple[int, Any]:
    """Return Go's number for the kind of a key, and the key."""
    key = csr.public_key
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return 1, {"N": numbers.n, "E": numbers.e}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return 3, {"Curve": {}, "X": point.x, "Y": point.y}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return 4, _base64(key.public_bytes_raw())
    return 0, None


def _attributes(parsed: x509.CertificateSigningRequest) -> list[dict[str, Any]] | None:
    """Return the one attribute that Go reads, in which it takes `critical` for a value."""
    if not list(parsed.extensions):
        return None
    values = [
        {"Type": _numbers(each.oid), "Value": True if each.critical else _value(each)}
        for each in parsed.extensions
    ]
    numbers = _numbers(x509.ObjectIdentifier(EXTENSION_REQUEST))
    return [{"Type": numbers, "Value": [values]}]


def _extension(found: "x509.Extension[x509.ExtensionType]") -> dict[str, Any]:
    return {"Id": _numbers(found.oid), "Critical": found.critical, "Value": _value(found)}


def _value(found: "x509.Extension[x509.ExtensionType]") -> str:
    return _base64(found.value.public_bytes())


def _url(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    user, _, host = parts.netloc.rpartition("@")
    is_opaque = not parts.netloc and not parts.path.startswith("/")
    path = unquote(parts.path)
    return {
        "Scheme": parts.scheme,
        "Opaque": parts.path if is_opaque else "",
        "User": {} if user else None,
        "Host": host,
        "Path": "" if is_opaque else path,
        "Fragment": unquote(parts.fragment),
        "RawQuery": parts.query,
        "RawPath": "",
        "RawFragment": "",
        "ForceQuery": False,
        "OmitHost": False,
    }


def _numbers(oid: x509.ObjectIdentifier) -> list[int]:
    return [int(number) for number in oid.dotted_string.split(".")]


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
