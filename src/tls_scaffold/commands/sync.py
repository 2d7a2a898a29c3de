"""`tls-scaffold sync`: the folder follows its inventory."""

from pathlib import Path

from tls_scaffold.inventory import intake
from tls_scaffold.keeping import keep as keeping
from tls_scaffold.keeping.changes import Plan


def sync(folder: Path, *, dry_run: bool = False) -> Plan:
    """Make a folder follow its inventory; with `dry_run` only return what would be done."""

    def change() -> keeping.Change:
        inventory = intake.load(folder)
        return keeping.Change(inventory, inventory)

    return keeping.preview(folder, change()) if dry_run else keeping.keep(folder, ("sync",), change, again=True)
