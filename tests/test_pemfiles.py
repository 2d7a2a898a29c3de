"""PEM files taken apart."""

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tls_scaffold.signing import pemfiles, revocationlists

pytestmark = pytest.mark.fast

ONE = b"-----BEGIN X-----\nQUJD\n-----END X-----\n"
OTHER = b"-----BEGIN X-----\nREVG\n-----END X-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"


def test_labels_are_those_of_the_blocks_that_begin() -> None:
    assert pemfiles.labels(ONE + CERTIFICATE + b"-----BEGIN EC PRIVATE KEY-----") == {
        b"X",
        b"CERTIFICATE",
        b"EC PRIVATE KEY",
    }
    assert pemfiles.labels(b"-----END X-----") == frozenset()


@pytest.mark.parametrize(
    ("pem", "alone"),
    [
        (CERTIFICATE, True),
        (b"subject=CN = ca\n" + CERTIFICATE + b"\n \n", True),
        (CERTIFICATE + b"\ntext", False),
        (CERTIFICATE + b"\n" + CERTIFICATE, False),
        (CERTIFICATE + b"\n" + ONE, False),
        (ONE + CERTIFICATE, False),
    ],
)
def test_a_ca_s_certificate_stands_alone_with_nothing_but_text_before_it(
    pem: bytes, alone: bool
) -> None:
    assert pemfiles.stands_alone(pem) is alone


def test_a_revocation_list_is_one_in_der() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now)
    crl = builder.next_update(now + timedelta(days=1)).sign(
        ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()
    )
    assert revocationlists.read_list(crl.public_bytes(Encoding.DER))
    assert not revocationlists.read_list(crl.public_bytes(Encoding.PEM))
    assert not revocationlists.read_list(b"")


def test_a_file_of_blanks_is_tidied_in_no_time() -> None:
    blanks = b"x" + b" \t" * 500_000 + b"x"
    assert pemfiles.tidied(blanks) == blanks
    assert pemfiles.tidied(b"\xef\xbb\xbf \n a \r\n\tb\rc ") == b"a\nb\nc"
