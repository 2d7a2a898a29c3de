"""Follows lines of shell as make prints them: each in a shell of its own, in the folder."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from tls_scaffold.errors import Place
from tls_scaffold.shell.calling import CHANGERS
from tls_scaffold.shell.expansion import GLOB, expanded_fields
from tls_scaffold.shell.following import Follower
from tls_scaffold.shell.grammar import parse
from tls_scaffold.shell.ledger import Ledger, Output
from tls_scaffold.shell.nodes import Case, Command, For, Node
from tls_scaffold.shell.running import TESTS, given_commands
from tls_scaffold.shell.scope import BLANKS, Scope
from tls_scaffold.shell.state import UNKNOWN_OUTPUT, Leaves, Result, State
from tls_scaffold.shell.words import ScriptError, Unknown, plain_text

parsed = lru_cache(4096)(parse)  # make prints the lines of a CA for every target that needs it

# By which the lines of a Makefile ask.
MAY_FAIL = ("openssl", "id", "which", "type", "hash")


class _Environment(dict[str, str]):
    """The variables of a shell that nobody has seen: each stands for itself."""

    def get(self, name: str, _default: object = None) -> str:
        """Return the name as the shell reads it."""
        return f"${name}"


class LineFollower(Follower):
    """Follows lines one after another; what they do is in a ledger, what they run in `program`.

    `is_sure` tells that nothing else decides whether a command is run.
    """

    most_steps = 1_000_000  # a loop over some thousand names is one line

    def __init__(self, ledger: Ledger, home: str = "") -> None:
        self.ledger = ledger
        self.home = home
        self.is_sure = True

    def follow_line(self, line: str) -> None:
        """Follow a line; ValueError where it is not understood."""
        scope = Scope({"IFS": BLANKS}, [], _Environment(), name="sh")
        told = " ".join(line.split())
        self.state = State(self.ledger, scope, "", Place(), home=self.home, line=told)
        self.__post_init__()
        self.is_sure = True
        try:
            self.run(parsed(line.lstrip("@-+ \t")))
        except Leaves:
            return
        except (ScriptError, RecursionError) as error:
            raise ValueError(line) from error

    def maybe(self, nodes: Iterable[Node], reason: str) -> None:
        """Follow commands that may be run or not, and forget what they leave in the shell."""
        nodes, state = tuple(nodes), self.state
        before, self.is_sure = (self.is_sure, state.directory), False
        try:
            self.run(nodes)
        except Leaves:
            pass
        finally:
            self.is_sure = before[0]
        if state.directory != before[1]:
            state.lost = reason
        for command in state.commands_below(nodes):
            state.forget((each.name for each in command.assignments), reason)

    def program(self, words: list[str], stdin: Output | None) -> Result:
        """Follow what a command runs; an end that may come or not is understood where it fails."""
        if words[0] == "exit" and not self.is_sure:
            if words[1:] in ([], ["0"]):
                raise ValueError("exit")
            return Result()
        if words[0] in ("rm", "sed"):
            self.ledger.change(words, self.state.path, self.state.line)
            return Result(UNKNOWN_OUTPUT)
        if words[0] in TESTS and any("$" in word for word in words):
            return Result("", None)
        if not given_commands(words) and self.script_called(words):
            return Result(UNKNOWN_OUTPUT)
        result = super().program(words, stdin)
        return replace(result, success=None) if words[0] in MAY_FAIL else result

    def command(self, node: Command, stdin: Output | None) -> Result:
        """Follow one command; ValueError for what `sh` does not know."""
        if any(each.adds or each.words is not None for each in node.assignments):
            raise ValueError(node)
        return super().command(node, stdin)

    def unknown(self, node: Command, error: Unknown) -> Result:
        """Go on behind a command that is not known, whose end is not known either."""
        name = plain_text(node.words[0]) if node.words else ""
        result = Result(error) if name in CHANGERS else super().unknown(node, error)
        return replace(result, success=None) if name is None else result

    def _case(self, node: Case) -> Result:
        raise ValueError(node)

    def matching(self, pattern: str) -> list[str]:
        """Leave a pattern to the programs: what is moved by one is known in the end."""
        return [pattern]

    def _for(self, node: For) -> Result:
        try:
            words = [
                each for word in node.words for each in expanded_fields(word, self.state.scope)
            ]
        except Unknown as error:
            raise ValueError(node.name) from error
        if any("$" in each or GLOB.search(each) for each in words):
            raise ValueError(node.name)
        return super()._for(node)
