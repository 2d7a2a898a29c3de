"""A script followed from its first line to its last, without a single command being run."""

import fnmatch
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from tls_scaffold.shell.calling import Caller
from tls_scaffold.shell.expansion import (
    arithmetic_value,
    expanded_fields,
    expanded_text,
    joined,
    pattern_text,
)
from tls_scaffold.shell.grammar import parse
from tls_scaffold.shell.ledger import Output
from tls_scaffold.shell.nodes import (
    Calculation,
    Case,
    Chain,
    Command,
    For,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    While,
    commands_in,
)
from tls_scaffold.shell.state import (
    MOST_STEPS,
    UNKNOWN_OUTPUT,
    Leaves,
    Result,
    mentions_cfssl,
    together,
)
from tls_scaffold.shell.words import ScriptError, Unknown, Word


@dataclass
class Follower(Caller):
    """Follows commands in their order: what they do is in its state."""

    most_steps: ClassVar[int] = MOST_STEPS

    def __post_init__(self) -> None:
        """Let words ask what commands print, and which files there are."""
        self.state.scope.run = self.printed_by
        self.state.scope.matching = self.matching

    def follow(self, text: str) -> None:
        """Follow a whole script; ScriptError where it can't be read."""
        nodes = parse(text)
        ended = ""
        try:
            self.run(nodes)
        except Leaves:
            ended = f"the script ends in line {self.state.place.line} before"
        for command in commands_in(nodes):
            place = self.state.at(command.line)
            if mentions_cfssl(command) and place not in self.state.reached:
                if ended:
                    self.state.unread.setdefault(place, ended)
                else:
                    self.state.left.setdefault(place, "is never run")
        for place in self.state.answers:
            self.state.cannot_follow("nothing gives to cfssljson what it prints", place)

    def run(self, nodes: Iterable[Node]) -> Result:
        """Follow commands; return what they print together, and whether the last one succeeds."""
        outputs: list[Output] = []
        result = Result()
        for node in nodes:
            result = self.run_node(node)
            outputs.append(result.output)
        return Result(together(outputs), result.success)

    def run_node(self, node: Node, stdin: Output | None = None) -> Result:
        """Follow one command, or what is made of several."""
        self._count(node)
        if isinstance(node, Command):
            return self.command(node, stdin)
        if isinstance(node, Pipeline):
            return self._pipeline(node, stdin)
        if isinstance(node, Group):
            return self._group(node, stdin)
        if isinstance(node, For | While):
            return self._reading(stdin, (node,))
        return self._branching(node)

    def _branching(self, node: Chain | If | Case | Function | Calculation) -> Result:
        if isinstance(node, Chain):
            return self._chain(node)
        if isinstance(node, If):
            return self._if(node)
        if isinstance(node, Case):
            return self._case(node)
        if isinstance(node, Calculation):
            return self._calculation(node)
        self.state.functions[node.name] = node.body
        return Result()

    def _count(self, node: Node) -> None:
        self.state.steps += 1
        if self.state.steps > self.most_steps:
            raise ScriptError(node.line, "the script does not come to an end")

    def maybe(self, nodes: Iterable[Node], reason: str) -> None:
        """Pass over commands of which nobody knows whether they are run."""
        self.state.skip(nodes, reason)

    # What is made of commands

    def _reading(self, stdin: Output | None, nodes: tuple[Node, ...]) -> Result:
        """Follow commands whose `read` takes the lines of what they are given."""
        before = self.state.lines
        if isinstance(stdin, str):
            self.state.lines = stdin.splitlines()
        elif stdin is not None:
            self.state.lines = None
        try:
            return self.run_or_loop(nodes)
        finally:
            self.state.lines = before if stdin is not None else self.state.lines

    def run_or_loop(self, nodes: tuple[Node, ...]) -> Result:
        """Follow commands, or turn a loop that stands alone."""
        first = nodes[0] if nodes else None
        if len(nodes) == 1 and isinstance(first, For):
            return self._counting(first) if first.head else self._for(first)
        if len(nodes) == 1 and isinstance(first, While):
            return self._while(first)
        return self.run(nodes)

    def _pipeline(self, node: Pipeline, stdin: Output | None) -> Result:
        result = Result()
        for command in node.commands:
            result = self.run_node(command, stdin)
            stdin = result.output
        if node.negated and result.success is not None:
            return Result(result.output, not result.success)
        return result

    def _chain(self, node: Chain) -> Result:
        result = self.run_node(node.first)
        outputs = [result.output]
        for operator, each in node.rest:
            if result.success is None:
                self.maybe((each,), "whether that is run is not known")
            elif result.success == (operator == "&&"):
                result = self.run_node(each)
                outputs.append(result.output)
            else:
                self.state.pass_over((each,))
        return Result(together(outputs), result.success)

    def _group(self, node: Group, stdin: Output | None) -> Result:
        state = self.state
        for redirect in node.redirects:
            if redirect.operator[0] == "<":
                stdin = self.input_of(redirect)
        saved = (dict(state.scope.variables), state.directory, state.scope.arguments, state.lost)
        try:
            result = self._reading(stdin, node.body)
        except Leaves as leaves:
            if not node.is_subshell or leaves.word != "exit":
                raise
            result = Result(UNKNOWN_OUTPUT, None)
        if node.is_subshell:
            state.scope.variables, state.directory, state.scope.arguments, state.lost = saved
        return self.redirected(result, node.redirects)

    def _if(self, node: If) -> Result:
        for number, (condition, body) in enumerate(node.branches):
            success = self.run(condition).success if condition else True
            others = [each for _, each in node.branches[number + 1 :]]
            if success is None:
                for each in (body, *others):
                    self.maybe(each, "whether its condition holds is not known")
                return Result(UNKNOWN_OUTPUT)
            if success:
                for each in others:
                    self.state.pass_over(each)
                return self.run(body)
            self.state.pass_over(body)
        return Result()

    def _case(self, node: Case) -> Result:
        try:
            subject = expanded_text(node.word, self.state.scope)
            chosen = next((body for each, body in node.branches if self._fits(subject, each)), ())
        except Unknown as error:
            for _, body in node.branches:
                self.maybe(body, error.reason)
            return Result(UNKNOWN_OUTPUT)
        for _, body in node.branches:
            if body is not chosen:
                self.state.pass_over(body)
        return self.run(chosen)

    def _fits(self, subject: str, patterns: Iterable[Word]) -> bool:
        found = [pattern_text(each, self.state.scope) for each in patterns]
        return any(fnmatch.fnmatchcase(subject, each) for each in found)

    # Loops

    def _for(self, node: For) -> Result:
        state = self.state
        try:
            words = [each for word in node.words for each in expanded_fields(word, state.scope)]
        except Unknown as error:
            state.scope.variables[node.name] = error
            state.skip(node.body, f"of the loop in line {node.line}: {error.reason}")
            return Result(UNKNOWN_OUTPUT)
        outputs: list[Output] = []
        for word in words:
            state.scope.variables[node.name] = word
            if self._turn(node, outputs):
                break
        return Result(together(outputs))

    def _turn(self, node: For | While, outputs: list[Output]) -> bool:
        """Follow a loop's commands once; tell whether they leave it."""
        self._count(node)
        try:
            outputs.append(self.run(node.body).output)
        except Leaves as leaves:
            if leaves.word not in ("break", "continue"):
                raise
            return leaves.word == "break"
        return False

    def _counting(self, node: For) -> Result:
        outputs: list[Output] = []
        try:
            first, condition, step = node.head.split(";")
            arithmetic_value(first, self.state.scope)
            while arithmetic_value(condition, self.state.scope):
                if self._turn(node, outputs):
                    break
                arithmetic_value(step, self.state.scope)
        except (Unknown, ValueError):
            self.maybe(node.body, f"the loop in line {node.line} is not followed")
            return Result(UNKNOWN_OUTPUT)
        return Result(together(outputs))

    def _while(self, node: While) -> Result:
        outputs: list[Output] = []
        while True:
            success = self.run(node.condition).success
            if success is None:
                reason = f"how often the loop in line {node.line} runs is not known"
                self.maybe(node.body, reason)
                return Result(UNKNOWN_OUTPUT)
            if success == node.until or self._turn(node, outputs):
                return Result(together(outputs))

    def _calculation(self, node: Calculation) -> Result:
        try:
            return Result(success=bool(arithmetic_value(node.text, self.state.scope)))
        except Unknown:
            self.state.forget(re.findall(r"[A-Za-z_]\w*", node.text), "it is calculated")
            return Result(success=None)

    def printed_by(self, text: str, line: int) -> str:
        """Return what `$(…)` prints; Unknown where that can't be told."""
        state = self.state
        saved = (state.place, dict(state.scope.variables), state.directory, state.scope.arguments)
        try:
            output = self.run(parse(text, line)).output
        except Leaves:
            output = UNKNOWN_OUTPUT
        except ScriptError as error:
            raise Unknown(error.reason) from None
        finally:
            state.place, state.scope.variables, state.directory, state.scope.arguments = saved
        if isinstance(output, str):
            return output
        raise Unknown(f"what `{' '.join(text.split())}` prints is known only where the script runs")

    def matching(self, pattern: str) -> list[str]:
        """Return the files that the script has made and that a pattern matches."""
        prefix = posixpath.dirname(joined(".", pattern))
        found = self.state.ledger.matching(self.state.path(pattern))
        return [posixpath.join(prefix, posixpath.basename(path)) for path in found]
