"""The blocks of a page: what they have a person type, what they show, and typing them."""

import os
import re
import shlex
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from textwrap import dedent

from support import OURS, Done, run

DOCS = Path(__file__).parents[1] / "docs"
LEFT_OUT = "…"
END = "@@ end of a command @@\n"
# What a shell would do something with.
SHELL = frozenset("~$*?;&|<>'\"\\`#")
WARNING = re.compile(r'^\{"level":"warn".*\n', re.MULTILINE)
# Dates, days that are left, keys, what stands for further hosts, and the width of columns.
CHANGING = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?|\(-?\d+d\)|ecdsa-\d+|, \+\d+| {2,}")


@dataclass(frozen=True)
class Command:
    """What is typed behind a prompt, over several lines too, and what the page shows below it."""

    typed: str
    shown: str = ""

    @property
    def needs_shell(self) -> bool:
        """Tell whether it is more than words for us, or what it says has to keep its order."""
        return not self.typed.startswith("tls-scaffold ") or bool(
            self.shown or SHELL & set(self.typed)
        )


def blocks_of(page: str, test: str) -> list[str]:
    """Return the blocks of a page below a comment that names a test, in their order.

    The test is named without its file. There must be one at least.
    """
    text = (DOCS / page).read_text("utf-8")
    fence = r"```(?:console|sh|yaml)\n(?P<block>.*?)^(?P=indent)```$"
    named = rf"^(?P<indent> *)<!-- tested: tests/\w+\.py::{re.escape(test)} -->\n(?P=indent){fence}"
    found = [dedent(each["block"]) for each in re.finditer(named, text, re.DOTALL | re.MULTILINE)]
    assert found, f"{page} has no block that names {test}"
    return found


def commands_of(block: str) -> list[Command]:
    """Divide a block into its commands; one without a prompt is a single command."""
    if not block.startswith("$ "):
        return [Command(block)]
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
            continue
        last = found.pop()
        if line.startswith("> ") or last.typed.endswith("\\"):
            found.append(Command(f"{last.typed}\n{line.removeprefix('> ')}"))
        else:
            found.append(Command(last.typed, f"{last.shown}{line}\n"))
    return found


def is_as_shown(shown: str, got: str) -> bool:
    """Tell whether output is what a page shows.

    `…` stands for anything, alone on its line for any number of lines; dates are others.
    """
    wanted = ""
    for line in _normal(shown).splitlines():
        here = ".*".join(map(re.escape, line.split(LEFT_OUT)))
        wanted += "(?:.*\n)*" if line == LEFT_OUT else f"{here}\n"
    return bool(re.fullmatch(wanted, _normal(got)))


def _normal(text: str) -> str:
    return CHANGING.sub(" ", WARNING.sub("", text))


@dataclass
class Reader:
    """Somebody who types a page's blocks in a folder, and goes where a block leads to.

    `begin` is what has been typed into each shell before.
    """

    at: Path
    places: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    begin: str = ""

    def types(self, block: str, *, code: int = 0) -> str:
        """Type a block, whose last command ends with a code; return all that was said.

        What a block shows is all that it says; one that shows nothing leaves out all.
        """
        for place, other in self.places.items():
            block = block.replace(place, other)
        commands = commands_of(block)
        said: list[str] = []
        for needs_shell, some in groupby(commands, lambda each: each.needs_shell):
            runs = self._in_a_shell if needs_shell else self._by_us
            done = runs([*some])
            said += done.stdout.split(END)[: None if done.returncode else -1]
            if done.returncode:
                break
        typed = "\n".join(each.typed for each in commands)
        assert (done.returncode, len(said)) == (code, len(commands)), f"{typed}\n{''.join(said)}"
        if any(each.shown for each in commands):
            for command, got in zip(commands, said, strict=True):
                assert is_as_shown(command.shown, got), (
                    f"{command.typed}\nthe page shows:\n{command.shown}\nit said:\n{got}"
                )
        return "".join(said)

    def _given(self) -> dict[str, str]:
        return {"TLS_SCAFFOLD_KEY": "ecdsa-256", "COLUMNS": "120", **self.variables}

    def _by_us(self, commands: list[Command]) -> Done:
        """Run commands of ours without a shell, which spares the start of Python."""
        said = ""
        for command in commands:
            words = shlex.split(command.typed)[1:]
            done = run(OURS, *words, cwd=self.at, **self._given())  # type: ignore[arg-type]
            said += done.stderr + done.stdout
            if done.returncode:
                break
            said += END
        return Done(done.args, done.returncode, said)

    def _in_a_shell(self, commands: list[Command]) -> Done:
        """Run commands in one shell, which has its variables for all of them."""
        # Each ends the shell if it fails; what is printed last is where the shell stands then.
        ended = f"code=$?; [ $code = 0 ] || exit $code; printf '%s' '{END}'"
        typed = "".join(f"{each.typed}\n{ended}\n" for each in commands)
        script = f"exec 2>&1\n{self.begin}\n{typed}pwd"
        done = run("bash", "-c", script, cwd=self.at, **self._given())  # type: ignore[arg-type]
        said, _, place = done.stdout.rpartition(END)
        if done.returncode:
            return done
        self.at = Path(place.strip())
        return Done(done.args, 0, said + END)


def own_network() -> str:
    """Return the begin of loopback addresses that no other test process uses.

    The ports of pages are fixed, and several may run at a time.
    """
    number = os.getpid()
    return f"127.{number // 200 % 200 + 20}.{number % 200 + 20}."
