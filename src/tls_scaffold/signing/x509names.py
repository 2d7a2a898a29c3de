"""Subjects of certificates and CSRs, as Go writes them."""

from functools import lru_cache

from cryptography import x509
from cryptography.x509.name import _ASN1Type

from tls_scaffold.cfssl.requests import PRINTABLE, Subject


@lru_cache(maxsize=16)  # certificate and CSR nearly always have the same
def x509_name(subject: Subject) -> x509.Name:
    """Return a subject as `cryptography` writes it, with the string types that cfssl chooses."""
    return x509.Name(
        x509.RelativeDistinguishedName([_name_attribute(oid, text) for text in texts])
        for oid, texts in subject
    )


def _name_attribute(oid: str, text: str) -> "x509.NameAttribute[str]":
    # cfssl chooses a string type by the text; the library's public API, by the attribute.
    kind = _ASN1Type.PrintableString if PRINTABLE.issuperset(text) else _ASN1Type.UTF8String
    return x509.NameAttribute(x509.ObjectIdentifier(oid), text, kind, _validate=False)
