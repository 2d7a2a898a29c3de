"""The copies of components' certificates that a folder keeps: in its record, and in its archive."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.plainfiles import names
from tls_scaffold.paths import ARCHIVE, CERTIFICATE_ENDING, ISSUED, KEY_ENDING


def name_of(path: str) -> str:
    """Return what a component is called whose certificate is at `path`."""
    return PurePosixPath(path).name.removesuffix(CERTIFICATE_ENDING)


def recorded_paths(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and path of each certificate of a component in the record."""
    for path in names(folder, ISSUED, CERTIFICATE_ENDING):
        name, *sums = path.removeprefix(f"{ISSUED}/").rsplit("-", 2)
        if len(sums) > 1 and not name.startswith("."):
            yield name, path


def archived_paths(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and path of each certificate in the archive; no link is followed."""
    for place, directories, files in os.walk(folder / ARCHIVE):
        directories[:] = [each for each in directories if not each.startswith(".")]
        for each in files:
            if each.endswith(CERTIFICATE_ENDING) and not each.endswith(KEY_ENDING):
                path = (Path(place) / each).relative_to(folder).as_posix()
                yield name_of(path), path
