"""The targets of a Makefile, as make itself tells them."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.blocks import split_into_blocks
from tls_scaffold.makefiles.gnumake import MAKEFILE, run_asked
from tls_scaffold.makefiles.ourmakefile import INCLUDES_RULES
from tls_scaffold.paths import RULES

RULE = re.compile(r"^([^\s#:=][^#:=]*?) *::?(?!=)(.*)$")
NO_GOAL = re.compile(r"%|^\.")  # a pattern, or a target of make's own such as `.PHONY`
DEFAULT_GOAL = re.compile(r"^\.DEFAULT_GOAL :?= ?(\S+)$", re.MULTILINE)
MACRO_BEGINS, MACRO_ENDS = re.compile(r"define\b"), re.compile(r"endef\b")
INCLUDE = re.compile(r"^ *[-s]?include\b", re.MULTILINE)
# Two lines in a row; make 3.81 says `commands`.
REPLACED = re.compile(
    r"^(.+):\d+: warning: overriding (?:recipe|commands) for target .*\n"
    r"(.+):(\d+): warning: ignoring old (?:recipe|commands) for target [`'](.*)'$",
    re.MULTILINE,
)
RECIPE_FROM = re.compile(r"#  (?:recipe|commands) to execute \(from [`'](.*)', line \d+\):")
NO_TARGET = "no-such-target-of-this-folder"


@dataclass(frozen=True)
class Targets:
    """The targets of a Makefile, and the one that plain `make` makes; empty where there is none.

    `ours` are those for which nothing is run but what `tls-scaffold.mk` says.
    """

    goals: tuple[str, ...]
    default: str
    ours: frozenset[str] = frozenset()


@dataclass
class Rule:
    """A rule of make's database; `source` is the file that its recipe stands in."""

    target: str
    needs: tuple[str, ...]
    has_recipe: bool = False
    source: str = ""


def targets_of_makefile(folder: Path) -> Targets:
    """Return the targets that a folder's Makefile writes out, and those that its patterns make.

    A pattern's are those of the files there are; where targets need some of what it makes, these
    alone.
    """
    database = _database(folder)
    rules = tuple(_rules(database))
    by_target = {rule.target: rule for rule in rules}
    made = {rule.target for rule in rules if rule.has_recipe}
    from_ours = {rule.target for rule in rules if rule.source == RULES}
    asked = {
        need for rule in rules if not NO_GOAL.search(rule.target) for need in rule.needs
    } - made
    goals = dict.fromkeys(goal for rule in rules for goal in _goals(folder, rule, asked))
    ours = (goal for goal in goals if {goal, *needs_of(by_target, goal)} <= from_ours)
    default = DEFAULT_GOAL.search(database)
    return Targets(tuple(goals), default[1] if default else "", frozenset(ours))


def rules_of_makefile(folder: Path) -> dict[str, Rule]:
    """Return the rules that make has read in a folder, by their targets."""
    return {rule.target: rule for rule in _rules(_database(folder))}


def needs_of(rules: Mapping[str, Rule], goal: str) -> set[str]:
    """Return all that make makes before it makes a goal."""
    waiting, found = [goal], set[str]()
    while waiting:
        rule = rules.get(waiting.pop())
        new = set(rule.needs if rule else ()) - found
        waiting += new
        found |= new
    return found


def replaced_targets(folder: Path, text: str) -> Iterator[Problem]:
    """Yield each target whose commands those of `tls-scaffold.mk` take the place of.

    `text` is that of the Makefile. make is asked only where something stands above our rules.
    """
    above = INCLUDES_RULES.split(text)[0]
    rules = (each.names for each in split_into_blocks(above) if each.kind == "rule")
    if above == text or not (INCLUDE.search(above) or any(each != ("all",) for each in rules)):
        return
    said = run_asked(folder, "-npqr", NO_TARGET).stderr
    for place_of_ours, path, line, target in REPLACED.findall(said):
        if place_of_ours == RULES and path != RULES:
            message = f"`{target}` is made by the commands of `{RULES}`, and never by these"
            yield Problem(Place(path, int(line)), message)


def _database(folder: Path) -> str:
    return "\n".join(_without_macros(run_asked(folder, "-npqr", NO_TARGET).stdout))


def _without_macros(database: str) -> Iterator[str]:
    """Yield the lines of make's database but for the texts of macros, which may look like rules."""
    depth = 0
    for line in database.splitlines():
        if MACRO_BEGINS.match(line):
            depth += 1
        if not depth:
            yield line
        if depth and MACRO_ENDS.match(line):
            depth -= 1


def _rules(database: str) -> Iterator[Rule]:
    rule: Rule | None = None
    a_target = True
    for line in database.splitlines():
        match = RULE.match(line)
        if match and a_target:
            if rule:
                yield rule
            rule = Rule(match[1], tuple(need for need in match[2].split() if need != "|"))
        elif rule and line.startswith("\t"):
            rule.has_recipe = True
        elif rule and (source := RECIPE_FROM.match(line)):
            rule.source = source[1]
        a_target = not line.startswith("# Not a target")
    if rule:
        yield rule


def _goals(folder: Path, rule: Rule, asked: Collection[str]) -> list[str]:
    if rule.target.startswith(".") or rule.target in (MAKEFILE, NO_TARGET):
        return []
    if "%" not in rule.target:
        return [rule.target]
    first = rule.needs[0] if rule.needs else ""
    if first.count("%") != 1:
        return []
    before, _, after = first.partition("%")
    stems = (
        path.relative_to(folder).as_posix() for path in sorted(folder.glob(f"{before}*{after}"))
    )
    found = [rule.target.replace("%", path[len(before) : len(path) - len(after)]) for path in stems]
    shape = re.compile(re.escape(rule.target).replace("%", ".+"))
    if any(map(shape.fullmatch, asked)):
        return [goal for goal in found if goal in asked]
    return found
