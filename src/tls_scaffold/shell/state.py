"""Where a script stands while it is followed: its variables, folder and functions, what is told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tls_scaffold.errors import Place
from tls_scaffold.shell.cfssllines import calls_cfssl, calls_cfssljson
from tls_scaffold.shell.expansion import MOST_CHARACTERS, joined
from tls_scaffold.shell.ledger import Answer, Ledger, Output
from tls_scaffold.shell.nodes import Command, Node, commands_in
from tls_scaffold.shell.running import is_asked_for, without_runners
from tls_scaffold.shell.scope import Scope, Value
from tls_scaffold.shell.words import Text, Unknown, Word, plain_text

MOST_STEPS, DEEPEST = 20_000, 20
GENERATES = re.compile(r"\bgen(cert|key)\b")
# What says nothing of certificates, or only how the script itself runs.
SILENT = frozenset(
    re.split(
        " ",
        ": [ [[ alias awk basename cat cd clear cut date declare dirname echo envsubst exit "
        "export false find grep hash head hostname id jq let local ls mkdir popd printf pushd "
        "pwd read readlink readonly realpath return rmdir sed seq set shift shopt sleep sort "
        "tail tee test touch tput tr trap true type typeset ulimit umask uname unset wait wc "
        "which whoami",
    )
)
STAYS = "stays in the script"
UNKNOWN_OUTPUT = Unknown("what that prints is not known")


class Leaves(Exception):  # noqa: N818  (no mistake: how a shell's own words work)
    """`exit`, `return`, `break` or `continue`."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True)
class Result:
    """What a command prints and whether it succeeds; None where that is not known."""

    output: Output = ""
    success: bool | None = True


@dataclass
class State:
    """Where a script stands.

    `lines` are those that `read` takes next, `place` is the command that is followed. `lost` is why
    the folder is not known. `unread` are the lines of cfssl that could not be followed, and why;
    `left` are commands that do something else, `reached` those of cfssl; `answers` what cfssl has
    printed and nothing has written yet. `local` has what variables of functions were before.
    `line` is what is told of a line that changes files; of a script nothing is. Paths begin in
    `home`, if that is given.
    """

    ledger: Ledger
    scope: Scope
    directory: str
    place: Place
    functions: dict[str, Node] = field(default_factory=dict)
    lines: list[str] | None = None
    lost: str = ""
    unread: dict[Place, str] = field(default_factory=dict)
    left: dict[Place, str] = field(default_factory=dict)
    reached: set[Place] = field(default_factory=set)
    answers: dict[Place, Answer] = field(default_factory=dict)
    local: list[dict[str, Value | None]] = field(default_factory=list)
    home: str = ""
    line: str = ""
    steps: int = 0
    depth: int = 0

    def at(self, line: int) -> Place:
        """Return the place of a line of the script that is followed."""
        return Place(self.place.path, line)

    def folder(self) -> str:
        """Return the whole path of the folder that commands run in."""
        return joined(self.home, self.path("."))

    def path(self, text: str) -> str:
        """Return the path that a text means here; Unknown where that can't be told."""
        if self.lost:
            raise Unknown(f"in which folder that is: {self.lost}")
        found = joined(self.directory, text)
        return joined("", f"{found}/".removeprefix(f"{self.home}/")) if self.home else found

    def text_of(self, path: str) -> str:
        """Return the text of a file; Unknown where that can't be told."""
        found = self.ledger.content(self.path(path))
        if isinstance(found, str):
            return found
        raise found if isinstance(found, Unknown) else Unknown(f"`{path}` is what cfssl prints")

    def cannot_follow(self, reason: str, place: Place | None = None) -> None:
        """Tell a line of cfssl that is not followed."""
        self.unread.setdefault(place or self.place, reason)

    def leave(self, reason: str = STAYS) -> None:
        """Tell a command that does something else."""
        self.left.setdefault(self.place, reason)

    def forget(self, names: Iterable[str], reason: str) -> None:
        """Take variables for unknown."""
        for name in names:
            self.scope.variables[name] = Unknown(f"`${name}` is not known: {reason}")

    def lose_files(self, names: Iterable[str | None], reason: str) -> None:
        """Take files that are there for unknown."""
        for path in [self.path(each) for each in names if each and not self.lost]:
            if self.ledger.exists(path):
                self.ledger.files[path] = Unknown(reason)

    def skip(self, nodes: Iterable[Node], reason: str) -> None:
        """Tell the lines of cfssl in commands that may be run or not, and forget what they set."""
        for command in self.commands_below(tuple(nodes)):
            self.forget((each.name for each in command.assignments), reason)
            for redirect in command.redirects:
                path = plain_text(redirect.word)
                if path and ">" in redirect.operator and not self.lost:
                    self.ledger.files[self.path(path)] = Unknown(reason)
            name = plain_text(command.words[0]) if command.words else ""
            if name in ("cd", "pushd", "popd"):
                self.lost = reason
            if name == "read":
                self.forget((plain_text(each) or "" for each in command.words[1:]), reason)
            if mentions_cfssl(command):
                self.cannot_follow(reason, self.at(command.line))

    def pass_over(self, nodes: Iterable[Node]) -> None:
        """Note the lines of cfssl that are not run with the values that the script has now."""
        for command in self.commands_below(tuple(nodes)):
            if mentions_cfssl(command):
                place = self.at(command.line)
                self.left.setdefault(place, "not run with the values that the script has here")

    def commands_below(self, nodes: tuple[Node, ...]) -> list[Command]:
        """Return the commands in some nodes, and in the functions that these call."""
        found, waiting, seen = [], list(commands_in(nodes)), set()
        while waiting:
            command = waiting.pop(0)
            found.append(command)
            name = plain_text(command.words[0]) if command.words else None
            if name in self.functions and name not in seen:
                seen.add(name)
                waiting += commands_in(self.functions[name])
        return found


def together(outputs: Iterable[Output]) -> Output:
    """Return what several commands print one after another."""
    found = [each for each in outputs if each != ""]
    if len(found) == 1:
        return found[0]
    texts: list[str] = []
    for each in found:
        if not isinstance(each, str):
            return each if isinstance(each, Unknown) else UNKNOWN_OUTPUT
        texts.append(each)
    text = "".join(texts)
    return text if len(text) <= MOST_CHARACTERS else Unknown("the text is too long")


def mentions_cfssl(command: Command) -> bool:
    """Tell whether a command is one of cfssl's, as far as its words tell without their values."""
    words = without_runners([_shape(each) for each in command.words])
    if not words or words[0] in SILENT or is_asked_for(words):
        return False
    name = words[0].rpartition("/")[2]
    if calls_cfssl(name) or calls_cfssljson(name) or "CFSSL" in words[0]:
        return True
    return any(map(GENERATES.search, words[1:]))


def _shape(word: Word) -> str:
    """Return a word with the names of its variables for their values."""
    return "".join(
        part.text if isinstance(part, Text) else f"${getattr(part, 'name', '').upper()}"
        for part in word
    )
