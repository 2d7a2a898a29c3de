"""Several folders looked at in one process: one that can't be read hides no other."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tls_scaffold.disk.ourfolders import folders_below
from tls_scaffold.errors import ExitCode, ScaffoldError

Report = TypeVar("Report")
WORST_FIRST = (
    ExitCode.REFUSED,
    ExitCode.USAGE,
    ExitCode.CONFLICT,
    ExitCode.DRIFTED,
    ExitCode.EXPIRING,
    ExitCode.DONE,
)


@dataclass(frozen=True)
class Look(Generic[Report]):
    """What was seen of one folder: a report, or the error that kept it from being read."""

    folder: Path
    report: Report | None = None
    error: ScaffoldError | None = None


def folders_and_closed(
    base: Path, named: Iterable[Path], above: Iterable[Path]
) -> tuple[tuple[Path, ...], dict[Path, ScaffoldError]]:
    """Return the folders that are named, and all of ours below the directories `above`, each once.

    All are told as they are reached from `base`. With them comes what can't be looked into, and
    why. Raises ScaffoldError where a directory of `above` is none, or nothing is found.
    """
    found = [base / each for each in named]
    closed: dict[Path, ScaffoldError] = {}
    for directory in above:
        below, errors = folders_below(base / directory)
        found += below
        closed |= errors
    if not found and not closed:
        told = ", ".join(f"`{base / each}`" for each in above)
        raise ScaffoldError(
            f"there is no folder of ours below {told}",
            hint="a folder of ours has a `tls-scaffold.json`; `tls-scaffold new` makes one",
        )
    return tuple(dict.fromkeys(found)), closed


def look_at_each(
    folders: Iterable[Path], closed: Mapping[Path, ScaffoldError], look: Callable[[Path], Report]
) -> Iterator[Look[Report]]:
    """Yield what is seen of each folder by `look`, and the errors of those that are `closed`."""
    yield from (Look(folder, error=error) for folder, error in closed.items())
    yield from (_look_at(folder, look) for folder in folders)


def _look_at(folder: Path, look: Callable[[Path], Report]) -> Look[Report]:
    try:
        return Look(folder, look(folder))
    except ScaffoldError as error:
        return Look(folder, error=error)
    except OSError as error:
        where = f"`{error.filename or folder}`"
        return Look(folder, error=ScaffoldError(f"{where} can't be read: {error.strerror}"))


def worst_code(codes: Collection[ExitCode]) -> ExitCode:
    """Return the exit code that tells the worst of some."""
    return min(codes, key=WORST_FIRST.index, default=ExitCode.DONE)
