"""What a line of shell runs, one pipeline after another: where, and with what in its words.

Files count as in a folder where nothing has been signed yet.
"""

import posixpath
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from tls_scaffold.makefiles.shellsyntax import (
    Command,
    Condition,
    Group,
    Item,
    Items,
    Loop,
    Node,
    read_shell,
)
from tls_scaffold.makefiles.shellwords import LITERAL

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=(.*)", re.ASCII | re.DOTALL)
PLAIN = re.compile(r"[A-Za-z0-9_.,:=@/+-]*", re.ASCII)
VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)
SHELL_READS = re.compile(f"[$`{LITERAL}]")
SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh")
# What ends well or not by what it finds.
ASKS = ("grep", "which", "command", "type", "hash", "diff", "cmp", "pgrep", "openssl", "id", "read")
TESTS = ("test", "[")
OF_FILES = ("-e", "-f", "-s", "-r", "-d")
PREFIXES = ("command", "exec", "env")

Steps = Generator["Step", None, bool | None]


@dataclass(frozen=True)
class Step:
    """One pipeline that the shell runs in a directory; `is_sure` where nothing else decides."""

    commands: tuple[Command, ...]
    directory: str
    is_sure: bool


@dataclass
class _Scope:
    """What a `cd` and assignments leave behind for the commands after them."""

    directory: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def copy(self) -> "_Scope":
        return _Scope(self.directory, dict(self.variables))


class _EndedError(Exception):
    """The shell has come to an `exit`."""


def steps_of(line: str, is_there: Callable[[str], bool]) -> Iterable[Step]:
    """Yield what a line runs, in its order.

    `is_there` is asked for a path when the shell would test it. Raises ValueError for what is not
    understood.
    """
    walker = _Walker(is_there)
    try:
        yield from walker.items(read_shell(line.lstrip("@-+ \t")), _Scope())
    except _EndedError:
        return
    except RecursionError:
        raise ValueError(line) from None


def is_plain(words: Iterable[str]) -> bool:
    """Tell whether the shell puts nothing into some words any more."""
    return not any(map(SHELL_READS.search, words))


