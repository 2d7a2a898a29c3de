"""`tls-scaffold sync`: the folder follows its inventory."""

from pathlib import Path

from tls_scaffold import intake, keeping
from tls_scaffold.changes import Plan


def sync(folder: Path, *, dry_run: bool = False) -> Plan:
    """Make a folder follow its inventory; with `dry_run` only return what would be done."""

    def change() -> keeping.Change:
        inventory = intake.load(folder)
        return keeping.Change(inventory, inventory)

    return keeping.preview(folder, change()) if dry_run else keeping.keep(folder, ("sync",), change)
