"""The password of a CA's encrypted key: in a variable, in a file, or asked for on a terminal."""

import os
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass, field

from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.disk.secretfiles import refuse_open_to_all
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import BOM

VARIABLE = "CFSSL_CA_PK_PASSWORD"
"""What cfssl reads it from."""
FILE_VARIABLE = f"{VARIABLE}_FILE"
HINT = f"{VARIABLE} holds it, or {FILE_VARIABLE} names a file that does"
# OpenSSL cuts a longer one off when it encrypts, and reads all of it when it decrypts.
LONGEST = 1000


@dataclass(frozen=True)
class Password:
    """A password, and where it came from, in words that follow `by`; empty where there is none."""

    secret: bytes = field(default=b"", repr=False)
    origin: str = ""


Ask = Callable[[str, bool], str]
"""Asks a person with a text, twice for a new password, and returns what was typed."""


def is_given() -> bool:
    """Tell whether the environment gives a password, or names a file that is to hold it."""
    return any(os.environ.get(each) for each in (VARIABLE, FILE_VARIABLE))


def given_password() -> Password:
    """Return the password that the environment gives; an empty one where it gives none.

    The variable that cfssl reads goes first. Raises ScaffoldError where the file can't be that of a
    password; no message quotes what it holds.
    """
    if secret := os.environb.get(VARIABLE.encode(), b""):
        return _checked(Password(secret, f"the password in {VARIABLE}"), f"${VARIABLE}")
    path = os.environ.get(FILE_VARIABLE, "")
    if not path:
        return Password()
    line, _, rest = read_file(path).partition(b"\n")
    named = f"`{path}`, which {FILE_VARIABLE} names,"
    refuse_open_to_all(path, named, "give the key another password")
    secret = line.removesuffix(b"\r")
    problems = ["it is empty"] if not secret else []
    if rest:
        problems.append("it has more than one line")
    if secret.startswith(BOM_UTF8):
        problems.append(f"it begins with {BOM}")
    if problems:
        raise ScaffoldError(
            f"{named} can't hold a password",
            problems,
            f"save it without; a key that was encrypted with it opens by {VARIABLE}"
            if secret.startswith(BOM_UTF8)
            else "",
        )
    return _checked(Password(secret, f"the password in `{path}`"), f"`{path}`")


def _checked(password: Password, place: str) -> Password:
    problems = []
    if len(password.secret) > LONGEST:
        problems.append(f"it has more than {LONGEST} bytes")
    if b"\0" in password.secret:
        problems.append("it has a zero byte, which no variable can hold")
    if problems:
        raise ScaffoldError(f"the password in {place} can't be that of a key", problems)
    return password


class CAPassword:
    """The password of one run, whatever that signs: it is looked for, and asked for, once at most.

    `ask` is called where the environment gives none; without it nobody is asked.
    """

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._found: Password | None = None

    def old(self) -> Password:
        """Return the password of a key that is there; an empty one where nobody gives it.

        Raises ScaffoldError as `given_password`.
        """
        return self._get("password of the CA's key", is_new=False)

    def new(self) -> bytes:
        """Return the password of a key that is to be encrypted; ScaffoldError where there is none.

        On a terminal it is asked for twice.
        """
        found = self._get("new password for the CA's key", is_new=True)
        if not found.secret:
            raise ScaffoldError(
                "the CA's key is to be encrypted, and no password is given", hint=HINT
            )
        return found.secret

    def _get(self, text: str, *, is_new: bool) -> Password:
        if self._found is None:
            self._found = given_password()
            if not self._found.secret and self._ask:
                typed = self._ask(text, is_new).encode("utf-8", "surrogateescape")
                self._found = _checked(Password(typed, "the password that was typed"), "the answer")
        return self._found
