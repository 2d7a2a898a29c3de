"""What make runs of a Makefile even in a dry run: told from the texts, before it is asked.

That is what `$(shell …)`, `$(file >…)` and `!=` hold, lines with a `+` in front or `$(MAKE)` in
them, and what remakes the Makefile or what it includes. Functions of make's are not computed here,
and scripts that are called are not read.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tls_scaffold.errors import Problem
from tls_scaffold.makefiles import commandeffects
from tls_scaffold.makefiles.dryruncommands import NAMES_MAKE, Command, commands_run
from tls_scaffold.makefiles.maketexts import MAKEFILES, MakeTexts, texts_read_by_make
from tls_scaffold.paths import MAKEFILE

MOST_MAKES = 100
WORD_ENDS = re.compile(r"[\s;&|()'\"=]+")
OF_TARGET_OR_LOOP = re.compile(r"\$[@*<^+?$]")
CHOSEN_MAKEFILE = re.compile(r"(?:-f\s*|--(?:make)?file[= ])([^\s;&|]+)")


@dataclass(frozen=True)
class DryRunEffects:
    """What make runs in a dry run, in a folder and those that it calls other makes in.

    `remade` are the Makefile and what it includes, which make would make anew even then;
    `missing` says what of that is not there and would be made. `names_temporary` tells that a
    Makefile says itself where temporary files go.
    """

    commands: tuple[Command, ...]
    remade: tuple[str, ...]
    missing: tuple[Problem, ...]
    names_temporary: bool

    @property
    def running(self) -> tuple[Problem, ...]:
        """What may run more than its line shows, for a message."""
        told = (
            each.told(" runs even then")
            for each in self.commands
            if not commandeffects.only_looks(each.text)
        )
        return tuple(dict.fromkeys(told))


def dry_run_effects(folder: Path) -> DryRunEffects:
    """Read a folder's Makefile, what it includes, and those that it calls other makes for."""
    first = texts_read_by_make(folder, MAKEFILE, "")
    commands: dict[Command, None] = {}
    names_temporary = False
    waiting, seen = [("", first)], {("", MAKEFILE)}
    while waiting:
        place, texts = waiting.pop(0)
        names_temporary |= any("TMPDIR" in line.text for line in texts.lines)
        found = list(commands_run(texts))
        commands |= dict.fromkeys(found)
        for called, name in _called_makefiles(texts, found):
            path = posixpath.normpath(posixpath.join(place, called))
            if (path, name) not in seen and len(seen) < MOST_MAKES:
                seen.add((path, name))
                more = texts_read_by_make(folder / path, name, path, texts.values)
                waiting.append((path, more))
    return DryRunEffects(
        tuple(commands), (MAKEFILE, *first.includes), tuple(_missing(first)), names_temporary
    )


def _called_makefiles(texts: MakeTexts, commands: Iterable[Command]) -> Iterator[tuple[str, str]]:
    """Yield the folder and the name of each Makefile that other makes may be called for.

    Any word of a command that calls a make may name such a folder.
    """
    for command in commands:
        if not NAMES_MAKE.search(command.line):
            continue
        words = WORD_ENDS.split(command.text)
        if OF_TARGET_OR_LOOP.search(command.text):
            words += [path.parent.name for path in texts.folder.glob("*/[Mm]akefile")]
        folders = ["", *(word.removeprefix("-C") for word in words if "\0" not in word)]
        chosen = [match[1] for match in CHOSEN_MAKEFILE.finditer(command.text)]
        for place in dict.fromkeys(folders):
            for name in dict.fromkeys((*chosen, *MAKEFILES)):
                is_another = place or name not in MAKEFILES
                if is_another and _is_there(texts.folder / place / name, Path.is_file):
                    yield place, name


def _is_there(path: Path, ask: Callable[[Path], bool] = Path.exists) -> bool:
    """Ask whether a path is there; none is that we may not look at, or that no file can have."""
    try:
        return ask(path)
    except OSError:  # Python before 3.14 raises for a name of more than 255 bytes
        return False


def _missing(texts: MakeTexts) -> Iterator[Problem]:
    """Yield where a file is included that is missing, and that a rule would make."""
    places = {
        name: place
        for name, place in texts.includes.items()
        if place and not _is_there(texts.folder / name)
    }
    if not places:
        return
    rules = (line.text.partition(":")[0] for line in texts.lines if ":" in line.text)
    targets = {word.replace("%", "*") for rule in rules for word in rule.split()}
    for name, place in places.items():
        if any(fnmatchcase(name, target) for target in targets):
            yield Problem(place, f"`{name}`")
