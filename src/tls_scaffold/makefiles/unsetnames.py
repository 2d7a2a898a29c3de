"""Variables that are to name a certificate, and that nobody has set."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.errors import Place
from tls_scaffold.makefiles.blocks import continued_lines

OUTPUT = re.compile(r"-bare[=\s]+(\"[^\"]*\"|'[^']*'|[^\s|;&]+)")
REFERENCE = re.compile(r"\$[({]([^(){}$\s]*)[)}]|\$\$?[^({]|\$[({].*")
Warned = tuple[Place, str]
"""Where make found a variable that is not set, and its name."""


class UnsetNames:
    """The lines of a Makefile whose certificates are named by variables that are not set."""

    def __init__(self, folder: Path, warned: Iterable[Warned]) -> None:
        names: dict[Place, list[str]] = {}
        for place, name in warned:
            names.setdefault(place, []).append(name)
        self._patterns = [
            pattern for place in names for pattern in _patterns(folder, place, names[place])
        ]

    def of_command(self, command: str) -> tuple[str, ...]:
        """Return the unset variables that are to name what a command of the dry run signs."""
        found = (names for pattern, names in self._patterns if pattern.search(command))
        return tuple(dict.fromkeys(name for names in found for name in names))


def _patterns(
    folder: Path, place: Place, unset: list[str]
) -> Iterator[tuple["re.Pattern[str]", list[str]]]:
    """Yield the pattern of the commands that a line of a Makefile makes, and what names them."""
    for match in OUTPUT.finditer(_line_at(folder, place)):
        word = match[1].strip("\"'")
        names = [each[1] for each in REFERENCE.finditer(word) if each[1] in unset]
        if names:
            parts, at = [r"-bare[=\s]+[\"']?"], 0
            for each in REFERENCE.finditer(word):
                parts += [re.escape(word[at : each.start()]), "" if each[1] in unset else ".*"]
                at = each.end()
            yield (
                re.compile("".join((*parts, re.escape(word[at:]), r"[\"']?(?=[\s;&|)]|$)"))),
                names,
            )


def _line_at(folder: Path, place: Place) -> str:
    """Return a line of a file with those that it goes on in; empty where it can't be read."""
    with suppress(OSError, ValueError):
        number = 1
        text = (folder / place.path).read_text("utf-8", "surrogateescape")
        for group in continued_lines(text.split("\n")):
            number += len(group)
            if number > place.line:
                return " ".join(line.removesuffix("\\") for line in group)
    return ""
