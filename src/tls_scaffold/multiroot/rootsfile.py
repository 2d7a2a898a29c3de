"""multirootca's list of roots, an ini file: sections are read, added and changed line by line.

What is not asked for stays as it is: comments, sections and fields of others. The forms are those
of cfssl's multiroot/config/config.go, 1.6.5; 1.2.0 has no others.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.custody import LABEL_FORM

# Go's `\w` and `\s` are ASCII's.
SECTION = re.compile(r"\s*\[\s*(\w+)\s*\]\s*", re.ASCII)
FIELD = re.compile(r"\s*(\w+)\s*=\s*(.*)", re.ASCII)
QUOTED = re.compile(r"[\"'](.*)[\"']\s*", re.ASCII)
COMMENT = re.compile(r"#.*|\s*", re.ASCII)
NO_LABEL = "default"  # what multirootca calls fields before the first section
FILE_URL = "file://"


@dataclass(frozen=True)
class Section:
    """A section: where its header and its last line of text are, and its fields with lines.

    Lines count from 0.
    """

    header: int
    last: int
    values: Mapping[str, str]
    lines: Mapping[str, int]


@dataclass(frozen=True)
class RootsFile:
    """The lines of a list of roots."""

    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the file."""
        return "".join(f"{line}\n" for line in self.lines)

    @cached_property
    def sections(self) -> dict[str, Section]:
        """The sections by their labels, in their order."""
        return {label: self._section(begin, end) for label, begin, end in self._spans()}

    def changed(
        self, values: Mapping[str, Mapping[str, str]], gone: Collection[str]
    ) -> "RootsFile":
        """Return the list with these values in sections, by labels, and without those that go.

        A section that there is not is made at the end.
        """
        lines = list(self.lines)
        # From the end, so that the numbers of the lines before it stay.
        for label, section in reversed(self.sections.items()):
            if label in gone:
                # With the empty lines behind it, by which it stood apart.
                end = section.last + 1
                while end < len(lines) and not lines[end].strip():
                    end += 1
                del lines[section.header : end]
                continue
            wanted = values.get(label, {})
            new = [each for each in wanted.items() if each[0] not in section.lines]
            lines[section.last + 1 : section.last + 1] = map(_line, new)
            for name, value in wanted.items():
                if name in section.lines and section.values[name] != value:
                    lines[section.lines[name]] = _line((name, value))
        for label in sorted(values.keys() - self.sections.keys()):
            lines += [""] if lines and lines[-1].strip() else []
            lines += [f"[{label}]", *map(_line, values[label].items())]
        return RootsFile(tuple(lines))

    def _spans(self) -> Iterator[tuple[str, int, int]]:
        """Yield label, header and end of each section."""
        headers = [(at, found[1]) for at, found in self._headers()]
        ends = [*(at for at, _ in headers[1:]), len(self.lines)]
        for (begin, label), end in zip(headers, ends, strict=False):
            yield label, begin, end

    def _headers(self) -> Iterator[tuple[int, re.Match[str]]]:
        for at, line in enumerate(self.lines):
            found = SECTION.fullmatch(line)
            if found and not COMMENT.fullmatch(line):
                yield at, found

    def _section(self, begin: int, end: int) -> Section:
        values: dict[str, str] = {}
        lines: dict[str, int] = {}
        last = begin
        for at in range(begin + 1, end):
            found = FIELD.fullmatch(self.lines[at])
            if found and not COMMENT.fullmatch(self.lines[at]):
                values[found[1]], lines[found[1]], last = _unquoted(found[2]), at, at
        return Section(begin, last, values, lines)


def parse(text: str, path: str) -> RootsFile:
    """Return a list of roots; ScaffoldError with each line that multirootca does not take.

    It takes a section that comes twice for one, which nobody means: that is refused too.
    """
    # As Go's bufio.Scanner divides them; `splitlines` would also end one at other characters.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    roots = RootsFile(tuple(lines[:-1] if lines[-1] == "" else lines))
    problems = []
    seen: dict[str, int] = {}
    for number, line in enumerate(roots.lines, 1):
        if COMMENT.fullmatch(line):
            continue
        header = SECTION.fullmatch(line)
        if header and header[1] in seen:
            message = f"section `{header[1]}` is in line {seen[header[1]]} already"
            problems.append(Problem(Place(path, number), message))
        elif header:
            seen[header[1]] = number
        elif not FIELD.fullmatch(line):
            message = "neither a section such as `[etcd]`, a field such as `nets = …` nor `# …`"
            problems.append(Problem(Place(path, number), message))
        elif not seen:
            message = f"a field before the first section: to multirootca it is one of `{NO_LABEL}`"
            problems.append(Problem(Place(path, number), message))
    if problems:
        raise ScaffoldError(f"`{path}` is no list of roots", problems, f"labels are {LABEL_FORM}")
    return roots


def key_url(path: str) -> str:
    """Return a private key's path as multirootca reads it: a URL."""
    return f"{FILE_URL}{quote(path)}"


def _line(field: tuple[str, str]) -> str:
    return f"{field[0]} = {field[1]}"


def _unquoted(value: str) -> str:
    found = QUOTED.fullmatch(value)
    return found[1] if found else value
