"""Lines of shell taken apart into pipelines, loops, conditions and groups."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tls_scaffold.makefiles.shellwords import REDIRECTION, Token, tokens
from tls_scaffold.spelling import VARIABLE

UNKNOWN_HERE = ("while", "until", "case", "function", "select", "[[")


@dataclass(frozen=True)
class Command:
    """A plain command, and the files that its standard input and output are, where they are.

    `adds` tells that its output goes to the end of the file.
    """

    words: tuple[str, ...]
    reads: str = ""
    writes: str = ""
    adds: bool = False


@dataclass(frozen=True)
class Group:
    """Commands in braces, or in parentheses, where a `cd` counts until their end alone."""

    items: "Items"
    is_apart: bool


@dataclass(frozen=True)
class Loop:
    """A `for` loop over words."""

    variable: str
    words: tuple[str, ...]
    items: "Items"


@dataclass(frozen=True)
class Condition:
    """An `if`, with what it asks and both of its ways."""

    asked: "Items"
    then: "Items"
    otherwise: "Items"


Node: TypeAlias = Command | Group | Loop | Condition


@dataclass(frozen=True)
class Item:
    """A pipeline with the operator before it; empty for the first one."""

    operator: str
    pipeline: tuple[Node, ...]
    is_negated: bool = False


Items: TypeAlias = tuple[Item, ...]


def read_shell(text: str) -> Items:
    """Return what a line of shell runs; ValueError for what is not known here."""
    reader = _Reader(tuple(tokens(text)))
    items = reader.items(())
    if reader.rest:
        raise ValueError(reader.rest[0].text)
    return items


@dataclass
class _Reader:
    rest: Sequence[Token]

    def _next(self) -> Token:
        return self.rest[0] if self.rest else Token("", is_operator=True)

    def _take(self) -> Token:
        token = self._next()
        self.rest = self.rest[1:]
        return token

    def _expect(self, text: str, *, is_operator: bool = False) -> None:
        if self._take() != Token(text, is_operator):
            raise ValueError(text)

    def _skip_ends(self) -> None:
        while self._next() in (Token(";", is_operator=True), Token("\n", is_operator=True)):
            self._take()

    def items(self, endings: Collection[str]) -> Items:
        """Read pipelines up to a word or operator of `endings`, or the end."""
        found: list[Item] = []
        operator = ""
        self._skip_ends()
        while self.rest and self._next().text not in endings:
            found.append(self._item(operator))
            token = self._next()
            if not token.is_operator or token.text not in ("&&", "||", ";", "&", "\n"):
                break
            operator = self._take().text
            self._skip_ends()
        return tuple(found)

    def _item(self, operator: str) -> Item:
        is_negated = self._next() == Token("!")
        if is_negated:
            self._take()
        pipeline = [self._node()]
        while self._next() == Token("|", is_operator=True):
            self._take()
            pipeline.append(self._node())
        return Item(operator, tuple(pipeline), is_negated)

    def _node(self) -> Node:
        token = self._next()
        if token == Token("(", is_operator=True):
            self._take()
            items = self.items((")",))
            self._expect(")", is_operator=True)
            return Group(items, is_apart=True)
        if token.is_operator and not REDIRECTION.fullmatch(token.text):
            raise ValueError(token.text)
        if token.text == "{":
            self._take()
            items = self.items(("}",))
            self._expect("}")
            return Group(items, is_apart=False)
        if token.text == "for":
            return self._loop()
        if token.text == "if":
            return self._condition()
        if token.text in UNKNOWN_HERE:
            raise ValueError(token.text)
        return self._command()

    def _loop(self) -> Loop:
        self._take()
        variable = self._take().text
        self._expect("in")
        words: list[str] = []
        while self.rest and not self._next().is_operator:
            words.append(self._take().text)
        if not VARIABLE.fullmatch(variable):
            raise ValueError(variable)
        self._expect(
            self._next().text if self._next().text in (";", "\n") else ";", is_operator=True
        )
        self._skip_ends()
        self._expect("do")
        items = self.items(("done",))
        self._expect("done")
        return Loop(variable, tuple(words), items)

    def _condition(self) -> Condition:
        self._take()
        asked = self.items(("then",))
        self._expect("then")
        then = self.items(("elif", "else", "fi"))
        if self._next() == Token("elif"):
            return Condition(asked, then, (Item("", (self._condition(),)),))
        otherwise: Items = ()
        if self._next() == Token("else"):
            self._take()
            otherwise = self.items(("fi",))
        self._expect("fi")
        return Condition(asked, then, otherwise)

    def _command(self) -> Command:
        command = Command(())
        while self.rest:
            token = self._next()
            if not token.is_operator:
                command = replace(command, words=(*command.words, self._take().text))
            elif REDIRECTION.fullmatch(token.text):
                command = self._redirected(command)
            else:
                break
        if self._next() == Token("(", is_operator=True):  # a function, or `$(…)`
            raise ValueError("(")
        return command

    def _redirected(self, command: Command) -> Command:
        operator = self._take().text
        target = self._take()
        if target.is_operator or operator.endswith(("<<", "<<-", "<>")):
            raise ValueError(operator)
        if operator == "<":
            return replace(command, reads=target.text)
        if operator.lstrip("1") in (">", ">>", ">|"):
            return replace(command, writes=target.text, adds=operator.endswith(">>"))
        return command  # where the talk on stderr goes
