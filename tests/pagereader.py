"""The blocks of a page that name a test, and running them as a reader does."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from support import OURS, run

DOCS = Path(__file__).parents[1] / "docs"
MARK = "-- end of a command --"
# What differs from run to run, or where a page leaves something out.
LEFT_OUT = "…"
# What a shell would do something with.
SHELL = frozenset("~$*?;&|<>'\"\\`#")


def blocks_of(page: str, test: str) -> list[str]:
    """Return the blocks of a page below a comment that names a test, in their order.

    The test is named without its file. There must be one at least.
    """
    text = (DOCS / page).read_text("utf-8")
    fence = r"```(?:console|sh|yaml)\n(?P<block>.*?)```"
    named = rf"<!-- tested: tests/\w+\.py::{re.escape(test)} -->\n{fence}"
    found = [each["block"] for each in re.finditer(named, text, re.DOTALL)]
    assert found, f"{page} has no block that names {test}"
    return found


@dataclass
class Reader:
    """Somebody who types a page's blocks into one shell, in a home and folder of their own."""

    at: Path
    places: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def replaced(self, text: str) -> str:
        for place, other in self.places.items():
            text = text.replace(place, other)
        return text

    def types(self, block: str) -> str:
        """Run a console block; each line of output that it shows must be said, in that order.

        A command must end with 0; one that does not is shown with `; echo "exit code $?"`.
        Return all that was said.
        """
        said = []
        for command, shown in commands_of(self.replaced(block)):
            output = self._run(command)
            check_shown(shown, output, command)
            said.append(output)
        return "".join(said)

    def _run(self, command: str) -> str:
        """Run a command, follow where it leads to, and return what a person sees."""
        given = {"TLS_SCAFFOLD_KEY": "ecdsa-256", "COLUMNS": "120", **self.variables}
        program, *words = shlex.split(command)
        if program == "tls-scaffold" and not set(command) & SHELL:
            # The same without a shell, which spares the start of Python.
            done = run(OURS, *words, cwd=self.at, umask=-1, **given)
            output = done.stderr + done.stdout
        else:
            whole = f"exec 2>&1\n{command}\ncode=$?; printf '%s' '{MARK}'; pwd; exit $code\n"
            done = run("sh", "-c", whole, cwd=self.at, umask=-1, **given)
            output, _, place = done.stdout.partition(MARK)
            self.at = Path(place.strip())
        assert done.returncode == 0, f"{command}\n{output}"
        return output


def commands_of(block: str) -> list[tuple[str, list[str]]]:
    """Divide a console block into commands and what each is shown to say."""
    found: list[tuple[str, list[str]]] = []
    for line in dedent(block).splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            assert found, f"output without a command: {line}"
            found[-1][1].append(line)
    assert found
    return found


def check_shown(shown: list[str], output: str, command: str) -> None:
    """Check that what a page shows was said, line by line; `…` stands for anything."""
    lines = iter(output.splitlines())
    for each in shown:
        if each == LEFT_OUT:
            continue
        pattern = ".*".join(map(re.escape, each.split(LEFT_OUT)))
        assert any(re.fullmatch(pattern, line) for line in lines), (
            f"{command}\nthe page shows: {each}\nit said:\n{output}"
        )
