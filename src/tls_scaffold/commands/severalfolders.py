"""Several folders looked at in one process: one that can't be read hides no other."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

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
) -> Iterator[tuple[Path, Report | None, ScaffoldError | None]]:
    """Yield each folder with the report of `look`, or with the error that kept it from being read.

    Those that are `closed` come first, each with its own.
    """
    for folder, error in closed.items():
        yield folder, None, error
    for folder in folders:
        try:
            yield folder, look(folder), None
        except ScaffoldError as error:  # noqa: PERF203 - one hides no other
            yield folder, None, error
        except OSError as error:
            where = f"`{error.filename or folder}`"
            yield folder, None, ScaffoldError(f"{where} can't be read: {error.strerror}")


def worst_code(codes: Collection[ExitCode]) -> ExitCode:
    """Return the exit code that tells the worst of some."""
    return min(codes, key=WORST_FIRST.index, default=ExitCode.DONE)
