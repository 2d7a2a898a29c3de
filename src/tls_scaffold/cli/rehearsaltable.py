"""The steps of a rehearsal as a table, and what went wrong in each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cli.columns import padded, terminal_width, text_width, wrapped
from tls_scaffold.commands.rehearse import mends

if TYPE_CHECKING:
    from tls_scaffold.commands.rehearse import Rehearsal
    from tls_scaffold.live.diagnosis import Found
    from tls_scaffold.rehearsal.performing import Row, Trouble

HEADINGS = ("STEP", "WRITES", "FAILED", "LONGEST GAP", "FAILOVERS")
NOT_DONE = "not done"


def text(rehearsal: "Rehearsal", folder: Path) -> str:
    """Return the whole text."""
    table = "\n".join(_table(rehearsal))
    return "\n\n".join([table, *_troubles(rehearsal, folder, terminal_width()), _about(rehearsal)])


def _about(rehearsal: "Rehearsal") -> str:
    """Return what had a part in it."""
    untried = f" (not tried: {', '.join(rehearsal.untried)})" if rehearsal.untried else ""
    members, users = (", ".join(each) for each in (rehearsal.members, rehearsal.users))
    states = " → ".join(rehearsal.states)
    return f"etcd {rehearsal.version}, {states}; members: {members}; users: {users}{untried}"


def _table(rehearsal: "Rehearsal") -> Iterator[str]:
    performance = rehearsal.performance
    lines = [HEADINGS, *map(_cells, performance.rows)]
    lines += [(name, NOT_DONE) for name in performance.not_done]
    widths = [max(text_width(line[0]) for line in lines), *map(len, HEADINGS[1:])]
    for first, *others in lines:
        numbers = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False))
        yield "  ".join([padded(first, widths[0]), *numbers])


def _cells(row: "Row") -> tuple[str, ...]:
    tally = row.tally
    counts = (tally.writes, len(tally.failures))
    return (row.step, *map(str, counts), f"{tally.longest_gap:.2f} s", str(tally.failovers))


def _troubles(rehearsal: "Rehearsal", folder: Path, width: int) -> Iterator[str]:
    told: set[tuple[str, str]] = set()

    def mending(found: "Found") -> tuple[str, ...]:
        return mends(found, folder, rehearsal.change)

    for row in rehearsal.performance.rows:
        lines = [line for each in row.troubles for line in _lines(each, mending, width, told)]
        failed = len(row.tally.failures)
        if failed and not lines:
            lines = [wrapped(f"lost: {each}", width, "  ") for each in row.reasons]
        if lines:
            yield "\n".join([f"{row.step}:", *lines])


def _lines(
    trouble: "Trouble",
    mending: Callable[["Found"], tuple[str, ...]],
    width: int,
    told: set[tuple[str, str]],
) -> Iterator[str]:
    """Yield the lines of a trouble; what was told above is not told again."""
    who, where = (", ".join(each) for each in (trouble.who, trouble.where))
    about = f"{who} at {where}" if who and where else who or where
    if not trouble.found:
        yield wrapped(f"{about}: {trouble.what}" if about else trouble.what, width, "  ")
        return
    cause = trouble.found.cause
    if (cause.id, where) in told:
        yield wrapped(f"{about}: {cause.id}, as above", width, "  ")
        return
    told.add((cause.id, where))
    yield wrapped(f"{about}: {cause.id}: {cause.what}", width, "  ")
    yield wrapped(f"known from: {trouble.what}", width, "    ")
    for step in mending(trouble.found):
        yield wrapped(f"mend: {step}", width, "    ")
