"""What a line of shell runs, one pipeline after another: where, and with what in its words.

Files count as in a folder where nothing has been signed yet.
"""

import posixpath
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tls_scaffold.shell.grammar import DECLARING, parse
from tls_scaffold.shell.nodes import (
    Assignment,
    Chain,
    Command,
    For,
    Group,
    If,
    Node,
    Pipeline,
)
from tls_scaffold.shell.running import ASKS, SHELLS, TESTS, without_runners
from tls_scaffold.shell.words import Parameter, Part, ScriptError, Substitution, Text, Word

LITERAL = "\0"  # stands for a `$` that the shell leaves alone
PLAIN = re.compile(r"[A-Za-z0-9_.,:=@/+-]*", re.ASCII)
SHELL_READS = re.compile(f"[$`{LITERAL}]")
OF_FILES = ("-e", "-f", "-s", "-r", "-d")

Steps = Generator["Step", None, bool | None]


@dataclass(frozen=True)
class PlainCommand:
    """A command as it is run, and the files that its standard input and output are.

    `adds` tells that its output goes to the end of the file.
    """

    words: tuple[str, ...]
    reads: str = ""
    writes: str = ""
    adds: bool = False


@dataclass(frozen=True)
class Step:
    """One pipeline that the shell runs in a directory; `is_sure` where nothing else decides."""

    commands: tuple[PlainCommand, ...]
    directory: str
    is_sure: bool


@dataclass
class _Scope:
    """What a `cd` and assignments leave behind for the commands after them."""

    directory: str = ""
    variables: dict[str, str] = field(default_factory=dict)


class _EndedError(Exception):
    """The shell has come to an `exit`."""


def steps_of(line: str, is_there: Callable[[str], bool]) -> Iterable[Step]:
    """Yield what a line runs, in its order.

    `is_there` is asked for a path when the shell would test it. Raises ValueError for what is not
    understood.
    """
    walker = _Walker(is_there)
    try:
        yield from walker.nodes(_parsed(line.lstrip("@-+ \t")), _Scope())
    except _EndedError:
        return
    except RecursionError:
        raise ValueError(line) from None


@lru_cache(4096)  # make prints the line of a CA for every target that needs it
def _parsed(text: str) -> tuple[Node, ...]:
    try:
        return parse(text)
    except ScriptError as error:
        raise ValueError(error.reason) from None


def is_plain(words: Iterable[str]) -> bool:
    """Tell whether the shell puts nothing into some words any more."""
    return not any(map(SHELL_READS.search, words))


