"""A Makefile of ours, read as text: what make need not be asked about."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tls_scaffold.makefiles.componentlines import ComponentLine, component_lines, parts_of
from tls_scaffold.makefiles.gencert import Signing, signing_of_script
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.reading import read_given

INCLUDES_RULES = re.compile(r"^include +tls-scaffold\.mk\s*$", re.MULTILINE)
# What may sign beside the component lines: cfssl itself, another file, another make.
OTHERS_SIGN = re.compile(
    r"^[^#\n]*gencert|^[-s]?include\b(?! +tls-scaffold\.mk\s*$)|(?:^\t|;).*\$[({]MAKE[)}]",
    re.MULTILINE,
)
COMMAND = re.compile(r"^\t[ \t]*(?![ \t#]|[@-]*\$[({]sign[)}])\S")
# Lines of the rendered Makefile that sign nothing. A comment that goes on in the next line hides
# it.
SIGNS_NOTHING = re.compile(
    r"\s*(#(.*[^\\])?)?|all: ca req|include tls-scaffold\.mk|req:"
    r"|(CFSSL|JSON|SIGNER|RENEW_DAYS) *[?:]?= *[A-Za-z0-9 ._/-]*"
)
# What make and a shell take as it stands.
PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@+-]*", re.ASCII)
PLAIN_FLAG = re.compile(r"[A-Za-z0-9._/=,:@%+-]+", re.ASCII)


def makefile_as_read(folder: Path) -> str:
    """Return the text of a folder's Makefile; ScaffoldError if it can't be read."""
    return read_given(folder / MAKEFILE, MAKEFILE).decode("utf-8", "surrogateescape")


def includes_our_rules(text: str) -> bool:
    """Tell whether a Makefile is ours: it includes our rules, such as `renew` and `regenerate`."""
    return INCLUDES_RULES.search(text) is not None


def asks_for_all_by_req(text: str) -> bool:
    """Tell whether a Makefile is ours, and nothing in it can sign what `req` does not ask for."""
    return includes_our_rules(text) and not OTHERS_SIGN.search(text)


def names_and_outputs(text: str) -> set[tuple[str, str]]:
    """Return name and output of each component that has a line of our form."""
    return {(line.name, line.output) for line in component_lines(text)}


def signings_of_lines(lines: Iterable[ComponentLine]) -> tuple[Signing, ...]:
    """Return what the lines of our form ask for, as far as that can be told without make."""
    found: list[Signing] = []
    for line in lines:
        if line.flags is not None:
            words = [line.certificate_path, *line.flags, line.request]
            with suppress(ValueError):
                found.append(with_component_name(signing_of_script(words), line.name))
    return tuple(found)


def signings_if_ours_alone(text: str) -> tuple[Signing, ...] | None:
    """Return what a Makefile of ours signs; None where it has a line that only make understands."""
    lines: list[ComponentLine] = []
    for part in parts_of(text):
        if part.component and len(part.lines) == 1:
            lines.append(part.component)
        elif not all(map(SIGNS_NOTHING.fullmatch, part.lines)):
            return None
    words = [word for line in lines for word in (line.name, line.output, line.request)]
    flags = [word for line in lines for word in line.flags or ()]
    is_plain = all(map(PLAIN_WORD.fullmatch, words)) and all(map(PLAIN_FLAG.fullmatch, flags))
    found = signings_of_lines(lines)
    # Of two rules for one target make takes the recipe of one and the requests of both.
    outputs, names = {each.output for each in found}, {each.name for each in found}
    are_all_read = len(outputs) == len(names) == len(lines)
    if includes_our_rules(text) and is_plain and are_all_read and "\r" not in text:
        return found
    return None


def outputs_with_own_commands(text: str) -> dict[str, str]:
    """Return the names of the components with commands of their own below their line, by output."""
    return {
        part.component.output: part.component.name
        for part in parts_of(text)
        if part.component and any(map(COMMAND.match, part.lines[1:]))
    }


def with_component_name(signing: Signing, name: str) -> Signing:
    """Return a signing as that of the component of this name."""
    return replace(signing, name=name, target=f"req-{name}")
