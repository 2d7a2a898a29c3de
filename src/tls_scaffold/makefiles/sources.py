"""The texts that one make reads: a Makefile with what it includes, its lines, and what its variables may hold."""

import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from glob import glob
from itertools import product
from math import prod
from pathlib import Path
from typing import NamedTuple

from tls_scaffold.makefiles.makeblocks import groups
from tls_scaffold.paths import LARGEST_FILE

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # as make looks for them
UNKNOWN = "\0"
MOST, DEEPEST = 100_000, 20
MOST_TEXTS = 64
INCLUDE = re.compile(r"(-include|sinclude|include)\s+(.*)")
DEFINE = re.compile(r"(?:(?:override|export)\s+)*define\s+(\S+)")
SETS = r"(?:(?:export|override|private)\s+)*([^\s:#=?+!]+)\s*(\?|\+|!|:{1,3})?=\s*(.*)"
ASSIGNMENT = re.compile(SETS, re.DOTALL)
OF_TARGET = re.compile(rf"[^=;#]*?(?<!:)::?(?![:=])\s*{SETS}", re.DOTALL)
RULE = re.compile(r"[^:=;#]+:")
CONDITION = re.compile(r"(if|else|endif)")
ENDEF = re.compile(r"endef\b")
EVAL = re.compile(r"\$[({]eval\s+(.*)[)}]", re.DOTALL)
PREFIX = re.compile(r"^\s*\.RECIPEPREFIX\s*[:?]*=\s*(\S)", re.MULTILINE)
COMMENT = re.compile(r"(?<!\\)#.*")
WILDCARD = re.compile(r"\$[({]wildcard\s+([^(){}$]*)[)}]")
FUNCTION = re.compile(r"\$[({]")
REFERENCE = re.compile(
    r"\$\$|\$\((?:(?:call|value)\s+)?([^(){}$\s:#=,]+)(?::[^(){}$]*)?(?:[),])"
    r"|\$\{(?:(?:call|value)\s+)?([^(){}$\s:#=,]+)(?::[^(){}$]*)?(?:[},])|\$([A-Za-z0-9_])"
)


class Line(NamedTuple):
    """A line with those that it goes on in: where it stands, its text, and what of it is a recipe's command.

    `value` is what it gives to the variable `name`; `is_shells` tells a command that make runs for it (`!=`).
    """

    place: str
    text: str
    command: str = ""
    name: str = ""
    value: str = ""
    is_shells: bool = False


@dataclass
class Source:
    """What one make reads in a folder: its lines, the files that it includes, and all values of its variables.

    `includes` has their names as make knows them, each with the place that asks for it where it must be there.
    """

    folder: Path
    lines: list[Line] = field(default_factory=list)
    includes: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, None]] = field(default_factory=dict)

    def expanded(self, text: str) -> tuple[str, ...]:
        """Return a text with its variables put in: one text for each of their values, for any may hold.

        Where that would be too many, one of several values stands as a line each.
        """
        texts = [text]
        for _ in range(DEEPEST):
            known = list(dict.fromkeys(each for text in texts for each in self._one_deeper(text)))
            if known == texts or sum(map(len, known)) > MOST:
                return tuple(each[:MOST] for each in known[:MOST_TEXTS])
            texts = known if len(known) <= MOST_TEXTS else [self._in_lines(text) for text in texts]
        return tuple(texts)

    def _one_deeper(self, text: str) -> Iterator[str]:
        """Yield a text with what it names put in, but not what that names: the same value wherever a name stands."""
        names = {name for name in map(_name, REFERENCE.finditer(text)) if name in self.values}
        several = [name for name in sorted(names) if len(self.values[name]) > 1]
        if prod(len(self.values[name]) for name in several) > MOST_TEXTS:
            yield self._in_lines(text)
            return
        for values in product(*(self.values[name] for name in several)):
            chosen = dict(zip(several, values, strict=True))
            yield REFERENCE.sub(partial(self._value, chosen), text)

    def _in_lines(self, text: str) -> str:
        return REFERENCE.sub(partial(self._value, {}), text)

    def _value(self, chosen: Mapping[str, str], match: "re.Match[str]") -> str:
        name = _name(match)
        if name not in self.values:
            return match[0]
        arguments = f" $({match[0][-1]}" if match[0].endswith(",") else ""
        return chosen.get(name, "\n".join(self.values[name])) + arguments


