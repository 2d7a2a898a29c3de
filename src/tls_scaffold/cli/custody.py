"""The options that say who holds the CA, for `new` and `sync`."""

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tls_scaffold.cli.options import CommaList, filled, option
from tls_scaffold.errors import UsageError

if TYPE_CHECKING:
    from tls_scaffold.inventory.custodywords import CustodyWords

Command = TypeVar("Command", bound=Callable[..., Any])


def _file(name: str, parameter: str, text: str) -> Callable[[Command], Command]:
    return option(
        name, parameter, metavar="FILE", type=click.Path(), default=None, callback=filled, help=text
    )


OPTIONS = (
    _file("--ca", "ca_file", "A CA of your own: its certificate, those above it, and the root"),
    _file("--ca-key", "ca_key", "The private key of that CA, with or without a password"),
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
    option("--ca-remote-ca", metavar="FILE", help="What its https is checked with, a PEM file"),
    option("--ca-offline", is_flag=True, help="The CA's key is on another machine: carry requests"),
    option("--peer-ca", is_flag=True, help="A second CA for what members show their peers"),
)
HERE = option(
    "--ca-here", is_flag=True, help="The CA's key is in certs/ (again), in the clear: bring it"
)


def custody(*, has_here: bool) -> Callable[[Command], Command]:
    """Add the options; where a folder may be changed, the one for the plain way back too."""

    def add(command: Command) -> Command:
        # Of decorators the last is the first in the help.
        for each in reversed((*OPTIONS, *((HERE,) if has_here else ()))):
            command = each(command)
        return command

    return add


def take_custody(given: MutableMapping[str, Any]) -> "CustodyWords":
    """Take what the options say out of the values that a command was given.

    Raises UsageError with all of what can't stand together.
    """
    from tls_scaffold.inventory.custodywords import CustodyWords

    remotes = [url for word in given.pop("ca_remote") for url in word.split(",")]
    words = CustodyWords(
        certificate=given.pop("ca_file"),
        key=given.pop("ca_key"),
        encrypt=given.pop("encrypt_ca_key"),
        remotes=tuple(remotes),
        label=given.pop("ca_label") or "",
        auth_key=given.pop("ca_auth_key") or "",
        remote_ca=given.pop("ca_remote_ca") or "",
        offline=given.pop("ca_offline"),
        here=given.pop("ca_here", False),
        peer_ca=given.pop("peer_ca") or None,
    )
    mistakes = tuple(words.mistakes())
    if mistakes:
        raise UsageError("the options of the CA can't stand together", mistakes)
    return words
