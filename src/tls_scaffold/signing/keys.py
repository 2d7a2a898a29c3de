"""Private keys: made, and written and read in the PEM forms that cfssl and OpenSSL write."""

from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.signing.capassword import (
    FILE_VARIABLE,
    VARIABLE,
    CAPassword,
    Password,
    given_password,
)
from tls_scaffold.signing.contentkinds import (
    PRIVATE_KEY,
    is_private_key,
    kind_of_der,
    kind_of_label,
    why_not,
)
from tls_scaffold.signing.pemfiles import Block, blocks
from tls_scaffold.spelling import Key

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Hash: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

NOT_ENCRYPTED = "an ed25519 key has no encrypted form that cfssl can open: ecdsa and rsa have"
NO_PASSWORD = (
    f"is encrypted: give its password in the environment variable {VARIABLE}, or in "
    f"{FILE_VARIABLE} the path of a file that holds it"
)
UNKNOWN_CIPHER = (
    "is encrypted with a cipher that is not known here, so its password was not tried: openssl "
    "encrypts it anew with AES-256 (`openssl ec -aes256 -in KEY -out NEW`; one of RSA `openssl rsa "
    "-traditional -aes256 …`)"
)
GO_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
EXPLICIT_CURVE = bytes.fromhex("06072a8648ce3d0101")  # prime-field (RFC 3279, 2.3.5)
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


def encrypted_pem(key: PrivateKey, password: bytes) -> bytes:
    """Return a private key encrypted in the older PEM form (RFC 1421), the only one cfssl opens.

    It was read back with the password. Raises ScaffoldError for ed25519, which has no such form.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raise ScaffoldError(NOT_ENCRYPTED)
    encryption = BestAvailableEncryption(password)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption)
    read_back = usable_ca_key(pem, lambda: Password(password, "its own password"))
    if pem_of_key(read_back) != pem_of_key(key):
        raise ScaffoldError("a key was encrypted as another: nothing was changed")
    return pem


def encrypted_key(pem: bytes) -> bytes:
    """Return a CA's private key, in PEM, encrypted with the password that the environment gives.

    Raises ScaffoldError where that gives none, and as `encrypted_pem`.
    """
    return encrypted_pem(read_private_key(pem, "the CA's key"), CAPassword().new())


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


def read_private_key(
    pem: bytes, place: str, password: Callable[[], Password] = given_password
) -> PrivateKey:
    """Read a CA's private key; `place` is its path, for messages.

    An encrypted one is opened with what `password` returns, which else is not called: what the
    environment gives, as with cfssl. Raises ScaffoldError if it can't be read.
    """
    try:
        return usable_ca_key(pem, password)
    except ValueError as error:
        raise _unreadable(place, error) from None


def _unreadable(place: str, error: ValueError) -> ScaffoldError:
    problem = Problem(Place(place), f"it {error}")
    return ScaffoldError(f"`{place}` can't be read as a private key", [problem])


def read_leaf_key(pem: bytes, place: str) -> PrivateKey:
    """Read a component's private key as etcd does; `place` is its path, for messages.

    Raises ScaffoldError if it can't be read so.
    """
    try:
        return usable_key(pem)
    except ValueError as error:
        raise _unreadable(place, error) from None


def usable_key(pem: bytes) -> PrivateKey:
    """Return a private key as etcd and its clients read it.

    Go's tls.X509KeyPair takes the first block whose label ends in `PRIVATE KEY`, in the forms of
    PKCS #1, PKCS #8 or SEC 1, and no password. Raises ValueError with why it can't be used, in
    words that follow `it`.
    """
    try:
        key = usable_ca_key(pem, Password)
    except LockedKeyError:
        raise LockedKeyError("is encrypted, and etcd and its clients take no password") from None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in GO_CURVES:
            raise ValueError(f"is a key on the curve {key.curve.name}, which Go does not know")
        block = key_block(pem)
        if block and EXPLICIT_CURVE in block.der:
            raise ValueError(f"spells out its curve {key.curve.name}, and Go reads its name alone")
    return key


def is_encrypted(pem: bytes) -> bool:
    """Tell whether the private key in a PEM file needs a password."""
    block = key_block(pem)
    return bool(block and block.is_encrypted)


def is_in_the_clear(pem: bytes) -> bool:
    """Tell whether a PEM file holds a private key that needs no password."""
    block = key_block(pem)
    return bool(block and not block.is_encrypted)


class LockedKeyError(ValueError):
    """A key is encrypted, and was not opened: why, in words that follow `it`."""


class WrongPasswordError(LockedKeyError):
    """A key is encrypted, and what was given is not its password."""


def usable_ca_key(pem: bytes, password: Callable[[], Password] = given_password) -> PrivateKey:
    """Return a CA's private key as cfssl reads it, opened as in `read_private_key`.

    Raises ValueError with why it can't be used, in words that follow `it`: LockedKeyError where a
    password is all that it needs. ScaffoldError where the password itself can't be had.
    """
    block = key_block(pem)
    if not block:
        raise ValueError(why_not(pem, PRIVATE_KEY))
    try:
        key = load_der_private_key(block.der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if not block.is_encrypted:
            raise ValueError(_why_unloadable(block)) from None
        key = _unlocked(pem[block.begin : block.end], password())
    if isinstance(key, PrivateKey):
        return key
    kind = type(key).__name__.removesuffix("PrivateKey").lstrip("_")
    raise ValueError(f"is a private key of a kind that signs no certificate ({kind})")


def _unlocked(pem: bytes, password: Password) -> PrivateKeyTypes:
    if not password.secret:
        raise LockedKeyError(NO_PASSWORD)
    try:
        return load_pem_private_key(pem, password.secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Else a password that is right would be taken for a wrong one, and the key for lost.
        if "unknown" in str(error).lower():
            raise LockedKeyError(UNKNOWN_CIPHER) from None
        raise WrongPasswordError(f"is not opened by {password.origin}") from None


def key_block(pem: bytes) -> Block | None:
    """Return the first block that Go takes for a private key; None where there is none.

    OpenSSL puts one with parameters before a key on a curve.
    """
    return next((block for block in blocks(pem) if is_private_key(block.label)), None)


def _why_unloadable(block: Block) -> str:
    kind = kind_of_label(block.label)
    if kind == "a private key":
        kind = kind_of_der(block.der)
        return f"holds {kind} under the label of a private key" if kind else "is cut off or damaged"
    return f"holds {kind}, which etcd and cfssl do not read"
