"""The texts that one make reads: the lines of a Makefile and of what it includes."""

import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import NamedTuple

from tls_scaffold.errors import Place
from tls_scaffold.makefiles.blocks import continued_lines
from tls_scaffold.makefiles.makevalues import Values, text_inside
from tls_scaffold.paths import LARGEST_FILE, MAKEFILE

MAKEFILES = ("GNUmakefile", "makefile", MAKEFILE)  # as make looks for them
UNKNOWN = "\0"
INCLUDE = re.compile(r"(-include|sinclude|include)\s+(.*)")
DEFINE = re.compile(r"(?:(?:override|export)\s+)*define\s+(\S+)")
SETS = r"(?:(?:export|override|private)\s+)*([^\s:#=?+!]+)\s*(\?|\+|!|:{1,3})?=\s*(.*)"
ASSIGNMENT = re.compile(SETS, re.DOTALL)
OF_TARGET = re.compile(rf"[^=;#]*?(?<!:)::?(?![:=])\s*{SETS}", re.DOTALL)
RULE = re.compile(r"[^:=;#]+:")
CONDITION = re.compile(r"(if|else|endif)")
ENDEF = re.compile(r"endef\b")
EVAL = re.compile(r"\$[({]eval\s+(.*)[)}]", re.DOTALL)
RECIPE_PREFIX = re.compile(r"^\s*\.RECIPEPREFIX\s*[:?]*=\s*(\S)", re.MULTILINE)
COMMENT = re.compile(r"(?<!\\)#.*")
WILDCARD = re.compile(r"\$[({]wildcard\s+([^(){}$]*)[)}]")
FUNCTION = re.compile(r"\$[({]")


class Line(NamedTuple):
    """A line with those that it goes on in, and what of it is a recipe's command.

    `value` is what it gives to the variable `name`; `is_shells` tells a command that make runs for
    it (`!=`).
    """

    place: Place
    text: str
    command: str = ""
    name: str = ""
    value: str = ""
    is_shells: bool = False


@dataclass
class MakeTexts:
    """What one make reads in a folder: its lines, the files that it includes, and its variables.

    `includes` has the files' names as make knows them, each with the place that asks for it where
    it must be there.
    """

    folder: Path
    values: Values
    lines: list[Line] = field(default_factory=list)
    includes: dict[str, Place | None] = field(default_factory=dict)


def texts_read_by_make(
    folder: Path, makefile: str, told_folder: str, inherited: Values | None = None
) -> MakeTexts:
    """Read a Makefile of a folder and what it includes.

    What can't be read is left out: make says so itself. `told_folder` is the folder's path in
    messages, `inherited` what the make that calls this one knows.
    """
    found = MakeTexts(folder, Values(inherited.known if inherited else None))
    found.values.add("CURDIR", os.path.realpath(folder))
    waiting, seen, prefixes = [makefile], {makefile}, {"\t"}
    while waiting:
        path = waiting.pop(0)
        text = text_of_file(folder / path)
        if text is None:
            continue
        prefixes.update(RECIPE_PREFIX.findall(text) if ".RECIPEPREFIX" in text else ())
        told_path = posixpath.normpath(posixpath.join(told_folder, path))
        for line in lines_of_text(text, told_path, prefixes):
            found.lines.append(line)
            if line.name:
                found.values.add(line.name, line.value)
            for name in _included(found, line):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
    return found


def has_one_shell(texts: MakeTexts) -> bool:
    """Tell whether one shell runs all commands of a recipe."""
    return any(line.text.startswith(".ONESHELL") for line in texts.lines)


def _included(texts: MakeTexts, line: Line) -> Iterator[str]:
    match = INCLUDE.match(line.text) if "include" in line.text else None
    if not match:
        return
    expanded = texts.values.expanded(COMMENT.sub("", match[2]))
    words = (word for text in expanded for word in _without_functions(text).split())
    for pattern in dict.fromkeys(words):
        if UNKNOWN in pattern:
            continue
        found = [pattern]
        if re.search(r"[*?\[]", pattern):
            # No Path.glob: a pattern may begin with a `/`.
            found = glob(pattern, root_dir=texts.folder)  # noqa: PTH207
        for name in found:
            texts.includes[name] = line.place if match[1] == "include" else None
            yield name


def _without_functions(text: str) -> str:
    """Return a text with UNKNOWN for what functions of make's give.

    Their words are no names of files.
    """
    text = WILDCARD.sub(r"\1", text)
    while match := FUNCTION.search(text):
        end = match.end() + len(text_inside(text, match.end() - 1)) + 1
        text = f"{text[: match.start()]}{UNKNOWN}{text[end:]}"
    return text


def text_of_file(path: Path) -> str | None:
    """Return the text of a plain file; None where it can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return None


def lines_of_text(text: str, path: str, prefixes: Collection[str] = "\t") -> Iterator[Line]:
    """Yield the lines of a text that are no comments; `prefixes` begin commands."""
    number = 1
    in_rule = False
    defining, body = "", list[str]()  # a macro's name and lines, from its `define` to its `endef`
    for group in continued_lines(text.split("\n")):
        where, line = Place(path, number), group[0]
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


def _of_makefile(where: Place, line: str) -> Iterator[Line]:
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
