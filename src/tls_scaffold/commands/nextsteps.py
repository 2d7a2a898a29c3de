"""The commands that mend what is wrong with certificates, as `status` and whoever refuses say them.

Steps are those of `state.advice`, for whoever holds the folder's CA.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from tls_scaffold.commands.typed import make_command, scaffold_command
from tls_scaffold.disk.plainfiles import makefile_text
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.spelling import RENEW_DAYS, listed
from tls_scaffold.state import advice, states
from tls_scaffold.state.contents import contents_of_folder
from tls_scaffold.state.entries import CA_KIND, Contents
from tls_scaffold.state.states import Row

PUT_BACK = "put back what was changed or is gone; `tls-scaffold status` says more"
FEW = 5  # targets that a line has room for


def steps_for(
    folder: Path,
    inventory: Inventory | None,
    contents: Contents,
    rows: Sequence[Row],
    now: datetime,
) -> advice.Steps:
    """Return the steps to take about the rows of a folder that has a Makefile."""
    text = makefile_text(folder)
    steps = advice.steps(folder, contents, rows, text, now)
    if inventory and inventory.ca.key is KeyPlace.OFFLINE:
        return advice.carried(steps)
    if inventory and inventory.ca.own and inventory.ca.has_key_here:
        return advice.brought(steps, contents)
    return steps


def commands_about(
    folder: Path,
    inventory: Inventory,
    contents: Contents,
    paths: Collection[str],
    now: datetime,
) -> tuple[str, ...]:
    """Return the commands about the certificates of these paths and their CAs.

    They are as they are typed in the folder; what only ends soon has none.
    """
    if not contents.has_makefile:
        return ()
    concerned = replace(
        contents,
        entries=tuple(
            entry for entry in contents.entries if entry.kind == CA_KIND or entry.path in paths
        ),
    )
    soon = timedelta()
    rows = states.status_rows(concerned, now, soon)
    return commands_of(steps_for(folder, inventory, concerned, rows, now), Path(), soon)


def what_mends(
    folder: Path,
    inventory: Inventory,
    contents: Contents,
    paths: Collection[str],
    now: datetime,
    instead: str = "",
) -> str:
    """Say what `status` would of the certificates of these paths: one decision tells both.

    `instead` is what may be done in the place of the commands, if there are some.
    """
    if any(each.denied for each in contents.entries if each.path in paths):
        return advice.AS_OWNER
    commands = commands_about(folder, inventory, contents, paths, now)
    if not commands:
        return PUT_BACK
    told = ", then ".join(f"`{each}`" for each in commands)
    return f"{told}, as `tls-scaffold status` says{instead}"


def what_mends_all(folder: Path, inventory: Inventory, now: datetime) -> str:
    """Say what `status` would of all that an inventory asks for."""
    paths = {each.certificate_path for each in inventory.components}
    return what_mends(folder, inventory, contents_of_folder(folder, inventory), paths, now)


def about_revoked(inventory: Inventory, components: Iterable[Component]) -> str:
    """Say what there is to do about components that are revoked: whether they stay is a decision.

    A member's second certificate goes with the member.
    """
    names = [each.name for each in components]
    owners = {peer.name: member.name for member, peer in inventory.member_pairs}
    gone = ",".join(dict.fromkeys(owners.get(name, name) for name in names))
    again = " ".join(f"req-{name}" for name in names)
    return (
        f"only if {listed(names, quote='')} is to come in again: `make {again}`; else "
        f"`tls-scaffold remove {gone}`"
    )


def commands_of(steps: advice.Steps, folder: Path, within: timedelta) -> tuple[str, ...]:
    """Return the command of each step, in the order in which they are to be run."""
    make, scaffold = make_command(folder), scaffold_command(folder)
    days = -(-within // timedelta(days=1))
    renew_days = f" RENEW_DAYS={days}" if days > RENEW_DAYS else ""
    targets = list(dict.fromkeys(steps.get(advice.TARGETS, ())))
    commands = {
        advice.RESTORE: f"{scaffold} restore FILE",
        advice.SYNC: f"{scaffold} sync",
        advice.CHECK: f"{scaffold} check",
        advice.BRING_CA: f"{scaffold} sync --ca FILE --ca-key FILE",
        advice.BRING_KEY: f"{scaffold} sync --ca-key FILE",
        advice.RENEW_CA: f"{make} renew-ca",
        advice.REGENERATE: f"{make} regenerate",
        advice.MAKE: make,
        advice.RENEW: f"{make} renew{renew_days}",
        advice.CSR: f"{make} csr{renew_days}",
        advice.EXPORT: f"{scaffold} requests export FILE",
        advice.TARGETS: f"{make} {' '.join(targets) if len(targets) <= FEW else 'req'}",
        advice.AGAIN: f"{make} {' '.join(dict.fromkeys(steps.get(advice.AGAIN, ())))}",
    }
    return tuple(command for step, command in commands.items() if step in steps)
