"""Follows the commands of a recipe: what they sign, and where that lies in the end."""

import os
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.makefiles.gencert import Signing, Unread, signing_of_pair
from tls_scaffold.makefiles.linefollowing import LineFollower
from tls_scaffold.makefiles.maketexts import text_of_file
from tls_scaffold.paths import SCRIPT
from tls_scaffold.shell import cfssllines
from tls_scaffold.shell.ledger import Answer, Ledger, Output, Pair
from tls_scaffold.shell.lines import logical_lines, without_comment
from tls_scaffold.shell.nodes import Command, Pipeline
from tls_scaffold.shell.running import SHELLS, given_commands
from tls_scaffold.shell.state import UNKNOWN_OUTPUT, Result, mentions_cfssl
from tls_scaffold.shell.words import Unknown, plain_text

SIGNS = re.compile(rf"{cfssllines.SIGNS.pattern}|{cfssllines.SIGNS_BY_OPENSSL.pattern}")
MOVES = re.compile(r"\b(mv|rm|rename|mmv|unlink|shred|tar)\b")
READING = ("openssl", "grep", "test", "[", "which", "type", "command", "pgrep")
PRINTING = ("echo", "printf", ":", "true", "#")
MAKES = ("make", "gmake")
CLEANS = {"clean", "distclean", "help", "-s"}
LEAVES_STATE = re.compile(r"\s*(cd|export|\w+=)")
SHELL_ONLY = "whether it is run is known to the shell alone"
ONE_SHELL = "`.ONESHELL` makes one command of a recipe, which is not followed here"


@dataclass(frozen=True)
class Surroundings:
    """What is known of the folder in which a recipe is run.

    `makeable` are the targets of its Makefile; `one_shell` says that it has `.ONESHELL`.
    """

    folder: Path | None = None
    makeable: Collection[str] = ()
    one_shell: bool = False

    def is_file(self, path: str) -> bool:
        """Tell a file that is there."""
        return self.folder is not None and (self.folder / path).is_file()

    def is_there(self, path: str) -> bool:
        """Tell a file or folder that is there."""
        return self.folder is not None and (self.folder / path).exists()

    def text(self, path: str) -> str | None:
        """Return the text of a file; None where there is none."""
        return text_of_file(self.folder / path) if self.folder else None


def signings_in_shell(
    text: str, target: str, around: Surroundings | None = None
) -> tuple[tuple[Signing, ...], tuple[Unread, ...]]:
    """Return what lines of shell sign, and the lines that sign in a way that can't be followed.

    `target` is the make target whose lines they are. Of what is moved afterwards the last name
    counts.
    """
    recipe = _Recipe(around or Surroundings())
    for line in logical_lines(text):
        recipe.follow_line(line)
    found, unread = recipe.ended()
    return (
        tuple(replace(each, target=target) for each in found),
        tuple(replace(each, goal=target) for each in unread),
    )


class UnclearError(ValueError):
    """A line signs in a way that can't be followed, and it is known why."""


class _OfFile(Unknown):
    """What is in a file: a request is known by its path alone."""

    def __init__(self, path: str) -> None:
        super().__init__(f"what `{path}` holds is not read")
        self.path = path


class _Ledger(Ledger):
    """The files of a recipe, of which only what cfssl has printed is looked into."""

    def content(self, path: str) -> Output:
        """Return what a file holds."""
        found = self.files.get(path)
        return found if isinstance(found, Answer) else _OfFile(path)

    def write(self, path: str, output: Output, line: str, *, adds: bool = False) -> None:
        """Note that a line writes a file: each time another text, whatever that is."""
        super().write(
            path, output if isinstance(output, Answer) else Unknown(line), line, adds=adds
        )


