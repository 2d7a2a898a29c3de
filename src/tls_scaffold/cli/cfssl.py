"""`tls-scaffold cfssl` and `cfssljson`: the command lines that folders have for cfssl."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tls_scaffold.cli.completion import cfssl_words
from tls_scaffold.cli.terminal import give, give_json, say, talk, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.reading import read_stream

AS_GO: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": [],
}
HELP = [("-h",), ("-help",), ("--help",)]


@click.command(cls=Verb, context_settings=AS_GO, add_help_option=False)
@click.argument(
    "words",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="COMMAND [FLAGS] [WORDS]",
    shell_complete=cfssl_words,
)
@click.pass_obj
def cfssl(folder: Path, words: tuple[str, ...]) -> None:
    """Stand in for cfssl, with its own flags: JSON on stdout, its log on stderr.

    `-loglevel 2` leaves out the log, `-loglevel 3` warnings too.
    """
    if words[:1] in HELP:
        from tls_scaffold.commands.cfsslusage import usage

        say(click.get_current_context().get_help())
        say(f"\n{usage()}", end="")
        return
    from tls_scaffold.commands import standin

    answer = standin.answer(words, folder, _read_stdin)
    for each in answer.warnings:
        warn(each)
    for each in answer.log:
        talk(f"{datetime.now().astimezone():%Y/%m/%d %H:%M:%S} [INFO] {each}")
    give_json(answer.text)


@click.command(cls=Verb, context_settings=AS_GO, add_help_option=False)
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="[-bare] [-stdout] [-f FILE] [NAME]"
)
@click.pass_obj
def cfssljson(folder: Path, words: tuple[str, ...]) -> None:
    """Stand in for cfssljson: NAME.pem, NAME-key.pem and NAME.csr from cfssl's JSON on stdin."""
    if words[:1] in HELP:
        say(click.get_current_context().get_help())
        return
    from tls_scaffold.commands.cfssljson import cfssljson as write

    done = write(words, folder, _read_stdin)
    for each in done.warnings:
        warn(each)
    give(done.text)


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise ScaffoldError("nothing can be read: standard input is closed")
    return read_stream(sys.stdin.buffer, "-")
