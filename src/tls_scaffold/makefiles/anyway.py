"""What make runs of a Makefile although it is only asked: told from the texts, before it is asked.

That is what `$(shell …)`, `$(file >…)` and `!=` hold, lines with a `+` in front or `$(MAKE)` in them, and what remakes
the Makefile or what it includes. A function of make's is not computed here, and a script that is called not read.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from tls_scaffold.makefiles import harm
from tls_scaffold.makefiles.sources import MAKEFILES, Line, Source, inside, read

MOST_MAKES = 100
FUNCTION = re.compile(
    r"(?:\$[({](?:call\s+)?(shell|file|guile)|\$[({]call\s+\$[({]\w+[)}])(?=[\s,])"
)
NAMES_MAKE = re.compile(r"\$[({]MAKE[)}]")
A_MAKE = re.compile(NAMES_MAKE.pattern + "[^;&|]*")  # what it signs is asked of it
# A make that does not know what the first was asked, and code that is no longer make's.
FORGETS = re.compile(
    r"MAKEFLAGS=|\bunset\s[^;&|]*MAKEFLAGS|\benv\s+(-i|-\s)|-u\s*MAKEFLAGS|--unset=MAKEFLAGS"
)
UNASKED = re.compile(
    r"unexport\s.*\bMAKEFLAGS\b|([^=#]+:\s*(\w+\s+)*|override\s+(\w+\s+)*)MAKEFLAGS\s*[:?]*="
)
LOADS = re.compile(r"-?load\s")
RUN_BY_MAKE = ("SHELL", ".SHELLFLAGS", "MAKE")
WORD_ENDS = re.compile(r"[\s;&|()'\"=]+")
OF_TARGET_OR_LOOP = re.compile(r"\$[@*<^+?$]")
CHOSEN = re.compile(r"(?:-f\s*|--(?:make)?file[= ])([^\s;&|]+)")


@dataclass(frozen=True)
class Command:
    """What make runs: the place and the line, the text with variables put in, and what harm it does.

    `text` has the commands once for each value of their variables. `signs` also tells that a make would not know that
    it is only asked; `writes_last` tells that what it prints goes to files after the makes that it calls.
    """

    place: str
    line: str
    text: str
    signs: bool = False
    changes: bool = False
    writes_last: bool = False

    @property
    def only_looks(self) -> bool:
        """Tell what calls no program but the plainest."""
        return harm.only_looks(self.text)

    def __str__(self) -> str:
        """Return the place and the line, for a message."""
        return f"{self.place}: `{' '.join(self.line.split())}`"


@dataclass(frozen=True)
class Asked:
    """What make runs when it is asked, in a folder and those that it calls other makes in, and what it would remake.

    `remade` are the Makefile and what it includes; `lost` says what of that is missing and would be made.
    `names_temporary` tells that a Makefile says itself where temporary files go.
    """

    commands: tuple[Command, ...]
    remade: tuple[str, ...]
    lost: tuple[str, ...]
    names_temporary: bool

    @property
    def running(self) -> tuple[str, ...]:
        """Return what may run more than its line shows, for a message: where and what."""
        return tuple(
            dict.fromkeys(f"{each} runs even then" for each in self.commands if not each.only_looks)
        )


def look_through(folder: Path, makefile: str) -> Asked:
    """Read a Makefile, what it includes, and those that it calls other makes for."""
    first = read(folder, makefile, "", {})
    commands: list[Command] = []
    names_temporary = False
    waiting, seen = [("", first)], {("", makefile)}
    while waiting:
        place, source = waiting.pop(0)
        names_temporary |= any("TMPDIR" in line.text for line in source.lines)
        found = tuple(_commands(source))
        commands += found
        for called, name in _called(
            source, [each for each in found if NAMES_MAKE.search(each.line)]
        ):
            path = posixpath.normpath(posixpath.join(place, called))
            if (path, name) not in seen and len(seen) < MOST_MAKES:
                seen.add((path, name))
                waiting.append((path, read(folder / path, name, path, source.values)))
    return Asked(
        tuple(dict.fromkeys(commands)),
        (makefile, *first.includes),
        tuple(_lost(first)),
        names_temporary,
    )


def _commands(source: Source) -> Iterator[Command]:
    known: dict[str, Command | None] = {}
    one_shell = any(line.text.startswith(".ONESHELL") for line in source.lines)
    for line in _joined(source.lines) if one_shell else source.lines:
        if "$" in line.text and FUNCTION.search(line.text):
            yield from _functions(source, line)
        if line.is_shells or line.name in RUN_BY_MAKE:
            yield _of_function(source, line, line.value)
        elif "MAKEFLAGS" in line.text and UNASKED.match(line.text):
            yield Command(line.place, line.text, line.text, signs=True)
        elif "load" in line.text and LOADS.match(line.text):
            yield Command(line.place, line.text, line.text, changes=True)
        if not line.command:
            continue
        if line.command not in known:  # a thousand components have the same
            known[line.command] = _of_recipe(source, line)
        found = known[line.command]
        if found:
            yield replace(found, place=line.place, line=line.text)


def _joined(lines: list[Line]) -> Iterator[Line]:
    """Yield lines with the commands of each rule as one: under `.ONESHELL` one shell runs them all."""
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


def _functions(source: Source, line: Line) -> Iterator[Command]:
    """Yield what the functions in a line run or write."""
    for match in FUNCTION.finditer(line.text):
        held = inside(line.text, match.start() + 1)[match.end() - match.start() - 2 :].lstrip(", ")
        if match[1] == "file":
            if any(text.lstrip().startswith(">") for text in source.expanded(held)):
                yield Command(line.place, line.text, held, changes=True)
        elif match[1] == "guile":
            yield Command(line.place, line.text, held, changes=True)
        else:
            yield _of_function(source, line, held)


def _of_function(source: Source, line: Line, command: str) -> Command:
    """Return what `$(shell …)` runs, or a variable that holds what make runs."""
    texts = source.expanded(command)
    # It is told nothing of what make was asked; where nothing can be written, programs that refuse to sign are enough.
    is_run = line.name in RUN_BY_MAKE
    signs = any(map(harm.signs, texts)) or (is_run and any(map(harm.calls_signer, texts)))
    changes = any(map(harm.changes, texts)) or (not is_run and any(map(harm.calls_make, texts)))
    return Command(line.place, line.text, "\n".join(texts), signs, changes)


def _of_recipe(source: Source, line: Line) -> Command | None:
    """Return a command of a recipe if make runs it, although it is asked; None if it only prints it."""
    texts = source.expanded(line.command) if "$" in line.command else (line.command,)
    runs = NAMES_MAKE.search(line.command) or any(
        "+" in text and any(map(_begins_with_plus, text.split("\n"))) for text in texts
    )
    if not runs:
        return None
    own = [A_MAKE.sub(" ", harm.without_echoed(text)) for text in texts]
    forgets = any(map(FORGETS.search, texts))
    signs = forgets or any(map(harm.signs, own))
    changes = any(map(harm.changes, own)) or any(map(harm.redirects, texts))
    writes_last = changes and any(map(_writes_last, texts))
    return Command(line.place, line.text, "\n".join(texts), signs, changes, writes_last)


def _writes_last(text: str) -> bool:
    ends = [match.end() for match in A_MAKE.finditer(text)]
    return bool(ends) and harm.redirects(text[ends[-1] :]) and not harm.redirects(text[: ends[-1]])


def _begins_with_plus(command: str) -> bool:
    rest = command.lstrip(" \t@-")
    while re.match(r"\$[({]", rest):  # of a function nothing is known but what stands in it
        held = inside(rest, 1)
        if "+" in held:
            return True
        rest = rest[len(held) + 3 :].lstrip(" \t@-")
    return rest.startswith("+")


def _called(source: Source, commands: list[Command]) -> Iterator[tuple[str, str]]:
    """Yield the folders in which a make may be called, by the words of such commands, and the Makefiles there."""
    for command in commands:
        words = WORD_ENDS.split(command.text)
        if OF_TARGET_OR_LOOP.search(command.text):
            words += [path.parent.name for path in source.folder.glob("*/[Mm]akefile")]
        folders = dict.fromkeys(
            ["", *(word.removeprefix("-C") for word in words if "\0" not in word)]
        )
        chosen = dict.fromkeys((*(match[1] for match in CHOSEN.finditer(command.text)), *MAKEFILES))
        for place in folders:
            for name in chosen:
                if (place or name not in MAKEFILES) and _is_there(
                    source.folder / place / name, Path.is_file
                ):
                    yield place, name


def _is_there(path: Path, ask: Callable[[Path], bool] = Path.exists) -> bool:
    """Ask whether a path is there, or a file; none is where we may not look, and where a word is no name of a file."""
    try:
        return ask(path)
    except OSError:  # Python before 3.14 raises for a name of more than 255 bytes
        return False


def _lost(source: Source) -> Iterator[str]:
    """Yield where a file is included that is missing, and that a rule would make."""
    missing = {
        name: place
        for name, place in source.includes.items()
        if place and not _is_there(source.folder / name)
    }
    rules = (
        [line.text.partition(":")[0] for line in source.lines if ":" in line.text]
        if missing
        else ()
    )
    targets = [word for rule in rules for word in rule.split()]
    for name, place in missing.items():
        if any(fnmatchcase(name, target.replace("%", "*")) for target in targets):
            yield f"{place}: `{name}`"
