"""`tls-scaffold sign`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.capassword import asking
from tls_scaffold.cli.completion import names_to_sign, offering
from tls_scaffold.cli.options import divided, json_option, option
from tls_scaffold.cli.terminal import (
    error_of_disk,
    give_json,
    say,
    say_line,
    talk,
    tell_error,
    warn,
)
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.cli.waitingtable import tell_made, why_signed
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.signing.execution import Means
    from tls_scaffold.signing.rounds import Done

WITH_A_BAR = 20  # certificates, from which on a terminal shows how far it is


@click.command(cls=Verb)
@click.argument(
    "names",
    nargs=-1,
    metavar="[NAME]…",
    callback=divided,
    shell_complete=offering(names_to_sign),
)
@option("--force", is_flag=True, help="Sign the named components, or all, even if nothing differs")
@option(
    "--own-lines",
    is_flag=True,
    help="Leave the Makefile's lines that call cfssl themselves to make",
)
@option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Use N processes  [default: one a processor]",
)
@option(
    "--into",
    metavar="DIRECTORY",
    default="",
    hidden=True,
    help="Make a new set there, for `make regenerate`",
)
@json_option
@click.pass_obj
def sign(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    names: tuple[str, ...],
    jobs: int | None,
    into: str,
    *,
    force: bool,
    own_lines: bool,
    as_json: bool,
) -> None:
    """Sign what is missing or differs from its request, as make would with cfssl.

    Without NAME every component of the Makefile; `ca` alone makes the CA where there is none.
    """
    from tls_scaffold.commands import handfolders
    from tls_scaffold.commands import sign as command

    if into:
        made = command.sign_set(folder, into, means(jobs))
        for line in made.commands.values():
            say_line(line)
        for warning in command.warnings(made):
            warn(warning)
        return
    if handfolders.is_signed_by_hand(folder):
        _ask_elsewhere(folder, names, force=force, as_json=as_json)
        return
    done = command.sign(folder, names, means(jobs), force=force, own_lines=own_lines)
    problem = error_of_disk(done.problem) if isinstance(done.problem, OSError) else done.problem
    if as_json:
        give_json(replace(command.result(folder, done), error=problem).to_json())
    else:
        _tell(done)
    if problem:
        tell_error(problem)
    click.get_current_context().exit(done.exit_code)


def means(jobs: int | None = None) -> "Means":
    """Return what there is to sign with: a terminal shows how far it is, and is asked there."""
    from tls_scaffold.commands.sign import processor_count
    from tls_scaffold.signing.capassword import CAPassword
    from tls_scaffold.signing.execution import Means

    return Means(jobs or processor_count(), _progress_bar, CAPassword(asking()))


def _ask_elsewhere(folder: Path, names: tuple[str, ...], *, force: bool, as_json: bool) -> None:
    """Make keys and CSRs where the CA's key is on another machine: more can't be done here."""
    from tls_scaffold.commands.requestmaking import make_requests, renewal

    made = make_requests(folder, names, renewal(), force=force)
    if as_json:
        give_json(made.result().to_json())
    else:
        tell_made(made)


def _tell(done: "Done") -> None:
    from tls_scaffold.commands import sign as command

    if done.signed:
        say("\n".join(map(escaped, _signed_lines(done))))
    else:
        talk(f"nothing to sign: {_what_is_right(done.kept)}")
    for warning in command.warnings(done):
        warn(warning)


def _signed_lines(done: "Done") -> Iterator[str]:
    """Yield of each certificate its command, that it is signed and why, and who has to reload."""
    for path, reasons in done.signed.items():
        yield done.commands[path]
        yield f"signed {path}{why_signed(reasons)}"
        if path in done.reloads:
            yield f"  {done.reloads[path]}"


def _what_is_right(kept: int) -> str:
    if kept == 1:
        return "1 certificate is what its request asks for"
    return f"{kept} certificates are what their requests ask for" if kept else "the CA is there"


@contextmanager
def _progress_bar(length: int) -> Iterator[Callable[[int], None]]:
    """Show a bar for a long run on a terminal, and nothing elsewhere."""
    if length <= WITH_A_BAR or not (sys.stderr and sys.stderr.isatty()):
        yield lambda _: None
        return
    with click.progressbar(length=length, label="signing", file=sys.stderr) as bar:
        yield bar.update
