"""Certificates put together: one chain for all that are made here."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from tls_scaffold.signing.extensions import Extension

Life: TypeAlias = tuple[datetime, datetime]
"""The first and the last moment of a certificate."""


def certificate_builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    life: Life,
    extensions: Iterable[Extension],
    serial_number: int | None = None,
) -> x509.CertificateBuilder:
    """Return what is to be signed for a public key, its extensions in their order.

    Without a serial number it gets one of its own.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial_number or x509.random_serial_number())
        .not_valid_before(life[0])
        .not_valid_after(life[1])
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder
