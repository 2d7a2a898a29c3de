"""What one make runs of its texts even in a dry run."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles import commandeffects
from tls_scaffold.makefiles.maketexts import Line, MakeTexts, has_one_shell
from tls_scaffold.makefiles.makevalues import text_inside

FUNCTION = re.compile(
    r"(?:\$[({](?:call\s+)?(shell|file|guile)|\$[({]call\s+\$[({]\w+[)}])(?=[\s,])"
)
NAMES_MAKE = re.compile(r"\$[({]MAKE[)}]")
A_MAKE = re.compile(NAMES_MAKE.pattern + "[^;&|]*")  # what it signs is asked of it
# A make that does not know that the first was only asked.
FORGETS_DRY_RUN = re.compile(
    r"MAKEFLAGS=|\bunset\s[^;&|]*MAKEFLAGS|\benv\s+(-i|-\s)|-u\s*MAKEFLAGS|--unset=MAKEFLAGS"
)
SETS_MAKEFLAGS = re.compile(
    r"unexport\s.*\bMAKEFLAGS\b|([^=#]+:\s*(\w+\s+)*|override\s+(\w+\s+)*)MAKEFLAGS\s*[:?]*="
)
LOADS_CODE = re.compile(r"-?load\s")
RUN_BY_MAKE = ("SHELL", ".SHELLFLAGS", "MAKE")


@dataclass(frozen=True)
class Command:
    """What make runs, where it stands, and what harm it does.

    `text` has the commands once for each value of their variables. `signs` also tells that a make
    would not know that it is only asked; `writes_last` tells that what it prints goes to files
    after the makes that it calls.
    """

    place: Place
    line: str
    text: str
    signs: bool = False
    changes: bool = False
    writes_last: bool = False

    def told(self, more: str = "") -> Problem:
        """Return the place and the line for a message, with what else is to be said."""
        return Problem(self.place, f"`{' '.join(self.line.split())}`{more}")


def commands_run(texts: MakeTexts) -> Iterator[Command]:
    """Yield what make runs of the texts even in a dry run."""
    known: dict[str, Command | None] = {}
    for line in _joined_recipes(texts.lines) if has_one_shell(texts) else texts.lines:
        if "$" in line.text and FUNCTION.search(line.text):
            yield from _of_functions(texts, line)
        if line.is_shells or line.name in RUN_BY_MAKE:
            yield _of_shell_text(texts, line, line.value)
        elif "MAKEFLAGS" in line.text and SETS_MAKEFLAGS.match(line.text):
            yield Command(line.place, line.text, line.text, signs=True)
        elif "load" in line.text and LOADS_CODE.match(line.text):
            yield Command(line.place, line.text, line.text, changes=True)
        if not line.command:
            continue
        if line.command not in known:  # a thousand components have the same
            known[line.command] = _of_recipe(texts, line)
        found = known[line.command]
        if found:
            yield replace(found, place=line.place, line=line.text)


def _joined_recipes(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield lines with the commands of each rule as one: under `.ONESHELL` one shell runs them."""
    last: Line | None = None
    for line in lines:
        if last and line.command and line.text.strip() == line.command.strip():
            last = Line(last.place, f"{last.text}\n{line.text}", f"{last.command}\n{line.command}")
            continue
        if last:
            yield last
        last = line
    if last:
        yield last


def _of_functions(texts: MakeTexts, line: Line) -> Iterator[Command]:
    """Yield what the functions in a line run or write."""
    for match in FUNCTION.finditer(line.text):
        inside = text_inside(line.text, match.start() + 1)
        # Behind `$(` stands the function's name, which the pattern has found too.
        held = inside[len(match[0]) - len("$(") :].lstrip(", ")
        if match[1] == "file":
            if any(text.lstrip().startswith(">") for text in texts.values.expanded(held)):
                yield Command(line.place, line.text, held, changes=True)
        elif match[1] == "guile":
            yield Command(line.place, line.text, held, changes=True)
        else:
            yield _of_shell_text(texts, line, held)


def _of_shell_text(texts: MakeTexts, line: Line, command: str) -> Command:
    """Return what `$(shell …)` runs, or a variable that holds what make runs."""
    commands = texts.values.expanded(command)
    signs = any(map(commandeffects.signs_something, commands))
    changes = any(map(commandeffects.changes_files, commands))
    if line.name in RUN_BY_MAKE:
        signs = signs or any(map(commandeffects.calls_signer, commands))
    else:
        # A make in it is told nothing of what the first was asked. Where nothing can be written,
        # programs that refuse to sign are enough.
        changes = changes or any(map(commandeffects.calls_make, commands))
    return Command(line.place, line.text, "\n".join(commands), signs, changes)


def _of_recipe(texts: MakeTexts, line: Line) -> Command | None:
    """Return a command of a recipe if make runs it even in a dry run; None if it only prints it."""
    commands = texts.values.expanded(line.command) if "$" in line.command else (line.command,)
    has_plus = any(
        "+" in text and any(map(_begins_with_plus, text.split("\n"))) for text in commands
    )
    if not (has_plus or NAMES_MAKE.search(line.command)):
        return None
    own = [A_MAKE.sub(" ", commandeffects.without_echoed(text)) for text in commands]
    forgets = any(map(FORGETS_DRY_RUN.search, commands))
    signs = forgets or any(map(commandeffects.signs_something, own))
    redirects = any(map(commandeffects.redirects_to_file, commands))
    changes = redirects or any(map(commandeffects.changes_files, own))
    writes_last = changes and any(map(_writes_behind_makes, commands))
    return Command(line.place, line.text, "\n".join(commands), signs, changes, writes_last)


def _writes_behind_makes(text: str) -> bool:
    """Tell whether commands write to files behind the last make that they call, and not before."""
    end = max((match.end() for match in A_MAKE.finditer(text)), default=len(text))
    redirects = commandeffects.redirects_to_file
    return redirects(text[end:]) and not redirects(text[:end])


def _begins_with_plus(command: str) -> bool:
    rest = command.lstrip(" \t@-")
    while re.match(r"\$[({]", rest):  # of a function nothing is known but what stands in it
        held = text_inside(rest, 1)
        if "+" in held:
            return True
        rest = rest[len(held) + 3 :].lstrip(" \t@-")
    return rest.startswith("+")
