"""Passphrases: typed on a terminal, or read from a file; never from the command line."""

import click

from tls_scaffold.cli.terminal import Styled, can_ask, talk
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.reading import read_given
from tls_scaffold.spelling import BOM

SHORTEST = 8


def read_passphrase(path: str, *, is_new: bool) -> str:
    """Return the passphrase in a file, its one line.

    What is encrypted with a new one opens where it is typed too: nobody types a byte order mark.
    Raises ScaffoldError, which does not quote it, where it is none, or open to everybody.
    """
    from tls_scaffold.disk.files import telling
    from tls_scaffold.disk.secretfiles import refuse_open_to_all

    refuse_open_to_all(path, f"the passphrase in `{path}`", "take another one")
    with telling(path, "read"):
        raw = read_given(path)  # also from a pipe: `--passphrase-file <(pass show etcd)`
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ScaffoldError(f"the passphrase in `{path}` is not text in UTF-8") from None
    problem = _problem(text)
    if is_new and text.startswith("\ufeff"):
        problem = f"it begins with {BOM}"
    if problem:
        raise ScaffoldError(f"the passphrase in `{path}` can't be one: {problem}")
    return text


def ask_for_passphrase(*, twice: bool, otherwise: str) -> str:
    """Return the passphrase that is typed, without being shown; a new one is typed `twice`.

    Raises UsageError, with what can be done `otherwise`, where nobody can be asked.
    """
    if not can_ask():
        raise UsageError("there is no terminal to ask for a passphrase on", hint=otherwise)
    while True:
        text = str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True))
        problem = _problem(text) if twice else ""
        if not problem:
            return text
        talk(Styled("error:", "red"), f" it can't be one: {problem}")


def _problem(text: str) -> str:
    if "\n" in text:
        return "it has more than one line"
    if len(text) < SHORTEST:
        return f"it is shorter than {SHORTEST} characters"
    return ""
