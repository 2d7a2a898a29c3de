"""`tls-scaffold remove`: components go, and what was theirs goes to the archive."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.outcomes import Outcome, outcome_of
from tls_scaffold.commands.revokedwords import chosen_by
from tls_scaffold.commands.revoking import Listed, Wish, list_revoked
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.values import PEER, Inventory
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.journal import has_pending
from tls_scaffold.keeping.permitted import paths_of_removed
from tls_scaffold.keeping.update import change_folder
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.state.signedhere import SignedHere


def revoke_and_remove(
    folder: Path,
    names: Sequence[str],
    password: CAPassword,
    now: datetime,
    *,
    dry_run: bool,
) -> tuple[Listed, Outcome]:
    """Have members refuse all certificates of components, and take these out as `remove` does.

    That is tried first, so that nothing is revoked of what stays; and then revoked first, so that
    the same again ends what a kill has left. Raises ScaffoldError as both do.
    """
    planned = None
    if dry_run or not has_pending(folder):
        planned = remove(folder, names, dry_run=True)
    here = SignedHere(folder, intake.load(folder), now)
    chosen = chosen_by(here, names, "cessationOfOperation")
    going = (*names, *(each.name for name in names for each in here.parts_of(name)))
    wish = Wish(chosen.revocations, going=going, dry_run=dry_run)
    listed = list_revoked(folder, wish, password, now)
    return listed, planned if planned and dry_run else remove(folder, names)


def remove(folder: Path, names: Sequence[str], *, dry_run: bool = False) -> Outcome:
    """Take the components `names` out of a folder; with `dry_run` only return what would be done.

    Raises ScaffoldError for names that there are not, and if no member would be left.
    """

    def read_change() -> Change:
        old = intake.load(folder)
        intake.components_named(old, names)
        _check_stay(old, names)
        new = _without(old, set(names))
        moves = (path for path in paths_of_removed(old, new) if os.path.lexists(folder / path))
        return Change(old, new, tuple(moves))

    plan = change_folder(folder, ("remove", *names), read_change, dry_run=dry_run)
    return outcome_of("remove", folder, plan, dry_run=dry_run)


def _check_stay(inventory: Inventory, names: Sequence[str]) -> None:
    """Refuse second certificates without their members where the CA of peers signs them."""
    staying = {each.name for each in inventory.members} - set(names) if inventory.peer_ca else set()
    problems = [
        f"`{name}` stays as long as `{name.removeprefix(PEER)}` does"
        for name in names
        if name.startswith(PEER) and name.removeprefix(PEER) in staying
    ]
    if problems:
        raise ScaffoldError(
            "nothing was removed: `peer_ca` gives each member a certificate for its peers", problems
        )


def _without(inventory: Inventory, names: set[str]) -> Inventory:
    servers = (*inventory.members, *inventory.proxies)
    # No later server is numbered by one of these names: a certificate of it may still be about.
    removed = (
        server.name
        for server in servers
        if server.name in names and server.name not in inventory.removed
    )
    members = (member for member in inventory.members if member.name not in names)
    new = replace(
        inventory,
        members=tuple(_member_without(member, names) for member in members),
        proxies=tuple(proxy for proxy in inventory.proxies if proxy.name not in names),
        users=tuple(user for user in inventory.users if user.name not in names),
        removed=(*inventory.removed, *removed),
    )
    return intake.of_data(new.document(), hint="", users_are_enough=not inventory.members)


def _member_without(member: Member, names: set[str]) -> Member:
    """Return a member without its peer certificate if that is one of those to go."""
    return replace(member, peer=None) if f"{PEER}{member.name}" in names else member
