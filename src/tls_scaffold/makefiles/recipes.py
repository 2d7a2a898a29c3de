"""Follows the commands of a recipe: what they sign, and where that lies in the end."""

import os
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tls_scaffold.makefiles import cfssllines
from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.makefiles.ledger import Answer, Ledger, Pair
from tls_scaffold.makefiles.maketexts import text_of_file
from tls_scaffold.makefiles.shellsteps import (
    PlainCommand,
    Step,
    is_plain,
    steps_of,
)
from tls_scaffold.paths import SCRIPT
from tls_scaffold.shell.lines import logical_lines, without_comment
from tls_scaffold.shell.running import SHELLS, without_runners
from tls_scaffold.shell.words import Unknown

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
        recipe.follow(line)
    found, unread = recipe.ended()
    return (
        tuple(replace(each, target=target) for each in found),
        tuple(replace(each, goal=target) for each in unread),
    )


class _Recipe:
    """The commands of one goal, followed one line after another."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._home = os.path.realpath(around.folder) if around.folder else ""
        self._files = Ledger(around.text, around.is_there)
        self._waiting: dict[str, Answer] = {}
        self._unread: list[Unread] = []
        self._line = ""
        self._is_understood = False
        self._is_printed = False
        self._leaves_state = False
        self._has_called_make = False
        self._moving: list[str] = []

    def follow(self, line: str) -> None:
        """Follow one line; one that signs and can't be followed counts as unread."""
        plain = without_comment(line)
        signs, why = SIGNS.search(plain) is not None, ""
        self._line, self._is_understood, self._is_printed = " ".join(line.split()), False, False
        self._has_called_make = False
        files = self._files.copy() if signs else self._files
        try:
            for step in steps_of(line, lambda path: self._files.exists(self._path("", path))):
                self._run(step)
            if signs:
                self._check_one_shell()
            signs = signs and not (self._is_understood or self._is_printed)
        except Unknown as error:
            signs, why = True, error.reason
        except ValueError:
            if not signs and MOVES.search(plain):
                self._files.lose(plain, self._line)
        self._leaves_state |= LEAVES_STATE.match(plain) is not None
        if signs:
            self._files = files
            self._unread.append(Unread(self._line, why=why))

    def _check_one_shell(self) -> None:
        if self._around.one_shell and self._leaves_state:
            raise Unknown(ONE_SHELL)

    def ended(self) -> tuple[list[Signing], list[Unread]]:
        """Return what is signed when all is done, and what can't be held."""
        found: list[Signing] = []
        unread = list(self._unread)
        for line in self._moving:
            self._files.lose(line, line)
        for name, answer in self._waiting.items():
            unread.append(Unread(answer.line, why=f"no command makes files of `{name}`"))
        for pair in self._files.pairs:
            try:  # one that can't be held hides no other
                found += self._held(pair)
            except Unknown as error:  # noqa: PERF203
                unread.append(Unread(pair.answer.line, why=error.reason))
        return found, unread

    def _held(self, pair: Pair) -> Iterator[Signing]:
        """Yield what is signed of a pair, where it lies in the end."""
        if pair.signing is None or pair.is_signed_anew:
            return
        self._check_request(pair)
        signing = self._files.held(pair, pair.signing, self._files.output_of)
        copies = self._files.copies_of(pair, signing.output)
        yield replace(signing, line=pair.answer.line, copies=tuple(copies))

    def _check_request(self, pair: Pair) -> None:
        """Raise Unknown for a request that another command makes, and that is not there."""
        path = pair.request
        if self._files.files.get(path) is not pair.written:
            raise Unknown(f"its request `{path}` is written anew after it, or taken away")
        if pair.written is not None and self._around.folder and not self._around.is_file(path):
            way = f"`make {path}` makes it" if path in self._around.makeable else "make it first"
            raise Unknown(f"its request `{path}`, which a command makes, is not there: {way}")

    def _path(self, directory: str, text: str) -> str:
        if not text:
            return ""
        path = posixpath.normpath(posixpath.join(directory, text))
        return path.removeprefix(f"{self._home}/") if self._home else path

    def _run(self, step: Step) -> None:
        """Take over what one pipeline does to the files."""
        programs = [cfssllines.program_of(each.words) for each in step.commands]
        for index, words in enumerate(programs):
            if cfssllines.calls_cfssl(words[0]):
                if cfssllines.verb_of(words) in cfssllines.VERBS:
                    self._call(step, programs, index)
                    return
            elif cfssllines.calls_cfssljson(words[0]) and "-bare" in words:
                self._write(step, words, step.commands[index].reads)
                return
        self._run_other(step, programs)

    def _call(self, step: Step, programs: Sequence[Sequence[str]], index: int) -> None:
        path = partial(self._path, step.directory)
        if not step.is_sure:
            raise Unknown(SHELL_ONLY)
        source = step.commands[index].reads
        if index == 1 and programs[0][0] == "cat" and len(programs[0]) == 2:  # noqa: PLR2004
            source = programs[0][1]
        elif index:
            raise Unknown(cfssllines.OF_STDIN)
        if not is_plain((step.directory,)):
            raise ValueError(step)
        call = cfssllines.call_of(programs[index], source, path)
        rest = [words for words in programs[index + 1 :] if words[0] != "tee"]
        last = step.commands[-1]
        if not rest and last.writes:
            name, answer = path(last.writes), Answer(call, self._line)
            self._waiting[name] = self._files.files[name] = answer
            self._is_understood = True
        elif len(rest) == 1 and cfssllines.calls_cfssljson(rest[0][0]):
            output, read = cfssllines.written_by(rest[0], path)
            if read:
                raise ValueError(step)
            self._answer(Answer(call, self._line), output)
        else:
            raise ValueError(step)

    def _write(self, step: Step, words: Sequence[str], read: str) -> None:
        path = partial(self._path, step.directory)
        output, named = cfssllines.written_by(words, path)
        name = named or path(read)
        answer = self._files.files.get(name)
        if not isinstance(answer, Answer):
            raise ValueError(words)  # noqa: TRY004 - it holds something else
        self._waiting.pop(name, None)
        self._answer(replace(answer, line=self._line), output)

    def _answer(self, answer: Answer, output: str) -> None:
        """Take over what cfssljson writes of an answer of cfssl's."""
        self._files.answer(answer, output)
        self._is_understood = True

    def _run_other(self, step: Step, programs: Sequence[Sequence[str]]) -> None:
        for command, words in zip(step.commands, programs, strict=True):
            self._check_other_signer(step, command, is_alone=len(programs) == 1)
            if words[0] == "tee":
                self._rewrite(step, words[1:])
            if command.writes:
                path = self._path(step.directory, command.writes)
                self._files.write(path, Unknown(self._line), self._line, adds=command.adds)
        if len(programs) == 1 and self._has_called_make and MOVES.search(programs[0][0]):
            # What that make signs is printed behind it.
            self._moving.append(" ".join(programs[0]))
        elif len(programs) == 1:
            self._files.change(programs[0], partial(self._path, step.directory), self._line)

    def _rewrite(self, step: Step, words: Iterable[str]) -> None:
        for word in words:
            if not word.startswith("-"):
                path = self._path(step.directory, word)
                self._files.write(path, Unknown(self._line), self._line, adds="-a" in words)

    def _check_other_signer(self, step: Step, command: PlainCommand, *, is_alone: bool) -> None:
        """Raise where another program signs, or another make or a script may."""
        words = cfssllines.program_of(command.words)
        signs = SIGNS.search(" ".join(words)) is not None
        if words[0] in PRINTING and is_alone:
            self._is_printed |= signs
            return
        if signs and words[0] not in READING:
            raise ValueError(words)
        if cfssllines.signs_by_openssl(words):
            raise Unknown("openssl signs it")
        script = _script_of(command)
        is_ours = posixpath.basename(script) == SCRIPT
        if (
            script
            and not is_ours
            and cfssllines.SIGNS.search(self._around.text(self._path(step.directory, script)) or "")
        ):
            raise Unknown(f"`{script}` signs, and is not read here")
        self._has_called_make |= words[0] in MAKES
        if _is_another_make(command) and not set(words[1:]) <= CLEANS:
            raise Unknown("by `$(MAKE)` another make would tell what it signs")


def _script_of(command: PlainCommand) -> str:
    """Return the script that a command runs; empty for ours, and for a program of the PATH."""
    words = without_runners(command.words)
    if any(posixpath.basename(word) == SCRIPT for word in words[:2]):
        return ""
    if posixpath.basename(words[0] if words else "") in SHELLS:
        return next((word for word in words[1:] if not word.startswith("-")), "")
    return words[0] if words and "/" in words[0] else ""


def _is_another_make(command: PlainCommand) -> bool:
    """Tell a make that is called by its name: `$(MAKE)` is printed with its whole path."""
    words = without_runners(command.words)
    return bool(words) and words[0] in MAKES
