"""`tls-scaffold new`: a folder from an inventory."""

from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.commands.results import Result, make_command
from tls_scaffold.disk.newfolder import make_folder
from tls_scaffold.disk.vacancy import missing_paths
from tls_scaffold.inventory import conflicts, intake, rbac
from tls_scaffold.inventory.desired import read_wish
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering import template


@dataclass(frozen=True)
class Made:
    """What `new` made, or would make: the folder, its inventory and the files that were missing.

    `files` are their paths below the folder.
    """

    target: Path
    inventory: Inventory
    files: tuple[str, ...]
    dry_run: bool = False

    @property
    def warnings(self) -> list[str]:
        """What is allowed but seldom meant, one line each."""
        users = rbac.warnings(self.inventory.users)
        return [
            *users,
            *conflicts.several_peer_cns(self.inventory),
            *conflicts.short_lived(self.inventory),
        ]

    @property
    def next(self) -> str:
        """The command that signs what was asked for."""
        return make_command(self.target)

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        return Result(
            "new",
            str(self.target),
            dry_run=self.dry_run,
            changed=True,
            written=self.files,
            warnings=tuple(self.warnings),
            next=(self.next,),
        )


def new(target: Path, source: str, options: Options, *, dry_run: bool) -> Made:
    """Render the inventory of `source` with that of the options into the new folder `target`.

    `source` is a file, `-` or empty. Raises ScaffoldError with every problem of the inventory, or
    where `target` is in use.
    """
    wish = read_wish(source, options)
    inventory = intake.of_data(wish.data, wish.options)
    tree = template.render(inventory)
    paths = missing_paths(target, tree) if dry_run else make_folder(target, tree)
    return Made(target, inventory, tuple(sorted(paths)), dry_run)
