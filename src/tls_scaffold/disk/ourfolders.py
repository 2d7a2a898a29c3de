"""The folders of ours that lie below a directory."""

import os
from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import ARCHIVE, CERTS, STATE

# What a folder had once, copies of it, and its keys: nothing of ours that is to be looked at.
NOT_LOOKED_INTO = (".git", ARCHIVE, "dist", CERTS, STATE)


def folders_below(directory: Path) -> tuple[tuple[Path, ...], dict[Path, ScaffoldError]]:
    """Return each folder with an inventory in a directory or below it, and what can't be looked at.

    No link is followed, but for one that `directory` is itself. A folder in a folder is found too.
    Raises ScaffoldError where `directory` is none.
    """
    if not directory.is_dir():
        raise ScaffoldError(f"`{directory}` is not a folder")
    closed: dict[Path, ScaffoldError] = {}
    return tuple(_found(directory, closed)), closed


def _found(directory: Path, closed: dict[Path, ScaffoldError]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        told = f"`{error.filename}` can't be looked into: {error.strerror}"
        closed[Path(error.filename)] = ScaffoldError(told)

    for at, directories, _ in os.walk(directory, onerror=note):
        directories[:] = sorted(each for each in directories if each not in NOT_LOOKED_INTO)
        # Also one that is a link, or no plain file: what is wrong with it is to be told.
        if os.path.lexists(os.path.join(at, FILE)):  # noqa: PTH118 - no Path for each directory
            yield Path(at)
