"""Whatever the command line prints goes out here: what others wrote never steers the terminal.

The CN of a certificate, a line of a Makefile or a word of etcd's may hold control characters, which
clear a screen, set its title or turn a text around.
"""

import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import click

from tls_scaffold.cli.pageplace import with_page_places
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import INVISIBLE, escaped, escaped_lines

EXTRA_WORDS = re.compile(r"Got unexpected extra arguments? \(([^ )]+)")
NOT_PLAIN = re.compile(r"[^\n -~]")


@dataclass(frozen=True)
class Styled:
    """A text in a colour, in bold letters unless that is said."""

    text: str
    colour: str | None = None
    bold: bool = True


def say(*parts: str | Styled, err: bool = False, end: str = "\n") -> None:
    """Print a text for people, of parts that follow each other; what can't be seen as an escape."""
    click.echo("".join(map(_shown, parts)) + end, err=err, nl=False)


def talk(*parts: str | Styled) -> None:
    """Print on stderr what is said about the work."""
    say(*parts, err=True)


def say_line(text: str, *, err: bool = False) -> None:
    """Print one line for people: whatever others wrote in it, it stays one."""
    say(escaped(text), err=err)


def talk_line(text: str) -> None:
    """Print on stderr one line of what is said about the work."""
    say_line(text, err=True)


def can_ask() -> bool:
    """Tell whether somebody is at a terminal to be asked; stdin is None where it was closed."""
    return bool(sys.stdin and sys.stdin.isatty())


@contextmanager
def counting(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal's stderr how many of how many are done, on a line that is gone at the end.

    What this yields is told.
    """
    is_seen = bool(sys.stderr and sys.stderr.isatty())
    shown = ""

    def told(done: int, of: int) -> None:
        nonlocal shown
        if is_seen and f"{label} {100 * done // of} %" != shown:
            shown = f"{label} {100 * done // of} %"
            click.echo(f"\r{shown}", err=True, nl=False)

    try:
        yield told
    finally:
        if shown:
            click.echo(f"\r{' ' * len(shown)}\r", err=True, nl=False)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    talk(Styled("warning:", "yellow"), f" {text}")


def give(text: str) -> None:
    """Print a text that a program reads byte for byte, as a diff; on a terminal as any other."""
    if sys.stdout and sys.stdout.isatty():
        say(text, end="")
    else:
        click.echo(text.encode("utf-8", "surrogateescape"), nl=False)


def give_json(text: str) -> None:
    """Print a JSON document, in which JSON's own escapes stand for what can't be seen."""
    click.echo(NOT_PLAIN.sub(_json_escape, text), nl=False)


def tell_error(error: ScaffoldError) -> None:
    """Print an error: its summary and each of its problems keep to a line of their own.

    What its hint says is to be run is run on the folder that `-C` names: whoever wrote it knows
    nothing of that.
    """
    error = _as_typed_here(error)
    lines = [escaped(error.summary), *(f"  {escaped(str(problem))}" for problem in error.problems)]
    hint = ["", f"hint: {with_page_places(error.hint)}"] if error.hint else []
    talk(Styled("error:", "red"), " ", "\n".join([*lines, *hint]))


def tell_error_of_folder(folder: Path, error: ScaffoldError) -> None:
    """Print the error of one folder of several, which may name a file in it without the folder."""
    from tls_scaffold.commands.typed import as_typed

    told = f"{folder}: {error.summary}"
    tell_error(ScaffoldError(told, error.problems, as_typed(error.hint, folder)))


def error_of_disk(error: OSError) -> ScaffoldError:
    """Return what the system refused as an error of ours."""
    where = f"`{error.filename}`: " if error.filename else ""
    return ScaffoldError(f"{where}{error.strerror or error}")


def give_error(error: ScaffoldError) -> None:
    """Print an error as a JSON document on stdout, for programs; people are told beside that."""
    from tls_scaffold.commands.results import error_to_json

    give_json(error_to_json(_as_typed_here(error)))


def _as_typed_here(error: ScaffoldError) -> ScaffoldError:
    context = click.get_current_context(silent=True)
    folder = context.find_root().obj if context else None
    if not (error.hint and folder):
        return error
    from tls_scaffold.commands.typed import error_as_typed

    return error_as_typed(error, folder)


def tell_usage(error: click.ClickException) -> None:
    """Print what click says of a wrong command line, which may quote it."""
    text = StringIO()
    error.show(text)
    say(text.getvalue(), err=True, end="")
    if hint := _usage_hint(error):
        talk(f"\nhint: {hint}")


def _usage_hint(error: click.ClickException) -> str:
    """Return what click does not know: how a wrong command line was probably meant."""
    words = EXTRA_WORDS.match(error.message)
    if words and Path(words[1]).is_dir():
        return f"`-C {shlex.quote(words[1])}` works on that folder"
    if not isinstance(error, click.NoSuchOption):
        return ""
    if not error.option_name.startswith("--"):
        return "options have two dashes, as `--members`; `-C` and `-h` alone have one"
    if error.ctx and error.ctx.parent is None:
        return "a command's options stand behind its name, as in `tls-scaffold new --members A,B`"
    return ""


def _shown(part: str | Styled) -> str:
    if isinstance(part, str):
        return escaped_lines(part)
    return click.style(escaped_lines(part.text), fg=part.colour, bold=part.bold)


def _json_escape(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in INVISIBLE:
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