def _name(match: "re.Match[str]") -> str:
    return match[1] or match[2] or match[3] or ""


def inside(text: str, begun: int) -> str:
    """Return what stands in the parentheses that open at a place of a text."""
    closing = {"(": ")", "{": "}"}[text[begun]]
    depth = 0
    for at in range(begun, len(text)):
        depth += (text[at] == text[begun]) - (text[at] == closing)
        if not depth:
            return text[begun + 1 : at]
    return text[begun + 1 :]


def read(
    folder: Path, makefile: str, told: str, inherited: Mapping[str, dict[str, None]]
) -> Source:
    """Read a Makefile of a folder and what it includes; what can't be read is left out, make says so itself.

    `told` is the folder's own path in messages, `inherited` what the make that calls this one knows.
    """
    source = Source(folder, values={name: dict(values) for name, values in inherited.items()})
    source.values["CURDIR"] = {os.path.realpath(folder): None}
    waiting, seen, prefixes = [makefile], {makefile}, {"\t"}
    while waiting:
        path = waiting.pop(0)
        text = _text(folder / path)
        if text is None:
            continue
        place = posixpath.normpath(posixpath.join(told, path))
        prefixes.update(PREFIX.findall(text) if ".RECIPEPREFIX" in text else ())
        for line in _lines(text, place, prefixes):
            source.lines.append(line)
            if line.name:
                source.values.setdefault(line.name, {})[line.value] = None
            for name in _included(source, line):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
    return source


def _included(source: Source, line: Line) -> Iterator[str]:
    match = INCLUDE.match(line.text) if "include" in line.text else None
    if not match:
        return
    texts = source.expanded(COMMENT.sub("", match[2]))
    for pattern in dict.fromkeys(
        word for text in texts for word in _without_functions(text).split()
    ):
        if UNKNOWN in pattern:
            continue
        found = [pattern]
        if re.search(r"[*?\[]", pattern):
            # No Path.glob: a pattern may begin with a `/`.
            found = glob(pattern, root_dir=source.folder)  # noqa: PTH207
        for name in found:
            source.includes[name] = line.place if match[1] == "include" else ""
            yield name


def _without_functions(text: str) -> str:
    """Return a text with UNKNOWN for what functions of make's give: their words are no names of files."""
    text = WILDCARD.sub(r"\1", text)
    while match := FUNCTION.search(text):
        end = match.end() + len(inside(text, match.end() - 1)) + 1
        text = f"{text[: match.start()]}{UNKNOWN}{text[end:]}"
    return text


def _text(path: Path) -> str | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return None


def _lines(text: str, place: str, prefixes: set[str]) -> Iterator[Line]:
    """Yield the lines of a text that are no comments."""
    number, in_rule, defining, body = 1, False, "", list[str]()
    for group in groups(text.split("\n")):
        where, line = f"{place}:{number}", group[0]
        if len(group) > 1:
            line = "\n".join(group).replace("\\\n", " ")
        number += len(group)
        plain = line.strip()
        if defining and ENDEF.match(plain):
            yield Line(where, plain, name=defining, value="\n".join(body))
            defining, body = "", []
        elif defining:
            # What a macro holds may become commands, and lines of a Makefile.
            body.append(plain)
            yield Line(where, plain, command=plain)
            yield from _of_makefile(where, plain)
        elif not plain:
            continue
        elif line[0] in prefixes:
            yield Line(where, plain, command=line[1:])
            if not in_rule:
                yield from _of_makefile(where, plain)
        elif plain[0] == "#":
            continue
        elif match := DEFINE.match(plain):
            defining, in_rule = match[1], False
        else:
            in_rule = ":" in plain or (in_rule and bool(CONDITION.match(plain)))
            yield from tuple(_of_makefile(where, plain)) or (Line(where, plain),)


def _of_makefile(where: str, line: str) -> Iterator[Line]:
    """Yield a line that is no command: what it sets, and the command behind the `;` of a rule."""
    assignment = (ASSIGNMENT.match(line) or OF_TARGET.match(line)) if "=" in line else None
    if assignment:
        name, sign, value = assignment.groups()
        yield Line(
            where, line, name=name, value=COMMENT.sub("", value).strip(), is_shells=sign == "!"
        )
    elif ";" in line and RULE.match(line):
        yield Line(where, line, command=line.partition(";")[2])
    evaluated = EVAL.search(line) if "eval" in line else None
    if evaluated:
        yield from _of_makefile(where, evaluated[1])
