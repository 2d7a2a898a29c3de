"""`tls-scaffold revoke`: certificates that members are to refuse, and the list that says so."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands import handfolders, sign
from tls_scaffold.commands.revokedlists import (
    NOTHING_DONE,
    check_lockout,
    note,
    noting,
    put,
    read_lists,
)
from tls_scaffold.commands.revokedwords import chosen_by
from tls_scaffold.commands.revoking import (
    Listed,
    Wish,
    let_members_look,
    list_revoked,
)
from tls_scaffold.commands.typed import scaffold_command
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ExitCode, ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CRL, REVOKED
from tls_scaffold.signing import crlfile
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.copies import name_of
from tls_scaffold.signing.revocationlists import der_of, read_list
from tls_scaffold.signing.revocations import Revocation, load_revoked
from tls_scaffold.state.signedhere import SignedHere

# The seconds are what cfssl 1.2 takes for a file: a list of its lives for a week, which etcd passes
# over.
GENCRL = "cfssl gencrl serials.txt ca.pem ca-key.pem | base64 -d >crl.der"
MADE_BY = f"it is made by `{GENCRL}`, of the numbers that `tls-scaffold revoke --serials` gives"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; the words are those of `revokedwords`."""

    words: tuple[str, ...] = ()
    reason: str = "unspecified"
    force: bool = False
    sign_again: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Done:
    """What was done, or would be: `signed` are the paths of what was signed again before.

    `refused` are the components of which `certs/` has what members refuse now, `going` the names of
    those that are taken out, `cns` those of what was revoked, `told` what there is to know besides.
    """

    folder: Path
    listed: Listed
    signed: tuple[str, ...] = ()
    refused: tuple[Component, ...] = ()
    going: tuple[str, ...] = ()
    cns: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """DRIFTED where the list is yet to be made where the CA's key is."""
        return ExitCode.DRIFTED if self.listed.is_elsewhere else ExitCode.DONE

    @property
    def next(self) -> tuple[str, ...]:
        """The commands that are left to run, in their order.

        None signs again for whoever is refused: a script that runs these would let them in.
        """
        scaffold = scaffold_command(self.folder)
        if self.dry_run:
            return ()
        if self.listed.is_elsewhere:
            bring = f"{scaffold} revoke --crl crl.der"
            return (f"{scaffold} revoke --serials >serials.txt", GENCRL, bring)
        without = {*self.going, *(each.name for each in self.refused)}
        members = [each.name for each in self.listed.inventory.members if each.name not in without]
        is_new = self.listed.is_to_be_handed_out or bool(self.signed)
        return (f"{scaffold} bundle {','.join(members)}",) if is_new and members else ()


def revoke(folder: Path, asked: Asked, password: CAPassword, now: datetime) -> Done:
    """Revoke what is asked for; without a word make the list from `revoked.tsv` if it lacks some.

    `password` opens the CA's key. Raises ScaffoldError, with nothing revoked, for words that mean
    nothing and where members or root would be shut out.
    """
    inventory = intake.load(folder)
    if not (asked.words or inventory.crl or load_revoked(folder).by_serial):
        raise UsageError(
            "nothing is named to be revoked",
            hint="`tls-scaffold sync --crl` gives members an empty list",
        )
    with lock(folder, wait=LOCK_SECONDS):  # what a killed run had decided is a part of the folder
        check_newest(folder)
        here = SignedHere(folder, intake.load(folder), now)
        chosen = chosen_by(here, asked.words, asked.reason, force=asked.force)
    signed: tuple[str, ...] = ()
    told, force = chosen.told, asked.force
    if asked.sign_again:
        signed = _to_sign_again(here, chosen.revocations)
        force |= asked.dry_run  # what is in use now would not be then
    if signed and not asked.dry_run:
        check_changeable([folder / REVOKED, folder / CRL])  # or all would be signed for nothing
        told = (*told, *_sign_again(folder, signed, password))
    wish = Wish(chosen.revocations, force=force, dry_run=asked.dry_run)
    listed = list_revoked(folder, wish, password, now)
    serials = () if asked.dry_run else load_revoked(folder).by_serial
    refused = _shown(folder, listed.inventory, serials)
    told = (*told, *listed.told)
    return Done(folder, listed, signed, refused, cns=chosen.cns, told=told, dry_run=asked.dry_run)


def _shown(folder: Path, inventory: Inventory, serials: Collection[int]) -> tuple[Component, ...]:
    """Return the components of which `certs/` has a certificate with one of these numbers."""
    return tuple(
        each
        for each in inventory.components
        if crlfile.is_shown(folder, each.certificate_path, serials)
    )


def _to_sign_again(here: SignedHere, revocations: Collection[Revocation]) -> tuple[str, ...]:
    """Return the certificates that are among these, and those that are not there.

    A run that was killed while it put a new pair in its place leaves a component without its
    certificate: the same again is to end what that has begun.
    """
    names = {each.name for each in revocations}
    serials = {each.serial for each in revocations}
    found = []
    for each in here.inventory.components:
        path = each.certificate_path
        is_left_out = name_of(path) in names and not os.path.lexists(here.folder / path)
        if is_left_out or crlfile.is_shown(here.folder, path, serials):
            found.append(path)
    return tuple(found)


def _sign_again(folder: Path, paths: Sequence[str], password: CAPassword) -> list[str]:
    """Sign the certificates at these paths again; return what there is to know of that."""
    if handfolders.is_signed_by_hand(folder):
        raise ScaffoldError(
            f"{NOTHING_DONE}: the CA's key is on another machine, and nothing is signed again here",
            hint="`make req-NAME` asks for a new pair; when it is in its place, revoke the older "
            "ones by their serial numbers",
        )
    done = sign.sign(folder, paths, sign.quiet_means(password), force=True)
    if done.problem:
        raise done.problem
    return sign.warnings(replace(done, readmitted=()))  # that is what was asked for


def bring(folder: Path, path: str, now: datetime, *, force: bool) -> Done:
    """Put a list that was made where the CA's key is into `certs/`, in the form that etcd reads.

    Raises ScaffoldError where it is none, no CA of the folder signed it, it lacks what
    `revoked.tsv` has, or it would shut out members or root, unless `force` is said.
    """
    raw = read_file(path)
    found = read_list(der_of(raw))
    with lock(folder, wait=LOCK_SECONDS):
        inventory = intake.load(folder)
        lists = read_lists(folder, inventory, (), now)
        problems = list(crlfile.problems_of(folder, found, raw, lists.revoked, now))
        if not found or problems:
            raise ScaffoldError(f"`{path}` is no list for these members", problems, MADE_BY)
        lists = noting(folder, inventory, lists, found)
        used = {} if force else crlfile.in_use(folder, inventory)
        check_lockout(lists, used)
        check_changeable([folder / CRL])
        written = note(folder, lists)
        archive = put(folder, lists, found.der, used)
    number = found.number or 0
    count = len(found.by_serial)
    listed = Listed(inventory, lists.new, (*written, CRL), archive, number, count)
    listed = let_members_look(folder, listed)
    refused = _shown(folder, listed.inventory, found.by_serial)
    return Done(folder, listed, refused=refused, told=listed.told)


def serials(folder: Path, now: datetime) -> str:
    """Return the serial numbers that a list has to name, in decimal, a line each: for `gencrl`."""
    return "".join(f"{each.serial}\n" for each in load_revoked(folder).to_be_listed(now))
