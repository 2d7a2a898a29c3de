"""Whether git would take what lies in a folder, told from the text of the ignore rules.

git itself is not asked. `git check-ignore` obeys the configuration of the repository, which is data from outside: it
may have a program run (core.fsmonitor; core.sshCommand where a .gitignore must be fetched from a promisor), and has
core.excludesFile opened, which may be a pipe that nobody writes into.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError

RULES = ".gitignore"
OF_THE_CLONE = ".git/info/exclude"
LARGEST = 64 * 1024
ESCAPED = re.compile(r"\\(.)")
TRAILING_BLANKS = re.compile(r"(?<!\\) +$")


@dataclass(frozen=True)
class Rule:
    """One line: the pattern for each part of a path below the folder `depth` parts below the work tree."""

    depth: int
    parts: tuple[str, ...]
    takes_back: bool
    folders_only: bool


def unignored(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield which of these names in `folder` git would take: those in a work tree whose rules do not leave them out.

    The rules are those of every .gitignore from the work tree down to `folder`, and of the clone's own info/exclude;
    a user's own global ones are not read.
    """
    folder = folder.resolve()
    tree = next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), None)
    if not tree:
        return
    below = folder.relative_to(tree).parts
    rules = [*_rules(tree / OF_THE_CLONE, 0)]
    for depth in range(len(below) + 1):
        rules += _rules(tree.joinpath(*below[:depth], RULES), depth)
    if any(_is_left_out(below[:end], rules, is_folder=True) for end in range(1, len(below) + 1)):
        return  # what is in a folder that is left out no rule brings back
    for name in names:
        if not _is_left_out((*below, name), rules, is_folder=(folder / name).is_dir()):
            yield name


def _is_left_out(path: Sequence[str], rules: Iterable[Rule], *, is_folder: bool) -> bool:
    """Tell whether the last rule that fits a path leaves it out; the folders that it is in are not looked at."""
    left_out = False
    for rule in rules:
        fits_kind = is_folder or not rule.folders_only
        if fits_kind and rule.takes_back == left_out and _matches(path[rule.depth :], rule.parts):
            left_out = not rule.takes_back
    return left_out


def _matches(path: Sequence[str], pattern: Iterable[str]) -> bool:
    """Tell whether each part of a path fits a pattern's; `**` stands for any number of them."""
    reached = {0}  # how many parts of the path the pattern may have used up
    for each in pattern:
        if each == "**":
            reached = {number for start in reached for number in range(start, len(path) + 1)}
        else:
            reached = {number + 1 for number in reached if number < len(path) and fnmatchcase(path[number], each)}
    return len(path) in reached


def _rules(file: Path, depth: int) -> Iterator[Rule]:
    """Yield the rules of a file; none of one that is missing or can't be read, as git does."""
    text = ""
    with suppress(OSError, ScaffoldError):
        text = plain(file, str(file), LARGEST, follow=False).decode("utf-8-sig", "surrogateescape")
    for raw in text.split("\n"):
        line = TRAILING_BLANKS.sub("", raw.removesuffix("\r"))
        if not line or line.startswith("#"):
            continue
        takes_back = line.startswith("!")
        pattern = line.removeprefix("!")
        folders_only = pattern.endswith("/")
        pattern = pattern.removesuffix("/")
        parts = [_unescaped(part) for part in pattern.removeprefix("/").split("/")]
        if "/" not in pattern:
            parts = ["**", *parts]  # a name alone counts at every depth
        if parts[-1] == "**":
            parts.append("*")  # what is in a folder, not the folder itself
        yield Rule(depth, tuple(parts), takes_back, folders_only)


def _unescaped(part: str) -> str:
    """Return a part of a pattern as fnmatch takes it: there brackets, not a backslash, make a sign stand for itself."""
    return ESCAPED.sub(lambda match: f"[{match[1]}]" if match[1] in "*?[" else match[1], part)
