"""`tls-scaffold status` on the command line."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import option
from tls_scaffold.words import hours, visible

if TYPE_CHECKING:
    from tls_scaffold.commands.status import Report
    from tls_scaffold.state.states import Row

COLOURS = {"valid": "green", "expiring": "yellow", "stale": "yellow", "orphaned": "cyan"}
NO_TIME = re.compile("0[hdwy]?")
STDOUT = "-"
HEADINGS = ("NAME", "KIND", "CN", "HOSTS", "KEY", "EXPIRES", "STATE")
SHOWN_HOSTS = 2
WIDEST = 40


def _hours(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int:
    found = 0 if NO_TIME.fullmatch(value) else hours(value)
    if found is None:
        raise click.BadParameter(f"`{value}` is not a time such as `30d`, `2w` or `12h`")
    return found


@click.command()
@option("--within", callback=_hours, default="30d", metavar="TIME", help="What ends within TIME is expiring (30d)")
@option("--json", "as_json", is_flag=True, help="Print the table as JSON")
@option("--prometheus", type=click.Path(), metavar="FILE", help="Write metrics for node_exporter to FILE")
@option("--svg", type=click.Path(), metavar="FILE", help="Draw the certificates' lives into FILE")
@click.pass_obj
def status(folder: Path, /, within: int, prometheus: str | None, svg: str | None, *, as_json: bool) -> None:
    """Show the state of every certificate, those in trouble first.

    Exits with 1 when one is not valid. Works on an archived set too: `tls-scaffold -C archive/TIME status`.
    As FILE, `-` is stdout, in place of the table.
    """
    if (as_json, prometheus == STDOUT, svg == STDOUT).count(True) > 1:
        raise click.UsageError("`--json`, `--prometheus -` and `--svg -` exclude each other: stdout takes one of them")
    from datetime import datetime, timedelta, timezone

    from tls_scaffold.commands import status as command

    report = command.status(folder, timedelta(hours=within), datetime.now(timezone.utc))
    for path, render in ((prometheus, report.to_prometheus), (svg, report.to_svg)):
        if path and path != STDOUT:
            command.write(Path(path), render())
    click.echo(_on_stdout(report, prometheus, svg, as_json=as_json), nl=False)
    for where, line in report.unread:
        told = f"{where} signs in a way that is not understood, what it asks for is not known here"
        click.echo(f"note: {told}: `{visible(line)}`", err=True)
    if report.advice and not as_json:
        click.echo("next: " + "\n      ".join(report.advice), err=True)
    if report.problem:
        raise report.problem
    sys.exit(0 if report.is_valid else 1)


def _on_stdout(report: "Report", prometheus: str | None, svg: str | None, *, as_json: bool) -> str | bytes:
    if prometheus == STDOUT:
        return report.to_prometheus().encode()
    if svg == STDOUT:
        return report.to_svg().encode()
    return report.to_json() if as_json else _table(report)


def _table(report: "Report") -> str:
    cells = [HEADINGS, *(_cells(row) for row in report.rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [_line(HEADINGS, widths)]
    for row, shown in zip(report.rows, cells[1:], strict=True):
        state = click.style(row.state, fg=COLOURS.get(row.state, "red"), bold=row.state != "valid")
        lines += [_line((*shown[:-1], state), widths), *(f"  {visible(reason)}" for reason in row.reasons)]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=False)) + "  " + cells[-1]


def _cells(row: "Row") -> tuple[str, ...]:
    expires = f"{row.not_after:%Y-%m-%d} ({row.days_left}d)" if row.not_after else "-"
    texts = (row.name, row.kind or "", row.cn, _hosts(row.hosts), row.key, expires, row.state)
    return tuple(_short(visible(text)) or "-" for text in texts)


def _hosts(hosts: tuple[str, ...]) -> str:
    more = len(hosts) - SHOWN_HOSTS
    return ", ".join((*hosts[:SHOWN_HOSTS], *([f"+{more}"] if more > 0 else [])))


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
