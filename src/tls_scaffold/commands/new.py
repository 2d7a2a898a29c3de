"""`tls-scaffold new`: a folder from an inventory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.disk.newfolder import make_folder
from tls_scaffold.disk.vacancy import missing_paths
from tls_scaffold.inventory import conflicts, formats, intake, userwarnings
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import RENEW_DAYS, Inventory
from tls_scaffold.rendering import template

DEFAULT_PROXIES = 1  # as in hack/tls-setup


@dataclass(frozen=True)
class Made:
    """What `new` made, or would make: the folder, its inventory and the files that were missing.

    `files` are their paths below the folder.
    """

    target: Path
    inventory: Inventory
    files: tuple[str, ...]

    @property
    def warnings(self) -> list[str]:
        """What is allowed but seldom meant, one line each."""
        users = userwarnings.warnings(self.inventory.users)
        uncompacted = userwarnings.uncompacted(self.inventory, self.inventory.users)
        return [
            *users,
            *uncompacted,
            *conflicts.several_peer_cns(self.inventory),
            *_short_lived(self.inventory),
        ]


def new(target: Path, source: str, options: Options, *, dry_run: bool) -> Made:
    """Render the inventory of `source` with that of the options into the new folder `target`.

    `source` is a file, `-` or empty. Raises ScaffoldError with every problem of the inventory, or
    where `target` is in use.
    """
    data: object = formats.load(source) if source else {}
    if not options.say_proxies and not (isinstance(data, Mapping) and "proxies" in data):
        options = replace(options, proxies=DEFAULT_PROXIES)
    inventory = intake.of_data(data, options)
    tree = template.render(inventory)
    paths = missing_paths(target, tree) if dry_run else make_folder(target, tree)
    return Made(target, inventory, tuple(sorted(paths)))


def _short_lived(inventory: Inventory) -> Iterator[str]:
    if inventory.expiry <= RENEW_DAYS * 24:
        days = f"the {RENEW_DAYS} days of `status` and `make renew`"
        yield f"a life of {inventory.expiry} hours is within {days}: always expiring"
