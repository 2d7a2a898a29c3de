"""The table of `status` for several folders: what is in trouble in full, the rest in one line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tls_scaffold.cli.statustable import HEADINGS, Line, line_of, table_of
from tls_scaffold.cli.terminal import Styled
from tls_scaffold.spelling import counted, escaped
from tls_scaffold.state.statewords import VALID

if TYPE_CHECKING:
    from tls_scaffold.commands.severalstates import FolderStatus, SeveralStates
    from tls_scaffold.state.states import Row

FOLDER = "FOLDER"


def folders_table(states: "SeveralStates", width: int, *, failed: bool) -> Iterator[str | Styled]:
    """Yield the parts of the table; `failed` leaves out what is valid."""
    lines = [line for each in states.folders for line in _lines(each, failed=failed)]
    return table_of(lines, (FOLDER, *HEADINGS), width)


def _lines(folder: "FolderStatus", *, failed: bool) -> Iterator[Line]:
    name = escaped(folder.name) or "-"
    if folder.error:
        from tls_scaffold.commands.typed import as_typed

        told_hint = as_typed(folder.error.hint, folder.folder)
        hint = [f"hint: {told_hint}"] if told_hint else []
        told = (folder.error.summary, *map(str, folder.error.problems), *hint)
        yield Line(_cells(name), folder.state, reasons=told)
    if not folder.report:
        return
    for row in folder.trouble:
        line = line_of(row, folder.report)
        yield Line({**line.cells, FOLDER: name}, line.state, line.hosts, line.reasons)
    rest = [row for row in folder.rows if row not in folder.trouble]
    if rest and not failed:
        yield _line_of_rest(name, rest)


def _line_of_rest(name: str, rest: "list[Row]") -> Line:
    """Return the line of all that is not in trouble: how many, and when the first of them ends."""
    cells = _cells(name)
    cells["NAME"] = counted(len(rest), "certificate")
    ends = [(row.not_after, row.days_left) for row in rest if row.not_after]
    if ends:
        end, days = min(ends)
        cells["EXPIRES"] = f"{end:%Y-%m-%d} ({days}d)"
    return Line(cells, VALID)


def _cells(name: str) -> dict[str, str]:
    return {**dict.fromkeys(HEADINGS[:-1], "-"), FOLDER: name}
