"""A CA that follows another is given up again: the old one signs, as it did before."""

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import PUBLIC, SECRET, create, telling
from tls_scaffold.disk.folder import move_to_archive
from tls_scaffold.disk.healing import new_set
from tls_scaffold.disk.moving import make_directories
from tls_scaffold.disk.plainfiles import plain, plain_or_empty
from tls_scaffold.disk.sharing import group_of_keys, share_keys
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.generations import earlier_number, generation
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA_KEYS,
    CERTIFICATE_ENDING,
    CHAINS,
    CSR_ENDING,
    ENDINGS,
    KEY_ENDING,
    OLD_CA_KEYS,
    OLD_CAS,
    TRUSTS,
)
from tls_scaffold.signing import authority, certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.execution import Means
from tls_scaffold.signing.foldercas import shelves
from tls_scaffold.signing.readmissions import readmitted
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.revocations import load_revoked
from tls_scaffold.signing.rotation import Rotation, Stage
from tls_scaffold.signing.rotationsets import (
    keep_what_is_replaced,
    lay_out_texts,
    numbered_texts,
    sign_into,
)
from tls_scaffold.signing.rounds import Done
from tls_scaffold.spelling import MINUTE

Pair = Mapping[str, bytes]
"""The contents of a pair's files by their endings."""


@dataclass(frozen=True)
class Aborted:
    """A CA, by its path, that is in its place again; what was there is on the shelf.

    `restored` are the pairs, by path, that came back from the archive; `done` says what was signed.
    """

    ca: str
    shelf: str
    restored: tuple[str, ...] = ()
    done: Done = field(default_factory=lambda: Done({}, 0))


def abort(
    folder: Path, rotation: Rotation, signings: Sequence[Signing], means: Means, now: datetime
) -> Aborted:
    """Put the old CA of a rotation in its place again, with what it signed, all at once.

    A pair that it signed for what is asked for today comes back from the archive; the others are
    signed again. The folder's lock is held. A copy of the old CA is left beside it, for
    `rotationend.take_out_old`: as long as it is there an abort goes on, of which all else is done.
    Raises ScaffoldError, before anything is written, where the old CA is not whole, or something
    can't be signed.
    """
    if rotation.stage is Stage.ABORTING:
        return Aborted(rotation.ca, _take_out_chain(folder, rotation.ca, ""))
    ca = rotation.ca
    old = authority.find_ca(folder, OLD_CAS[ca], OLD_CA_KEYS[ca])
    if not (old and rotation.new):
        raise ScaffoldError(
            f"`{OLD_CAS[ca]}` or `{ca}` can't be read: nothing was changed", hint="put it back"
        )
    if not rotation.cross:
        raise ScaffoldError(
            f"`{OLD_CAS[ca]}` has signed no `{ca}` in `{CHAINS[ca]}`: nothing was changed",
            hint="put both back as `tls-scaffold rotate start` made them; a CA that was not here "
            "before does not get its place",
        )
    if old.has_ended(now):
        raise ScaffoldError(
            f"`{OLD_CAS[ca]}` ended {old.not_after:{MINUTE}}: nothing was changed",
            hint="nobody takes what it signed; go on with the new: `tls-scaffold rotate status` "
            "says how",
        )
    texts = _earlier_texts(folder, ca, rotation.new, old)
    chain = plain_or_empty(folder / CHAINS[ca])
    with telling(folder), new_set(folder, ca) as made:
        lay_out_texts(folder, made, texts)
        create(made / CA_KEYS[ca], plain(folder / OLD_CA_KEYS[ca], OLD_CA_KEYS[ca]), SECRET)
        create(made / ca, plain(folder / OLD_CAS[ca], OLD_CAS[ca]))
        shelf_of_old = _shelf_of(folder, ca, old)
        base = ca.removesuffix(CERTIFICATE_ENDING)
        if shelf_of_old and (csr := _content(folder, f"{shelf_of_old}/{base}{CSR_ENDING}")):
            create(made / f"{base}{CSR_ENDING}", csr)
        create(made / TRUSTS[ca], _trust_before(folder, ca, rotation.new, old))
        restored = dict(_archived_pairs(folder, made, signings, old, now))
        for output, pair in restored.items():
            _lay_out(made, output, pair)
        _share(folder, made, restored)
        rest = [each for each in signings if each.output not in restored]
        done = sign_into(folder, made, rest, means)
        told = (*done.readmitted, *readmitted(folder, rest, shelf_of_old))
        done = replace(done, readmitted=tuple(dict.fromkeys(told)))
        _note_beside_chain(folder, made, signings, {CHAINS[ca]: chain} if chain else {})
        if _earlier_texts(folder, ca, rotation.new, old) != texts:
            raise ScaffoldError("what it is made from has changed: nothing was changed")
        shelf = keep_what_is_replaced(folder, made, signings)
    place = _take_out_chain(folder, ca, shelf)
    paths = tuple(f"{output}{CERTIFICATE_ENDING}" for output in restored)
    return Aborted(ca, place, paths, done)


