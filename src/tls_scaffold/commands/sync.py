"""`tls-scaffold sync`: the folder follows its inventory."""

import posixpath
from collections.abc import Iterable
from pathlib import Path

from tls_scaffold.inventory import intake
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.update import change_folder


def sync(folder: Path, *, reset: Iterable[str] = (), dry_run: bool = False) -> Plan:
    """Make a folder follow its inventory; with `dry_run` only return what would be done.

    The files `reset`, by path below the folder, become what is rendered, and what they were goes to
    the archive. Raises ScaffoldError for one that is not rendered.
    """
    paths = tuple(dict.fromkeys(map(posixpath.normpath, reset)))

    def read_change() -> Change:
        inventory = intake.load(folder)
        return Change(inventory, inventory, reset=paths)

    return change_folder(folder, ("sync", *paths), read_change, dry_run=dry_run, again=True)
