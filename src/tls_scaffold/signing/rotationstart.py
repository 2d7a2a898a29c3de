"""One CA follows another: the new one, and all that it signs, put in place by one decision."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import SECRET, create, telling
from tls_scaffold.disk.folder import copy_to_new_shelf
from tls_scaffold.disk.healing import new_set
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import names, own_texts, plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.generations import (
    generation,
    next_number,
    renumbered,
    with_generation,
)
from tls_scaffold.inventory.values import FILE
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    CA_KEYS,
    CA_REQUESTS,
    CERTIFICATE_ENDING,
    CERTS,
    CHAINS,
    CSR_ENDING,
    ENDINGS,
    ISSUED,
    OLD_CA_KEYS,
    OLD_CAS,
    TRUSTS,
)
from tls_scaffold.signing import authority, certificates, crosscertificates, signer
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.execution import Means, Told, sign_round
from tls_scaffold.signing.record import PATHS_OF_CAS
from tls_scaffold.signing.recordcompletion import record_valid_pairs
from tls_scaffold.signing.rounds import Done, plan_round
from tls_scaffold.signing.trust import read_trust


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
    is_compromised: bool = False,
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
    in_the_way = (*OLD_CAS.values(), *OLD_CA_KEYS.values(), CHAINS[ca])
    _check_room(folder, in_the_way)
    texts = _next_texts(folder, ca)
    record_valid_pairs(folder)  # by which those that an abort puts back are known
    with telling(folder), new_set(folder, ca) as made:
        for path, content in texts.items():
            (made / path).parent.mkdir(exist_ok=True)
            create(made / path, content, stat.S_IMODE((folder / path).stat().st_mode))
        new = _make_ca(made, ca, means, now)
        cross = None
        if is_compromised:
            trusted = [each for each in trusted if each.public_key != old.certificate.public_key]
        else:
            cross = crosscertificates.cross_certificate(new, old, now)
            create(made / CHAINS[ca], cross.pem)
            create(made / OLD_CAS[ca], plain(folder / ca, ca))
            create(made / OLD_CA_KEYS[ca], plain(folder / CA_KEYS[ca], CA_KEYS[ca]), SECRET)
        create(made / TRUSTS[ca], new.pem + b"".join(each.pem for each in trusted))
        done = sign_into(folder, made, signings, means)
        if _next_texts(folder, ca) != texts:
            raise ScaffoldError("what it is made from has changed: nothing was changed")
        files = (each for each in made.rglob("*") if each.is_file())
        check_changeable(folder / each.relative_to(made) for each in files)
        shelf = copy_to_new_shelf(folder, kept_paths(folder, signings, texts))
    return Started(ca, old.certificate, new, cross, shelf.relative_to(folder).as_posix(), done)


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
            "one that has ended `make renew-ca` signs again, with the same key; else `make "
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
        for each in names(folder, ISSUED, CERTIFICATE_ENDING)
        if PATHS_OF_CAS[ca].fullmatch(each)
    )
    number = next_number(last, known)
    return numbered_texts(folder, ca, last, number)


def numbered_texts(folder: Path, ca: str, last: int, number: int) -> dict[str, str]:
    """Return inventory and request of a CA, by path, with another number than the `last`.

    Raises ScaffoldError where one is missing, or a link: it is replaced.
    """
    path = CA_REQUESTS[ca]
    texts = own_texts(folder, (FILE, path))
    if path not in texts:
        raise ScaffoldError(f"`{path}` is missing: the CA's own request")
    inventory = intake.from_json(texts[FILE])
    return {
        FILE: with_generation(inventory, ca, number).to_json(),
        path: renumbered(texts[path], path, last, number),
    }


def _make_ca(made: Path, ca: str, means: Means, now: datetime) -> Certificate:
    """Make a CA, by the request that lies in a new set, and return its certificate."""
    wanted = authority.plan_new_ca(made, ca, CA_KEYS[ca], now, ())
    signed = signer.new_ca(wanted.request, now)
    if intake.load(made).ca.key is KeyPlace.ENCRYPTED:
        signed = signed.encrypted(means.password.new())
    create(made / CA_KEYS[ca], signed.key, SECRET)
    create(made / f"{ca.removesuffix(CERTIFICATE_ENDING)}{CSR_ENDING}", signed.csr)
    create(made / ca, signed.certificate)
    (made / ISSUED).mkdir()
    create(made / ca_path(signed.certificate, ca), signed.certificate)
    return certificates.read(signed.certificate, ca)


def sign_into(folder: Path, made: Path, signings: Sequence[Signing], means: Means) -> Done:
    """Sign what the CA of a new set is asked for, into that set."""
    if not signings:
        return Done({}, 0)
    planned = plan_round(folder, signings, (), force=True, target=made)
    unshared: dict[str, None] = {}
    sign_round(planned, means, Told(lambda _: None, unshared.setdefault))
    done = planned.done
    return Done(done.signed, 0, done.commands, warnings=done.warnings, unshared=tuple(unshared))


def kept_paths(folder: Path, signings: Sequence[Signing], others: Iterable[str]) -> Iterator[str]:
    """Yield the paths of what is replaced, and of the rest of `certs/`."""
    for ending in (CERTIFICATE_ENDING, CSR_ENDING):
        yield from names(folder, CERTS, ending)
    for each in signings:
        yield from (f"{each.output}{ending}" for ending in ENDINGS)
    yield from others
