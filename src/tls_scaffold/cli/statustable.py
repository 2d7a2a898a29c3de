"""The table of `status`: as much of each certificate as the terminal has room for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import (
    GAP,
    listed_within,
    padded,
    shortened,
    text_width,
    wrapped,
)
from tls_scaffold.cli.terminal import Styled
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.status import Report
    from tls_scaffold.state.states import Row

COLOURS = {
    "valid": "green",
    "on request": "cyan",
    "awaiting signature": "yellow",
    "expiring": "yellow",
    "stale": "yellow",
    "orphaned": "cyan",
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
    ("HOSTS", 15),
    ("CN", 14),
    ("NAME", 16),
    ("HOSTS", 10),
    ("CN", 10),
    ("HOSTS", 0),
    ("CN", 0),
    ("NAME", 8),
)


def status_table(report: "Report", width: int) -> Iterator[str | Styled]:
    """Yield the parts of the table, in columns that fit into a width."""
    hosts = [tuple(map(escaped, report.hosts_of(row))) for row in report.rows]
    cells = [_cells(row) for row in report.rows]
    widths = _widths(cells, hosts, width)
    heads = {heading: heading for heading in HEADINGS}
    yield f"{_line(heads, widths)}{HEADINGS[-1]}\n"
    for row, shown, listed in zip(report.rows, cells, hosts, strict=True):
        if listed:
            shown["HOSTS"] = listed_within(listed, widths.get("HOSTS", 0))
        yield _line(shown, widths)
        yield Styled(row.state, COLOURS.get(row.state, "red"), bold=row.state != "valid")
        reasons = (wrapped(escaped(reason), width, "  ") for reason in row.reasons)
        yield "".join(f"\n{reason}" for reason in reasons) + "\n"


def _cells(row: "Row") -> dict[str, str]:
    expires = f"{row.not_after:%Y-%m-%d} ({row.days_left}d)" if row.not_after else ""
    texts = (row.name, row.kind or "", row.cn, "", row.key, expires, row.state)
    return {heading: escaped(text) or "-" for heading, text in zip(HEADINGS, texts, strict=True)}


def _widths(
    cells: Sequence[dict[str, str]], hosts: Sequence[tuple[str, ...]], width: int
) -> dict[str, int]:
    """Return how wide each column is that is shown; hosts take what the others leave."""
    widths = {
        heading: max(len(heading), *(text_width(each[heading]) for each in cells), 0)
        for heading in HEADINGS
    }
    all_hosts = max((_joined_width(each) for each in hosts), default=0)
    widths["HOSTS"] = max(len("HOSTS"), all_hosts)
    for heading, least in NARROWER:
        excess = sum(widths.values()) + len(GAP) * (len(widths) - 1) - width
        if excess <= 0:
            break
        if not least:
            widths.pop(heading, None)
        elif heading in widths:
            widths[heading] = min(widths[heading], max(least, widths[heading] - excess))
    return widths


def _joined_width(hosts: tuple[str, ...]) -> int:
    return sum(text_width(host) + 2 for host in hosts) - 2 if hosts else 0


def _line(cells: dict[str, str], widths: dict[str, int]) -> str:
    """Return all cells of a line but the last."""
    return "".join(
        padded(shortened(cells[heading], columns), columns) + GAP
        for heading, columns in widths.items()
        if heading != HEADINGS[-1]
    )
