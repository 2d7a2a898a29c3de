"""What make would sign: the dry runs of the folder's own Makefile, understood."""

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.componentlines import component_line_of, component_lines
from tls_scaffold.makefiles.gencert import Signing, of_script, signings
from tls_scaffold.makefiles.gnumake import RunsAnywayError, dry_run, targets
from tls_scaffold.makefiles.shell import check_plain, logical_lines, pipelines, program

MAKEFILE = "Makefile"
# A line of `sign.sh` as make prints it, with words that need no shell to be told apart.
LINE = re.compile(
    r"(?:[A-Z_]+=\S* )*sh sign\.sh ((?:again|changed)(?: [A-Za-z0-9._/=,:@%+-]+)+)", re.ASCII
)
ONE_PAIR = ("again", "changed")
OTHER_VERBS = ("ca", "renew", "regenerate", "clean", "need")
TELLING = ("echo", "printf")
COMMAND = re.compile(r"^\t[ \t]*(?![ \t#]|[@-]*\$[({]sign[)}])\S")
BLANK = re.compile(r"[ \t]*(#.*)?")
# In a Makefile of ours the rules stand in the file that it includes.
OUR_RULES = re.compile(r"^include +tls-scaffold\.mk\s*$", re.MULTILINE)
OTHERS_SIGN = re.compile(
    r"^[^#\n]*gencert|^[-s]?include\b(?! +tls-scaffold\.mk\s*$)|(?:^\t|;).*\$[({]MAKE[)}]",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Unread:
    """A line that signs in a way that is not understood; of a survey, which asks every target, with the first of its.

    As text it is what a message shows.
    """

    line: str
    goal: str = ""

    def __str__(self) -> str:
        """Return the line, behind its target if there is one."""
        return f"{self.goal}: `{self.line}`" if self.goal else self.line


@dataclass(frozen=True)
class Survey:
    """What a Makefile signs, and the lines that sign in a way that is not understood.

    `makes` has the certificates, without `.pem`, of each target that signs.
    """

    signings: tuple[Signing, ...]
    unread: tuple[Unread, ...] = ()
    makes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def own(self) -> tuple[Signing, ...]:
        """What lines of our form ask for: make runs all others, which call cfssl, by itself."""
        return tuple(signing for signing in self.signings if signing.flags is not None)

    @property
    def strange(self) -> tuple[Unread, ...]:
        """The unread lines that run our `sign.sh`: nobody but the own signer could sign what they ask for."""
        return tuple(each for each in self.unread if "sign.sh" in each.line)


def read(folder: Path, makefile: str = "Makefile") -> tuple[Signing, ...]:
    """Return the signings of `wanted` alone."""
    return wanted(folder, makefile).signings


def wanted(folder: Path, makefile: str = "Makefile") -> Survey:
    """Return what `make req` would sign in a folder, in its order, the CA left out.

    Both the folder's own lines and those of the Calico guide that were pasted under `req:` are read;
    where there is no target `req`, every target. Raises ScaffoldError with make's own words if it is missing
    or fails.
    """
    try:
        found = of_goal(folder, "req", makefile)
    except RunsAnywayError:
        raise
    except ScaffoldError:
        goals = targets(folder, makefile)
        if "req" in goals or not goals:
            raise
        found = survey(folder, makefile)
    return replace(
        found, signings=tuple(signing for signing in found.signings if not signing.makes_ca)
    )


def renews(text: str) -> bool:
    """Tell whether the text of a Makefile has the targets of ours that sign again, `renew` and `regenerate`."""
    return OUR_RULES.search(text) is not None


def asks_for_all(text: str) -> bool:
    """Tell a Makefile whose `req` asks for all that is signed: one of ours, where no line of cfssl's can come in."""
    return renews(text) and not OTHERS_SIGN.search(text)


def components(text: str) -> set[tuple[str, str]]:
    """Return name and output of each component that has a line of our form in the text of a Makefile."""
    return {(line.name, line.output) for line in component_lines(text)}


def of_lines(text: str) -> tuple[Signing, ...]:
    """Return what the lines of our form ask for, as far as that can be told without make."""
    found: list[Signing] = []
    for line in component_lines(text):
        if line.flags is not None:
            with suppress(ValueError):
                found.append(
                    _called(of_script([f"{line.output}.pem", *line.flags, line.request]), line.name)
                )
    return tuple(found)


def with_commands_below(text: str) -> dict[str, str]:
    """Return the names of the components with commands of their own below their line, by their outputs."""
    found: dict[str, str] = {}
    component = None
    for line in text.split("\n"):
        own = component_line_of(line)
        if own:
            component = own
        elif component and COMMAND.match(line):
            found[component.output] = component.name
        elif not (line.startswith("\t") or BLANK.fullmatch(line)):
            component = None
    return found


def _asked_by_req(text: str) -> set[str]:
    """Return the targets of a Makefile of ours that sign nothing but what its `req` signs too."""
    own = (
        ((f"req-{name}", f"{output}.pem") for name, output in components(text))
        if renews(text)
        else ()
    )
    return {goal for pair in own for goal in pair}


def survey(folder: Path, makefile: str = "Makefile") -> Survey:
    """Return what every target of a Makefile signs, each certificate once, by the most special target."""
    by_output: dict[str, Signing] = {}
    unread: dict[str, Unread] = {}
    there = targets(folder, makefile)
    by_req = _asked_by_req(_text(folder / makefile)) if there else ()
    goals = [goal for goal in there if goal not in by_req]
    surveys = {goal: of_goal(folder, goal, makefile) for goal in goals}
    for goal in sorted(goals, key=lambda each: (len(surveys[each].signings), each)):
        for signing in surveys[goal].signings:
            by_output.setdefault(signing.output, signing)
        for each in surveys[goal].unread:
            unread.setdefault(each.line, replace(each, goal=goal))
    makes = {
        goal: tuple(signing.output for signing in found.signings) for goal, found in surveys.items()
    }
    return Survey(tuple(by_output.values()), tuple(unread.values()), makes)


def of_goal(folder: Path, goal: str, makefile: str = "Makefile") -> Survey:
    """Return what make would sign for one goal, as often as it would. Raises ScaffoldError as `dry_run` does."""
    text = dry_run(folder, goal, makefile)
    own, strange = _own_lines(text)
    lines = component_lines(_text(folder / makefile)) if own else ()
    names = {posixpath.normpath(line.output): line.name for line in lines}
    ours = (_called(signing, names.get(signing.output, signing.name)) for signing in own)
    pasted, unread = signings(text, goal)
    home = os.path.realpath(folder)
    return Survey(
        (*ours, *(signing.below(home) for signing in pasted)),
        tuple(map(Unread, (*strange, *unread))),
    )


def _called(signing: Signing, name: str) -> Signing:
    return replace(signing, name=name, target=f"req-{name}")


def _own_lines(text: str) -> tuple[list[Signing], list[str]]:
    """Return what `sign.sh` would sign, named after the certificates, and the lines that can't be told."""
    found: list[Signing] = []
    unread: list[str] = []
    for line in logical_lines(text):
        plain = LINE.fullmatch(line)
        if plain or ("sign.sh" in line and ".pem" in line):
            try:
                found += [of_script(plain[1].split()[1:])] if plain else _signed_by_script(line)
            except ValueError:
                unread.append(" ".join(line.split()))
    return found, unread


def _signed_by_script(line: str) -> Iterator[Signing]:
    """Yield the same of a line that somebody has edited: comments and other commands may follow."""
    for pipeline in pipelines(line):
        for words in map(program, pipeline):
            script = [posixpath.basename(word) for word in words]
            if words[:1] == ["cd"]:
                raise ValueError(line)
            if "sign.sh" not in script or words[0] in TELLING:
                continue
            begun = script.index("sign.sh") + 1
            verb, *rest = words[begun:] or [""]
            if verb in OTHER_VERBS:
                continue
            check_plain(words)
            if script[: begun - 1] not in ([], ["sh"]) or verb not in ONE_PAIR:
                raise ValueError(line)
            yield of_script(rest)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")
