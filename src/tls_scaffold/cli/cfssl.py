"""`tls-scaffold cfssl` and `cfssljson`: the command lines that folders have for cfssl."""

import sys
from pathlib import Path
from typing import Any

import click

from tls_scaffold.cli.terminal import give_json, say, warn
from tls_scaffold.errors import ScaffoldError, UsageError

AS_GO: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}
HELP = [("-h",), ("-help",), ("--help",)]


@click.command(context_settings=AS_GO, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="gencert [FLAGS] REQUEST")
@click.pass_obj
def cfssl(folder: Path, words: tuple[str, ...]) -> None:
    """Stand in for cfssl: `gencert`, with cfssl's own flags, JSON on stdout."""
    if words[:1] in HELP:
        say(click.get_current_context().get_help())
        return
    if words[:1] != ("gencert",):
        named = f"has no `{words[0]}`" if words else "needs a command"
        raise UsageError(f"`tls-scaffold cfssl` {named}", hint="it does `gencert` alone")
    import json

    from tls_scaffold.commands.gencert import gencert

    answer = gencert(words[1:], folder, _read_stdin)
    for each in answer.warnings:
        warn(each)
    give_json(json.dumps(answer.document, sort_keys=True, separators=(",", ":")) + "\n")


@click.command(context_settings=AS_GO, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-bare] [-f FILE] NAME")
@click.pass_obj
def cfssljson(folder: Path, words: tuple[str, ...]) -> None:
    """Stand in for cfssljson: NAME.pem, NAME-key.pem and NAME.csr from cfssl's JSON on stdin."""
    if words[:1] in HELP:
        say(click.get_current_context().get_help())
        return
    from tls_scaffold.commands.cfssljson import cfssljson as write

    for each in write(words, folder, _read_stdin):
        warn(each)


def _read_stdin() -> str:
    if sys.stdin is None:
        raise ScaffoldError("nothing can be read: standard input is closed")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"standard input is not text in UTF-8 (byte {error.start})") from None
