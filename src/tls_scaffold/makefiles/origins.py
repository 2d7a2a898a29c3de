"""Where in a Makefile a command stands that its dry run shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from glob import escape

from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.gencert import Unread
from tls_scaffold.makefiles.maketexts import lines_of_text
from tls_scaffold.paths import MAKEFILE

REFERENCE = re.compile(r"\$[({][^(){}$]*[)}]|\$[^({]")
ALONE = re.compile("(?:(?<= )|^)\0 | \0$")
DOLLAR, ANYTHING = "\1", "\0"


@dataclass(frozen=True)
class Origin:
    """A line of a Makefile, and the pattern of the commands that it makes in a dry run.

    Each of them holds `part`: to look for that takes a tenth of the time, and rules out nearly all.
    """

    number: int
    is_variable: bool
    part: str
    pattern: re.Pattern[str]


class Origins:
    """Finds the lines of a Makefile that commands of its dry run come from."""

    def __init__(self, text: str) -> None:
        self._origins = lru_cache(None)(lambda word: tuple(_origins(text, word)))

    def lines_of(self, command: str, word: str) -> tuple[int, ...]:
        """Return the numbers of the lines that `command` may come from; none if none fits.

        Only lines with `word` count, and variables only where no recipe fits. What a variable holds
        is not known here: it may be anything. A command that goes on over several lines is found
        where its `word` stands.
        """
        wanted = " ".join(command.split()) + " "
        fitting = [
            line
            for line in self._origins(word)
            if line.part in wanted and line.pattern.match(wanted)
        ]
        recipes = [line for line in fitting if not line.is_variable]
        return tuple(dict.fromkeys(line.number for line in recipes or fitting))

    def of_command(self, command: str, word: str) -> tuple[Place, ...]:
        """Return the same as places; the file alone where no line fits."""
        numbers = self.lines_of(command, word) or (0,)
        return tuple(Place(MAKEFILE, number) for number in numbers)

    def of_unread(self, told: Unread) -> Place:
        """Return where a line stands that was not understood."""
        words = ("gencert", "sign.sh", "cfssl", "openssl", "make")
        return self.of_command(told.line, next((word for word in words if word in told.line), ""))[
            0
        ]

    def told_unread(self, told: Unread) -> Problem:
        """Return a line that was not understood with its place, else with its target."""
        place = self.of_unread(told)
        if not place.line and told.goal:
            place = place.field(told.goal)
        return Problem(place, told.told)


def _origins(text: str, word: str) -> Iterator[Origin]:
    """Yield each line that has a word.

    Of lines that go on, the number is that of the one with the word.
    """
    lines = text.split("\n")
    for line in lines_of_text(text, MAKEFILE):
        if word in line.text:
            number = line.place.line
            while word not in lines[number - 1]:
                number += 1
            parts = _fixed_parts(line.value or line.command or line.text)
            command = "*".join(map(escape, parts))
            pattern = translate(f"*{command} *" if line.name else f"{command} ")
            yield Origin(number, bool(line.name), max(parts, key=len), re.compile(pattern))


def _fixed_parts(command: str) -> list[str]:
    """Return the parts of a command between its variables."""
    plain = command.replace("$$", DOLLAR)
    while REFERENCE.search(plain):
        plain = REFERENCE.sub(ANYTHING, plain)
    words = " ".join(plain.split()).lstrip("@+- ")
    return ALONE.sub(ANYTHING, words).replace(DOLLAR, "$").split(ANYTHING)