class _Recipe(LineFollower):
    """The commands of one goal, followed one line after another."""

    def __init__(self, around: Surroundings) -> None:
        home = os.path.realpath(around.folder) if around.folder else ""
        super().__init__(_Ledger(around.text, around.is_there), home)
        self._around = around
        self._waiting: list[Answer] = []
        self._unread: list[Unread] = []
        self._is_understood = False
        self._is_printed = False
        self._is_alone = True
        self._leaves_state = False
        self._has_called_make = False
        self._moving: list[str] = []

    def follow_line(self, line: str) -> None:
        """Follow one line; one that signs and can't be followed counts as unread."""
        plain = without_comment(line)
        signs, why = SIGNS.search(plain) is not None, ""
        self._is_understood, self._is_printed, self._is_alone = False, False, True
        self._has_called_make = False
        ledger, waiting = self.ledger.copy() if signs else self.ledger, [*self._waiting]
        try:
            super().follow_line(line)
            if signs:
                self._check_line()
            signs = signs and not (self._is_understood or self._is_printed)
        except UnclearError as error:
            signs, why = True, str(error)
        except ValueError:
            if not signs and MOVES.search(plain):
                self.ledger.lose(plain, self.state.line)
        self._leaves_state |= LEAVES_STATE.match(plain) is not None
        if signs:
            self.ledger, self._waiting = ledger, waiting
            self._unread.append(Unread(self.state.line, why=why))

    def _check_line(self) -> None:
        if self._around.one_shell and self._leaves_state:
            raise UnclearError(ONE_SHELL)
        lost = [each for each in self._waiting if self._path_of(each) is None]
        if self.state.unread or any(each.line == self.state.line for each in lost):
            raise ValueError(self.state.line)
        self._waiting = [each for each in self._waiting if each not in lost]

    def _path_of(self, answer: Answer) -> str | None:
        """Return the file that an answer of cfssl's was written to."""
        return next((path for path, each in self.ledger.files.items() if each is answer), None)

    def ended(self) -> tuple[list[Signing], list[Unread]]:
        """Return what is signed when all is done, and what can't be held."""
        found: list[Signing] = []
        unread = list(self._unread)
        for line in self._moving:
            self.ledger.lose(line, line)
        for answer in self._waiting:
            why = f"no command makes files of `{self._path_of(answer)}`"
            unread.append(Unread(answer.line, why=why))
        for pair in self.ledger.pairs:
            try:  # one that can't be held hides no other
                found += self._held(pair)
            except Unknown as error:  # noqa: PERF203
                unread.append(Unread(pair.answer.line, why=error.reason))
        return found, unread

    def _held(self, pair: Pair) -> Iterator[Signing]:
        """Yield what is signed of a pair, where it lies in the end."""
        if not pair.answer.call.signs or pair.is_signed_anew:
            return
        self._check_request(pair)
        signing = signing_of_pair(pair, self.ledger.output_of)
        copies = self.ledger.copies_of(pair, signing.output)
        yield replace(signing, line=pair.answer.line, copies=tuple(copies))

    def _check_request(self, pair: Pair) -> None:
        """Raise Unknown for a request that another command makes, and that is not there."""
        path = pair.request
        if self.ledger.files.get(path) is not pair.written:
            raise Unknown(f"its request `{path}` is written anew after it, or taken away")
        if pair.written is not None and self._around.folder and not self._around.is_file(path):
            way = f"`make {path}` makes it" if path in self._around.makeable else "make it first"
            raise Unknown(f"its request `{path}`, which a command makes, is not there: {way}")

    def _pipeline(self, node: Pipeline, stdin: Output | None) -> Result:
        before, self._is_alone = self._is_alone, len(node.commands) == 1
        result = super()._pipeline(node, stdin)
        self._is_alone = before
        return result

    def unknown(self, node: Command, error: Unknown) -> Result:
        """Go on behind a command of which the words are not known."""
        if mentions_cfssl(node):
            raise ValueError(error.reason)
        words = [text for word in node.words if (text := plain_text(word)) is not None]
        if MOVES.search(" ".join(words)):  # `sudo rm $(…)`: what it moves stands in the line alone
            self.ledger.lose(self.state.line, self.state.line)
        return super().unknown(node, error)

    def program(self, words: list[str], stdin: Output | None) -> Result:
        """Take over what one program does to the files."""
        name, *_ = told = cfssllines.program_of(words)
        try:
            if cfssllines.calls_cfssl(name) and cfssllines.verb_of(told) in cfssllines.VERBS:
                return self._cfssl(told, stdin)
            if cfssllines.calls_cfssljson(name) and ("-bare" in told or isinstance(stdin, Answer)):
                return self._cfssljson(told, stdin)
        except Unknown as error:
            raise UnclearError(error.reason) from None
        if given_commands(words):
            return super().program(words, stdin)
        self._check_other_signer(words, told)
        if self._is_alone and self._has_called_make and MOVES.search(name):
            self._moving.append(" ".join(told))  # what that make signs is printed behind it
            return Result()
        result = super().program(words, stdin)
        is_copied = name in ("cat", "tee") or not isinstance(result.output, _OfFile)
        return result if is_copied else replace(result, output=UNKNOWN_OUTPUT)

    def _cfssl(self, words: Sequence[str], stdin: Output | None) -> Result:
        if not self.is_sure:
            raise Unknown(SHELL_ONLY)
        if "$" in self.state.directory:
            raise ValueError(self.state.directory)
        source = stdin.path if isinstance(stdin, _OfFile) else ""
        call = cfssllines.call_of(words, source, self.state.path)
        answer = Answer(call, self.state.line)
        self._waiting.append(answer)
        self._is_understood = True
        return Result(answer)

    def _cfssljson(self, words: Sequence[str], stdin: Output | None) -> Result:
        """Take over what cfssljson writes of an answer of cfssl's."""
        output, read = cfssllines.written_by(words, self.state.path)
        answer = self.ledger.content(read) if read else stdin
        if not isinstance(answer, Answer):
            raise ValueError(words)  # noqa: TRY004 - it holds something else
        self._waiting = [each for each in self._waiting if each is not answer]
        self.ledger.answer(replace(answer, line=self.state.line), output)
        self._is_understood = True
        return Result(UNKNOWN_OUTPUT)

    def _check_other_signer(self, words: Sequence[str], told: Sequence[str]) -> None:
        """Raise where another program signs, or another make or a script may."""
        signs = SIGNS.search(" ".join(told)) is not None
        if told[0] in PRINTING and self._is_alone:
            self._is_printed |= signs
            return
        if signs and told[0] not in READING:
            raise ValueError(words)
        if cfssllines.signs_by_openssl(told):
            raise UnclearError("openssl signs it")
        script = _script_of(words)
        text = self._around.text(self.state.path(script)) if script else ""
        if posixpath.basename(script) != SCRIPT and cfssllines.SIGNS.search(text or ""):
            raise UnclearError(f"`{script}` signs, and is not read here")
        self._has_called_make |= told[0] in MAKES
        # `$(MAKE)` is printed with its whole path.
        if words[0] in MAKES and not set(words[1:]) <= CLEANS:
            raise UnclearError("by `$(MAKE)` another make would tell what it signs")


def _script_of(words: Sequence[str]) -> str:
    """Return the script that a command runs; empty for ours, and for a program of the PATH."""
    if any(posixpath.basename(word) == SCRIPT for word in words[:2]):
        return ""
    if posixpath.basename(words[0]) in SHELLS:
        return next((word for word in words[1:] if not word.startswith("-")), "")
    return words[0] if "/" in words[0] else ""
