"""The one family of errors that a user may cause: what is wrong, where, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ends, for scripts: docs/reference/exit-codes.md and `--help`."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    CONFLICT = 3
    DRIFTED = 4
    EXPIRING = 5

    @property
    def meaning(self) -> str:
        """What a command that ends so has to say."""
        return MEANINGS[self]


MEANINGS = {
    ExitCode.DONE: "done, or all is well",
    ExitCode.REFUSED: "refused, failed, or something is broken",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.CONFLICT: "both sides changed the same: a person has to settle it",
    ExitCode.DRIFTED: "the folder, a certificate or etcd is not what is asked for",
    ExitCode.EXPIRING: "all is as asked for, and something expires soon",
}


@dataclass(frozen=True)
class Place:
    """Where something is: a file, with line and column, or with a key such as `hosts[0]`.

    What stands on the command line has a key alone. Lines and columns count from 1; 0 is none.
    """

    path: str = ""
    line: int = 0
    column: int = 0
    key: str = ""

    def __str__(self) -> str:
        """Return it as `Makefile:12`, `b.json:3:4`, `b.json: hosts[0]` or `members[1]`."""
        position = "".join(f":{number}" for number in (self.line, self.column) if number)
        return ": ".join(part for part in (f"{self.path}{position}", self.key) if part)

    def field(self, name: str) -> "Place":
        """Return the place of a field of what is here."""
        key = f"{self.key}.{name}" if self.key else name
        return Place(self.path, self.line, self.column, key)  # `replace` takes ten times as long

    def item(self, index: int) -> "Place":
        """Return the place of an item of the list that is here."""
        return Place(self.path, self.line, self.column, f"{self.key}[{index}]")

    def is_item_of(self, other: "Place") -> bool:
        """Tell whether this is an item of the list that is at another place."""
        return self.path == other.path and self.key.startswith(f"{other.key}[")

    def is_within(self, other: "Place") -> bool:
        """Tell whether this is a place, or one of a field below it."""
        is_below = not other.key or f"{self.key}.".startswith(f"{other.key}.")
        return self.path == other.path and is_below


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where; the place is empty where the message says it."""

    place: Place
    message: str

    def __str__(self) -> str:
        """Return it as one line."""
        where = str(self.place)
        return f"{where}: {self.message}" if where else self.message


def problem_of(key: str, message: str) -> Problem:
    """Return the problem of a value that has a key alone.

    It is an option's, or its file is told elsewhere.
    """
    return Problem(Place(key=key), message)


class ScaffoldError(Exception):
    """Something a user can mend: a summary, every problem found, and a hint.

    `summary` is one line without a trailing period; a problem that is given as text has no place.
    `hint` says what to do. The command line prints it all and exits with `exit_code`.
    """

    exit_code = ExitCode.REFUSED

    def __init__(
        self, summary: str, problems: Iterable[Problem | str] = (), hint: str = ""
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.problems = tuple(
            Problem(Place(), each) if isinstance(each, str) else each for each in problems
        )
        self.hint = hint

    def __str__(self) -> str:
        """Return the whole message: summary, problems indented, a blank line and the hint."""
        lines = [self.summary, *(f"  {problem}" for problem in self.problems)]
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join(lines)

    def without(self, path: str) -> str:
        """Return summary and problems as one line, without `path`, which is told already."""
        problems = (
            replace(each, place=replace(each.place, path="")) if each.place.path == path else each
            for each in self.problems
        )
        return ": ".join((self.summary, *map(str, problems)))


class UsageError(ScaffoldError):
    """The command line itself is wrong."""

    exit_code = ExitCode.USAGE


class ConflictError(ScaffoldError):
    """Two sides changed the same, and a person has to settle it."""

    exit_code = ExitCode.CONFLICT


class DriftedError(ScaffoldError):
    """The folder does not follow its inventory."""

    exit_code = ExitCode.DRIFTED
