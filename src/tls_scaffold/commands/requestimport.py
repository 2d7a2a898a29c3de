"""`tls-scaffold requests import`: the answers of the CA's machine take their places."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands import handfolders
from tls_scaffold.commands.outcomes import Outcome, outcome_of
from tls_scaffold.commands.reloads import who_reloads
from tls_scaffold.commands.results import Result
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.plainfiles import content, read_file
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.update import change_folder
from tls_scaffold.paths import CA
from tls_scaffold.signing import (
    awaiting,
    broughtca,
    certificates,
    packanswers,
    packs,
    placement,
)
from tls_scaffold.signing.broughtca import BroughtCA
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.packanswers import Answers
from tls_scaffold.signing.packs import Pack
from tls_scaffold.signing.record import Record

Confirm = Callable[[str, str], bool]
"""Is given the CA's subject and its SHA-256; tells whether a person takes it for the right one."""
NEW_CA_HINT = (
    "where the CA has a new certificate with the same key, `tls-scaffold sync --ca FILE` brings it"
    " first; another CA's answers are nobody's here"
)
CONFIRM_HINT = (
    "ask who holds the CA for its SHA-256 by another way than the pack came, then"
    " `tls-scaffold requests import FILE --ca-sha256 DIGITS`"
)


@dataclass(frozen=True)
class Imported:
    """What took its place, by names; `in_place` was there already, `waiting` goes on waiting.

    `reloads` says who has to be told, by the paths of certificates. `brings_ca` tells that the CA's
    certificate came with it. `outcome` is what writing the CA's pin into the inventory did; None
    where it was there.
    """

    folder: Path
    placed: tuple[str, ...]
    paths: tuple[str, ...]
    in_place: tuple[str, ...]
    waiting: tuple[str, ...]
    reloads: dict[str, str]
    warnings: tuple[str, ...] = ()
    brings_ca: bool = False
    outcome: Outcome | None = None

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        done = self.outcome.result() if self.outcome else Result("", str(self.folder))
        return replace(
            done,
            command="requests import",
            changed=bool(done.changed or self.placed or self.brings_ca),
            signed=self.paths,
            warnings=(*done.warnings, *self.warnings),
            next=(handfolders.command(self.folder, "export FILE"),) if self.waiting else (),
        )


@dataclass(frozen=True)
class _Look:
    """A pack that was held against the folder, which stands as it did."""

    inventory: Inventory
    answers: Answers
    ca: Certificate
    new_ca: BroughtCA | None


def import_pack(
    folder: Path,
    path: Path,
    names: Sequence[str],
    now: datetime,
    *,
    ca_sha256: str,
    confirm: Confirm,
) -> Imported:
    """Check the answers in a pack, or those for `names`, and put them in place.

    Where the inventory has no pin of the CA yet, its certificate is that of the folder, else the
    pack's: it is taken if its SHA-256 is `ca_sha256`, or somebody confirms it. Raises
    ScaffoldError with everything that is wrong, before anything is written.
    """
    data = read_file(path)
    with lock(folder):
        look = _look(folder, data, path, names, now)
    brings_ca = look.new_ca is not None
    if not look.inventory.ca.sha256:  # a certificate in the folder may have come with a clone
        _check_confirmed(look.ca, ca_sha256, confirm)
    elif ca_sha256 and ca_sha256 != look.ca.sum:
        raise _another_ca(look.ca, ca_sha256)
    outcome = None
    if look.new_ca or not look.inventory.ca.sha256:
        outcome = _pin(folder, look)
    with lock(folder):
        # Somebody else may have worked here meanwhile.
        look = _look(folder, data, path, names, now)
        record = Record(folder, folder)
        if record.is_kept:
            record.note_cas()
        warning = placement.place_answers(folder, look.answers.to_place)
        signings = handfolders.signings_by_name(folder)
        awaiting.clear_answered(folder, signings.values())
        waiting = awaiting.read_waiting(folder, signings.values())
    paths = tuple(each.signing.certificate_path for each in look.answers.to_place)
    return Imported(
        folder,
        placed=tuple(each.signing.name for each in look.answers.to_place),
        paths=paths,
        in_place=look.answers.in_place,
        waiting=tuple(waiting),
        reloads=who_reloads(folder, paths),
        warnings=tuple(filter(None, [warning])),
        brings_ca=brings_ca,
        outcome=outcome,
    )


