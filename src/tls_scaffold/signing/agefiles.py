"""Files that age(1) encrypts and opens: to public keys, or with a passphrase.

The form is age-encryption.org/v1. What is encrypted and what comes out of it is in memory alone.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tls_scaffold.errors import Place, Problem, ScaffoldError

BEGIN = b"age-encryption.org/v1\n"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----\n"
OF_PASSPHRASE = b"-> scrypt "
SECRET = re.compile("AGE-(?:SECRET-KEY|PLUGIN)|-----BEGIN", re.IGNORECASE)
PUBLIC_FORMS = "`age1…` or `ssh-ed25519 …`, `ssh-rsa …`"
LONGEST_TOLD = 80


@dataclass(frozen=True)
class Lock:
    """What a file is locked with: the public keys of those who may open it, or a passphrase."""

    recipients: tuple[Any, ...] = ()
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True)
class Key:
    """What a file is opened with: private keys, or a passphrase."""

    identities: tuple[Any, ...] = field(default=(), repr=False)
    passphrase: str = field(default="", repr=False)


def require_library() -> ModuleType:
    """Return the library; ScaffoldError, that says how to get it, where it is not installed."""
    try:
        import pyrage
    except ImportError:
        raise ScaffoldError(
            "what encrypts backups is not installed",
            ["Python finds no `pyrage`"],
            "`pip install 'tls-scaffold[backup]'` (in a checkout `pip install '.[backup]'`)",
        ) from None
    return pyrage


def is_age_file(raw: bytes) -> bool:
    """Tell by its first bytes what age has encrypted, be it as text (`age --armor`)."""
    return raw.startswith((BEGIN, ARMOR))


def asks_for_passphrase(raw: bytes) -> bool:
    """Tell whether a passphrase opens a file of age's, and no key does."""
    if raw.startswith(ARMOR):
        lines = raw[len(ARMOR) :].splitlines()[:2]
        try:
            raw = b64decode(b"".join(lines))
        except (binascii.Error, ValueError):
            return False
    return raw.removeprefix(BEGIN).startswith(OF_PASSPHRASE)


def recipients_in(text: str, place: str) -> tuple[Any, ...]:
    """Return the public keys in a text, one a line, of which `#` begins a comment.

    `place` names it in messages. Raises ScaffoldError with each line that is none, and quotes none
    that is a private key.
    """
    library = require_library()
    found = [_recipient(library, line, Place(place, number)) for number, line in _lines(text)]
    problems = [each for each in found if isinstance(each, Problem)]
    if problems or not found:
        told = problems or [Problem(Place(place), "it is empty")]
        raise ScaffoldError("that is nobody's public key", told, f"public keys are {PUBLIC_FORMS}")
    return tuple(found)


def identities_in(raw: bytes, place: str) -> tuple[Any, ...]:
    """Return the private keys in a file of `age-keygen`, or the one in a file of `ssh-keygen`.

    `place` names it in messages, which quote nothing of it. Raises ScaffoldError where there is
    none.
    """
    library = require_library()
    if is_age_file(raw):
        hint = f"`age -d {place}` opens it: give what comes out of it, for as long as it is needed"
        raise ScaffoldError(f"`{place}` is encrypted itself", hint=hint)
    with _told(f"`{place}` holds no private key that age takes", library.IdentityError):
        if raw.lstrip().startswith(b"-----BEGIN"):
            return (library.ssh.Identity.from_buffer(raw),)
        lines = [line for _, line in _lines(raw.decode("ascii", "replace"))]
        found = tuple(map(library.x25519.Identity.from_str, lines))
    if not found:
        raise ScaffoldError(f"`{place}` is empty")
    return found


def encrypt(plain: bytes, lock: Lock) -> bytes:
    """Return what `age -d` opens with one of the private keys of a lock, or its passphrase."""
    library = require_library()
    with _told("age can't encrypt for these", library.EncryptError, library.RecipientError):
        if lock.passphrase:
            return bytes(library.passphrase.encrypt(plain, lock.passphrase))
        return bytes(library.encrypt(plain, list(lock.recipients)))


def decrypt(raw: bytes, key: Key, place: str) -> bytes:
    """Return what a file of age's holds; `place` is its path, for messages.

    Raises ScaffoldError where the key is not one of its keys, or where it was damaged: nothing of
    it is returned then.
    """
    library = require_library()
    if not is_age_file(raw):
        raise ScaffoldError(f"`{place}` is no file of age's: it is not a backup")
    try:
        if key.passphrase:
            return bytes(library.passphrase.decrypt(raw, key.passphrase))
        return bytes(library.decrypt(raw, list(key.identities)))
    except library.DecryptError as error:
        given = "the passphrase" if key.passphrase else "the private key"
        told = f"{given} is another one, or the file is cut off or damaged ({error})"
        raise ScaffoldError(f"`{place}` can't be opened", [told]) from None


def _recipient(library: ModuleType, line: str, place: Place) -> Any:
    """Return the public key in a line, or the problem of one that holds none."""
    if SECRET.match(line):
        return Problem(place, "it is a private key: whoever reads it opens what is made for it")
    kind = library.ssh if line.startswith("ssh-") else library.x25519
    try:
        return kind.Recipient.from_str(line)
    except library.RecipientError:
        return Problem(place, f"`{line[:LONGEST_TOLD]}` is no public key that age takes")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


@contextmanager
def _told(summary: str, *kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise ScaffoldError(f"{summary}: {error}") from None


def locked_for(texts: Sequence[tuple[str, str]]) -> Lock:
    """Return the lock for all public keys in some texts, each with its place."""
    return Lock(tuple(key for place, text in texts for key in recipients_in(text, place)))
