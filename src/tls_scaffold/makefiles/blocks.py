"""The text of a Makefile as blocks: rules with their recipes, variables, comments and others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Make passes over blanks before these, and takes some words before a variable's name.
MODIFIERS = "(?:(?:export|override|private) +)*"
ASSIGNMENT = re.compile(rf" *{MODIFIERS}([A-Za-z0-9_.-]+)[ \t]*(?:[?+!]|:{{1,3}})?=")
DIRECTIVE = re.compile(r" *(-?include|sinclude|export|unexport|vpath|undefine|else|endif|endef)\b")
OPENING = re.compile(rf" *(if(eq|neq|def|ndef)|{MODIFIERS}define)\b")
CLOSING = re.compile(r" *(endif|endef)\b")
REFERENCE = re.compile(r"\$[({](?:call\s+)?([A-Za-z0-9_.-]+)|\$([A-Za-z0-9_])")


@dataclass(frozen=True)
class Block:
    """A part of a Makefile.

    Its `kind` is `blank`, `comment`, `variable`, `rule` or `other`. `names` are a rule's
    targets or a variable's name, `needs` a rule's prerequisites.
    """

    kind: str
    lines: tuple[str, ...]
    names: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def recipe(self) -> tuple[str, ...]:
        """A rule's commands as they stand in the file, each with the lines that it goes on in."""
        head, *rest = continued_lines(self.lines)
        inline = "\n".join(head).partition(";")[2].strip()
        commands = [f"\t{inline}", *("\n".join(group) for group in rest)]
        return tuple(
            command
            for command in commands
            if command.strip(" \t\n\\@+-") and not command.lstrip().startswith("#")
        )

    @property
    def references(self) -> set[str]:
        """The variables that it reads."""
        return {first or second for line in self.lines for first, second in REFERENCE.findall(line)}


def split_into_blocks(text: str) -> list[Block]:
    """Take the text of a Makefile apart; the lines of all blocks are those of the text."""
    found: list[Block] = []
    waiting = list(continued_lines(text.split("\n")))
    while waiting:
        lines = list(waiting.pop(0))
        if OPENING.match(lines[0]):
            lines += _until_closed(waiting)
        elif _kind(lines[0]) == "rule":
            lines += _recipe(waiting)
        found.append(_block(tuple(lines)))
    return found


def continued_lines(lines: list[str] | tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield lines in groups, each a line with those that it goes on in."""
    group: list[str] = []
    for line in lines:
        group.append(line)
        if not line.endswith("\\"):
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _until_closed(waiting: list[tuple[str, ...]]) -> Iterator[str]:
    depth = 1
    while waiting and depth:
        group = waiting.pop(0)
        if OPENING.match(group[0]):
            depth += 1
        elif CLOSING.match(group[0]):
            depth -= 1
        yield from group


def _recipe(waiting: list[tuple[str, ...]]) -> Iterator[str]:
    """Take a rule's commands, with the blank lines and comments between them."""
    last = 0
    for index, group in enumerate(waiting, 1):
        if group[0].startswith("\t"):
            last = index
        elif _kind(group[0]) not in ("blank", "comment"):
            break
    for group in waiting[:last]:
        yield from group
    del waiting[:last]


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if line.lstrip().startswith("#"):
        return "comment"
    if line.startswith("\t") or OPENING.match(line):
        return "other"
    if ASSIGNMENT.match(line):
        return "variable"
    if DIRECTIVE.match(line) or ":" not in line:
        return "other"
    return "rule"


def _block(lines: tuple[str, ...]) -> Block:
    kind = _kind(lines[0])
    if kind == "variable":
        match = ASSIGNMENT.match(lines[0])
        return Block(kind, lines, (match[1],) if match else ())
    if kind != "rule":
        return Block(kind, lines)
    head = " ".join(line.removesuffix("\\") for line in next(continued_lines(lines)))
    targets, _, needs = head.partition(":")
    words = needs.lstrip(":").partition(";")[0].partition("#")[0].split()
    return Block(kind, lines, tuple(targets.split()), tuple(word for word in words if word != "|"))
