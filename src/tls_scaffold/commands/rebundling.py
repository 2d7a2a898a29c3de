"""Bundles in `dist/` laid out again where they hold other certificates than `certs/`."""

from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.commands.bundlesagain import lay_out_again
from tls_scaffold.disk.folder import lock
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.state.bundleages import stale_bundles

LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Rebundled:
    """The bundles that were made anew, by name, and those that were not, each with the reason."""

    made: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def rebundle(folder: Path) -> Rebundled:
    """Put the pairs and CAs of `certs/` into the bundles that hold others, in the forms they have.

    Settings stay as they were laid out. A bundle that can't be made is named. Nothing is made where
    there is no `dist/`.
    """
    try:
        inventory = intake.load(folder)
        with lock(folder, wait=LOCK_SECONDS):
            stale = {each.removesuffix(TAR) for each in stale_bundles(folder, inventory)}
            owners = sorted(
                (each for each in inventory.components if each.name in stale),
                key=lambda each: each.name,
            )
            failed = lay_out_again(folder, inventory, owners) if owners else {}
    except ScaffoldError as error:
        return Rebundled(left=(f"`{DIST}/` was not looked at: {error.summary}",))
    return Rebundled(
        tuple(each.name for each in owners if each.name not in failed),
        tuple(
            f"`{DIST}/{name}` is to be made anew, and was not: {error.without('')}"
            for name, error in failed.items()
        ),
    )
