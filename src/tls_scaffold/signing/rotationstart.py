"""One CA follows another: the new one, and all that it signs, put in place by one decision."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import SECRET, create, telling
from tls_scaffold.disk.healing import new_set
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.generations import generation, next_number
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA_KEYS,
    CERTIFICATE_ENDING,
    CHAINS,
    CSR_ENDING,
    ISSUED,
    OLD_CA_KEYS,
    OLD_CAS,
    TRUSTS,
)
from tls_scaffold.signing import authority, certificates, crosscertificates, mistakes, signer
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.execution import Means
from tls_scaffold.signing.foldercas import recorded_ca_paths
from tls_scaffold.signing.recordcompletion import record_valid_pairs
from tls_scaffold.signing.rotationsets import (
    keep_what_is_replaced,
    lay_out_texts,
    numbered_texts,
    sign_into,
)
from tls_scaffold.signing.rounds import Done
from tls_scaffold.signing.trust import read_trust
from tls_scaffold.spelling import MINUTE


@dataclass(frozen=True)
class Started:
    """A CA, by its path, that has another in its place now, and where what was is kept.

    `cross` is missing where the old one is not to be trusted any more. `done` says what was signed.
    """

    ca: str
    old: Certificate
    new: Certificate
    cross: Certificate | None
    shelf: str
    done: Done


def start(
    folder: Path,
    ca: str,
    signings: Sequence[Signing],
    means: Means,
    now: datetime,
    *,
    is_compromised: bool,
) -> Started:
    """Put another CA in the place of that of a path, and sign with it all that it is asked for.

    The old one stays beside it, its signature for the new one stands behind each certificate, and
    others are to trust both. One that is compromised goes to the archive alone, and nobody is to
    trust it. The folder's lock is held, and no CA follows another there. Raises ScaffoldError,
    before anything is written, where the old one is not whole or can't be followed, and where
    something can't be signed.
    """
    old = authority.load_ca(folder, ca, CA_KEYS[ca], means.password.old)
    trusted = _trusted(folder, ca)
    if not is_compromised:
        _check_can_be_followed(ca, old.certificate, now)
    _check_room(folder, (*OLD_CAS.values(), *OLD_CA_KEYS.values(), CHAINS[ca]))
    texts = _next_texts(folder, ca)
    record_valid_pairs(folder)  # by which those that an abort puts back are known
    with telling(folder), new_set(folder, ca) as made:
        lay_out_texts(folder, made, texts)
        new = _make_ca(made, ca, means, now)
        cross = None
        if is_compromised:
            trusted = [each for each in trusted if each.public_key != old.certificate.public_key]
        else:
            cross = crosscertificates.cross_certificate(new, old, now)
            _lay_out_old(folder, made, ca, cross)
        create(made / TRUSTS[ca], new.pem + b"".join(each.pem for each in trusted))
        done = sign_into(folder, made, signings, means)
        if _next_texts(folder, ca) != texts:
            raise ScaffoldError("what it is made from has changed: nothing was changed")
        shelf = keep_what_is_replaced(folder, made, signings)
    return Started(ca, old.certificate, new, cross, shelf, done)


def _lay_out_old(folder: Path, made: Path, ca: str, cross: Certificate) -> None:
    """Write the CA that is in its place into a set as the old one, with its cross certificate."""
    create(made / CHAINS[ca], cross.pem)
    create(made / OLD_CAS[ca], plain(folder / ca, ca))
    create(made / OLD_CA_KEYS[ca], plain(folder / CA_KEYS[ca], CA_KEYS[ca]), SECRET)


def _trusted(folder: Path, ca: str) -> list[Certificate]:
    """Return what others trust now; ScaffoldError where that is not what they should."""
    trust = read_trust(folder, ca)
    if trust.problems:
        raise ScaffoldError(
            "what others trust is not this CA: nothing was changed", trust.problems, trust.hint
        )
    return list(trust.cas)


def _check_can_be_followed(ca: str, old: Certificate, now: datetime) -> None:
    if reasons := list(crosscertificates.refusals(old, now)):
        raise ScaffoldError(
            f"nobody would take what `{ca}` signs for the CA that follows it: nothing was changed",
            reasons,
            f"this machine's clock says {now:{MINUTE}}: set it"
            if mistakes.begins_later(old.not_before, now)
            else "one that has ended `make renew-ca` signs again, with the same key; else `make "
            "regenerate` makes another CA, which everybody has to trust first",
        )


def _check_room(folder: Path, paths: Sequence[str]) -> None:
    in_the_way = [f"`{path}` is there" for path in paths if os.path.lexists(folder / path)]
    if in_the_way:
        raise ScaffoldError(
            "nothing was changed: what a CA that follows another needs is taken",
            in_the_way,
            "move it away, out of `certs/`",
        )


def _next_texts(folder: Path, ca: str) -> dict[str, str]:
    """Return inventory and request, by path, as they are when another CA is in place."""
    last = generation(intake.load(folder), ca)
    known = (
        certificates.read(plain(folder / each, each), each).cn
        for each in recorded_ca_paths(folder, ca)
    )
    return numbered_texts(folder, ca, last, next_number(last, known))


def _make_ca(made: Path, ca: str, means: Means, now: datetime) -> Certificate:
    """Make a CA, by the request that lies in a new set, and return its certificate."""
    wanted = authority.plan_new_ca(made, ca, CA_KEYS[ca], now, (), {})
    signed = signer.new_ca(wanted.request, now)
    if intake.load(made).ca.key is KeyPlace.ENCRYPTED:
        signed = signed.encrypted(means.password.new())
    create(made / CA_KEYS[ca], signed.key, SECRET)
    create(made / f"{ca.removesuffix(CERTIFICATE_ENDING)}{CSR_ENDING}", signed.csr)
    create(made / ca, signed.certificate)
    (made / ISSUED).mkdir()
    create(made / ca_path(signed.certificate, ca), signed.certificate)
    return certificates.read(signed.certificate, ca)
