"""Variables that are to name a certificate, and that nobody has set."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from tls_scaffold.makefiles.blocks import continued_lines
from tls_scaffold.makefiles.maketexts import text_of_file

OUTPUT = re.compile(r"-bare[=\s]+(\"[^\"]*\"|'[^']*'|[^\s|;&]+)")
REFERENCE = re.compile(r"\$[({]([^(){}$\s]*)[)}]|\$\$?[^({]|\$[({].*")
Warned = tuple[str, str]
"""A file in which make found a variable that is not set, and its name."""


class UnsetNames:
    """The lines of Makefiles whose certificates are named by variables that are not set."""

    def __init__(self, folder: Path, warned: Iterable[Warned]) -> None:
        names: dict[str, set[str]] = {}
        for path, name in warned:
            names.setdefault(path, set()).add(name)
        self._patterns = [
            pattern
            for path in names
            for pattern in _patterns(text_of_file(folder / path) or "", names[path])
        ]

    def of_command(self, command: str) -> tuple[str, ...]:
        """Return the unset variables that are to name what a command of the dry run signs.

        Where several lines differ by such a variable alone, their commands do not: all are named.
        """
        found = (names for pattern, names in self._patterns if pattern.search(command))
        return tuple(dict.fromkeys(name for names in found for name in names))


def _patterns(text: str, unset: Collection[str]) -> Iterator[tuple["re.Pattern[str]", list[str]]]:
    """Yield the pattern of the commands that each line makes, and the variables that name them.

    The line that make tells is not looked for: in a recipe it counts commands, which may be longer.
    """
    for group in continued_lines(text.split("\n")):
        line = " ".join(each.removesuffix("\\") for each in group)
        for match in OUTPUT.finditer(line):
            word = match[1].strip("\"'")
            names = [each[1] for each in REFERENCE.finditer(word) if each[1] in unset]
            if names:
                yield _pattern_of(word, unset), names


def _pattern_of(word: str, unset: Collection[str]) -> "re.Pattern[str]":
    """Return what stands in the place of a word once make has put nothing for what is unset."""
    parts, at = [r"-bare[=\s]+[\"']?"], 0
    for each in REFERENCE.finditer(word):
        parts += [re.escape(word[at : each.start()]), "" if each[1] in unset else ".*"]
        at = each.end()
    return re.compile("".join((*parts, re.escape(word[at:]), r"[\"']?(?=[\s;&|)]|$)")))
