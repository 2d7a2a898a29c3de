"""The variables that a Makefile sets, put in where its commands name them."""

import re
from collections.abc import Iterable, Mapping

from tls_scaffold.makefiles.blocks import ASSIGNMENT, Block

PLAIN = re.compile(r"\$(?:\$|\(([A-Za-z0-9_.-]+)\)|\{([A-Za-z0-9_.-]+)\}|([A-Za-z0-9_]))")
COMMENT = re.compile(r"(?<!\\)#.*")
MOST, DEEPEST = 100_000, 50
GOES_ON = re.compile(r"\s*\\\n\s*")


def values(found: Iterable[Block]) -> dict[str, str]:
    """Return what the variables among some blocks stand for, by name; those that `:=` sets are expanded.

    What a condition decides, and what the environment or the command line would set, is not known here.
    """
    known: dict[str, str] = {}
    for block in found:
        line = GOES_ON.sub(" ", "\n".join(block.lines))
        assignment = ASSIGNMENT.match(line) if block.kind == "variable" else None
        if not assignment:
            continue
        name, sign = assignment[1], assignment[0].rstrip("=")[-1]
        value = COMMENT.sub("", line[assignment.end() :]).strip()
        if sign == "+" and name in known:
            known[name] += f" {value}"
        elif sign == "!":
            known.pop(name, None)
        elif sign != "?" or name not in known:
            known[name] = expanded(value, known) if sign == ":" else value
    return known


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Return a text with the `known` variables that it names put in, and those that these name; `$$` stays.

    What a variable holds of itself stays too: make refuses that. So does what comes after MOST characters were put in,
    as twenty variables that each name another twice would make a million, and what is named from name to name DEEPEST
    times.
    """
    room = MOST

    def put_in(text: str, within: frozenset[str]) -> str:
        def value(match: re.Match[str]) -> str:
            nonlocal room
            name = match[1] or match[2] or match[3]
            if name not in known or name in within or room < 0 or len(within) > DEEPEST:
                return match[0]
            room -= len(known[name]) + 1
            return put_in(known[name], within | {name})

        return PLAIN.sub(value, text)

    return put_in(text, frozenset())
