"""What a shell script consists of: commands, and what is made of them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from tls_scaffold.shell.words import Word


@dataclass(frozen=True)
class Assignment:
    """`NAME=value`, `NAME+=value`, `NAME[index]=value` or, with several `words`, `NAME=(…)`."""

    name: str
    value: Word = ()
    words: tuple[Word, ...] | None = None
    adds: bool = False
    index: str | None = None


@dataclass  # a here-document stands behind the line, and comes later
class Redirect:
    """Where a command reads from or writes to; of a here-document `word` is its text."""

    operator: str
    word: Word = ()
    number: str = ""


@dataclass(frozen=True)
class Command:
    """A command of words."""

    line: int
    words: tuple[Word, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """Commands that read from each other."""

    line: int
    commands: tuple["Node", ...]
    negated: bool


@dataclass(frozen=True)
class Chain:
    """Commands with `&&` and `||` between them."""

    line: int
    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True)
class Group:
    """Commands in braces, or in parentheses."""

    line: int
    body: tuple["Node", ...]
    is_subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class For:
    """A loop over words, or for `head`s such as `i=0; i<3; i++`."""

    line: int
    name: str
    words: tuple[Word, ...]
    body: tuple["Node", ...]
    head: str = ""


@dataclass(frozen=True)
class While:
    """A loop as long as its condition holds, or until it does."""

    line: int
    condition: tuple["Node", ...]
    body: tuple["Node", ...]
    until: bool


@dataclass(frozen=True)
class If:
    """Branches with their conditions; the condition of `else` is empty."""

    line: int
    branches: tuple[tuple[tuple["Node", ...], tuple["Node", ...]], ...]


@dataclass(frozen=True)
class Case:
    """Branches with their patterns."""

    line: int
    word: Word
    branches: tuple[tuple[tuple[Word, ...], tuple["Node", ...]], ...]


@dataclass(frozen=True)
class Function:
    """A function that is defined."""

    line: int
    name: str
    body: "Node"


@dataclass(frozen=True)
class Calculation:
    """`((…))`."""

    line: int
    text: str


Node = Command | Pipeline | Chain | Group | For | While | If | Case | Function | Calculation


def commands_in(node: object) -> Iterator[Command]:
    """Yield the commands of words that a node has, in whatever depth."""
    if isinstance(node, Command):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from commands_in(each)
    elif is_dataclass(node):
        for each in fields(node):
            yield from commands_in(getattr(node, each.name))
