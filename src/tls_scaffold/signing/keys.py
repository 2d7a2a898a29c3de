"""Private keys: made, and written and read in the PEM forms that cfssl and OpenSSL write."""

import os
from typing import TypeAlias, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.spelling import Key

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Hash: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

PASSWORD = "CFSSL_CA_PK_PASSWORD"  # noqa: S105 - the name of cfssl's variable
CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
CURVE_HASHES: dict[int, Hash] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


def make_key(key: Key) -> PrivateKey:
    """Make a private key."""
    if key.algo == "rsa":
        return rsa.generate_private_key(65537, key.size)
    if key.algo == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[key.size])


def pem_of_key(key: PrivateKey) -> bytes:
    """Return a private key in the PEM form that cfssl writes for its type."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return text.replace(b" PRIVATE KEY", b" Ed25519 PRIVATE KEY")
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def signature_hash(key: PrivateKey) -> Hash | None:
    """Return the hash that cfssl signs with: by curve, by RSA bits, none for ed25519.

    Raises ScaffoldError for a curve that cfssl has none for.
    """
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.key_size not in CURVE_HASHES:
            raise ScaffoldError(
                f"a key on the curve {key.curve.name} can't sign: P-256, P-384 and P-521 can"
            )
        return CURVE_HASHES[key.curve.key_size]
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    if key.key_size >= 4096:  # noqa: PLR2004 - here and below cfssl's steps
        return hashes.SHA512()
    return hashes.SHA384() if key.key_size >= 3072 else hashes.SHA256()  # noqa: PLR2004


def read_private_key(pem: bytes, place: str) -> PrivateKey:
    """Read a private key; `place` is its path, for messages.

    An encrypted one is opened with CFSSL_CA_PK_PASSWORD, as cfssl does. Raises ScaffoldError if it
    can't be read.
    """
    # cfssl has a label of its own for PKCS #8, which OpenSSL does not know.
    usual = pem.replace(b" Ed25519 PRIVATE KEY", b" PRIVATE KEY")
    password = os.environ.get(PASSWORD, "").encode() if b"ENCRYPTED" in pem else b""
    try:
        return cast("PrivateKey", load_pem_private_key(usual, password or None))
    except TypeError:
        reason = f"it is encrypted: give its password in the environment variable {PASSWORD}"
    except (ValueError, UnsupportedAlgorithm):
        reason = "it holds no private key in PEM"
        if password:
            reason = f"the password in {PASSWORD} does not open it"
    raise ScaffoldError(
        f"`{place}` can't be read as a private key", [Problem(Place(place), reason)]
    )
