"""`tls-scaffold status` on the command line."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.options import json_option_for, option
from tls_scaffold.cli.statustable import status_table
from tls_scaffold.cli.terminal import give, give_json, say, talk, tell_error
from tls_scaffold.spelling import escaped, parse_hours

if TYPE_CHECKING:
    from tls_scaffold.commands.status import Report

NO_TIME = re.compile("0[hdwy]?")
STDOUT = "-"
SHOWN_REMOVED = 10


def _hours(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int:
    found = 0 if NO_TIME.fullmatch(value) else parse_hours(value)
    if found is None:
        raise click.BadParameter(f"`{value}` is not a time such as `30d`, `2w` or `12h`")
    return found


@click.command()
@option(
    "--within",
    callback=_hours,
    default="30d",
    metavar="TIME",
    help="What ends within TIME is expiring (30d)",
)
@option("--failed", is_flag=True, help="Show only what is not valid, in the table and as JSON")
@json_option_for("Print the table as JSON")
@option(
    "--prometheus",
    type=click.Path(),
    metavar="FILE",
    help="Write metrics for node_exporter to FILE",
)
@option("--svg", type=click.Path(), metavar="FILE", help="Draw the certificates' lives into FILE")
@click.pass_obj
def status(
    folder: Path,
    /,
    within: int,
    prometheus: str | None,
    svg: str | None,
    *,
    failed: bool,
    as_json: bool,
) -> None:
    """Show the state of every certificate, those in trouble first.

    Exits with 1 when one is broken, 4 when one is not as asked for, 5 when they only expire soon.
    The table is as wide as the terminal, or as COLUMNS says, 80 in a pipe; --json has what that
    leaves no room for. Works on an archived set too: `tls-scaffold -C archive/TIME status`. As
    FILE, `-` is stdout, in place of the table.
    """
    if (as_json, prometheus == STDOUT, svg == STDOUT).count(True) > 1:
        raise click.UsageError(
            "`--json`, `--prometheus -` and `--svg -` exclude each other: stdout takes one of them"
        )
    from datetime import datetime, timedelta, timezone

    from tls_scaffold.commands import status as command

    report = command.status(folder, timedelta(hours=within), datetime.now(timezone.utc))
    for path, render in ((prometheus, report.to_prometheus), (svg, report.to_svg)):
        if path and path != STDOUT:
            command.write(Path(path), render())
    shown = report.in_trouble() if failed else report
    if as_json:
        give_json(shown.to_json())
    elif STDOUT in (prometheus, svg):
        give(report.to_prometheus() if prometheus == STDOUT else report.to_svg())
    elif failed and not shown.rows:
        talk(f"nothing is wrong with {len(report.rows)} certificates")
    else:
        say(*status_table(shown, terminal_width()), end="")
    _tell_notes(report)
    if report.advice and not as_json:
        talk("next: " + "\n      ".join(map(escaped, report.advice)))
    if report.problem:  # beside what is on stdout already
        tell_error(report.problem)
        sys.exit(report.problem.exit_code)
    sys.exit(report.exit_code)


def _tell_notes(report: "Report") -> None:
    from tls_scaffold.state.cfsslscripts import way_to_adopt

    if not report.has_makefile:
        talk("note: no Makefile was looked at: there is none")
    for name in report.scripts:
        told = f"`{way_to_adopt(name)}` reads what it signs"
        talk(escaped(f"note: `{name}` calls cfssl: {told}"))
    for each in report.unread:
        told = "signs in a way that is not understood, what it asks for is not known here"
        talk(f"note: {each.place} {told}: {escaped(each.message)}")
    for line in (*(each.sentence for each in report.earlier), *_notes_on_removed(report)):
        talk(f"note: {escaped(line)}")


def _notes_on_removed(report: "Report") -> Iterator[str]:
    yield from (each.sentence for each in report.removed[:SHOWN_REMOVED])
    if (more := len(report.removed) - SHOWN_REMOVED) > 0:
        yield f"{more} more of components that are gone are valid: `--json` lists them"
