"""The blocks of a page: what they have a person type, and what they show."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^( *)```(sh|console)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
WARNING = re.compile(r'^\{"level":"warn".*\n', re.MULTILINE)
# Dates, days that are left, keys, what stands for further hosts, and the width of columns.
CHANGING = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?|\(-?\d+d\)|ecdsa-\d+|, \+\d+| {2,}")


@dataclass(frozen=True)
class Block:
    """What a block types, and what it shows below its commands; `sh` shows nothing."""

    typed: str
    shown: str

    def replaced(self, places: dict[str, str]) -> "Block":
        """Return the block with other addresses, ports or files."""
        typed, shown = self.typed, self.shown
        for place, other in places.items():
            typed, shown = typed.replace(place, other), shown.replace(place, other)
        return Block(typed, shown)


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page of docs/ that a shell could run, in their order."""
    text = (DOCS / page).read_text("utf-8")
    return [_block(kind, dedent(inner)) for _, kind, inner in FENCE.findall(text)]


def _block(kind: str, text: str) -> Block:
    if kind == "sh":
        return Block(text, "")
    lines = text.splitlines(keepends=True)
    typed = [line[2:] for line in lines if line.startswith(("$ ", "> "))]
    shown = [line for line in lines if not line.startswith(("$ ", "> "))]
    return Block("".join(typed), "".join(shown))


def is_as_shown(shown: str, got: str) -> bool:
    """Tell whether output is what a page shows.

    `…` stands for anything, alone on its line for any number of lines; dates are others.
    """
    wanted = ""
    for line in _normal(shown).splitlines():
        here = ".*".join(map(re.escape, line.split("…")))
        wanted += "(?:.*\n)*" if line == "…" else f"{here}\n"
    return bool(re.fullmatch(wanted, _normal(got)))


def _normal(text: str) -> str:
    return CHANGING.sub(" ", WARNING.sub("", text))


def own_network() -> str:
    """Return the begin of loopback addresses that no other test process uses.

    The ports of pages are fixed, and several may run at a time.
    """
    number = os.getpid()
    return f"127.{number // 200 % 200 + 20}.{number % 200 + 20}."
