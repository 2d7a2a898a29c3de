"""What a Makefile signs: read from our own lines, and asked of make where there are others."""

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import gnumake
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.gencert import Signing, signing_of_script, signings_in_shell
from tls_scaffold.makefiles.gnumake import RunsAnywayError, dry_run
from tls_scaffold.makefiles.maketargets import targets_of_makefile
from tls_scaffold.makefiles.ourmakefile import (
    includes_our_rules,
    names_and_outputs,
    signings_if_ours_alone,
    with_component_name,
)
from tls_scaffold.makefiles.shell import (
    check_plain,
    logical_lines,
    split_pipelines,
    without_assignments,
)

MAKEFILE = gnumake.MAKEFILE
# A line of `sign.sh` as make prints it, with words that need no shell to be told apart.
SCRIPT_LINE = re.compile(
    r"(?:[A-Z_]+=\S* )*sh sign\.sh (?:again|changed)((?: [A-Za-z0-9._/=,:@%+-]+)+)", re.ASCII
)
VERBS_OF_ONE_PAIR = ("again", "changed")
OTHER_VERBS = ("ca", "renew", "regenerate", "clean", "need")
PRINTING = ("echo", "printf")


@dataclass(frozen=True)
class Unread:
    """A line that signs in a way that is not understood, with the first target that shows it.

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
        """The unread lines that run our `sign.sh`: only our signer could sign what they ask for."""
        return tuple(each for each in self.unread if "sign.sh" in each.line)


def survey_req(folder: Path) -> Survey:
    """Return what `make req` would sign in a folder, in its order, the CA left out.

    Both the folder's own lines and those of the Calico guide that were pasted under `req:` are
    read; where there is no target `req`, every target. Raises ScaffoldError with make's own words
    if it is missing or fails.
    """
    # Make is asked about foreign lines alone; where there is no file, it says so.
    ours = signings_if_ours_alone(_text(folder)) if (folder / MAKEFILE).is_file() else None
    if ours is not None:
        return Survey(ours)
    try:
        found = survey_goal(folder, "req")
    except RunsAnywayError:
        raise
    except ScaffoldError:
        goals = targets_of_makefile(folder)
        if "req" in goals or not goals:
            raise
        found = survey_targets(folder)
    leaves = tuple(signing for signing in found.signings if not signing.makes_ca)
    return replace(found, signings=leaves)


def survey_targets(folder: Path) -> Survey:
    """Return what every target signs, each certificate once, by the most special target."""
    by_output: dict[str, Signing] = {}
    unread: dict[str, Unread] = {}
    there = targets_of_makefile(folder)
    by_req = _targets_asked_by_req(_text(folder)) if there else ()
    goals = [goal for goal in there if goal not in by_req]
    surveys = {goal: survey_goal(folder, goal) for goal in goals}
    for goal in sorted(goals, key=lambda each: (len(surveys[each].signings), each)):
        for signing in surveys[goal].signings:
            by_output.setdefault(signing.output, signing)
        for each in surveys[goal].unread:
            unread.setdefault(each.line, replace(each, goal=goal))
    makes = {
        goal: tuple(signing.output for signing in found.signings) for goal, found in surveys.items()
    }
    return Survey(tuple(by_output.values()), tuple(unread.values()), makes)


def _targets_asked_by_req(text: str) -> set[str]:
    """Return the targets of a Makefile of ours that sign nothing but what its `req` signs too."""
    if not includes_our_rules(text):
        return set()
    pairs = names_and_outputs(text)
    return {goal for name, output in pairs for goal in (f"req-{name}", f"{output}.pem")}


def survey_goal(folder: Path, goal: str) -> Survey:
    """Return what make would sign for one goal, as often as it would; errors as of `dry_run`."""
    text = dry_run(folder, goal)
    own, strange = _script_lines(text)
    lines = component_lines(_text(folder)) if own else ()
    names = {posixpath.normpath(line.output): line.name for line in lines}
    ours = (
        with_component_name(signing, names.get(signing.output, signing.name)) for signing in own
    )
    pasted, unread = signings_in_shell(text, goal)
    home = os.path.realpath(folder)
    return Survey(
        (*ours, *(signing.below(home) for signing in pasted)),
        tuple(map(Unread, (*strange, *unread))),
    )


def _script_lines(text: str) -> tuple[list[Signing], list[str]]:
    """Return what `sign.sh` would sign, named after the certificates, and the unread lines."""
    found: list[Signing] = []
    unread: list[str] = []
    for line in logical_lines(text):
        plain = SCRIPT_LINE.fullmatch(line)
        if plain or ("sign.sh" in line and ".pem" in line):
            try:
                if plain:
                    found.append(signing_of_script(plain[1].split()))
                else:
                    found += _signed_by_edited_line(line)
            except ValueError:
                unread.append(" ".join(line.split()))
    return found, unread


def _signed_by_edited_line(line: str) -> Iterator[Signing]:
    """Yield what a line of `sign.sh` signs that was edited: comments and commands may follow."""
    for pipeline in split_pipelines(line):
        for words in map(without_assignments, pipeline):
            script = [posixpath.basename(word) for word in words]
            if words[:1] == ["cd"]:
                raise ValueError(line)
            if "sign.sh" not in script or words[0] in PRINTING:
                continue
            begun = script.index("sign.sh") + 1
            verb, *rest = words[begun:] or [""]
            if verb in OTHER_VERBS:
                continue
            check_plain(words)
            if script[: begun - 1] not in ([], ["sh"]) or verb not in VERBS_OF_ONE_PAIR:
                raise ValueError(line)
            yield signing_of_script(rest)


def _text(folder: Path) -> str:
    return (folder / MAKEFILE).read_text(encoding="utf-8", errors="surrogateescape")
