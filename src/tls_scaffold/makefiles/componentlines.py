"""The lines of a Makefile that ask for components: the one place that reads them."""

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.blocks import CLOSING, OPENING, continued_lines
from tls_scaffold.paths import MAKEFILE, PEER_CA, AtOutput

COMPONENT_LINE = re.compile(
    r"req-([^ \t:]*)[ \t]+([^ \t:]*)\.pem[ \t]*:[ \t]*([^ \t;]*)[^;]*;?[ \t]*(.*)", re.ASCII
)
"""Name, output, request and recipe. sign.sh's `components` reads lines of the same form."""
OUR_RECIPE = re.compile(r"\$[({]sign[)}]((?:[ \t][^$`;&|<>#]*)?)[ \t]\$<(?:[ \t]+#.*|\s*)")
PEER_CA_FLAG = "peer-ca"
"""What a line of ours begins with that is signed by the CA of peers; no flag of cfssl's."""
HEAD = re.compile(r"([^:=;#]*):(?!=)")
"""The targets of a rule."""
ONE_LINE = (
    "write it on one line, from the first column on: "
    "`req-NAME CERTIFICATE: REQUEST ; $(sign) [FLAGS] $<`"
)
ONE_NAME = "give one of the two another name and certificate; or take out the one that is wrong"
BETWEEN_COMMANDS = re.compile(r"\s*(#.*)?")


@dataclass(frozen=True)
class ComponentLine(AtOutput):
    """One line: a component's name, its certificate without `.pem`, its request, its recipe."""

    name: str
    output: str
    request: str
    recipe: str

    @property
    def flags(self) -> tuple[str, ...] | None:
        """Cfssl's flags in a recipe of our form.

        None for any other recipe, and where make or a shell puts something in.
        """
        return _flags_of(self.recipe)

    def __str__(self) -> str:
        """Return the line as it stands in a Makefile."""
        return f"req-{self.name} {self.certificate_path}: {self.request} ; {self.recipe}"


@lru_cache  # a thousand components have the same recipe
def _flags_of(recipe: str) -> tuple[str, ...] | None:
    match = OUR_RECIPE.fullmatch(recipe)
    try:
        return tuple(shlex.split(match[1])) if match else None
    except ValueError:  # a quote that does not end
        return None


@dataclass
class Part:
    """Some lines of a Makefile: a component's with the commands below it, or any other line.

    It `is_conditional` from the line of an `ifdef`, or the like, to the one before its `endif`.
    """

    lines: list[str]
    component: ComponentLine | None
    is_conditional: bool = False

    @property
    def is_as_rendered(self) -> bool:
        """Whether the component's line is all there is."""
        return self.lines == [str(self.component)]


def component_line(name: str, output: str, request: str, profile: str, ca: str) -> ComponentLine:
    """Return the line of a component as it is rendered; the profile may be empty.

    `ca` is the certificate of the CA that signs: ours, or that of peers.
    """
    peers = [f"-{PEER_CA_FLAG}"] if ca == PEER_CA else []
    flags = ["-profile", profile] if profile else []
    return ComponentLine(name, output, request, " ".join(["$(sign)", *peers, *flags, "$<"]))


def component_lines(text: str) -> Iterator[ComponentLine]:
    """Yield the lines of components in the text of a Makefile, edited ones too."""
    for line in text.split("\n"):
        found = component_line_of(line)
        if found:
            yield found


def lines_naming(text: str, path: str) -> list[int]:
    """Return the numbers of the lines of a Makefile that name a path, comments aside."""
    if path not in text:
        return []
    word = re.compile(rf"(?<![\w./-])(?:\./)?{re.escape(path)}(?![\w./-])")
    return [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if word.search(line.partition("#")[0])
    ]


def component_line_of(line: str) -> ComponentLine | None:
    """Return the component that a line of a Makefile asks for; None for any other line."""
    match = COMPONENT_LINE.fullmatch(line) if line.startswith("req-") else None
    return ComponentLine(*match.groups()) if match else None


