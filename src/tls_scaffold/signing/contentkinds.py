"""What a file holds that is not the certificate or key that it should be, told by its content."""

import re
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
)

from tls_scaffold.signing.pemfiles import BASE64, BYTE_ORDER_MARK, blocks, labels, tidied

CERTIFICATE = b"CERTIFICATE"
PRIVATE_KEY = b"PRIVATE KEY"
CSR = b"CERTIFICATE REQUEST"
CRL = "a CRL"
KINDS = {
    CERTIFICATE: "a certificate",
    b"TRUSTED CERTIFICATE": "an OpenSSL trusted certificate",
    CSR: "a CSR",
    b"NEW CERTIFICATE REQUEST": "a CSR",
    b"X509 CRL": CRL,
    b"PUBLIC KEY": "a public key",
    b"RSA PUBLIC KEY": "a public key",
    b"EC PARAMETERS": "parameters of keys",
    b"DH PARAMETERS": "parameters of keys",
    b"PKCS7": "a PKCS #7 file",
    b"OPENSSH PRIVATE KEY": "an OpenSSH private key",
    b"ENCRYPTED PRIVATE KEY": "an encrypted private key",
}
# The version of a PKCS #12 file, and the types that PKCS #7 gives to contents (RFC 7292, RFC 2315).
PKCS12 = re.compile(
    rb"0.{1,5}\x02\x01\x030.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07", re.DOTALL
)
PKCS7 = re.compile(rb"0.{1,5}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07", re.DOTALL)
BEGINNINGS = (
    (re.compile(rb"\xfe\xed\xfe\xed"), "a Java key store"),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS (`git lfs pull`)"),
    (re.compile(rb"\0GITCRYPT\0"), "what git-crypt has locked (`git-crypt unlock`)"),
    (re.compile(rb"(ssh|sk-ssh|ecdsa)-\S+ AAAA"), "an OpenSSH public key"),
    (PKCS12, "a PKCS #12 file"),
    (PKCS7, "a PKCS #7 file"),
)
READERS: tuple[tuple[Callable[[bytes], object], str], ...] = (
    (x509.load_der_x509_certificate, "a certificate"),
    (x509.load_der_x509_crl, CRL),
    (x509.load_der_x509_csr, "a CSR"),
    (lambda der: load_der_private_key(der, None), "a private key"),
    (load_der_public_key, "a public key"),
)


class Form(Enum):
    """How a file spells what it holds; its value is how that is said."""

    PEM = "PEM"
    DER = "DER"
    BASE64 = "base64"
    OF_ITS_OWN = ""


@dataclass(frozen=True)
class FileKind:
    """What a file holds, such as `a CRL`, and in what form."""

    kind: str
    form: Form

    def __str__(self) -> str:
        """Say it as `a CRL in base64`; PEM is the usual form."""
        is_said = self.form in (Form.DER, Form.BASE64)
        return f"{self.kind} in {self.form.value}" if is_said else self.kind


def is_private_key(label: bytes) -> bool:
    """Tell whether Go takes a PEM block of this label for a private key."""
    return label == PRIVATE_KEY or label.endswith(b" PRIVATE KEY")


def kind_of_label(label: bytes) -> str:
    """Say what a PEM block of this label should hold, such as `a CSR`."""
    usual = "a private key" if is_private_key(label) else f"`{label.decode(errors='replace')}`"
    return KINDS.get(label, usual)


def _kind_of_beginning(content: bytes) -> str:
    return next((kind for beginning, kind in BEGINNINGS if beginning.match(content)), "")


def kind_of_der(der: bytes) -> str:
    """Say what DER holds; empty where that is not known."""
    for reader, kind in READERS:
        try:
            reader(der)
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
        except TypeError:  # it wants a password
            return "an encrypted private key"
        return kind
    return ""


def kind_of_file(content: bytes) -> FileKind | None:
    """Tell what a file holds and in what form; None where that is not known.

    Of PEM the first block counts.
    """
    found = blocks(content)
    if found:
        return FileKind(kind_of_label(found[0].label), Form.PEM)
    if kind := _kind_of_beginning(content):
        return FileKind(kind, Form.OF_ITS_OWN)
    if kind := kind_of_der(content):
        return FileKind(kind, Form.DER)
    text = content.translate(None, b" \t\r\n")
    der = a2b_base64(text) if BASE64.fullmatch(text) else b""
    kind = _kind_of_beginning(der) or kind_of_der(der)
    return FileKind(kind, Form.BASE64) if kind else None


def why_not(content: bytes, wanted: bytes) -> str:
    """Say why Go finds no certificate, private key or CSR in a file, in words that follow `it`.

    `wanted` is CERTIFICATE, PRIVATE_KEY or CSR.
    """
    if not content.strip(b" \t\r\n\0"):
        return "is empty"
    if any(_is_wanted(block.label, wanted) for block in blocks(tidied(content))):
        if content.startswith(BYTE_ORDER_MARK):
            return "begins with a byte order mark (of UTF-8), and Go finds no PEM behind one"
        return "has blanks before its `-----BEGIN`, or line ends that Go does not know"
    if any(_is_wanted(label, wanted) for label in labels(content)):
        return "is cut off or damaged: Go finds no whole block in it"
    return _other_kind(content, wanted)


def _other_kind(content: bytes, wanted: bytes) -> str:
    found, name = kind_of_file(content), KINDS.get(wanted, "a private key")
    if found and found.kind == name and found.form is not Form.PEM:
        return f"is in {found.form.value}, and Go reads PEM alone"
    if found:
        return f"holds {found}, not {name}"
    if wanted in KINDS:
        return f"has no `-----BEGIN {wanted.decode()}-----` and its end"
    return "holds no private key in PEM"


def _is_wanted(label: bytes, wanted: bytes) -> bool:
    return is_private_key(label) if wanted == PRIVATE_KEY else label == wanted
