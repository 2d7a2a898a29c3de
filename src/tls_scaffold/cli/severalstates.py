"""`tls-scaffold status` of several folders on the command line."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.folderstable import folders_table
from tls_scaffold.cli.options import SeveralFolders
from tls_scaffold.cli.pageplace import page_place
from tls_scaffold.cli.statusnotes import notes_on
from tls_scaffold.cli.terminal import give, give_json, say, talk, talk_line
from tls_scaffold.errors import ExitCode
from tls_scaffold.spelling import counted, escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.severalstates import SeveralStates

STDOUT = "-"


@dataclass(frozen=True)
class Written:
    """The files that metrics and alert rules go to, `-` for stdout; None where none is asked for.

    At most one of them is stdout.
    """

    prometheus: str | None
    alerts: str | None


def tell_states(
    base: Path,
    asked: SeveralFolders,
    within: int,
    written: Written,
    *,
    failed: bool,
    as_json: bool,
) -> ExitCode:
    """Print several folders as one table or document, and what there is to say of each.

    What ends `within` so many hours is expiring. Returns how `status` ends; raises ScaffoldError
    where no folder is found.
    """
    from datetime import datetime, timedelta, timezone

    from tls_scaffold.commands import status as command
    from tls_scaffold.commands.severalfolders import folders_and_closed
    from tls_scaffold.commands.severalstates import states_of

    folders, closed = folders_and_closed(base, asked.named, asked.above)
    states = states_of(folders, closed, timedelta(hours=within), datetime.now(timezone.utc))
    for path, render in (
        (written.prometheus, states.to_prometheus),
        (written.alerts, lambda: states.to_alerts(timedelta(hours=within))),
    ):
        if path and path != STDOUT:
            command.write(Path(path), render())
        elif path:
            give(render())
    if as_json:
        give_json(states.to_json(failed=failed))
    elif STDOUT not in (written.prometheus, written.alerts):
        _tell_table(states, failed=failed)
    _tell_beside(states, with_advice=not as_json)
    return states.exit_code


def _tell_table(states: "SeveralStates", *, failed: bool) -> None:
    if not failed or states.in_trouble().folders:
        say(*folders_table(states, terminal_width(), failed=failed), end="")


def _tell_beside(states: "SeveralStates", *, with_advice: bool) -> None:
    for each in states.folders:
        for note in notes_on(each.report) if each.report else ():
            talk_line(f"note: {each.name}: {note}")
    counts = Counter(each.state for each in states.folders)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    talk(f"{counted(len(states.folders), 'folder')}: {told}")
    reports = [folder.report for folder in states.folders if folder.report]
    advice = [each for report in reports for each in report.advice]
    if advice and with_advice:
        talk("next: " + "\n      ".join(map(escaped, advice)))
    pages = dict.fromkeys(report.page for report in reports if report.page)
    if pages and with_advice:
        talk("page: " + "\n      ".join(map(page_place, pages)))
