"""`revoked.tsv` and `certs/crl.der` of a folder: what they say now, and what they are to say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import make_private, telling, write
from tls_scaffold.disk.folder import make_shelf, write_inside
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CERTS, CRL, REVOKED
from tls_scaffold.signing import crlfile
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.revocationlists import RevocationList, der_of, read_list
from tls_scaffold.signing.revocations import Revocation, Revoked, load_revoked
from tls_scaffold.state.signedhere import SignedHere

NOTHING_DONE = "nothing was revoked"


@dataclass(frozen=True)
class Lists:
    """What is there, and what is to be.

    `raw` is the file of the list, `there` what it holds, in whatever form; None where nobody can
    read it. `known` is what `revoked.tsv` says, `revoked` what it is to say.
    """

    raw: bytes
    there: RevocationList | None
    known: Revoked
    revoked: Revoked
    now: datetime

    @property
    def new(self) -> tuple[Revocation, ...]:
        """What `revoked.tsv` gets."""
        noted = self.known.by_serial
        return tuple(each for each in self.revoked.by_serial.values() if each.serial not in noted)

    def is_due(self, ca: Certificate | None) -> bool:
        """Tell whether the list is to be made anew; `ca` is who would sign it, if that is here."""
        there = self.there
        if not there or there.der != self.raw or crlfile.form_problem(there, self.raw):
            return True
        if crlfile.lacking(there, self.revoked, self.now):
            return True
        is_over = there.next_update is not None and there.next_update <= self.now
        return ca is not None and (is_over or not there.is_of([ca]))

    @property
    def next_number(self) -> int:
        """A number that is greater than any before, also where the last list is lost."""
        last = (self.there and self.there.number) or 0
        return max(last + 1, int(self.now.timestamp()))


def read_lists(
    folder: Path, inventory: Inventory, more: Collection[Revocation], now: datetime
) -> Lists:
    """Return what a folder has and is to have: what is noted, `more`, and what its list names."""
    raw, known = plain_or_empty(folder / CRL), load_revoked(folder)
    there = read_list(der_of(raw))
    lists = Lists(raw, there, known, known.with_more(more), now)
    return noting(folder, inventory, lists, there) if there else lists


def noting(folder: Path, inventory: Inventory, lists: Lists, named: RevocationList) -> Lists:
    """Return the lists with what another list names and `revoked.tsv` has not."""
    strange = named.by_serial.keys() - lists.revoked.by_serial.keys()
    if not strange:
        return lists
    here = SignedHere(folder, inventory, lists.now).of_serials(strange)
    known = {
        each.serial: replace(
            named.by_serial[each.serial],
            name=each.name,
            ca=each.ca.cn,
            end=each.certificate.not_after,
        )
        for each in here
    }
    found = [known.get(serial, each) for serial, each in named.by_serial.items()]
    more = [each for each in found if not each.is_over(lists.now)]
    return replace(lists, revoked=lists.revoked.with_more(more))


def check_lockout(lists: Lists, used: Mapping[int, str]) -> None:
    """Raise ScaffoldError if the list is to name what is in use: `used` has that by its number."""
    wanted = {each.serial for each in lists.revoked.to_be_listed(lists.now)}
    locked = list(crlfile.lockouts(wanted, used))
    if not locked:
        return
    hints = ["`--sign-again` gives who shows it a new pair first, and revokes all older ones"]
    if older := [each.hexadecimal for each in lists.new if each.serial not in used]:
        hints.append(f"`tls-scaffold revoke {' '.join(older)}` revokes the older ones alone")
    hints.append("`--force` shuts it out")
    raise ScaffoldError(
        f"{NOTHING_DONE}: members, or root, would be shut out", locked, "; ".join(hints)
    )


def note(folder: Path, lists: Lists) -> tuple[str, ...]:
    """Write `revoked.tsv` if it changes; return the paths of what was written."""
    if lists.revoked.text == lists.known.text:
        return ()
    check_changeable([folder / REVOKED])
    write_inside(folder, REVOKED, lists.revoked.text)
    return (REVOKED,)


def put(folder: Path, lists: Lists, der: bytes, used: Mapping[int, str]) -> str:
    """Put a list in its place; return where what nobody can read went, empty if nothing did.

    `used` has what it may not name, by serial number.
    """
    archive = ""
    with telling(folder / CERTS, "written"):
        make_private(folder / CERTS)
        if lists.raw and not lists.there:
            shelf = make_shelf(folder)
            (shelf / CERTS).mkdir(mode=0o700)
            write(shelf / CRL, lists.raw)
            archive = shelf.relative_to(folder).as_posix()
    crlfile.put_list(folder, der, used)
    return archive
