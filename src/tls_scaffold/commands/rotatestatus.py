"""`tls-scaffold rotate status`: how far one CA has followed another, and what comes next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tls_scaffold.commands.live import LiveOptions, no_members
from tls_scaffold.commands.rotationlook import seen_ports
from tls_scaffold.commands.rotationrefusals import check_ca_is_here, check_old_ca_is_ours
from tls_scaffold.commands.rotationreport import FolderPair, RotationReport
from tls_scaffold.commands.typed import scaffold_command
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.keptfolder import check_is_kept
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.live.rotationgates import Step, holds_up
from tls_scaffold.live.rotationports import RotationPort, Shows, shown_in
from tls_scaffold.live.rotationsteps import Parties, tasks_after, tasks_of
from tls_scaffold.paths import CA, CA_KEYS, OLD_CAS
from tls_scaffold.signing import certificates
from tls_scaffold.signing.foldercas import followed_ca
from tls_scaffold.signing.rotation import Rotation, Stage, rotation_of
from tls_scaffold.state.bundleages import stale_bundles


def rotate_status(
    folder: Path, options: LiveOptions | None, within: timedelta, now: datetime
) -> RotationReport | None:
    """Look at a folder's rotation and, with `options`, at its live members.

    None if it is in none, and no member that was looked at hangs on a CA that it had before. What
    ends `within` that time ends soon. Raises ScaffoldError where there is no folder, its CA is not
    here, a CA's file can't be read or is none of the folder's, or there are no members to look at,
    UsageError for endpoints that are none.
    """
    check_is_kept(folder)
    inventory = intake.load(folder)
    check_old_ca_is_ours(folder)
    rotation = rotation_of(folder)
    if rotation is None:
        check_ca_is_here(folder)
        return _left_behind(folder, inventory, options, within, now) if options else None
    unread = [
        f"`{path}` can't be read, or is missing"
        for path, ca in ((OLD_CAS[rotation.ca], rotation.old), (rotation.ca, rotation.new))
        if ca is None
    ]
    if unread:
        raise ScaffoldError("a CA of the rotation is not there", unread, "put it back")
    ports = None
    if options and rotation.stage is not Stage.ABORTING:
        ports = _seen(folder, rotation, options)
    parties = _parties(inventory, rotation)
    return RotationReport(
        rotation,
        tuple(_pairs(folder, inventory, rotation)),
        stale_bundles(folder, inventory),
        tasks_of(rotation, parties, ports, scaffold_command(folder)),
        ports,
        now,
        within,
    )


def _seen(folder: Path, rotation: Rotation, options: LiveOptions) -> tuple[RotationPort, ...]:
    ports = seen_ports(folder, rotation, options)
    if not ports:
        raise no_members()
    return ports


def _left_behind(
    folder: Path,
    inventory: Inventory,
    options: LiveOptions,
    within: timedelta,
    now: datetime,
) -> RotationReport | None:
    """Return who hangs on the CA that the folder had before today's; None if nobody does.

    A CA that was compromised is followed by another without a rotation.
    """
    for path in CA_KEYS:
        new = certificates.read_at(folder / path)
        old = followed_ca(folder, new, path) if new else None
        if old is None:
            continue
        rotation = Rotation(path, Stage.FINISHING, old, new, None)
        ports = _seen(folder, rotation, options)
        if any(holds_up(Step.FINISH, each) for each in ports):
            tasks = tasks_after(rotation, _parties(inventory, rotation), ports)
            stale = stale_bundles(folder, inventory)
            return RotationReport(rotation, (), stale, tasks, ports, now, within, is_over=True)
    return None


def _parties(inventory: Inventory, rotation: Rotation) -> Parties:
    members = tuple(each.name for each in inventory.members)
    others = (each.name for each in inventory.components if each.kind in ("user", "proxy"))
    return Parties(members, tuple(others) if rotation.ca == CA else ())


def _pairs(folder: Path, inventory: Inventory, rotation: Rotation) -> Iterator[FolderPair]:
    for each in inventory.components:
        if each.ca != rotation.ca:
            continue
        path = each.certificate_path
        chain = certificates.read_all_at(folder / path)
        shows = shown_in(chain, rotation) if chain else Shows.NOTHING
        yield FolderPair(each.name, each.kind, path, shows)
