"""A Makefile written by hand gives way to ours: what only signs is ours to do, the rest stays the team's own."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tls_scaffold.makefiles.makeblocks import Block, blocks
from tls_scaffold.makefiles.shell import unquoted
from tls_scaffold.makefiles.variables import expanded, values

HELPER = re.compile(
    r"([A-Z_]+=\S* +)*(mkdir|rm|chmod|cd|echo|printf|true|:|test|\[|install -d|set|go (get|install)|exit|"
    r"for \w+ in|done)(\s|$)",
)
APART = re.compile(r"&&|\|\||;|\n|(?<!>)&(?!>)")
RUNS = re.compile(r"\$\$\(|`")  # another command, whose output is put in
WRITES = re.compile(r"(?<!2)>(?!\s*/dev/null|&)")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
SHARED = (
    "req",
    "all",
)  # what either does besides goes under our `req:`, which takes lines of the team's own
VARIABLES = ("CFSSL", "JSON")


@dataclass
class Parts:
    """What a Makefile consists of.

    `understood` are the lines that ours stands for, `targets` the names in them that ours has not; the team's
    own are the commands `recipe` under `req:` and the blocks `own`. `problems` are commands that are neither.
    """

    understood: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    recipe: list[str] = field(default_factory=list)
    own: list[Block] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """How the commands of a Makefile are read: with its `variables` put in.

    With `known`, lines that were understood earlier, no other line is.
    """

    variables: Mapping[str, str]
    known: Collection[str] | None = None

    def signs(self, text: str) -> bool:
        """Tell a command that signs, or a line of one."""
        return "gencert" in expanded(text, self.variables)

    def rest(self, block: Block) -> list[str]:
        """Return the commands of a rule that are not understood, as they stand there."""
        return [command for command in block.recipe if not self._understood(command)]

    def _understood(self, command: str) -> bool:
        if self.known is not None and any(line not in self.known for line in command.split("\n")):
            return False
        text = re.sub(r"\\\n", " ", expanded(command, self.variables))
        lists = (part for part in APART.split(text) if "gencert" not in part)
        parts = (part.strip(" \t@+-(){}") for each in lists for part in each.split("|"))
        words = (re.sub(r"^do\s+", "", part) for part in parts)
        return all(_helps(part) for part in words if part)


def parts(text: str, ours: str, known: Collection[str] | None = None) -> Parts:
    """Take a Makefile apart; `ours` is the one that takes its place, with its rules.

    With `known`, lines that were understood earlier, no other line is.
    """
    taken = {name for block in blocks(ours) for name in block.names}
    there = blocks(text)
    reading = Reading(values(there), known)
    judged = [(block, _judge(block, taken, reading)) for block in there]
    mixed = [block for block, verdict in judged if verdict == "mixed"]
    found = Parts(recipe=[command for block in mixed for command in reading.rest(block)])
    own = {
        name
        for block, verdict in judged
        if verdict == "own" and block.kind == "rule"
        for name in block.names
    }
    kept = [_kept(block, verdict, own) for block, verdict in judged]
    _variables(there, kept, taken, found)
    for (block, verdict), mine in zip(judged, kept, strict=True):
        _sort(found, block, verdict, mine, reading)
        if block.kind == "rule" and mine is not block:
            found.targets += [
                name for name in block.names if name not in taken and NAME.fullmatch(name)
            ]
    found.own = _with_comments(there, kept)
    return found


def transplant(
    text: str, ours: str, rules: str, known: Collection[str], targets: Mapping[str, Collection[str]]
) -> str:
    """Return our Makefile, which includes `rules`, with what is the team's own in `text`.

    `known` are the lines that ours stands for, `targets` the names that a team is used to, with what each makes.
    """
    found = parts(text, ours + rules, known)
    before, rule, after = re.split(r"^(req:.*\n)", ours, maxsplit=1, flags=re.MULTILINE)
    recipe = "".join(f"{command}\n" for command in found.recipe)
    names = [f".PHONY: {name}\n{name}: {' '.join(makes)}" for name, makes in targets.items()]
    own = ["\n".join(block.lines).rstrip("\n") for block in found.own]
    return f"{before}{rule}{recipe}{after}" + "".join(f"\n{block}\n" for block in (*names, *own))


def _judge(block: Block, taken: Collection[str], reading: Reading) -> str:
    """Return `understood`, `own`, `open` (own if another own block wants it), `mixed` or `problem`."""
    if block.kind in ("blank", "comment", "variable"):
        return "open"
    if block.kind == "other":
        return "problem" if any(map(reading.signs, block.lines)) else "own"
    rest = reading.rest(block)
    signs = any(map(reading.signs, block.recipe))
    if not rest:
        helps = signs or not block.recipe or set(block.names) & {*taken, "certs"}
        return "understood" if helps else "own"
    entangled = reading.known is None and any(map(reading.signs, rest))
    if set(block.names) <= set(SHARED) and not entangled:
        return "mixed"
    return "problem" if signs or set(block.names) & set(taken) else "own"


def _helps(command: str) -> bool:
    """Tell a command that only prepares or tells, and leaves nothing that somebody may need."""
    return bool(HELPER.match(command)) and not (
        WRITES.search(unquoted(command)) or RUNS.search(command)
    )


def _kept(block: Block, verdict: str, own: Collection[str]) -> Block | None:
    """Return what is the team's own in a block: all of it, or only that its targets need others of their own."""
    if verdict == "own":
        return block
    needs = [need for need in block.needs if need in own]
    if block.kind == "rule" and needs:
        return Block(
            "rule", (f"{' '.join(block.names)}: {' '.join(needs)}",), block.names, tuple(needs)
        )
    return None


def _variables(
    found: list[Block], kept: list[Block | None], taken: Collection[str], result: Parts
) -> None:
    """Keep the variables that the team's own parts read, and those that these read."""
    while True:
        readers = [*(block for block in kept if block), Block("rule", tuple(result.recipe))]
        wanted = {name for block in readers for name in block.references}
        more = [
            index
            for index, block in enumerate(found)
            if block.kind == "variable"
            and not kept[index]
            and set(block.names) & wanted - set(VARIABLES)
        ]
        if not more:
            return
        for index in more:
            kept[index] = found[index]
            result.problems += [
                f"`{name}` is a variable of ours too"
                for name in found[index].names
                if name in taken
            ]


def _sort(found: Parts, block: Block, verdict: str, mine: Block | None, reading: Reading) -> None:
    rest = reading.rest(block) if block.kind == "rule" else []
    if verdict == "problem":
        place = " ".join(block.names) or block.lines[0]
        said = [
            " ".join(command.replace("\\\n", " ").split()) for command in rest or block.lines[1:2]
        ]
        found.problems += [
            f"{place}: `{command}` is neither signing nor a target of its own" for command in said
        ]
    if mine is not block:
        own = {line for command in rest for line in command.split("\n")}
        found.understood += [line for line in block.lines if line not in own]


def _with_comments(found: list[Block], kept: list[Block | None]) -> list[Block]:
    """Return the blocks that are kept, with the comments right above each."""
    own: list[Block] = []
    above: list[Block] = []
    for block, mine in zip(found, kept, strict=True):
        if mine:
            own += [*above, mine]
        above = [*above, block] if block.kind == "comment" else []
    return _joined(own)


def _joined(own: list[Block]) -> list[Block]:
    joined: list[Block] = []
    for block in own:
        if joined and joined[-1].kind == "comment":
            joined[-1] = Block(
                block.kind, (*joined[-1].lines, *block.lines), block.names, block.needs
            )
        else:
            joined.append(block)
    return joined
