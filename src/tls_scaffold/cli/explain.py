"""`tls-scaffold explain` on the command line."""

import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.columns import terminal_width, wrapped
from tls_scaffold.cli.completion import component_names, offering
from tls_scaffold.cli.lookoptions import place_options
from tls_scaffold.cli.options import filled, json_option_for, option
from tls_scaffold.cli.terminal import Styled, give, give_json, say, talk
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import UsageError
from tls_scaffold.reading import read_stream
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.explain import Answer
    from tls_scaffold.commands.live import LiveOptions

STDIN = "-"


@click.command(cls=Verb)
@click.argument("word", required=False, metavar="[LINE|HOST:PORT|FILE.pem]")
@option("--file", type=click.Path(), metavar="FILE", help="Explain the lines of FILE (- is stdin)")
@place_options
@option(
    "--user",
    "live_user",
    callback=filled,
    metavar="NAME",
    shell_complete=offering(component_names),
    help="Come with the certificate of this component of the folder",
)
@option("--cert", callback=filled, metavar="FILE", help="Come with this certificate")
@option("--key", "key_file", callback=filled, metavar="FILE", help="The key of --cert")
@option("--list", "is_list", is_flag=True, help="Print all that is known, and explain nothing")
@json_option_for("Print the causes as JSON")
@click.pass_obj
def explain(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    *,
    word: str | None,
    file: str | None,
    live: "LiveOptions",
    cert: str,
    key_file: str,
    is_list: bool,
    as_json: bool,
) -> None:
    """Say what causes a line of a log, or what is wrong with a port or a certificate.

    A line comes as the argument, several by --file or stdin. It is never printed again, and where
    it alone can't tell, members are looked at: those of the inventory or of --endpoints, never an
    address that stands in it. Exits with 0 where each cause that is found is certain, 1 where none
    is found or several fit.
    """
    from tls_scaffold.commands import explain as command
    from tls_scaffold.commands.explainlooks import ExplainOptions
    from tls_scaffold.live import causes

    if is_list:
        if as_json:
            raise click.UsageError("`--json` and `--list` exclude each other")
        give(causes.table())
        return
    text = _text(word, file)
    options = ExplainOptions(live, cert, key_file)
    answer = command.explain(folder, word or "", text, options, datetime.now(timezone.utc))
    if as_json:
        give_json(answer.to_json())
    else:
        say(*_shown(answer, terminal_width()), end="")
    if not answer.causes:
        well = f"nothing that is known is wrong with {answer.about}, as far as can be seen"
        said = well if answer.is_well else f"no cause is known for {answer.about}"
        talk(f"{said}; `tls-scaffold explain --list` has all")
    elif unsure := {each.cause.id for each in answer.unsure}:
        may = "a port that answers" if live.user or cert else "`--user NAME` or `--cert`"
        is_all = len(unsure) == len(answer.causes)
        which = "these" if is_all else ", ".join(f"`{each}`" for each in sorted(unsure))
        talk(f"it can't be told which of {which} it is: {may} may tell")
    elif len(answer.causes) > 1:
        talk(f"these are {len(answer.causes)} causes, and each is certain")
    sys.exit(answer.exit_code)


def _text(word: str | None, file: str | None) -> str | None:
    """Return the lines to explain; None where the word is what is to be explained."""
    if word is not None and file is not None:
        raise UsageError("a line is the argument, or stands in `--file`")
    if word is not None and word != STDIN:
        return None
    is_given = file is not None or word is not None
    if sys.stdin is None and file in (None, STDIN):
        raise UsageError("standard input is closed", hint="`--file FILE` names what has the lines")
    if not is_given and sys.stdin.isatty():
        raise UsageError(
            "nothing is given to explain", hint="`tls-scaffold explain --help` says what may be"
        )
    if file in (None, STDIN):
        return read_stream(sys.stdin.buffer, "-").decode(errors="replace")
    from tls_scaffold.commands.explain import read_log

    return read_log(str(file))


def _shown(answer: "Answer", width: int) -> Iterator[str | Styled]:
    from tls_scaffold.commands.explain import mends_of

    for found in answer.causes:
        yield Styled(f"{found.cause.id}:", "yellow")
        yield f" {escaped(found.cause.what)}\n"
        yield f"{wrapped(escaped(f'known from: {found.knows}'), width, '  ')}\n"
        for step in mends_of(found, answer.folder):
            yield f"{wrapped(escaped(f'mend: {step}'), width, '  ')}\n"
    for fields in (each.fields for each in answer.explanations if each.fields):
        told = ", ".join(f"{name}: {text}" for name, text in fields.items())
        yield f"{wrapped(escaped(f'the line has {told}'), width, '  ')}\n"
    for line in answer.seen:
        yield f"  looked at {escaped(line)}\n"