def _look(folder: Path, data: bytes, path: Path, names: Sequence[str], now: datetime) -> _Look:
    """Hold a pack against the folder, in which nothing is written."""
    inventory = handfolders.inventory_by_hand(folder)
    pack = packs.read_pack(data, str(path))
    own_id = awaiting.read_folder_id(folder)
    if own_id and own_id != pack.manifest.folder_id:
        raise ScaffoldError(
            f"`{path}` is a pack of another folder: nothing of it is put in place",
            [f"it is of `{pack.manifest.folder_name}`, id {pack.manifest.folder_id}"],
            f"this folder has the id {own_id}",
        )
    if not pack.is_signed:
        raise ScaffoldError(
            f"`{path}` holds no certificate: nobody has signed it yet",
            hint=f"`{handfolders.SIGNS.format('FILE')}` does, on the CA's machine",
        )
    ca, new_ca = _find_ca(folder, inventory, pack, now)
    signings = handfolders.signings_by_name(folder)
    waiting = awaiting.read_waiting(folder, signings.values())
    asker = packanswers.Asker(folder, signings, waiting, ca)
    found = packanswers.check_answers(asker, pack, names, now)
    return _Look(inventory, found, ca, new_ca)


def _find_ca(
    folder: Path, inventory: Inventory, pack: Pack, now: datetime
) -> tuple[Certificate, BroughtCA | None]:
    """Return the CA that the answers have to be of, and what of it is not in the folder yet.

    The folder's own certificate is what counts, else that of the pack, as far as the pin knows it.
    """
    pin, given = inventory.ca.sha256, packs.ca_of(pack)
    if os.path.lexists(folder / CA):
        ca = certificates.read(content(folder, CA), CA)
        if pin and pin != ca.sum:
            raise ScaffoldError(
                f"`{CA}` is another CA than `ca.sha256` of the inventory says",
                [f"its SHA-256 is {ca.sum}", f"the pin is {pin}"],
                "put back the one that belongs there",
            )
        if given and given.der != ca.der:
            raise _another_ca(given, ca.sum)
        return ca, None
    if given is None:
        raise ScaffoldError(
            f"the folder has no CA's certificate yet, and the pack brings none, `{packs.CA}`",
            hint="put it into the pack, or `tls-scaffold sync --ca FILE` brings it",
        )
    brought = broughtca.take_apart(pack.ca + pack.chain, b"", now, packs.CA)
    ca = certificates.read(brought.certificate, packs.CA)
    if pin and pin != brought.sha256:
        raise _another_ca(ca, pin)
    return ca, brought


def _another_ca(given: Certificate, pin: str) -> ScaffoldError:
    return ScaffoldError(
        "the answers are of another CA: nothing of the pack is put in place",
        [f"its SHA-256 is {given.sum}", f"the folder's is {pin}"],
        NEW_CA_HINT,
    )


def _check_confirmed(ca: Certificate, asked: str, confirm: Confirm) -> None:
    subject, found = ca.subject_text, ca.sum
    if asked and asked != found:
        raise ScaffoldError(
            "the answers are of another CA than `--ca-sha256` says: nothing is put in place",
            [f"subject: {subject}", f"its SHA-256 is {found}", f"`--ca-sha256` says {asked}"],
            CONFIRM_HINT,
        )
    if not asked and not confirm(subject, found):
        raise ScaffoldError(
            "nobody has said that this is the right CA: nothing is put in place",
            [f"subject: {subject}", f"SHA-256: {found}"],
            CONFIRM_HINT,
        )


def _pin(folder: Path, look: _Look) -> Outcome:
    """Bring the CA's certificate, and write its SHA-256 into the inventory, which is reviewed.

    With a CA that comes so no request of the folder is compared.
    """
    pin = look.ca.sum

    def read_change() -> Change:
        old = intake.load(folder)
        is_own = old.ca.own or look.new_ca is not None
        new = replace(old, ca=replace(old.ca, own=is_own, sha256=pin))
        return Change(old, new, brought=look.new_ca)

    plan = change_folder(folder, ("sync", "--ca-sha256", pin), read_change, again=True)
    return outcome_of("sync", folder, plan, dry_run=False)
