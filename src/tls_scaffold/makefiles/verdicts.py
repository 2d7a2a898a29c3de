"""What becomes of each block of a Makefile written by hand when ours takes its place."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from tls_scaffold.makefiles.blocks import Block
from tls_scaffold.makefiles.maketexts import ASSIGNMENT, COMMENT
from tls_scaffold.makefiles.makevalues import Values
from tls_scaffold.makefiles.movedfiles import only_moves
from tls_scaffold.shell.cfssllines import SIGNS
from tls_scaffold.shell.lines import without_quoted

HELPER = re.compile(
    r"([A-Z_]+=\S* +)*(mkdir|rm|chmod|cd|echo|printf|true|:|test|\[|install -d|set|exit|"
    r"go (get|install)|for \w+ in|done|fi)(\s|$)",
)
# Keys that others than the owner may read: those of ours are never so by themselves.
OPENS_KEYS = re.compile(
    r"chmod\s+(?=\S.*\s\S*(?:(?<![a-z])keys?(?![a-z])|\*|\$\$)|(?:.*\s)?(?:-\w*R|--recursive))"
    r"(?:-\S+\s+)*"
    r"(?:[0-7]{1,2}(?!00)[0-7]{2}(?!\S)|\S*[goa]\w*[+=]\w*r|[+=]\w*r)"
)
BEFORE_COMMAND = re.compile(r"^((do|if|then|elif|else|!)(\s+|$))+")
APART = re.compile(r"&&|\|\||;|\n|(?<!>)&(?!>)")
RUNS_ANOTHER = re.compile(r"\$\$\(|`")  # a command whose output is put in
WRITES = re.compile(r"(?<!2)>(?!\s*/dev/null|&)")
FETCHES = re.compile(r"go (get|install)|(sudo )?(apt|apt-get|brew|dnf|yum) |command -v|which ")
# Targets of these names get the programs.
TOOLS = {"cfssl", "cfssljson", "cfssl-json", "cfssl_json"}
# What either does besides goes under our `req:`, which takes lines of the team's own.
SHARED = ("req", "all")


class Verdict(Enum):
    """What becomes of a block: ours stands for it, or it stays."""

    REPLACED = "ours stands for all of it"
    KEPT = "it is the team's own"
    KEPT_IF_READ = "it stays if a block that stays reads it"
    MIXED = "its commands that are the team's own go under `req:`"
    PROBLEM = "it signs, or has a name of ours, and does something else too"


@dataclass(frozen=True)
class Reading:
    """How the commands of a Makefile are read: with its `variables` put in.

    With `replaced_before`, the lines that ours stood for when the folder was adopted, it stands
    for no other line. `moved` are files that have another name in the end than cfssljson gave them:
    ours writes them there at once.
    """

    variables: Values
    replaced_before: Collection[str] | None
    moved: Collection[str]

    def signs(self, text: str) -> bool:
        """Tell whether a command, or a line of one, signs."""
        return any(map(SIGNS.search, self.variables.expanded(text)))

    def names_of(self, block: Block) -> list[str]:
        """Return the targets of a rule."""
        return self._words(block.names)

    def needs_of(self, block: Block) -> list[str]:
        """Return the prerequisites of a rule."""
        return self._words(block.needs)

    def _words(self, words: Iterable[str]) -> list[str]:
        texts = (text for word in words for text in self.variables.expanded(word))
        return list(dict.fromkeys(word for text in texts for word in text.split()))

    def own_commands(self, block: Block) -> list[str]:
        """Return the commands of a rule that ours does not stand for, as they stand there."""
        return [command for command in block.recipe if not self._is_replaced(command)]

    def _is_replaced(self, command: str) -> bool:
        before = self.replaced_before
        if before is not None and any(line not in before for line in command.split("\n")):
            return False
        texts = self.variables.expanded(command.replace("\\\n", " "))
        return all(map(self._signs_or_helps, texts))

    def _signs_or_helps(self, text: str) -> bool:
        """Tell whether each of some commands signs, or only helps with that."""
        for commands in APART.split(text):
            if SIGNS.search(commands) or only_moves(commands, self.moved):
                continue
            for each in commands.split("|"):
                command = BEFORE_COMMAND.sub("", each.strip(" \t@+-(){}"), 1)
                if command and not _only_helps(command):
                    return False
        return True


def verdict_of(block: Block, our_names: Collection[str], reading: Reading) -> Verdict:
    """Return what becomes of a block where ours has rules or variables of these names."""
    if block.kind in ("blank", "comment", "variable"):
        return Verdict.KEPT_IF_READ
    if block.kind == "other":
        return Verdict.PROBLEM if any(map(reading.signs, block.lines)) else Verdict.KEPT
    names = set(block.names)
    if names and names <= TOOLS & set(our_names):
        return Verdict.REPLACED
    own = reading.own_commands(block)
    signs = any(map(reading.signs, block.recipe))
    if not own:
        helps = signs or not block.recipe or names & {*our_names, "certs"}
        return Verdict.REPLACED if helps else Verdict.KEPT
    is_entangled = reading.replaced_before is None and any(map(reading.signs, own))
    if names.issubset(SHARED) and not is_entangled:
        return Verdict.MIXED
    return Verdict.PROBLEM if signs or names & set(our_names) else Verdict.KEPT


def fetches_tools(block: Block) -> bool:
    """Tell a rule that only gets cfssl or its like, as those of hack/tls-setup did at each make."""
    commands = [command.strip(" \t@+-") for command in block.recipe]
    return bool(commands) and (TOOLS.issuperset(block.names) or all(map(FETCHES.match, commands)))


def values_of(there: Iterable[Block]) -> Values:
    """Return what the variables may hold.

    What a condition decides or a shell tells is not known.
    """
    found = Values()
    for block in there:
        line = " ".join(line.removesuffix("\\").strip() for line in block.lines)
        match = ASSIGNMENT.match(line) if block.kind == "variable" else None
        if match and match[2] != "!":
            found.add(match[1], COMMENT.sub("", match[3]).strip())
    return found


def _only_helps(command: str) -> bool:
    """Tell whether a command leaves nothing that somebody may need: it only prepares or tells."""
    if RUNS_ANOTHER.search(command) or WRITES.search(without_quoted(command)):
        return False
    return HELPER.match(command) is not None and not OPENS_KEYS.search(command)
