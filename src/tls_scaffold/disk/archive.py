"""The folder `archive/`: what is taken away lies there, on a shelf for each time."""

import os
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.disk.files import flush_directory, make_private, telling
from tls_scaffold.disk.moving import is_in, make_directories, move
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.workfolders import clear_leftovers
from tls_scaffold.paths import ARCHIVE


def new_shelf(folder: Path) -> str:
    """Return a path `archive/<UTC time>` that nothing has; sign.sh's `put_away` names alike."""
    name = f"{ARCHIVE}/{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%SZ')}"
    while (folder / name).exists():
        name += "x"
    return name


def make_shelf(folder: Path, shelf: str = "") -> Path:
    """Make the folder `shelf` of the archive, a new one unless it is given, and return it.

    Only its owner can look into `archive`.
    """
    with telling(folder / ARCHIVE, "made"):
        make_private(folder / ARCHIVE)
        place = folder / (shelf or new_shelf(folder))
        place.mkdir(exist_ok=bool(shelf))
        flush_directory(place.parent)
    return place


def move_to_shelf(folder: Path, path: str, shelf: Path) -> None:
    """Move a file or folder to the same path below `shelf`; it may be gone already.

    If there is something else, of a run that was killed and of what was done since, it goes to a
    new shelf.
    """
    source, target = inside(folder, path), shelf / path
    with telling(source, "moved"):
        if not os.path.lexists(source):
            return
        if os.path.lexists(target) and not is_in(source, target):
            target = make_shelf(folder) / path
        make_directories(target.parent)
        clear_leftovers(target.parent)
        move(source, target)
