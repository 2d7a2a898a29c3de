"""Certificates go into `revoked.tsv`, and from it comes the list that members look into."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.revokedlists import (
    NOTHING_DONE,
    Lists,
    check_lockout,
    note,
    put,
    read_lists,
)
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import content, makefile_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.update import change_folder
from tls_scaffold.makefiles.ourmakefile import includes_our_rules
from tls_scaffold.paths import CA, CA_KEY, CRL, REVOKED
from tls_scaffold.signing import authority, certificates, crlfile
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.custodies import another_hint
from tls_scaffold.signing.pins import check_pin
from tls_scaffold.signing.revocationlists import make_crl
from tls_scaffold.signing.revocations import Revocation
from tls_scaffold.spelling import MINUTE

NOT_OURS = (
    "the Makefile is not of our form yet, and members have no flags for the list: first "
    "`tls-scaffold sync --crl`"
)


@dataclass(frozen=True)
class Wish:
    """What is to be listed, and how far that may go.

    With `force` the list may name what is in use. The components `going` are about to be taken out:
    nobody needs their certificates. With `dry_run` nothing is written.
    """

    revocations: tuple[Revocation, ...] = ()
    force: bool = False
    going: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class Listed:
    """What came of it, or would: the inventory as it is now, and what is new in `revoked.tsv`.

    `written` are the paths of files, `archive` is where a list went that nobody can read. `number`
    is that of the new list, None where it stayed as it was; it names `count`. `is_elsewhere` says
    that it can't be made here, `is_first` that members did not look into one till now, `told` what
    is left to say.
    """

    inventory: Inventory
    revoked: tuple[Revocation, ...] = ()
    written: tuple[str, ...] = ()
    archive: str = ""
    number: int | None = None
    count: int = 0
    is_elsewhere: bool = False
    is_first: bool = False
    told: tuple[str, ...] = ()

    @property
    def is_to_be_handed_out(self) -> bool:
        """Whether members have to get another list; nobody has to know of a first empty one."""
        return self.is_first or (self.number is not None and self.count > 0)


def list_revoked(folder: Path, wish: Wish, password: CAPassword, now: datetime) -> Listed:
    """Put what a wish is about into `revoked.tsv`, and make the list from that where it lacks some.

    What the list that is there names besides is noted too: none is forgotten. `password` opens the
    CA's key. Raises ScaffoldError, before anything is written, where the list would name what is in
    use, and where the CA can't sign.

    Where nothing is and nothing was revoked members go on without a list: each would need a restart
    for one.
    """
    with lock(folder, wait=LOCK_SECONDS):
        inventory = intake.load(folder)
        lists = read_lists(folder, inventory, wish.revocations, now)
        used = {} if wish.force else crlfile.in_use(folder, inventory, wish.going)
        check_lockout(lists, used)
        count = len(lists.revoked.to_be_listed(now))
        listed = Listed(inventory, lists.new, count=count)
        if not (inventory.crl or lists.revoked.by_serial):
            return listed
        ca = _ca_with_key(folder, inventory)
        is_due = lists.is_due(ca)
        if wish.dry_run:
            paths = {REVOKED: bool(lists.new), CRL: bool(is_due and ca)}
            listed = replace(listed, written=tuple(path for path in paths if paths[path]))
            return listed if is_due and not ca else let_members_look(folder, listed, dry_run=True)
        der, number = b"", None
        if is_due and ca:  # a key that nobody can open is found out before anything is written
            number = lists.next_number
            der = _made(folder, inventory, lists, number, password)
            check_changeable([folder / CRL])
        listed = replace(listed, written=note(folder, lists))
        if der:
            archive = put(folder, lists, der, used)
            written = (*listed.written, CRL)
            listed = replace(listed, number=number, written=written, archive=archive)
    if is_due and not ca:
        return replace(listed, is_elsewhere=True)
    return let_members_look(folder, listed)


def let_members_look(folder: Path, listed: Listed, *, dry_run: bool = False) -> Listed:
    """Have the inventory say that members look into the list, where it does not yet.

    With `dry_run` nothing is written. Not before there is one: with the flags and without the file
    they refuse everybody.
    """
    if listed.inventory.crl:
        return listed
    if not includes_our_rules(makefile_text(folder)):
        return replace(listed, told=(*listed.told, NOT_OURS))

    def read_change() -> Change:
        old = intake.load(folder)
        return Change(old, replace(old, crl=True))

    plan = change_folder(folder, ("revoke",), read_change, dry_run=dry_run)
    paths = [step.path for step in plan.own_steps]
    conflicts = [f"both sides changed `{path}`: see `{path}.new`" for path in plan.conflicts]
    return replace(
        listed,
        inventory=intake.load(folder),
        written=(*listed.written, *paths),
        is_first=True,
        told=(*listed.told, *conflicts),
    )


def _ca_with_key(folder: Path, inventory: Inventory) -> Certificate | None:
    """Return the CA of `certs/` if its key is here too."""
    if not (inventory.ca.has_key_here and (folder / CA_KEY).is_file() and (folder / CA).is_file()):
        return None
    return certificates.read(content(folder, CA), CA)


def _made(
    folder: Path, inventory: Inventory, lists: Lists, number: int, password: CAPassword
) -> bytes:
    """Return a new list in DER, which lives as long as the CA that signs it.

    etcd does not look at that; whoever does has to get another one by then.
    """
    ca = authority.load_ca(folder, CA, CA_KEY, password.old)
    check_pin(ca.certificate, inventory.ca)
    end = ca.certificate.not_after
    if end <= lists.now:
        raise ScaffoldError(
            f"{NOTHING_DONE}: `{CA}` ended {end:{MINUTE}}, and what it signed is refused anyway",
            hint=another_hint(folder, CA),
        )
    return make_crl(lists.revoked.to_be_listed(lists.now), ca, lists.now, end, number)
