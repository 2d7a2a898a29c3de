"""What a Makefile signs, as make itself tells it: for lines that are not ours."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import gnumake
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.gencert import Signing, Unread, signing_of_script
from tls_scaffold.makefiles.gnumake import RunsAnywayError, dry_run
from tls_scaffold.makefiles.linefollowing import LineFollower
from tls_scaffold.makefiles.maketargets import Targets, targets_of_makefile
from tls_scaffold.makefiles.maketexts import has_one_shell, texts_read_by_make
from tls_scaffold.makefiles.ourmakefile import (
    asks_for_all_by_req,
    includes_our_rules,
    makefile_as_read,
    names_and_outputs,
    with_component_name,
)
from tls_scaffold.makefiles.recipes import Surroundings, signings_in_shell
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.makefiles.unsetnames import UnsetNames
from tls_scaffold.paths import MAKEFILE, SCRIPT
from tls_scaffold.shell.ledger import Ledger, Output
from tls_scaffold.shell.lines import logical_lines
from tls_scaffold.shell.nodes import Command
from tls_scaffold.shell.state import Result
from tls_scaffold.shell.words import Unknown, plain_text

REQ = "req"
# A line of `sign.sh` as make prints it, with words that need no shell to be told apart.
SCRIPT_LINE = re.compile(
    r"(?:[A-Z_]+=\S* )*sh sign\.sh (?:again|changed)((?: [A-Za-z0-9._/=,:@%+-]+)+)", re.ASCII
)
VERBS_OF_ONE_PAIR = ("again", "changed")
OTHER_VERBS = ("ca", "renew", "renew-ca", "regenerate", "encrypt-ca-key", "clean", "need")
PRINTING = ("echo", "printf")
NO_LINE = "its line is not in the Makefile itself, where the lines of components are read"


def survey_by_make(folder: Path, text: str) -> Survey:
    """Return what a folder's Makefile of this text signs, as make tells it of every target.

    Raises ScaffoldError as `survey_makefile` does.
    """
    if not includes_our_rules(text):
        gnumake.check_is_read(folder)
    if asks_for_all_by_req(text):
        return survey_goal(folder, REQ)
    targets = targets_of_makefile(folder)
    if not targets.default:
        dry_run(folder, "")  # make says why
    by_goal = _surveys_by_goal(folder, targets, _targets_asked_by_req(text) | targets.ours)
    # Of ours plain `make` asks for `req`, whatever stands before it.
    asked = dict.fromkeys([REQ, targets.default] if includes_our_rules(text) else [targets.default])
    first = [by_goal[goal] for goal in asked if goal in by_goal]
    unread: dict[str, Unread] = {}
    asked_lines = {each.line for found in first for each in found.unread}
    for each in (each for found in by_goal.values() for each in found.unread):
        unread.setdefault(each.line, replace(each, on_request=each.line not in asked_lines))
    signings = tuple(_each_once(first, by_goal))
    strangers = _lines_elsewhere(text, signings) if includes_our_rules(text) else []
    for path in (each.certificate_path for each in strangers):
        unread[path] = Unread(f"make {path}", why=NO_LINE, on_request=True)
    return Survey(
        tuple(each for each in signings if each not in strangers),
        tuple(unread.values()),
        {
            goal: tuple(signing.output for signing in found.signings)
            for goal, found in by_goal.items()
        },
        targets.default,
    )


def _lines_elsewhere(text: str, signings: Iterable[Signing]) -> list[Signing]:
    """Return what is signed on request as by a component's line that is in no text of a Makefile.

    It stands in a file that is included, say: sign.sh does not read it there, nor does `renew`.
    """
    outputs = {posixpath.normpath(line.output) for line in component_lines(text)}
    asked = (each for each in signings if each.on_request and each.flags is not None)
    return [each for each in asked if each.output not in outputs]


def _surveys_by_goal(
    folder: Path, targets: Targets, left_out: Collection[str]
) -> dict[str, Survey]:
    """Return what each target signs, those that sign least first.

    One that make can't make is an unread line itself, but for the default goal.
    """
    found: dict[str, Survey] = {}
    around = _surroundings(folder, targets.goals)
    for goal in dict.fromkeys((targets.default, *targets.goals)):
        if goal in left_out:
            continue
        try:
            found[goal] = survey_goal(folder, goal, around)
        except RunsAnywayError:
            raise
        except ScaffoldError as error:
            if goal in (targets.default, REQ):
                raise
            said = str(error.problems[-1]) if error.problems else error.summary
            found[goal] = Survey((), (Unread(said, goal, "make can't tell what it does"),))
    return dict(
        sorted(
            found.items(),
            key=lambda each: (len(each[1].signings), each[0] == targets.default, each[0]),
        )
    )


def _each_once(asked: Iterable[Survey], by_goal: Mapping[str, Survey]) -> Iterator[Signing]:
    """Yield each certificate once, as plain `make` signs it, else by the most special target."""
    by_output: dict[str, Signing] = {}
    for found in asked:
        by_output |= {signing.output: signing for signing in found.signings}
    for signing in by_output.values():
        special = (
            each.target
            for found in by_goal.values()
            for each in found.signings
            if each == replace(signing, target=each.target)
        )
        yield replace(signing, target=next(special, signing.target))
    for found in by_goal.values():
        last = {signing.output: signing for signing in found.signings}
        yield from (
            replace(signing, on_request=True)
            for output, signing in last.items()
            if output not in by_output
        )
        by_output = {**last, **by_output}


def _targets_asked_by_req(text: str) -> set[str]:
    """Return the targets of a Makefile of ours that sign nothing but what its `req` signs too."""
    if not includes_our_rules(text):
        return set()
    pairs = names_and_outputs(text)
    return {goal for name, output in pairs for goal in (f"req-{name}", f"{output}.pem")}


def survey_goal(folder: Path, goal: str, around: Surroundings | None = None) -> Survey:
    """Return what make would sign for one goal, as often as it would; errors as of `dry_run`."""
    asked = dry_run(folder, goal)
    own, strange = _script_lines(asked.text)
    lines = component_lines(makefile_as_read(folder)) if own else ()
    names = {posixpath.normpath(line.output): line.name for line in lines}
    ours = (
        with_component_name(signing, names.get(signing.output, signing.name)) for signing in own
    )
    unset = UnsetNames(folder, asked.unset)
    pasted, unread = signings_in_shell(asked.text, goal, around or _surroundings(folder, ()))
    return Survey(
        (*ours, *(replace(each, unset=unset.of_command(each.line)) for each in pasted)),
        (*map(Unread, strange), *unread),
    )


def _surroundings(folder: Path, makeable: Collection[str]) -> Surroundings:
    texts = texts_read_by_make(folder, MAKEFILE, "")
    return Surroundings(folder, makeable, has_one_shell(texts))


def _script_lines(text: str) -> tuple[list[Signing], list[str]]:
    """Return what `sign.sh` would sign, named after the certificates, and the unread lines."""
    found: list[Signing] = []
    unread: list[str] = []
    for line in logical_lines(text):
        plain = SCRIPT_LINE.fullmatch(line)
        if plain or (SCRIPT in line and ".pem" in line):
            try:
                if plain:
                    found.append(signing_of_script(plain[1].split()))
                else:
                    calls = _ScriptCalls()
                    calls.follow_line(line)
                    found += calls.found
            except ValueError:
                unread.append(" ".join(line.split()))
    return found, unread


class _ScriptCalls(LineFollower):
    """Follows a line of `sign.sh` that was edited: comments and commands may follow."""

    def __init__(self) -> None:
        super().__init__(Ledger(lambda _: None, lambda _: False))
        self.found: list[Signing] = []

    def unknown(self, node: Command, error: Unknown) -> Result:
        """Give the line up for a call of `sign.sh` of which the words are not known."""
        if any(SCRIPT in (plain_text(word) or "") for word in node.words):
            raise ValueError(error.reason)
        return super().unknown(node, error)

    def program(self, words: list[str], stdin: Output | None) -> Result:
        """Take over what a call of `sign.sh` signs."""
        script = [posixpath.basename(word) for word in words]
        if SCRIPT not in script or words[0] in PRINTING:
            return super().program(words, stdin)
        begun = script.index(SCRIPT) + 1
        verb, *rest = words[begun:] or ("",)
        if verb not in OTHER_VERBS:
            is_told = self.is_sure and not self.state.directory and "$" not in "".join(words)
            is_ours = script[: begun - 1] in ([], ["sh"]) and verb in VERBS_OF_ONE_PAIR
            if not (is_told and is_ours):
                raise ValueError(self.state.line)
            self.found.append(signing_of_script(rest))
        return Result()
