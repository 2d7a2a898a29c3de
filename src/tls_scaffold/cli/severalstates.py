"""`tls-scaffold status` of several folders on the command line."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import terminal_width
from tls_scaffold.cli.folderstable import folders_table
from tls_scaffold.cli.keeping import tell_next
from tls_scaffold.cli.pageplace import page_place
from tls_scaffold.cli.statusnotes import notes_on
from tls_scaffold.cli.terminal import give, give_json, say, talk, talk_line
from tls_scaffold.spelling import counted

if TYPE_CHECKING:
    from tls_scaffold.commands.severalstates import SeveralStates

STDOUT = "-"


def write_out(path: str | None, render: Callable[[], str]) -> None:
    """Write a text into the file that the command line names for it, `-` for stdout, if any."""
    from tls_scaffold.commands.status import write

    if path == STDOUT:
        give(render())
    elif path:
        write(Path(path), render())


def tell_states(
    states: "SeveralStates", *, failed: bool, as_json: bool, is_stdout_taken: bool
) -> None:
    """Print several folders as one table or document, and what there is to say of each."""
    if as_json:
        give_json(states.to_json(failed=failed))
    elif not is_stdout_taken and (not failed or states.in_trouble().folders):
        say(*folders_table(states, terminal_width(), failed=failed), end="")
    _tell_beside(states, with_advice=not as_json)


def _tell_beside(states: "SeveralStates", *, with_advice: bool) -> None:
    for each in states.folders:
        for note in notes_on(each.report) if each.report else ():
            talk_line(f"note: {each.name}: {note}")
    counts = Counter(each.state for each in states.folders)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    talk(f"{counted(len(states.folders), 'folder')}: {told}")
    reports = [folder.report for folder in states.folders if folder.report]
    advice = tuple(each for report in reports for each in report.advice)
    if advice and with_advice:
        tell_next(advice)
    pages = dict.fromkeys(report.page for report in reports if report.page)
    if pages and with_advice:
        talk("page: " + "\n      ".join(map(page_place, pages)))
