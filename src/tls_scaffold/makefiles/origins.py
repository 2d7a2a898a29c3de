"""Where in a Makefile a command stands that its dry run shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from glob import escape

from tls_scaffold.errors import Place
from tls_scaffold.makefiles.blocks import ASSIGNMENT, continued_lines
from tls_scaffold.makefiles.makefile import MAKEFILE, Unread
from tls_scaffold.makefiles.shell import logical_lines

REFERENCE = re.compile(r"\$[({][^(){}$]*[)}]|\$[^({]")
ALONE = re.compile("(?:(?<= )|^)\0 | \0$")
DOLLAR, ANYTHING = "\1", "\0"


@dataclass(frozen=True)
class Line:
    """A line of a Makefile, and what a command of the dry run looks like that it makes.

    Such a command holds `part`: that tells almost all others apart in a tenth of the time.
    """

    number: int
    is_variable: bool
    part: str
    pattern: re.Pattern[str]


class Origins:
    """The text of a Makefile in which commands of its dry run are looked up.

    Its lines are taken apart once.
    """

    def __init__(self, text: str) -> None:
        self._lines = lru_cache(None)(lambda word: tuple(_lines(text, word)))

    def lines_of(self, command: str, word: str) -> tuple[int, ...]:
        """Return the numbers of the lines that `command` may come from; none if none fits.

        Only lines with `word` count, and variables only where no recipe fits. What a variable holds
        is not known here: it may be anything. A command that goes on over several lines is found
        where its `word` stands.
        """
        wanted = " ".join(command.split()) + " "
        fitting = [
            line for line in self._lines(word) if line.part in wanted and line.pattern.match(wanted)
        ]
        recipes = tuple(line.number for line in fitting if not line.is_variable)
        return recipes or tuple(line.number for line in fitting)

    def of_command(self, command: str, word: str) -> tuple[Place, ...]:
        """Return the same as places; the file alone where no line fits."""
        numbers = self.lines_of(command, word) or (0,)
        return tuple(Place(MAKEFILE, number) for number in numbers)

    def of_unread(self, told: Unread) -> Place:
        """Return where a line stands that was not understood."""
        return self.of_command(told.line, "gencert" if "gencert" in told.line else "sign.sh")[0]


def _lines(text: str, word: str) -> Iterator[Line]:
    """Yield each line that has a word.

    Of lines that go on, the number is that of the one with the word.
    """
    begun = 1
    for lines in continued_lines(text.split("\n")):
        places = [number for number, line in enumerate(lines, begun) if word in line]
        if places:
            yield _line(places[0], " ".join(logical_lines("\n".join(lines))))
        begun += len(lines)


def _line(number: int, line: str) -> Line:
    assignment = None if line.startswith("\t") else ASSIGNMENT.match(line)
    parts = _parts(line[assignment.end() :] if assignment else _command(line))
    command = "*".join(map(escape, parts))
    pattern = translate(f"*{command} *" if assignment else f"{command} ")
    return Line(number, bool(assignment), max(parts, key=len), re.compile(pattern))


def _command(line: str) -> str:
    """Return what of a line make runs: all of it, or what stands behind the `;` of a rule."""
    head, semicolon, inline = line.partition(";")
    return inline if semicolon and ":" in head and not line.startswith("\t") else line


def _parts(command: str) -> list[str]:
    """Return the parts of a command between its variables."""
    plain = command.replace("$$", DOLLAR)
    while REFERENCE.search(plain):
        plain = REFERENCE.sub(ANYTHING, plain)
    words = " ".join(plain.split()).lstrip("@+- ")
    return ALONE.sub(ANYTHING, words).replace(DOLLAR, "$").split(ANYTHING)