def strange_lines(
    text: str, names: Collection[str], going: Collection[str] = ()
) -> Iterator[Problem]:
    """Yield each rule of a Makefile that make has for one of these components, and nobody here.

    make takes one that is divided, set in, or has its targets in another order. Whoever edits line
    by line would leave half of it, or write a second one. Of those that are `going` whole rules go,
    divided ones too.
    """
    number = 1
    for group in continued_lines(text.split("\n")):
        place, number = Place(MAKEFILE, number), number + len(group)
        whole = " ".join(line.removesuffix("\\") for line in group)
        head = HEAD.match(whole)
        targets = head[1].split() if head else []
        asked = [each.removeprefix("req-") for each in targets if each.startswith("req-")]
        if group[0].startswith("\t") or not any(each.endswith(".pem") for each in targets):
            continue
        goes_whole = component_line_of(group[0]) is not None
        for name in asked:
            if name in going and goes_whole:
                continue
            if name in {*names, *going} and (reason := _strangeness(group)):
                yield Problem(place, f"the line of `{name}` {reason}")


def doubled_lines(text: str) -> Iterator[tuple[str, Problem]]:
    """Yield each target of components that has another line already, with the place of both.

    Lines in conditions are left out, of which make may read one, and lines that say the same.
    """
    first: dict[str, tuple[int, list[str]]] = {}
    number = 1
    for part in parts_of(text):
        line = part.component
        targets = (f"req-{line.name}", line.certificate_path) if line else ()
        for target in () if part.is_conditional else targets:
            other, lines = first.setdefault(target, (number, part.lines))
            if lines != part.lines:
                message = f"`{target}` is a target of {Place(MAKEFILE, other)} too"
                yield target, Problem(Place(MAKEFILE, number), message)
                break
        number += len(part.lines)


def _strangeness(lines: Sequence[str]) -> str:
    """Say why a rule, with the lines that it goes on in, is not read here; empty if it is."""
    begun = lines[0].partition(";")[2].strip(" \t\\")
    if len(lines) > 1 and not begun:  # make hands `@sh` to the shell where `$(sign)` begins a line
        return "goes on in the next line before its command"
    if lines[0][0].isspace():
        return "has blanks before it"
    return "" if component_line_of(lines[0]) else "is not of our form"


def changed_line(line: str, wanted: ComponentLine, *, with_recipe: bool) -> str:
    """Return a component's line with what `wanted` has, and everything else in it as it stands."""
    match = COMPONENT_LINE.fullmatch(line)
    if not match:
        return line
    recipe = wanted.recipe if with_recipe else match[4]
    # From the end on, so that the places of what stands before stay right.
    for group, text in ((4, recipe), (3, wanted.request), (2, wanted.output)):
        line = line[: match.start(group)] + text + line[match.end(group) :]
    return line


def parts_of(text: str) -> list[Part]:
    """Return the text of a Makefile in parts, which have all of its lines."""
    lines = text.split("\n")
    found: list[Part] = []
    at = depth = 0
    while at < len(lines):
        component = component_line_of(lines[at])
        end = _end_of_rule(lines, at) if component else at + 1
        if OPENING.match(lines[at]):
            depth += 1
        elif CLOSING.match(lines[at]) and depth:
            depth -= 1
        found.append(Part(lines[at:end], component, is_conditional=depth > 0))
        at = end
    return found


def _end_of_rule(lines: Sequence[str], at: int) -> int:
    """Return where the rule that begins at a line ends: behind its last command."""
    end = at + 1
    for index in range(at + 1, len(lines)):
        if lines[index].startswith("\t") or lines[index - 1].endswith("\\"):
            end = index + 1
        elif not BETWEEN_COMMANDS.fullmatch(lines[index]):
            break
    return end
