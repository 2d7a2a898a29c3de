"""Where in a Makefile a command stands that its dry run shows."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import escape

from tls_scaffold.makefiles.makeblocks import ASSIGNMENT, groups
from tls_scaffold.makefiles.makefile import MAKEFILE, Unread
from tls_scaffold.makefiles.shell import logical_lines

REFERENCE = re.compile(r"\$[({][^(){}$]*[)}]|\$[^({]")
ALONE = re.compile("(?:(?<= )|^)\0 | \0$")
DOLLAR, ANYTHING = "\1", "\0"


def lines_of(text: str, command: str, word: str) -> tuple[int, ...]:
    """Return the numbers of the lines of a Makefile that `command` of its dry run may come from; none if none fits.

    Only lines with `word` count, and variables only where no recipe fits. What a variable holds is not known here: it
    may be anything. A command that goes on over several lines is found where its `word` stands.
    """
    wanted = " ".join(command.split())
    recipes: list[int] = []
    variables: list[int] = []
    for number, line in _numbered(text, word):
        assignment = None if line.startswith("\t") else ASSIGNMENT.match(line)
        if assignment and _is_part(line[assignment.end() :], wanted):
            variables.append(number)
        elif not assignment and fnmatchcase(wanted, _pattern(_command(line))):
            recipes.append(number)
    return tuple(recipes or variables)


def where(text: str, command: str, word: str) -> tuple[str, ...]:
    """Return the same as places for a message, `Makefile:12`; the file alone where no line fits."""
    return tuple(f"{MAKEFILE}:{number}" for number in lines_of(text, command, word)) or (MAKEFILE,)


def unread(text: str, told: Unread) -> str:
    """Return where in a Makefile a line stands that was not understood."""
    return where(text, told.line, "gencert" if "gencert" in told.line else "sign.sh")[0]


def _numbered(text: str, word: str) -> Iterator[tuple[int, str]]:
    """Yield each line that has a word, with those that it goes on in, and the number of the one with the word."""
    begun = 1
    for lines in groups(text.split("\n")):
        places = [number for number, line in enumerate(lines, begun) if word in line]
        if places:
            yield places[0], " ".join(logical_lines("\n".join(lines)))
        begun += len(lines)


def _is_part(variable: str, wanted: str) -> bool:
    part = _pattern(variable)
    return fnmatchcase(wanted, f"*{part}") or fnmatchcase(wanted, f"*{part} *")


def _command(line: str) -> str:
    """Return what of a line make runs: all of it, or what stands behind the `;` of a rule."""
    head, semicolon, inline = line.partition(";")
    return inline if semicolon and ":" in head and not line.startswith("\t") else line


def _pattern(command: str) -> str:
    """Return a command as a pattern of fnmatch, with variables for anything."""
    plain = command.replace("$$", DOLLAR)
    while REFERENCE.search(plain):
        plain = REFERENCE.sub(ANYTHING, plain)
    words = " ".join(plain.split()).lstrip("@+- ")
    return escape(ALONE.sub(ANYTHING, words)).replace(ANYTHING, "*").replace(DOLLAR, "$")
