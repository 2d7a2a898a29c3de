"""The password of a CA's key asked for on a terminal, where somebody can be asked."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tls_scaffold.signing.capassword import Ask


def asking() -> "Ask | None":
    """Return what asks for a password without showing it; None where nobody can be asked."""
    streams = (sys.stdin, sys.stderr)
    return _ask if all(each and each.isatty() for each in streams) else None


def _ask(text: str, is_new: bool) -> str:  # noqa: FBT001 - the form of `Ask`
    """Return what is typed; a new password is typed twice, until both are the same."""
    again = "the same again" if is_new else False
    return str(click.prompt(text, hide_input=True, confirmation_prompt=again, err=True))
