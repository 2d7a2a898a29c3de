"""Keys and certificates in the forms of Java and others: PKCS #8, and PKCS #12 stores."""

from collections.abc import Collection, Iterator

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing.certificates import Certificate, read_all
from tls_scaffold.signing.keys import read_leaf_key
from tls_scaffold.signing.matching import signed_by

CA_ALIAS = "ca"


def pkcs8(key_pem: bytes, place: str) -> bytes:
    """Return a component's private key as PKCS #8 in PEM; `place` is its path, for messages.

    Raises ScaffoldError if etcd could not read it.
    """
    return read_leaf_key(key_pem, place).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def key_store(
    name: str,
    certificate_pem: bytes,
    key_pem: bytes,
    output: str,
    cas: Collection[Certificate],
    password: bytes,
) -> bytes:
    """Return a PKCS #12 key store of the pair `output`.pem with the CAs above it.

    `name` is its alias. Raises ScaffoldError if etcd could not read the pair.
    """
    certificate, *behind = read_all(certificate_pem, f"{output}.pem")
    # Java looks for an issuer by its name alone: another CA of the same name would do, such as
    # `make regenerate` makes.
    above = [ca.parsed for ca in _chain_above(certificate, (*behind, *cas))]
    key = read_leaf_key(key_pem, f"{output}{KEY_ENDING}")
    return serialize_key_and_certificates(
        name.encode(), key, certificate.parsed, above, BestAvailableEncryption(password)
    )


def trust_store(cas: Collection[Certificate], password: bytes) -> bytes:
    """Return a PKCS #12 trust store for Java with each of these CAs: `ca`, `ca-2` and so on."""
    distinct = list(dict.fromkeys(cas))
    aliases = [CA_ALIAS, *(f"{CA_ALIAS}-{number}" for number in range(2, len(distinct) + 1))]
    trusted = [
        PKCS12Certificate(ca.parsed, alias.encode())
        for ca, alias in zip(distinct, aliases, strict=True)
    ]
    return serialize_java_truststore(trusted, BestAvailableEncryption(password))


def _chain_above(certificate: Certificate, cas: Collection[Certificate]) -> Iterator[Certificate]:
    """Yield the CA that signed a certificate, the one that signed that, and so on, each once."""
    rest, link = list(dict.fromkeys(cas)), certificate
    while above := [ca for ca in rest if signed_by(link, ca)]:
        link = above[0]
        rest.remove(link)
        yield link
