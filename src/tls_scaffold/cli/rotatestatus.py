"""`tls-scaffold rotate status` on the command line: the table of ports, and what comes next."""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.columns import (
    begin_of_line,
    cut_to,
    heading_line,
    terminal_width,
    text_width,
    wrapped,
)
from tls_scaffold.cli.livetable import tell_look
from tls_scaffold.cli.lookoptions import live_place_options
from tls_scaffold.cli.options import json_option_for
from tls_scaffold.cli.terminal import Styled, give_json, say, talk, talk_line
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.spelling import RENEW_DAYS, escaped, listed

if TYPE_CHECKING:
    from tls_scaffold.commands.live import LiveOptions
    from tls_scaffold.commands.rotationreport import RotationReport
    from tls_scaffold.live.rotationports import RotationPort
    from tls_scaffold.live.rotationsteps import Task

SOON = timedelta(days=RENEW_DAYS)  # as `status --within` has it
MOST = 12  # names that a line has
HEADINGS = ("MEMBER", "PORT", "ADDRESS", "SHOWS", "HAS LOADED", "STATE")
NARROWER = (("ADDRESS", 21), ("MEMBER", 12), ("PORT", 0), ("ADDRESS", 0))
COLOURS = {"ready": "green", "unreachable": "red", "done": "green", "later": None}


@click.command(cls=Verb)
@json_option_for("Print the rotation as JSON")
@live_place_options
@click.pass_obj
def status(folder: Path, /, live: "LiveOptions | None", *, as_json: bool) -> None:
    """Show how far it is, and what comes next, in order.

    The folder tells the stage; with --live every member tells what it shows and which CAs it has
    loaded, without a certificate. What clients show can't be seen from outside.

    Exits with 0 when all that can be seen is as this stage wants it, or no CA follows another, 1
    when a member is unreachable, 4 when one has to be given files or to restart, or a pair of the
    folder is not as it should be, 5 when the old CA ends soon.
    """
    from tls_scaffold.commands import rotatestatus as command
    from tls_scaffold.commands.rotationreport import NO_ROTATION

    now = datetime.now(timezone.utc)
    report = command.rotate_status(folder, live, SOON, now)
    if report is None:
        if as_json:
            give_json(NO_ROTATION)
        seen = ", and no member hangs on an earlier one" if live else ""
        talk(f"no CA follows another here{seen}")
        return
    if as_json:
        give_json(report.to_json())
    else:
        say(*_shown(report, terminal_width()), end="")
    _tell_beside(folder, report)
    sys.exit(report.exit_code)


def _shown(report: "RotationReport", width: int) -> Iterator[str | Styled]:
    rotation = report.rotation
    old, new = (escaped(ca.cn) if ca else "" for ca in (rotation.old, rotation.new))
    yield f"`{new}` follows `{old}` (`{rotation.ca}`): {report.stage_name}\n"
    for pair in report.wrong_pairs:
        yield f"  `{escaped(pair.path)}` shows: {pair.shows.value}\n"
    if report.ports is not None:
        yield from _table(report, report.ports, width)
    yield "\n"
    for number, task in enumerate(report.tasks, 1):
        yield from _task(number, task, width)


def _table(
    report: "RotationReport", ports: tuple["RotationPort", ...], width: int
) -> Iterator[str | Styled]:
    from tls_scaffold.live.rotationsteps import faults_of, state_of

    cells = [_cells(each) for each in ports]
    widths = {
        heading: max(len(heading), *(text_width(each[heading]) for each in cells))
        for heading in HEADINGS[:-1]
    }
    widths[HEADINGS[-1]] = max(map(len, COLOURS))
    cut_to(widths, NARROWER, width)
    yield f"\n{heading_line(widths, HEADINGS[-1])}\n"
    for seen, shown in zip(ports, cells, strict=True):
        state = state_of(seen, report.stage)
        yield begin_of_line(shown, widths, HEADINGS[-1])
        yield Styled(state, COLOURS.get(state, "yellow"))
        for name, why in faults_of(seen, report.stage):
            yield f"\n{wrapped(escaped(f'{name}: {why}'), width, '  ')}"
        yield "\n"


def _cells(seen: "RotationPort") -> dict[str, str]:
    loaded = "" if seen.unreachable else seen.trusts.value
    shows = "" if seen.unreachable else seen.shows.value
    texts = (seen.member, seen.port.side, seen.port.address, shows, loaded)
    return {head: escaped(text) or "-" for head, text in zip(HEADINGS, texts, strict=False)}


def _task(number: int, task: "Task", width: int) -> Iterator[str | Styled]:
    parts = [f"`{task.command}`" if task.command else "", task.does]
    told = ", ".join(part for part in parts if part)
    yield f"{number}. "
    yield Styled(task.state.value, COLOURS.get(task.state.value, "yellow"))
    yield "\n"
    yield f"{wrapped(escaped(told), width, '   ')}\n"
    if task.who:
        yield f"{wrapped(escaped(listed(task.who, MOST)), width, '   ')}\n"


def _tell_beside(folder: Path, report: "RotationReport") -> None:
    from tls_scaffold.commands.typed import as_typed

    if report.stale:
        names = listed([f"`dist/{name}`" for name in report.stale], MOST, "")
        told = "hold other certificates than `certs/`: `tls-scaffold bundle` makes them anew"
        talk_line(f"note: {names} {as_typed(told, folder)}")
    if any(task.state.value == "unseen" and "client" in task.id for task in report.tasks):
        talk("note: what clients show and trust can't be seen from outside: ask who runs them")
    if report.ends_soon:
        told = "nobody who trusts the old CA alone goes on then"
        talk(f"note: the old CA, or the cross certificate, ends {report.ends:%Y-%m-%d}: {told}")
    if report.ports is not None:
        tell_look()
    if report.restart_list:
        talk(f"restart, one after another: {listed(report.restart_list, MOST)}")
