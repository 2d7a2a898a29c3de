"""What make would sign: the dry runs of the folder's own Makefile, understood."""

import os
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing, signings
from tls_scaffold.makefiles.gnumake import RunsAnywayError, dry_run, targets
from tls_scaffold.makefiles.makeblocks import blocks, groups
from tls_scaffold.makefiles.shell import check_plain, logical_lines, pipelines, program

MAKEFILE = "Makefile"
PATH = r"[A-Za-z0-9_][A-Za-z0-9._/-]*"
LINE = re.compile(
    rf"(?:[A-Z_]+=\S* )*sh sign\.sh ({PATH})\.pem ({PATH})(?: ([A-Za-z0-9._-]+))?",
    re.ASCII,
)
WORD = re.compile("[A-Za-z0-9._-]+", re.ASCII)
VERBS = [[verb] for verb in ("ca", "renew", "regenerate", "clean", "heal")]
TELLING = ("echo", "printf")
TARGET = re.compile(r"^req-([^ :]+) +([^ :]+)\.pem *:", re.ASCII | re.MULTILINE)
BELOW = re.compile(TARGET.pattern + r"[^\n]*\n((?:[ \t]*(?:#[^\n]*)?\n|\t[^\n]*\n?)+)", re.ASCII | re.MULTILINE)
COMMAND = re.compile(r"^\t[ \t]*(?![ \t#]|[@-]*\$[({]sign[)}])\S", re.MULTILINE)
OUTPUT = re.compile(r"^req-([^ :]+): output = ")
OTHERS_SIGN = re.compile(r"^[^#\n]*gencert|^[-s]?include\b|(?:^\t|;).*\$[({]MAKE[)}]", re.MULTILINE)
SIGNS_ONE = re.compile(r"\t[@-]*(?:\$[({]\w+[)}]|[\w./-]*cfssl) +gencert [^;&]* --?bare(?:=true)? +(?:\./)?(\S+)\s*")
RENEW = re.compile("^renew:", re.MULTILINE)


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
        return tuple(signing for signing in self.signings if signing.target == f"req-{signing.name}")

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
    return replace(found, signings=tuple(signing for signing in found.signings if not signing.makes_ca))


def renews(text: str) -> bool:
    """Tell whether the text of a Makefile has the targets of ours that sign again, `renew` and `regenerate`."""
    return RENEW.search(text) is not None


def asks_for_all(text: str) -> bool:
    """Tell a Makefile whose `req` asks for all that is signed: one of ours, where no line of cfssl's can come in."""
    return renews(text) and not OTHERS_SIGN.search(text)


def components(text: str) -> set[tuple[str, str]]:
    """Return name and output of each component that has a line of our form in the text of a Makefile."""
    return set(TARGET.findall(text))


def with_commands_below(text: str) -> dict[str, str]:
    """Return the names of the components with commands of their own below their line, by their outputs."""
    return {output: name for name, output, below in BELOW.findall(text) if COMMAND.search(below)}


def lines_of(text: str) -> dict[str, str]:
    """Return those lines by the outputs."""
    found = ((TARGET.match(line), line) for line in text.split("\n"))
    return {match[2]: line for match, line in found if match}


def signs_twice(text: str) -> bool:
    """Tell a Makefile in which two lines of our form are of one component."""
    names = [name for name, _ in TARGET.findall(text)]
    return len(names) > len(set(names))


def without(
    text: str, gone: Collection[tuple[str, str]], coming: Mapping[str, str] | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the text of a Makefile without the components `gone`, by name and output, and the lines that were theirs.

    With a component's line go the commands below it; of other targets go the commands of cfssl's that sign it. Of what
    is `coming` (a line by output) these go too, and the very line where nothing hangs on it.
    """
    coming = coming or {}
    names, outputs = {name for name, _ in gone}, {*(output for _, output in gone), *coming}

    def goes(line: str) -> bool:
        own, named = TARGET.match(line), OUTPUT.match(line)
        return bool(own and own.groups() in gone) or bool(named and named[1] in names)

    kept: list[str] = []
    taken: list[str] = []
    for block in blocks(text):
        its_own = goes(block.lines[0]) or (len(block.lines) == 1 and block.lines[0] in coming.values())
        for lines in groups(block.lines):
            signed = SIGNS_ONE.fullmatch(" ".join(lines)) if block.kind == "rule" else None
            (taken if its_own or (signed and signed[1] in outputs) else kept).extend(lines)
    return "\n".join(kept), tuple(taken)


def _asked_by_req(text: str) -> set[str]:
    """Return the targets of a Makefile of ours that sign nothing but what its `req` signs too."""
    own = ((f"req-{name}", f"{output}.pem") for name, output in components(text)) if renews(text) else ()
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
    makes = {goal: tuple(signing.output for signing in found.signings) for goal, found in surveys.items()}
    return Survey(tuple(by_output.values()), tuple(unread.values()), makes)


def of_goal(folder: Path, goal: str, makefile: str = "Makefile") -> Survey:
    """Return what make would sign for one goal, as often as it would. Raises ScaffoldError as `dry_run` does."""
    text = dry_run(folder, goal, makefile)
    own, strange = _own_lines(text)
    names = {output: name for name, output in TARGET.findall(_text(folder / makefile))} if own else {}
    ours = tuple(
        Signing(name := names.get(output, output.rpartition("/")[2]), f"req-{name}", request, output, profile)
        for output, request, profile in own
    )
    pasted, unread = signings(text, goal)
    home = os.path.realpath(folder)
    return Survey((*ours, *(signing.below(home) for signing in pasted)), tuple(map(Unread, (*strange, *unread))))


def _own_lines(text: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return output, request and profile of what `sign.sh` would sign, and the lines that can't be told."""
    found: list[tuple[str, str, str]] = []
    unread: list[str] = []
    for line in logical_lines(text):
        match = LINE.fullmatch(line)
        if match:
            found.append((match[1], match[2], match[3] or ""))
        elif "sign.sh" in line and ".pem" in line:
            try:
                found += _signed_by_script(line)
            except ValueError:
                unread.append(" ".join(line.split()))
    return [(posixpath.normpath(output), request, profile) for output, request, profile in found], unread


def _signed_by_script(line: str) -> Iterator[tuple[str, str, str]]:
    """Yield the same of a line that somebody has edited: comments and other commands may follow."""
    for pipeline in pipelines(line):
        for words in map(program, pipeline):
            script = [posixpath.basename(word) for word in words]
            if words[:1] == ["cd"]:
                raise ValueError(line)
            if "sign.sh" not in script or words[0] in TELLING:
                continue
            begun = script.index("sign.sh") + 1
            if words[begun : begun + 1] in VERBS:
                continue
            check_plain(words)
            output, request, *profile = words[begun:]
            fits = script[: begun - 1] in ([], ["sh"]) and output.endswith(".pem") and len(profile) <= 1
            if not (fits and all(map(WORD.fullmatch, profile))):
                raise ValueError(line)
            yield output.removesuffix(".pem"), request, "".join(profile)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")
