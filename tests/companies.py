"""CAs of a company: roots and what is below them, sound ones and such as no etcd can use."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

from certs import NOW

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Usages = tuple[ObjectIdentifier, ...]


@dataclass(frozen=True)
class Company:
    """A CA: its certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, password: bytes = b"") -> bytes:
        lock = BestAvailableEncryption(password) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock)


def company(  # noqa: PLR0913  (each is one way in which a CA can be no good)
    cn: str,
    above: Company | None = None,
    *,
    key: Key | None = None,
    days: int = 1800,
    begin: timedelta = timedelta(hours=-1),
    length: int | None = None,
    usages: Usages = (),
    signs: bool = True,
    is_ca: bool = True,
    permitted: tuple[str, ...] = (),
) -> Company:
    """Return a CA, signed by the one `above` or by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Company"),
            x509.NameAttribute(NameOID.COMMON_NAME, cn),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(above.certificate.subject if above else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begin)
        .not_valid_after(NOW + begin + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_ca, length if is_ca else None), critical=True)
        .add_extension(_key_usage(signs=signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if permitted:
        names = [x509.DNSName(each) for each in permitted]
        builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
    signed = builder.sign(above.key if above else key, hashes.SHA256())
    return Company(signed, key)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def written(path: Path, *cas: Company) -> Path:
    """Write the certificates of CAs into one file, in this order."""
    path.write_bytes(b"".join(each.pem for each in cas))
    return path


def written_key(path: Path, ca: Company, password: bytes = b"") -> Path:
    path.write_bytes(ca.key_pem(password))
    path.chmod(0o600)
    return path


ROOT = company("Example Root", days=20 * 365)
MIDDLE = company("Example Middle", ROOT, length=1, days=10 * 365)
SIGNER = company("Example etcd CA", MIDDLE, length=0)
