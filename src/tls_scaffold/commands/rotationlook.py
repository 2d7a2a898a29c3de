"""A look at the members of a rotation: for `rotate status`, and before a step that they decide."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tls_scaffold.commands.live import NO_MEMBERS, LiveOptions, named_ports, no_members
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live import rotationgates
from tls_scaffold.live.endpoints import Port, inventory_ports
from tls_scaffold.live.known import read_known
from tls_scaffold.live.looks import Looking
from tls_scaffold.live.rotationgates import Step
from tls_scaffold.live.rotationports import RotationPort, rotation_ports
from tls_scaffold.signing.rotation import Rotation


def seen_ports(folder: Path, rotation: Rotation, options: LiveOptions) -> tuple[RotationPort, ...]:
    """Return what each port shows and has loaded that a rotation is about; none without members.

    Every member of the inventory is asked; the options say where one is found, and name others.
    Raises UsageError for endpoints that are none.
    """
    inventory = intake.load_if_any(folder)
    sides = read_known(folder, inventory).sides_of(rotation.ca)
    ports = [port for port in _ports(inventory, options) if port.side in sides]
    return rotation_ports(Looking(ports, options.seconds).looks(), rotation)


def _ports(inventory: Inventory | None, options: LiveOptions) -> Iterator[Port]:
    given = named_ports(inventory, options)
    named = {(port.member, port.side) for port in given}
    for port in inventory_ports(inventory) if inventory else ():
        if (port.member, port.side) not in named:
            yield port
    yield from given


def asking_members(
    folder: Path, options: LiveOptions, *, force: bool
) -> Callable[[Rotation, Step], tuple[str, ...]]:
    """Return what asks every live member before a step, and returns warnings.

    Those are of members that could not be reached, which hold up the step, unless with `force`. It
    raises ScaffoldError as `rotationgates.check`, and where there are no members to ask.
    """

    def ask(rotation: Rotation, step: Step) -> tuple[str, ...]:
        ports = seen_ports(folder, rotation, options)
        if ports:
            return rotationgates.check(step, ports, force=force)
        if force:
            return (NO_MEMBERS,)
        raise no_members()

    return ask
