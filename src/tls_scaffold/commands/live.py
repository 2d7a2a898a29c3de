"""`--live` of `status` and `check`: what running members serve, beside what the folder holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tls_scaffold.commands.nextsteps import what_mends_all
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.live import server
from tls_scaffold.live.endpoints import CLIENT, PEER, Port, given_ports, inventory_ports
from tls_scaffold.live.known import read_known
from tls_scaffold.live.looks import SECONDS, Looking
from tls_scaffold.live.served import LiveReport, LiveRow, live_rows
from tls_scaffold.live.shakes import Pair
from tls_scaffold.paths import CERTIFICATE_ENDING, KEY_ENDING
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.signing.trust import read_trust
from tls_scaffold.spelling import UTC_TIME

NO_MEMBERS = "there are no members to look at"
LEAVES_A_LINE = (
    "looking without a certificate leaves a line in each member's log, for each of its ports: "
    "`client didn't provide a certificate`"
)


@dataclass(frozen=True)
class LiveOptions:
    """What the command line says of a look: other ports than the inventory's, and whose pair.

    `seconds` is how long a port may take to answer.
    """

    endpoints: tuple[str, ...] = ()
    peer_endpoints: tuple[str, ...] = ()
    user: str = ""
    seconds: float = SECONDS


@dataclass(frozen=True)
class Begun:
    """A look that has begun, while the folder is being read."""

    folder: Path
    inventory: Inventory | None
    looking: Looking
    user: str

    def report(self, now: datetime, within: timedelta = timedelta()) -> LiveReport:
        """Return what was seen; what ends `within` that time ends soon."""
        known = read_known(self.folder, self.inventory)
        return LiveReport(live_rows(self.looking.looks(), known, now), self.user, within)


def begin(folder: Path, options: LiveOptions) -> Begun:
    """Begin to look at the ports of a folder's members, or at those that the options name.

    Raises ScaffoldError where there is nothing to look at, or no such pair to come with, UsageError
    for endpoints that are none.
    """
    inventory = intake.load_if_any(folder)
    ports = ports_of(inventory, options)
    ask = None
    if options.user:
        _, pair = pair_of(folder, inventory, options.user)
        ask = server.asking(folder / read_trust(folder).path, pair)
    return Begun(folder, inventory, Looking(ports, options.seconds, ask), options.user)


def ports_of(inventory: Inventory | None, options: LiveOptions) -> tuple[Port, ...]:
    """Return the ports that are looked at; ScaffoldError where there are none."""
    if given := named_ports(inventory, options):
        return given
    if not inventory or not inventory.members:
        raise no_members(f"`{FILE}` has none" if inventory else f"there is no `{FILE}`")
    return inventory_ports(inventory)


def named_ports(inventory: Inventory | None, options: LiveOptions) -> tuple[Port, ...]:
    """Return the ports that options name; UsageError for endpoints that are none."""
    return (
        *given_ports(options.endpoints, CLIENT, inventory),
        *given_ports(options.peer_endpoints, PEER, inventory),
    )


def no_members(*why: str) -> ScaffoldError:
    """Return the error for a look at members where there are none."""
    return ScaffoldError(NO_MEMBERS, why, "`--endpoints HOST:PORT` names them")


def pair_of(folder: Path, inventory: Inventory | None, name: str) -> tuple[Component, Pair]:
    """Return a component of the inventory and its pair in the folder.

    Raises UsageError where there is none of that name, ScaffoldError where its files are missing.
    """
    if inventory is None:
        raise UsageError(f"`{name}` is not known: there is no `{FILE}`")
    component = intake.components_named(inventory, [name])[0]
    output = folder / component.output
    pair = Pair(Path(f"{output}{CERTIFICATE_ENDING}"), Path(f"{output}{KEY_ENDING}"))
    missing = [f"`{each}` is missing" for each in (pair.certificate, pair.key) if not each.exists()]
    if missing:
        hint = what_mends_all(folder, inventory, utc_now())
        raise ScaffoldError("there is no pair to come with", missing, hint)
    return component, pair


def document(report: LiveReport) -> dict[str, Any]:
    """Return what was seen as a part of the JSON of `status`."""
    return {
        "ports": [_row_document(row) for row in report.worst_first],
        "restart": list(report.restart_list),
        "user": report.user or None,
    }


def _row_document(row: LiveRow) -> dict[str, Any]:
    leaf, told = row.leaf, row.server
    return {
        "member": row.port.member or None,
        "port": row.port.side,
        "address": row.port.address or None,
        "serves": row.serves or None,
        "serial": f"{leaf.parsed.serial_number:x}" if leaf else None,
        "cn": leaf.cn if leaf else None,
        "not_after": f"{leaf.not_after:{UTC_TIME}}" if leaf else None,
        "days_left": row.days_left,
        "tls": row.tls or None,
        "trusts": [ca.text for ca in row.cas],
        "state": row.state,
        "reasons": list(map(str, row.reasons)),
        "causes": [each.cause.id for each in row.causes],
        "version": told.version or None,
        "authentication": told.authentication or None,
        "untold": told.trouble or None,
        "holes": [{"id": each.name, "lets": each.sentence} for each in told.holes],
    }
