"""Columns that fit the terminal: how wide it is, how wide a text is, and what of it is shown."""

import os
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from tls_scaffold.spelling import whole_number

PIPED = 80  # what goes into a file or a pipe looks the same wherever that is run
ELLIPSIS = "…"
GAP = "  "


def terminal_width() -> int:
    """Return how many columns there are: COLUMNS, else the terminal's, else 80."""
    if columns := whole_number(os.environ.get("COLUMNS", "")):
        return columns
    with suppress(OSError, ValueError, AttributeError):
        if sys.stdout.isatty():
            return os.get_terminal_size(sys.stdout.fileno()).columns or PIPED
    return PIPED


def text_width(text: str) -> int:
    """Return how many columns a text takes: wide characters have two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def shortened(text: str, width: int) -> str:
    """Return a text without its middle where it is wider than that.

    Names are told apart by their ends.
    """
    if text_width(text) <= width:
        return text
    begin, end = text, text
    room = max(width - 1, 1)
    while text_width(begin) > (room + 1) // 2:
        begin = begin[:-1]
    while text_width(end) > room - text_width(begin):
        end = end[1:]
    return f"{begin}{ELLIPSIS}{end}"


def padded(text: str, width: int) -> str:
    """Return a text with blanks behind it, up to a width."""
    return text + " " * (width - text_width(text))


def cut_to(widths: dict[str, int], narrower: Iterable[tuple[str, int]], width: int) -> None:
    """Make columns narrower until all have room in `width`, in the order that `narrower` says.

    Each has the least that it may be cut to, or 0 where it is left out.
    """
    for heading, least in narrower:
        excess = sum(widths.values()) + len(GAP) * (len(widths) - 1) - width
        if excess <= 0:
            break
        if not least:
            widths.pop(heading, None)
        elif heading in widths:
            widths[heading] = min(widths[heading], max(least, widths[heading] - excess))


def begin_of_line(cells: Mapping[str, str], widths: Mapping[str, int], last: str) -> str:
    """Return all cells of a line but that of the `last` column, which takes what it wants."""
    return "".join(
        padded(shortened(cells[heading], columns), columns) + GAP
        for heading, columns in widths.items()
        if heading != last
    )


def heading_line(widths: Mapping[str, int], last: str) -> str:
    """Return the line of the headings; the `last` one stands behind all others."""
    return begin_of_line({heading: heading for heading in widths}, widths, last) + last


def listed_within(items: Sequence[str], width: int) -> str:
    """Return the first of these, with commas, as many as have room, and how many more there are.

    One of them is always shown, as far as it has room.
    """
    if 3 * len(items) <= width + 2 and text_width(", ".join(items)) <= width:
        return ", ".join(items)
    shown = shortened(items[0], width - len(_more(len(items) - 1)))
    for count, item in enumerate(items[1:], 1):
        longer = f"{shown}, {item}"
        if text_width(longer + _more(len(items) - count - 1)) > width:
            return shown + _more(len(items) - count)
        shown = longer
    return shown


def wrapped(text: str, width: int, indent: str) -> str:
    """Return a text on lines of that width, each with an indent; no word is divided."""
    return textwrap.fill(
        text,
        max(width, len(indent) + 20),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _more(count: int) -> str:
    return f", +{count}" if count else ""


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
