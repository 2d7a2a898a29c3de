"""What keeps commands from writing in a folder, so that they refuse it before they begin."""

import os
from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.disk.obstacles import NO_LINKS, NO_LINKS_HINT, links_among
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.reach import RENDERED
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.paths import CONFIG, NEW_SET

IS_LINK = "it is a link, and commands write through none"
UNFINISHED = "a new set of certificates was decided on, and is not in its place yet"
FINISH = "`make` puts it there, or says what is in its way"


def hindrances(folder: Path, inventory: Inventory | None) -> Iterator[Problem]:
    """Yield each link where commands write, and a new set that a killed command has left."""
    paths = [path for path in NO_LINKS if path != NEW_SET]
    if (folder / FILE).exists():  # what is in a folder of others is read alone
        components = inventory.components if inventory else ()
        paths += [CONFIG.partition("/")[0], *RENDERED, *(each.request for each in components)]
    for path in links_among(folder, dict.fromkeys(paths)):
        yield Problem(Place(path), IS_LINK)
    if os.path.lexists(folder / NEW_SET):
        yield Problem(Place(NEW_SET), UNFINISHED)


def fix_of(path: str) -> str:
    """Say what takes away the hindrance at a path."""
    return FINISH if path == NEW_SET else NO_LINKS_HINT