def without_prefixes(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command without variables set before it, `env` or the like."""
    rest = list(words)
    while rest and (rest[0] in PREFIXES or ASSIGNMENT.fullmatch(rest[0])):
        rest.pop(0)
    return tuple(rest)


class _Walker:
    """Goes through shell as it would be run.

    What it yields ends with whether the last command went well: None where nobody knows.
    """

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        self._is_there = is_there
        self._is_sure = True

    def items(self, items: Items, scope: _Scope) -> Steps:
        status: bool | None = True
        for item in items:
            if (item.operator, status) in (("&&", False), ("||", True)):
                continue
            is_maybe = item.operator in ("&&", "||") and status is None
            before, self._is_sure = self._is_sure, self._is_sure and not is_maybe
            found = yield from self._pipeline(item, scope)
            self._is_sure = before
            status = None if is_maybe else found
        return status

    def _pipeline(self, item: Item, scope: _Scope) -> Steps:
        if len(item.pipeline) == 1:
            status = yield from self._node(item.pipeline[0], scope)
        else:
            commands = tuple(self._plain(each, scope) for each in item.pipeline)
            yield Step(commands, scope.directory, self._is_sure)
            status = None if commands[-1].words[:1] and commands[-1].words[0] in ASKS else True
        return not status if item.is_negated and status is not None else status

    def _plain(self, node: Node, scope: _Scope) -> Command:
        if not isinstance(node, Command):
            raise ValueError(node)  # noqa: TRY004 - of another kind than is followed here
        return self._expanded(node, scope)

    def _node(self, node: Node, scope: _Scope) -> Steps:
        if isinstance(node, Group):
            return (yield from self.items(node.items, scope.copy() if node.is_apart else scope))
        if isinstance(node, Loop):
            return (yield from self._loop(node, scope))
        if isinstance(node, Condition):
            return (yield from self._condition(node, scope))
        return (yield from self._command(self._expanded(node, scope), scope))

    def _loop(self, loop: Loop, scope: _Scope) -> Steps:
        words = [_expand(word, scope.variables) for word in loop.words]
        if not all(map(PLAIN.fullmatch, words)):
            raise ValueError(loop.words)
        for word in words:
            scope.variables[loop.variable] = word
            yield from self.items(loop.items, scope)
        return True

    def _condition(self, condition: Condition, scope: _Scope) -> Steps:
        status = yield from self.items(condition.asked, scope)
        if status is not None:
            chosen = condition.then if status else condition.otherwise
            return (yield from self.items(chosen, scope))
        before, self._is_sure = self._is_sure, False
        for way in (condition.then, condition.otherwise):
            yield from self.items(way, scope)
        self._is_sure = before
        return None

    def _command(self, command: Command, scope: _Scope) -> Steps:
        words = without_prefixes(command.words)
        if not words or words[0] in ("export", "readonly", "local"):
            self._assign(words[1:] or command.words, scope)
            return True
        program = posixpath.basename(words[0])
        if program == "cd":
            self._go(words[1:], scope)
        elif program == "exit":
            self._end(words[1:])
        elif program in ("read", "unset"):
            for name in words[1:]:
                scope.variables.pop(name, None)
        elif program in TESTS:
            return self._tested(words, scope.directory)
        elif program == "false":
            return False
        elif program in SHELLS and _given_commands(words):
            return (yield from self._nested(_given_commands(words), scope))
        else:
            yield Step((command,), scope.directory, self._is_sure)
            return None if program in ASKS else True
        return True

    def _nested(self, text: str, scope: _Scope) -> Steps:
        # In double quotes the outer shell puts its own variables in, before the inner one reads.
        if "$" in text or "`" in text:
            raise ValueError(text)
        return (
            yield from self.items(read_shell(text.replace(LITERAL, "$")), _Scope(scope.directory))
        )

    def _assign(self, words: Iterable[str], scope: _Scope) -> None:
        for word in words:
            match = ASSIGNMENT.fullmatch(word)
            name, value = (match[1], match[2]) if match else (word, "$")
            if "+=" not in word and PLAIN.fullmatch(value) and match and self._is_sure:
                scope.variables[name] = value
            elif match:
                scope.variables.pop(name, None)

    def _go(self, words: Sequence[str], scope: _Scope) -> None:
        if len(words) != 1 or words[0].startswith(("-", "~")):
            raise ValueError(words)
        scope.directory = posixpath.normpath(posixpath.join(scope.directory, words[0]))

    def _end(self, words: Sequence[str]) -> None:
        if self._is_sure:
            raise _EndedError
        if words in ((), ("0",)):
            raise ValueError("exit")

    def _tested(self, words: Sequence[str], directory: str) -> bool | None:
        rest = [word for word in words[1:] if word != "]"]
        is_negated = rest[:1] == ["!"]
        rest = rest[is_negated:]
        if len(rest) != 2 or rest[0] not in OF_FILES or not is_plain(rest):  # noqa: PLR2004
            return None
        path = posixpath.normpath(posixpath.join(directory, rest[1]))
        return self._is_there(path) is not is_negated

    def _expanded(self, command: Command, scope: _Scope) -> Command:
        known = scope.variables
        return replace(
            command,
            words=tuple(_expand(word, known) for word in command.words),
            reads=_expand(command.reads, known),
            writes=_expand(command.writes, known),
        )


def _expand(word: str, variables: dict[str, str]) -> str:
    return VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), word)


def _given_commands(words: Sequence[str]) -> str:
    """Return what `sh -c` is given; empty where a shell runs a script."""
    for index, word in enumerate(words[1:], 1):
        if not word.startswith("-"):
            return ""
        if "c" in word and not word.startswith("--"):
            return words[index + 1] if len(words) > index + 1 else ""
    return ""