class _Walker:
    """Goes through shell as it would be run.

    What it yields ends with whether the last command went well: None where nobody knows.
    """

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        self._is_there = is_there
        self._is_sure = True

    def nodes(self, nodes: Iterable[Node], scope: _Scope) -> Steps:
        status: bool | None = True
        for node in nodes:
            status = yield from self._node(node, scope)
        return status

    def _node(self, node: Node, scope: _Scope) -> Steps:
        if isinstance(node, Chain):
            return (yield from self._chain(node, scope))
        if isinstance(node, Pipeline):
            return (yield from self._pipeline(node, scope))
        if isinstance(node, Group) and not node.redirects:
            apart = _Scope(scope.directory, dict(scope.variables))
            return (yield from self.nodes(node.body, apart if node.is_subshell else scope))
        if isinstance(node, For):
            return (yield from self._loop(node, scope))
        if isinstance(node, If):
            return (yield from self._branches(node.branches, scope))
        return (yield from self._command(node, scope))

    def _chain(self, chain: Chain, scope: _Scope) -> Steps:
        status = yield from self._node(chain.first, scope)
        for operator, node in chain.rest:
            if status is not None and status != (operator == "&&"):
                continue
            if status is None:
                yield from self._unsure(node, scope)
            else:
                status = yield from self._node(node, scope)
        return status

    def _unsure(self, nodes: "Node | tuple[Node, ...]", scope: _Scope) -> Steps:
        before, self._is_sure = self._is_sure, False
        yield from self.nodes(nodes if isinstance(nodes, tuple) else (nodes,), scope)
        self._is_sure = before
        return None

    def _pipeline(self, pipeline: Pipeline, scope: _Scope) -> Steps:
        if len(pipeline.commands) == 1:
            status = yield from self._node(pipeline.commands[0], scope)
        else:
            commands = tuple(_plain(each, scope.variables) for each in pipeline.commands)
            yield Step(commands, scope.directory, self._is_sure)
            status = None if commands[-1].words[:1] and commands[-1].words[0] in ASKS else True
        return not status if pipeline.negated and status is not None else status

    def _loop(self, loop: For, scope: _Scope) -> Steps:
        words = [_expanded(word, scope.variables) for word in loop.words]
        if loop.head or not all(map(PLAIN.fullmatch, words)):
            raise ValueError(loop.name)
        for word in words:
            scope.variables[loop.name] = word
            yield from self.nodes(loop.body, scope)
        return True

    def _branches(
        self, branches: Sequence[tuple[tuple[Node, ...], tuple[Node, ...]]], scope: _Scope
    ) -> Steps:
        if not branches:
            return True
        (condition, body), *others = branches
        status = (yield from self.nodes(condition, scope)) if condition else True
        if status is not None:
            chosen = self.nodes(body, scope) if status else self._branches(others, scope)
            return (yield from chosen)
        yield from self._unsure(body, scope)
        before, self._is_sure = self._is_sure, False
        yield from self._branches(others, scope)
        self._is_sure = before
        return None

    def _command(self, node: Node, scope: _Scope) -> Steps:
        command = _plain(node, scope.variables)
        words = without_runners(command.words)
        if isinstance(node, Command) and (words[:1] or ("export",))[0] in DECLARING:
            self._assign(node.assignments, scope)
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
        nodes = _parsed(text.replace(LITERAL, "$"))
        return (yield from self.nodes(nodes, _Scope(scope.directory)))

    def _assign(self, assignments: Iterable[Assignment], scope: _Scope) -> None:
        for each in assignments:
            value = _expanded(each.value, scope.variables)
            is_text = each.words is None and each.index is None and not each.adds
            if is_text and self._is_sure and PLAIN.fullmatch(value):
                scope.variables[each.name] = value
            else:
                scope.variables.pop(each.name, None)

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
        rest = [word for word in words[1:] if word not in ("]", "]]")]
        is_negated = rest[:1] == ["!"]
        rest = rest[is_negated:]
        if len(rest) != 2 or rest[0] not in OF_FILES or not is_plain(rest):  # noqa: PLR2004
            return None
        path = posixpath.normpath(posixpath.join(directory, rest[1]))
        return self._is_there(path) is not is_negated


def _plain(node: Node, variables: dict[str, str]) -> PlainCommand:
    """Return a command with the values that are known in its words."""
    if not isinstance(node, Command):
        raise ValueError(node)  # noqa: TRY004 - of another kind than is followed here
    command = PlainCommand(tuple(_expanded(word, variables) for word in node.words))
    for each in node.redirects:
        path = _expanded(each.word, variables)
        if each.operator in ("<<", "<<-", "<<<", "<>"):
            raise ValueError(each.operator)
        if each.operator == "<":
            command = replace(command, reads=path)
        elif each.operator in (">", ">>", ">|") and each.number in ("", "1"):
            command = replace(command, writes=path, adds=each.operator == ">>")
    return command


def _expanded(word: Word, variables: dict[str, str]) -> str:
    """Return a word as text; what is not known in it stays with a `$` before it."""
    return "".join(_text(part, variables) for part in word)


def _text(part: Part, variables: dict[str, str]) -> str:
    if isinstance(part, Text):
        return part.text.replace("$", LITERAL)
    if isinstance(part, Parameter):
        is_plain_name = not (part.flag or part.index or part.rest)
        return variables.get(part.name if is_plain_name else "", f"${{{part.name}{part.rest}}}")
    if not part.quoted or (isinstance(part, Substitution) and part.is_file):
        raise ValueError(part.text)
    return f"$({part.text})"


def _given_commands(words: Sequence[str]) -> str:
    """Return what `sh -c` is given; empty where a shell runs a script."""
    for index, word in enumerate(words[1:], 1):
        if not word.startswith("-"):
            return ""
        if "c" in word and not word.startswith("--"):
            return words[index + 1] if len(words) > index + 1 else ""
    return ""
