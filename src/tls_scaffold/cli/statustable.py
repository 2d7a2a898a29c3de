"""The table of `status`: as much of each certificate as the terminal has room for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import (
    begin_of_line,
    cut_to,
    heading_line,
    listed_within,
    text_width,
    wrapped,
)
from tls_scaffold.cli.terminal import Styled
from tls_scaffold.spelling import escaped
from tls_scaffold.state.statewords import (
    AWAITING_SIGNATURE,
    EXPIRING,
    ON_REQUEST,
    ORPHANED,
    STALE,
    VALID,
)

if TYPE_CHECKING:
    from tls_scaffold.commands.status import Report
    from tls_scaffold.state.states import Row

COLOURS = {
    VALID: "green",
    ON_REQUEST: "cyan",
    AWAITING_SIGNATURE: "yellow",
    EXPIRING: "yellow",
    STALE: "yellow",
    ORPHANED: "cyan",
}
HEADINGS = ("NAME", "KIND", "CN", "HOSTS", "KEY", "EXPIRES", "STATE")
# What is done in turn until a table fits: a column is left out (0), or made as narrow as that.
NARROWER = (
    ("HOSTS", 22),
    ("KEY", 0),
    ("HOSTS", 19),  # an address, and how many more there are
    ("CN", 24),
    ("NAME", 24),
    ("CN", 16),
    ("KIND", 0),
    ("FOLDER", 24),
    ("HOSTS", 15),
    ("CN", 14),
    ("NAME", 16),
    ("HOSTS", 10),
    ("CN", 10),
    ("HOSTS", 0),
    ("FOLDER", 16),
    ("CN", 0),
    ("FOLDER", 10),
    ("NAME", 8),
)


@dataclass(frozen=True)
class Line:
    """One line of a table: its cells by their headings, hosts, its state, and the reasons for it.

    The state stands in no cell. Hosts are listed as far as there is room, in place of the cell.
    """

    cells: Mapping[str, str]
    state: str
    hosts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def status_table(report: "Report", width: int) -> Iterator[str | Styled]:
    """Yield the parts of the table, in columns that fit into a width."""
    return table_of([line_of(row, report) for row in report.rows], HEADINGS, width)


def line_of(row: "Row", report: "Report") -> Line:
    """Return the line of one certificate."""
    expires = f"{row.not_after:%Y-%m-%d} ({row.days_left}d)" if row.not_after else ""
    texts = (row.name, row.kind or "", row.cn, "", row.key, expires)
    cells = {
        heading: escaped(text) or "-" for heading, text in zip(HEADINGS[:-1], texts, strict=True)
    }
    # An empty one, which cfssl signs as an empty DNS name, is seen too.
    hosts = tuple(escaped(host) or '""' for host in report.hosts_of(row))
    return Line(cells, row.state, hosts, row.reasons)


def table_of(lines: Sequence[Line], headings: Sequence[str], width: int) -> Iterator[str | Styled]:
    """Yield the parts of a table of these headings, the state last, that fits into a width."""
    widths = _widths(lines, headings, width)
    yield f"{heading_line(widths, HEADINGS[-1])}\n"
    for line in lines:
        shown = dict(line.cells)
        if line.hosts:
            shown["HOSTS"] = listed_within(line.hosts, widths.get("HOSTS", 0))
        yield begin_of_line(shown, widths, HEADINGS[-1])
        yield Styled(line.state, COLOURS.get(line.state, "red"), bold=line.state != VALID)
        reasons = (wrapped(escaped(reason), width, "  ") for reason in line.reasons)
        yield "".join(f"\n{reason}" for reason in reasons) + "\n"


def _widths(lines: Sequence[Line], headings: Sequence[str], width: int) -> dict[str, int]:
    """Return how wide each column is that is shown; hosts take what the others leave."""
    widths = {
        heading: max(len(heading), *(text_width(_text_of(each, heading)) for each in lines), 0)
        for heading in headings
    }
    all_hosts = max((_joined_width(each.hosts) for each in lines), default=0)
    widths["HOSTS"] = max(len("HOSTS"), all_hosts)
    cut_to(widths, NARROWER, width)
    return widths


def _text_of(line: Line, heading: str) -> str:
    """Return what a line shows in a column."""
    return line.state if heading == HEADINGS[-1] else line.cells[heading]


def _joined_width(hosts: tuple[str, ...]) -> int:
    return sum(text_width(host) + 2 for host in hosts) - 2 if hosts else 0