def _earlier_texts(folder: Path, ca: str, new: Certificate, old: Certificate) -> dict[str, str]:
    """Return inventory and request, by path, as they were when the old CA was made."""
    last = generation(intake.load(folder), ca)
    return numbered_texts(folder, ca, last, earlier_number(new.cn, last, old.cn))


def _trust_before(folder: Path, ca: str, new: Certificate, old: Certificate) -> bytes:
    """Return what others are to trust: the old CA, and what stood beside the two."""
    trusted = certificates.read_all(plain_or_empty(folder / TRUSTS[ca]), TRUSTS[ca])
    kept = [each for each in trusted if each.public_key != new.public_key]
    if old.public_key not in [each.public_key for each in kept]:
        kept = [old, *kept]
    return b"".join(each.pem for each in kept)


def _archived_pairs(
    folder: Path, made: Path, signings: Sequence[Signing], old: Certificate, now: datetime
) -> Iterator[tuple[str, Pair]]:
    """Yield of each output the pair in the archive, if one is what is asked for with the old CA.

    One that was revoked meanwhile is none: with that a member would be shut out.
    """
    revoked = load_revoked(folder).by_serial
    record, of_old_ca = Record(folder, folder), Record(folder, made)
    archived = shelves(folder)
    for signing in signings:
        for shelf in archived:
            base = f"{shelf}/{signing.output}"
            pair = {ending: _content(folder, f"{base}{ending}") for ending in ENDINGS}
            certificate, key = pair[CERTIFICATE_ENDING], pair[KEY_ENDING]
            is_recorded = record.has(of_old_ca.path(signing, certificate, key))
            if is_recorded and _is_whole(certificate, key, old, now, revoked):
                yield signing.output, {ending: pem for ending, pem in pair.items() if pem}
                break


def _shelf_of(folder: Path, ca: str, old: Certificate) -> str:
    """Return the newest shelf that has a CA's certificate, and what lay beside it; or nothing."""
    found = (each for each in shelves(folder) if _content(folder, f"{each}/{ca}") == old.pem)
    return next(found, "")


def _content(folder: Path, path: str) -> bytes:
    return plain_or_empty(folder / path, follow=False)


def _is_whole(
    pem: bytes, key: bytes, ca: Certificate, now: datetime, revoked: Container[int]
) -> bool:
    leaf = certificates.read_or_none(pem)
    if leaf is None:
        return False
    is_taken = not leaf.has_ended(now) and leaf.parsed.serial_number not in revoked
    return matching.signed_by(leaf, ca) and is_taken and not matching.key_trouble(leaf, key)


def _lay_out(made: Path, output: str, pair: Pair) -> None:
    make_directories((made / output).parent)
    for ending, content in pair.items():
        create(made / f"{output}{ending}", content, SECRET if ending == KEY_ENDING else PUBLIC)


def _share(folder: Path, made: Path, outputs: Mapping[str, Pair]) -> None:
    """Let the group that may read keys read those that come back, as they were."""
    if group := group_of_keys(folder):
        share_keys(folder, group, [made / f"{output}{KEY_ENDING}" for output in outputs])


def _note_beside_chain(
    folder: Path, made: Path, signings: Sequence[Signing], chain: Mapping[str, bytes]
) -> None:
    """Note each pair of a set as made beside the chain too: that is gone a moment later."""
    record = Record(folder, made, chain)
    notes = {}
    for each in signings:
        pem = plain(made / each.certificate_path, each.output)
        key = plain(made / each.key_path, each.output)
        notes[record.path(each, pem, key)] = pem
    record.note(notes)


def _take_out_chain(folder: Path, ca: str, shelf: str) -> str:
    """Move the cross certificate to a shelf, if it is there; return that.

    Behind what the old CA signed it does not stand.
    """
    has_chain = os.path.lexists(folder / CHAINS[ca])
    return move_to_archive(folder, [CHAINS[ca]], shelf) if has_chain else shelf
