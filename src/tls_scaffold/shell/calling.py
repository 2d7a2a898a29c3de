"""One command of a script followed: its words, what it reads and writes, and what it calls."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tls_scaffold.shell.assigning import assign, declare
from tls_scaffold.shell.builtins import BUILTINS
from tls_scaffold.shell.expansion import expanded_fields, expanded_text
from tls_scaffold.shell.grammar import DECLARING, parse
from tls_scaffold.shell.ledger import Output
from tls_scaffold.shell.nodes import Command, Group, Node, Redirect
from tls_scaffold.shell.programs import run_program
from tls_scaffold.shell.running import (
    ASKS,
    SHELLS,
    TESTS,
    given_commands,
    is_asked_for,
    without_runners,
)
from tls_scaffold.shell.state import (
    DEEPEST,
    SILENT,
    UNKNOWN_OUTPUT,
    Leaves,
    Result,
    State,
    mentions_cfssl,
    together,
)
from tls_scaffold.shell.words import ScriptError, Unknown, plain_text

CHANGERS = ("sed", "perl", "mv", "cp", "tee", "install", "ln")
SOURCES = (".", "source")

ARGUMENT = re.compile(r"\$\{?[0-9@*#]")


@dataclass
class Caller(ABC):
    """Follows single commands; who follows what is made of them is derived from it."""

    state: State

    @abstractmethod
    def run(self, nodes: Iterable[Node]) -> Result:
        """Follow commands; return what they print together, and whether the last one succeeds."""

    @abstractmethod
    def run_node(self, node: Node, stdin: Output | None = None) -> Result:
        """Follow one command, or what is made of several."""

    def command(self, node: Command, stdin: Output | None) -> Result:
        """Follow one command of words, which may call a function or another script."""
        state = self.state
        state.place = state.at(node.line)
        try:
            for redirect in node.redirects:
                if redirect.operator[0] == "<":
                    stdin = self.input_of(redirect)
            words = [each for word in node.words for each in expanded_fields(word, state.scope)]
            if not words:
                assign(state, node.assignments)
                result = Result()
            elif words[0] in DECLARING:
                declare(state, words, node.assignments)
                result = Result()
            else:
                result = self._with_assignments(node, words, stdin)
        except Unknown as error:
            result = self.unknown(node, error)
        return self.redirected(result, node.redirects)

    def unknown(self, node: Command, error: Unknown) -> Result:
        """Go on behind a command that is not known."""
        state, name = self.state, plain_text(node.words[0]) if node.words else ""
        state.place = state.at(node.line)
        if name in CHANGERS:
            state.lose_files((plain_text(each) for each in node.words[1:]), f"`{name}` changes it")
        if mentions_cfssl(node):
            state.reached.add(state.place)
            state.cannot_follow(error.reason)
        elif name in state.functions:
            state.skip((state.functions[name],), error.reason)
        elif name in ("cd", "pushd"):
            state.lost = error.reason
        elif not node.words or name in DECLARING:
            for assignment in node.assignments:
                state.scope.variables[assignment.name] = error
        elif name == "read":
            state.forget((plain_text(each) or "" for each in node.words[1:]), error.reason)
        elif name not in SILENT:
            state.leave()
        return Result(error, None if name in (*TESTS, *ASKS) else True)

    def _with_assignments(self, node: Command, words: list[str], stdin: Output | None) -> Result:
        """Follow a command; variables in front of it hold for it alone."""
        variables = self.state.scope.variables
        before = {each.name: variables.get(each.name) for each in node.assignments}
        assign(self.state, node.assignments)
        try:
            return self._words(words, stdin)
        finally:
            for name, value in before.items():
                if value is None:
                    self.state.scope.variables.pop(name, None)
                else:
                    self.state.scope.variables[name] = value

    def _words(self, words: list[str], stdin: Output | None) -> Result:
        words = [*without_runners(words)] or words
        if is_asked_for(words):
            return Result("")
        if words[0] in self.state.functions:
            return self._call(words)
        return self.program(words, stdin)

    def program(self, words: list[str], stdin: Output | None) -> Result:
        """Follow what no function of the script is."""
        if words[0] in BUILTINS:
            return BUILTINS[words[0]](self.state, words, stdin)
        given = given_commands(words)
        if given:
            return self._call_shell(given, stdin)
        script = self.script_called(words)
        return (
            self._call_script(*script[:2], is_sourced=script[2])
            if script
            else run_program(self.state, words, stdin)
        )

    def _call_shell(self, given: str, stdin: Output | None) -> Result:
        """Follow the commands that `sh -c` is given: it knows no variable that is set here."""
        if ARGUMENT.search(given):
            raise Unknown("what a shell is given has arguments of its own")
        line, steps, scope = self.state.place.line, self.state.steps, self.state.scope
        self.state.scope = replace(scope, variables={})
        try:
            return self.run_node(Group(line, parse(given, line), is_subshell=True), stdin)
        except ScriptError as error:  # of that shell alone
            self.state.steps = steps
            raise Unknown(error.reason) from error
        finally:
            self.state.scope = scope

    def input_of(self, redirect: Redirect) -> Output:
        """Return what a command reads."""
        try:
            text = expanded_text(redirect.word, self.state.scope)
            if redirect.operator == "<":
                return self.state.ledger.content(self.state.path(text))
        except Unknown as error:
            return error
        return f"{text}\n" if redirect.operator == "<<<" else text

    def redirected(self, result: Result, redirects: Iterable[Redirect]) -> Result:
        """Write what a command prints where it goes."""
        for redirect in redirects:
            if redirect.operator not in (">", ">>", ">|") or redirect.number not in ("", "1"):
                continue
            try:
                path = self.state.path(expanded_text(redirect.word, self.state.scope))
            except Unknown:
                continue  # whatever reads it does not find it
            output = result.output
            adds = redirect.operator == ">>"
            if adds:
                output = together([self.state.ledger.content(path), output])
            if path != "/dev/null":
                self.state.ledger.write(path, output, self.state.line, adds=adds)
            result = replace(result, output="")
        return result

    def _call(self, words: list[str]) -> Result:
        state, scope = self.state, self.state.scope
        if state.depth >= DEEPEST:
            raise Unknown(f"`{words[0]}` calls itself too often")
        before = scope.arguments, scope.in_function
        scope.arguments, scope.in_function = words[1:], True
        state.depth += 1
        state.local.append({})
        try:
            return self.run_node(state.functions[words[0]])
        except Leaves as leaves:
            if leaves.word != "return":
                raise
            return Result(UNKNOWN_OUTPUT)
        finally:
            state.depth -= 1
            scope.arguments, scope.in_function = before
            for name, value in state.local.pop().items():
                if value is None:
                    scope.variables.pop(name, None)
                else:
                    scope.variables[name] = value

    def script_called(self, words: list[str]) -> tuple[str, list[str], bool] | None:
        """Return the path of another script, what it is given, and whether it is read as here."""
        if words[0] in (*SOURCES, *SHELLS):
            rest = words[1:]
            while rest and rest[0].startswith("-") and "c" not in rest[0]:
                rest = rest[1:]
            if not rest or rest[0].startswith("-"):
                return None
            return self.state.path(rest[0]), rest[1:], words[0] in SOURCES
        if "/" in words[0] and words[0].endswith((".sh", ".bash")):
            return self.state.path(words[0]), words[1:], False
        return None

    def _call_script(self, path: str, arguments: list[str], *, is_sourced: bool) -> Result:
        state = self.state
        text = state.ledger.read(path)
        if text is None or state.depth >= DEEPEST:
            state.leave("the script that it runs is not read")
            return Result(UNKNOWN_OUTPUT)
        saved = (state.place, state.scope, state.directory, state.functions, state.lost)
        state.depth += 1
        state.place = replace(state.place, path=path)
        if not is_sourced:
            variables = dict(state.scope.variables)
            state.scope = replace(state.scope, variables=variables, arguments=arguments, name=path)
            state.functions = {}
        try:
            return self.run(parse(text))
        except Leaves as leaves:
            if is_sourced and leaves.word == "exit":
                raise
            return Result(UNKNOWN_OUTPUT)
        finally:
            state.depth -= 1
            state.place = saved[0]
            if not is_sourced:
                _, state.scope, state.directory, state.functions, state.lost = saved
