"""What can't be converted, and what is left out."""

from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import keystores
from tls_scaffold.signing.certificates import Certificate

pytestmark = pytest.mark.fast

Key = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey


def signed(name: str, key: Key, issuer: str, issuer_key: ec.EllipticCurvePrivateKey) -> Certificate:
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)
    ]
    builder = x509.CertificateBuilder(
        names[1], names[0], key.public_key(), x509.random_serial_number()
    )
    now = datetime.now(timezone.utc)
    certificate = (
        builder.not_valid_before(now)
        .not_valid_after(now + timedelta(1))
        .sign(issuer_key, hashes.SHA256())
    )
    return Certificate(certificate.public_bytes(Encoding.DER))


def pem_of(value: Certificate | Key) -> bytes:
    if isinstance(value, Certificate):
        return value.parsed.public_bytes(Encoding.PEM)
    return value.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_chain_goes_up_to_the_root_and_through_no_other_of_its_name() -> None:
    keys = [ec_key() for _ in range(4)]
    root, other = signed("root", keys[0], "root", keys[0]), signed("root", keys[1], "root", keys[1])
    middle, leaf = (
        signed("middle", keys[2], "root", keys[0]),
        signed("leaf", keys[3], "middle", keys[2]),
    )

    store = keystores.key_store(
        "x", pem_of(leaf), pem_of(keys[3]), "x", [other, root, middle, root], b"secret"
    )

    read = pkcs12.load_pkcs12(store, b"secret")
    assert read.cert
    assert (read.cert.certificate, read.cert.friendly_name) == (leaf.parsed, b"x")
    assert [each.certificate for each in read.additional_certs] == [middle.parsed, root.parsed]


def test_a_key_that_etcd_could_not_read_is_put_into_no_form() -> None:
    ca, key = ec_key(), x25519.X25519PrivateKey.generate()
    certificate = signed("x", key, "ca", ca)

    told = r"`certs/x-key.pem` can't be read as a private key"
    with pytest.raises(ScaffoldError, match=told):
        keystores.key_store("x", pem_of(certificate), pem_of(key), "certs/x", [], b"secret")
    with pytest.raises(ScaffoldError, match=told):
        keystores.pkcs8(pem_of(key), "certs/x-key.pem")
