"""`tls-scaffold add`: more members, proxies and users."""

import json
from pathlib import Path

from tls_scaffold.inventory import intake, userwarnings
from tls_scaffold.inventory.clusterparts import User
from tls_scaffold.inventory.options import Options
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.update import change_folder


def add(folder: Path, options: Options, *, dry_run: bool = False) -> Plan:
    """Add the components that the options name.

    With `dry_run` only return what would be done. Raises ScaffoldError with every problem of the
    inventory that would come of it.
    """

    def read_change() -> Change:
        old = intake.load(folder)
        return Change(old, intake.of_data(old.document(), options))

    given = {name: value for name, value in vars(options).items() if value not in (None, ())}
    command = ("add", json.dumps(given, sort_keys=True))
    return change_folder(folder, command, read_change, dry_run=dry_run)


def users(folder: Path) -> tuple[User, ...]:
    """Return the users that the folder has."""
    return intake.load(folder).users


def warnings(folder: Path, before: tuple[User, ...]) -> list[str]:
    """Return what is allowed but seldom meant of the users that are new since `before`."""
    known = set(before)
    inventory = intake.load(folder)
    added = [user for user in inventory.users if user not in known]
    return [*userwarnings.warnings(added), *userwarnings.uncompacted(inventory, added)]
