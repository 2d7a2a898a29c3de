"""`--live` on the command line: the table of running members, and what is said."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import begin_of_line, cut_to, heading_line, text_width, wrapped
from tls_scaffold.cli.terminal import Styled, talk
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.live import Begun, LiveOptions
    from tls_scaffold.live.served import LiveReport, LiveRow

COLOURS = {"serves the folder's": "green", "to be replaced": "yellow", "restart needed": "yellow"}
HEADINGS = ("MEMBER", "PORT", "ADDRESS", "SERVES", "EXPIRES", "TLS", "STATE")
# What is done in turn until the table fits: a column is left out (0), or made as narrow as that.
NARROWER = (("TLS", 0), ("SERVES", 24), ("ADDRESS", 21), ("SERVES", 0), ("MEMBER", 12), ("PORT", 0))


def begin_look(folder: Path, options: "LiveOptions") -> "Begun":
    """Begin to look while the folder is being read."""
    from tls_scaffold.commands import live

    return live.begin(folder, options)


def live_table(report: "LiveReport", width: int) -> Iterator[str | Styled]:
    """Yield the parts of the table of ports, in columns that fit into a width."""
    rows = report.worst_first
    cells = [_cells(row) for row in rows]
    widths = _widths(cells, width)
    yield f"\n{heading_line(widths, HEADINGS[-1])}\n"
    for row, shown in zip(rows, cells, strict=True):
        yield begin_of_line(shown, widths, HEADINGS[-1])
        yield Styled(row.state, COLOURS.get(row.state, "red"))
        for line in (*map(str, row.reasons), *_told(row)):
            yield f"\n{wrapped(escaped(line), width, '  ')}"
        yield "\n"


def _told(row: "LiveRow") -> Iterator[str]:
    """Yield what no state tells: why clients refuse it, and what etcd told whoever asked."""
    from tls_scaffold.live.causes import SERVER_EARLY, SERVER_HOST, SERVER_USAGE

    for found in row.causes:
        if found.cause in (SERVER_EARLY, SERVER_HOST, SERVER_USAGE):
            yield f"{found.cause.id}: {found.knows}"
    told = row.server
    if told.version:
        authentication = f", authentication is {told.authentication or 'not told'}"
        yield f"etcd {told.version}{authentication}"
    elif told.trouble:
        yield f"etcd told nothing: {told.trouble}"
    for hole in told.holes:
        yield f"{hole.name}: {hole.sentence}"


def _cells(row: "LiveRow") -> dict[str, str]:
    end = f"{row.leaf.not_after:%Y-%m-%d} ({row.days_left}d)" if row.leaf else ""
    texts = (row.member, row.port.side, row.port.address, row.serves, end, row.tls, row.state)
    return {heading: escaped(text) or "-" for heading, text in zip(HEADINGS, texts, strict=True)}


def _widths(cells: list[dict[str, str]], width: int) -> dict[str, int]:
    widths = {
        heading: max(len(heading), *(text_width(each[heading]) for each in cells), 0)
        for heading in HEADINGS
    }
    cut_to(widths, NARROWER, width)
    return widths


def tell_look() -> None:
    """Say what a look leaves behind."""
    from tls_scaffold.commands.live import LEAVES_A_LINE

    talk(f"note: {LEAVES_A_LINE}")


def tell_live(report: "LiveReport") -> None:
    """Say what a look leaves behind, who is to be given files, and who has to restart."""
    tell_look()
    if report.replace_list:
        talk(f"lay out the bundles, etcd reads its pair anew: {_named(report.replace_list)}")
    if report.restart_list:
        talk(f"restart, one after another: {_named(report.restart_list)}")


def _named(members: Iterable[str]) -> str:
    return ", ".join(f"`{escaped(name)}`" for name in members)
