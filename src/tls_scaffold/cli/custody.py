"""The options that say who holds the CA, for `new` and `sync`."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tls_scaffold.cli.options import CommaList, Command, Option, file_option, option, with_options
from tls_scaffold.cli.terminal import can_ask, talk_line
from tls_scaffold.errors import UsageError

if TYPE_CHECKING:
    from tls_scaffold.inventory.custodywords import CustodyWords

Outcome = TypeVar("Outcome")


OPTIONS = (
    file_option(
        "--ca", "ca_file", text="A CA of your own: its certificate, those above it, and the root"
    ),
    file_option("--ca-key", text="The private key of that CA, with or without a password"),
    option(
        "--encrypt-ca-key", is_flag=True, help="Keep the CA's key encrypted, never in the clear"
    ),
    option(
        "--ca-remote",
        type=CommaList(),
        multiple=True,
        metavar="URL,…",
        help="Let a signing service sign: http://HOST:8888, several in their order",
    ),
    option("--ca-label", metavar="L", help="The label of the CA there"),
    option(
        "--ca-auth-key",
        metavar="REF",
        help="Where the key for it is: env:NAME or file:PATH (env:CFSSL_AUTH)",
    ),
    option(
        "--ca-sha256",
        metavar="HEX",
        help="The SHA-256 fingerprint of the CA's certificate, which is asked for otherwise",
    ),
    option("--ca-remote-ca", metavar="FILE", help="What its https is checked with, a PEM file"),
    option("--ca-offline", is_flag=True, help="The CA's key is on another machine: carry requests"),
    option("--peer-ca", is_flag=True, help="A second CA for what members show their peers"),
)
HERE = option(
    "--ca-here", is_flag=True, help="The CA's key is in certs/ (again), in the clear: bring it"
)


def custody(*, has_here: bool) -> Option:
    """Add the options; where a folder may be changed, the one for the plain way back too.

    The command gets what they say as `held`, which `check_words` is to see.
    """
    options = (*OPTIONS, HERE) if has_here else OPTIONS
    return lambda command: with_options(_collecting(command), options)


def _collecting(command: Command) -> Any:
    @wraps(command)
    def collected(  # noqa: PLR0913 - the options
        *words: Any,
        ca_file: str,
        ca_key: str,
        encrypt_ca_key: bool,
        ca_remote: tuple[str, ...],
        ca_label: str | None,
        ca_auth_key: str | None,
        ca_remote_ca: str | None,
        ca_sha256: str | None,
        ca_offline: bool,
        peer_ca: bool,
        ca_here: bool = False,
        **others: Any,
    ) -> Any:
        from tls_scaffold.inventory.custodywords import CustodyWords

        held = CustodyWords(
            certificate=ca_file,
            key=ca_key,
            encrypt=encrypt_ca_key,
            remotes=tuple(url for word in ca_remote for url in word.split(",")),
            label=ca_label or "",
            auth_key=ca_auth_key or "",
            remote_ca=ca_remote_ca or "",
            sha256=(ca_sha256 or "").replace(":", "").lower(),
            offline=ca_offline,
            here=ca_here,
            peer_ca=peer_ca or None,
        )
        return command(*words, held=held, **others)

    return collected


def check_words(held: "CustodyWords") -> None:
    """Raise UsageError with all of what can't stand together."""
    mistakes = tuple(held.mistakes())
    if mistakes:
        raise UsageError("the options of the CA can't stand together", mistakes)


def confirmed(run: Callable[["CustodyWords"], Outcome], held: "CustodyWords") -> Outcome:
    """Return what a command gives; where a CA's certificate was fetched, somebody has to say yes.

    Without a terminal the error tells its fingerprint, and the option that says it.
    """
    from tls_scaffold.commands.remoteca import UnconfirmedCAError

    try:
        return run(held)
    except UnconfirmedCAError as error:
        if not can_ask():
            raise
        talk_line(error.summary)
        for problem in error.problems:
            talk_line(f"  {problem}")
        if not click.confirm("is that the CA?", err=True):
            raise
        # It is asked again, and has to give the same.
        return run(replace(held, sha256=error.sha256))
