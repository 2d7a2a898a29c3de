"""A Makefile written by hand gives way to ours: what only signs is ours, the rest stays."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tls_scaffold.errors import Place, Problem, problem_of
from tls_scaffold.makefiles.blocks import Block, split_into_blocks
from tls_scaffold.makefiles.movedfiles import moved_files, written_elsewhere
from tls_scaffold.makefiles.usedtargets import USED_TARGET, used_target_rule
from tls_scaffold.makefiles.verdicts import Reading, Verdict, fetches_tools, values_of, verdict_of
from tls_scaffold.makefiles.writtenfiles import written_files

OUR_VARIABLES = ("CFSSL", "JSON")


@dataclass
class ForeignMakefile:
    """What a Makefile consists of, beside ours.

    `replaced` are the lines that ours stands for, `targets` the names in them that ours has not;
    `req_commands` are the team's own commands, which go under `req:`, and `kept` its own blocks,
    which need the targets `needed`.
    `problems` are commands that are neither.
    """

    replaced: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    req_commands: list[str] = field(default_factory=list)
    kept: list[Block] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def take_apart(
    text: str, ours: str, replaced_before: Collection[str] | None = None
) -> ForeignMakefile:
    """Take a Makefile apart; `ours` is the one that takes its place, with its rules.

    `replaced_before` as in `Reading`.
    """
    our_blocks = split_into_blocks(ours)
    our_names = {name for block in our_blocks for name in block.names}
    # `sync` takes the CRs at the ends of lines out.
    there = split_into_blocks(text.replace("\r\n", "\n"))
    variables = values_of(there)
    commands = [
        text for block in there for each in block.recipe for text in variables.expanded(each)
    ]
    reading = Reading(variables, replaced_before, written_elsewhere(commands, our_names))
    verdicts = [verdict_of(block, our_names, reading) for block in there]
    found = ForeignMakefile()
    for block, verdict in zip(there, verdicts, strict=True):
        if verdict is Verdict.MIXED:
            found.req_commands += reading.own_commands(block)
    found.problems += _lost_by_moving(found.req_commands, reading, our_names)
    requests = {need for block in our_blocks for need in block.needs if need.endswith(".json")}
    found.problems += _written_too_late(found.req_commands, reading, requests)
    kept = _kept_parts(there, verdicts)
    _keep_variables(there, kept, our_names, found)
    for block, verdict, own in zip(there, verdicts, kept, strict=True):
        commands = reading.own_commands(block) if block.kind == "rule" else []
        if verdict is Verdict.PROBLEM:
            found.problems += _problems(block, commands)
        if own is block:
            continue
        own_lines = {line for command in commands for line in command.split("\n")}
        found.replaced += [line for line in block.lines if line not in own_lines]
        if block.kind == "rule":
            names = [name for name in reading.names_of(block) if name not in our_names]
            found.targets += filter(USED_TARGET.fullmatch, names)
    found.kept = _with_comments(there, kept)
    found.needed = {name for block in found.kept for name in reading.needs_of(block)}
    return found


def transplant(
    text: str,
    ours: str,
    rules: str,
    replaced_before: Collection[str],
    targets: Mapping[str, Collection[str]],
    ca: str,
) -> str:
    """Return our Makefile, which includes `rules`, with what is the team's own in `text`.

    `targets` are the names that a team is used to, with what each makes; `ca` is where its CA's
    files are.
    """
    found = take_apart(text, ours + rules, replaced_before)
    before, rule, after = re.split(r"^(req:.*\n)", ours, maxsplit=1, flags=re.MULTILINE)
    commands = "".join(f"{command}\n" for command in found.req_commands)
    names = [used_target_rule(name, makes, ca) for name, makes in targets.items()]
    kept = ["\n".join(block.lines).rstrip("\n") for block in found.kept]
    return f"{before}{rule}{commands}{after}" + "".join(f"\n{each}\n" for each in (*names, *kept))


def _kept_parts(there: list[Block], verdicts: list[Verdict]) -> list[Block | None]:
    """Return what stays of each block.

    All of it, or only that its targets need others that stay.
    """
    # What fetches cfssl stays a target, but nothing waits for it: signing takes what is there.
    kept_names = {
        name
        for block, verdict in zip(there, verdicts, strict=True)
        if verdict is Verdict.KEPT and block.kind == "rule" and not fetches_tools(block)
        for name in block.names
    }
    kept: list[Block | None] = []
    for block, verdict in zip(there, verdicts, strict=True):
        needs = tuple(need for need in block.needs if need in kept_names)
        if verdict is Verdict.KEPT:
            kept.append(block)
        elif block.kind == "rule" and needs:
            line = f"{' '.join(block.names)}: {' '.join(needs)}"
            kept.append(Block("rule", (line,), block.names, needs))
        else:
            kept.append(None)
    return kept


def _keep_variables(
    there: list[Block], kept: list[Block | None], our_names: Collection[str], found: ForeignMakefile
) -> None:
    """Keep the variables that the team's own parts read, and those that these read."""
    waiting = [*(block for block in kept if block), Block("rule", tuple(found.req_commands))]
    while waiting:
        wanted = waiting.pop().references.difference(OUR_VARIABLES)
        for index, block in enumerate(there):
            if block.kind != "variable" or kept[index] or not wanted.intersection(block.names):
                continue
            kept[index] = block
            waiting.append(block)
            found.problems += [
                Problem(Place(), f"`{name}` is a variable of ours too")
                for name in block.names
                if name in our_names
            ]


def _lost_by_moving(
    commands: list[str], reading: Reading, our_names: Collection[str]
) -> Iterator[Problem]:
    """Yield each command that would take away at each make what is signed then."""
    names = {posixpath.basename(name) for name in (*our_names, *reading.moved)}
    for command in commands:
        texts = reading.variables.expanded(command)
        moved = {posixpath.basename(each) for text in texts for each in moved_files(text)}
        if any(fnmatchcase(name, each) for each in moved for name in names):
            told = " ".join(command.replace("\\\n", " ").split())
            reason = "moves what is signed: it would be missing, and signed again at each make"
            yield problem_of("req", f"`{told}` {reason}; `cp` leaves it there")


def _written_too_late(
    commands: list[str], reading: Reading, requests: Collection[str]
) -> Iterator[Problem]:
    """Yield each command that would write a request at each make after that is signed."""
    for command in commands:
        texts = reading.variables.expanded(command)
        for path in sorted({path for text in texts for path in written_files(text)} & {*requests}):
            told = " ".join(command.replace("\\\n", " ").split())
            reason = f"would write the request `{path}` again after each make has signed it"
            yield problem_of("req", f"`{told}` {reason}; give it a target of its own, `{path}:`")


def _problems(block: Block, commands: list[str]) -> list[Problem]:
    key = " ".join(block.names) or block.lines[0]
    told = (
        " ".join(command.replace("\\\n", " ").split()) for command in commands or block.lines[1:2]
    )
    return [
        problem_of(key, f"`{command}` is neither signing nor a target of its own")
        for command in told
    ]


def _with_comments(there: list[Block], kept: list[Block | None]) -> list[Block]:
    """Return the blocks that are kept, each with the comments right above it."""
    found: list[Block] = []
    above: tuple[str, ...] = ()
    for block, own in zip(there, kept, strict=True):
        if own:
            found.append(Block(own.kind, (*above, *own.lines), own.names, own.needs))
        above = (*above, *block.lines) if block.kind == "comment" else ()
    return found
