"""`tls-scaffold status` on the command line."""

import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.keeping import tell_next
from tls_scaffold.cli.livetable import begin_look, live_table, tell_live
from tls_scaffold.cli.lookoptions import ONE_FOLDER, live_options
from tls_scaffold.cli.options import json_option_for, option, several_folders
from tls_scaffold.cli.pageplace import page_place
from tls_scaffold.cli.severalstates import STDOUT, tell_states, write_out
from tls_scaffold.cli.statusnotes import notes_on
from tls_scaffold.cli.statustable import status_table
from tls_scaffold.cli.terminal import give_json, say, talk, talk_line, tell_error
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.spelling import RENEW_DAYS, parse_hours

if TYPE_CHECKING:
    from tls_scaffold.commands.live import LiveOptions
    from tls_scaffold.commands.status import Report

NO_TIME = re.compile("0[hdwy]?")


def _time(_ctx: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    found = 0 if NO_TIME.fullmatch(value) else parse_hours(value)
    if found is None:
        raise click.BadParameter(f"`{value}` is not a time such as `30d`, `2w` or `12h`")
    return timedelta(hours=found)


@click.command(cls=Verb)
@several_folders
@option(
    "--within",
    callback=_time,
    default=f"{RENEW_DAYS}d",
    metavar="TIME",
    help=f"What ends within TIME is expiring ({RENEW_DAYS}d)",
)
@option("--failed", is_flag=True, help="Show only what is not valid, in the table and as JSON")
@json_option_for("Print the table as JSON")
@option(
    "--prometheus",
    type=click.Path(),
    metavar="FILE",
    help="Write metrics for node_exporter to FILE",
)
@option("--alerts", type=click.Path(), metavar="FILE", help="Write alert rules over these to FILE")
@option("--svg", type=click.Path(), metavar="FILE", help="Draw the certificates' lives into FILE")
@live_options
@click.pass_obj
def status(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    *,
    named: tuple[Path, ...],
    above: tuple[Path, ...],
    within: timedelta,
    prometheus: str | None,
    alerts: str | None,
    svg: str | None,
    live: "LiveOptions | None",
    failed: bool,
    as_json: bool,
) -> None:
    """Show the state of every certificate, those in trouble first.

    With FOLDERs, or --all, of several folders: what is in trouble in full, the rest of each in a
    line; the worst of all decides how it ends.

    Exits with 1 when one is broken, 4 when one is not as asked for, 5 when they only expire soon.
    The table is as wide as the terminal, or as COLUMNS says, 80 in a pipe; --json has what that
    leaves no room for. Works on an archived set too: `tls-scaffold -C archive/TIME status`. As
    FILE, `-` is stdout, in place of the table. With --live, members are looked at too, without a
    certificate: 1 where one is unreachable, 4 where one has to be given files or to restart.
    """
    if (as_json, prometheus == STDOUT, alerts == STDOUT, svg == STDOUT).count(True) > 1:
        raise click.UsageError(
            "`--json`, `--prometheus -`, `--alerts -` and `--svg -` exclude each other: stdout "
            "takes one of them"
        )
    is_stdout_taken = STDOUT in (prometheus, alerts, svg)
    now = datetime.now(timezone.utc)
    if named or above:
        if svg:
            raise click.UsageError("`--svg` draws one folder: `-C DIR` names it")
        if live:
            raise click.UsageError(ONE_FOLDER)
        from tls_scaffold.commands.severalfolders import folders_and_closed
        from tls_scaffold.commands.severalstates import states_of

        states = states_of(*folders_and_closed(folder, named, above), within, now)
        write_out(prometheus, states.to_prometheus)
        write_out(alerts, lambda: states.to_alerts(within))
        tell_states(states, failed=failed, as_json=as_json, is_stdout_taken=is_stdout_taken)
        sys.exit(states.exit_code)
    from tls_scaffold.commands import status as command

    begun = begin_look(folder, live) if live else None
    report = command.status(folder, within, now)
    if begun:
        report = replace(report, live=begun.report(now, within))
    write_out(prometheus, report.to_prometheus)
    write_out(alerts, report.to_alerts)
    write_out(svg, report.to_svg)
    if not is_stdout_taken:
        _tell_table(report, failed=failed, as_json=as_json)
    _tell_beside(report, with_advice=not as_json)
    sys.exit(report.problem.exit_code if report.problem else report.exit_code)


def _tell_table(report: "Report", *, failed: bool, as_json: bool) -> None:
    shown = report.in_trouble() if failed else report
    if as_json:
        give_json(shown.to_json())
    else:
        _show(report, shown)


def _show(report: "Report", shown: "Report") -> None:
    """Print the tables of what is shown of a report."""
    if report.rows and not shown.rows:
        talk(f"nothing is wrong with {len(report.rows)} certificates")
    else:
        say(*status_table(shown, terminal_width()), end="")
    if not (shown.live and report.live):
        return
    if report.live.rows and not shown.live.rows:
        talk(f"each of {len(report.live.rows)} ports serves the folder's")
    else:
        say(*live_table(shown.live, terminal_width()), end="")


def _tell_beside(report: "Report", *, with_advice: bool) -> None:
    for note in notes_on(report):
        talk_line(f"note: {note}")
    if report.live:
        tell_live(report.live)
    if report.advice and with_advice:
        tell_next(report.advice)
    if report.page and with_advice:
        talk(f"page: {page_place(report.page)}")
    if report.problem:
        tell_error(report.problem)
