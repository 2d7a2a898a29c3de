"""How far a folder is where one CA follows another: told by the files of `certs/` alone."""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.paths import CHAINS, ISSUED, OLD_CA_KEYS, OLD_CAS, TRUSTS
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.foldercas import recorded_ca_paths


class Stage(Enum):
    """How far a rotation is; the values are words for people and for JSON."""

    REPLACING = "replacing"
    """Leaves of the new CA are handed out; whoever has the trust file takes both CAs."""
    TRUSTING = "trusting"
    """The trust file holds the new CA, and the old one no longer."""
    FINISHING = "finishing"
    """The cross certificate is gone, the old CA not yet: it was killed, or made by hand."""
    ABORTING = "aborting"
    """The old CA is in its place again, and something of the rotation is left beside it."""


NEXT = {
    Stage.REPLACING: "when all show their new certificates, `tls-scaffold rotate trust`; "
    "`tls-scaffold rotate abort` goes back",
    Stage.TRUSTING: "when each member has been restarted with the new CA alone, "
    "`tls-scaffold rotate finish`",
    Stage.FINISHING: "`tls-scaffold rotate finish` goes on",
    Stage.ABORTING: "`tls-scaffold rotate abort` goes on",
}
"""What comes next in each stage."""
PUT_OLD_BACK = "move it away, or put back the CA that it was"
"""What mends one of `strange_old_cas`."""


@dataclass(frozen=True)
class Rotation:
    """One CA that follows another: `ca` is the path of the new one, in `paths.CA_KEYS`.

    `cross` is the new one's subject and key, signed by the old one: it stands behind each leaf.
    Each of the three is None where its file is missing or can't be read.
    """

    ca: str
    stage: Stage
    old: Certificate | None
    new: Certificate | None
    cross: Certificate | None

    @property
    def sentence(self) -> str:
        """How far it is, and what comes next."""
        place = f"`{self.ca}` takes the place of `{OLD_CAS[self.ca]}`"
        return f"{place} ({self.stage.value}): {NEXT[self.stage]}"


def rotation_of(folder: Path) -> Rotation | None:
    """Return the rotation that a folder is in; None if it is in none.

    Files that can't be read are no error. What is called as the old CA and is not one that was here
    before, is none of a rotation: see `strange_old_cas`.
    """
    for ca in OLD_CAS:
        rotation = _rotation_of_ca(folder, ca)
        if rotation:
            return rotation
    return None


def _rotation_of_ca(folder: Path, ca: str) -> Rotation | None:
    if not any(os.path.lexists(folder / path) for path in (OLD_CAS[ca], OLD_CA_KEYS[ca])):
        return None
    old, new = _read_first(folder, OLD_CAS[ca]), _read_first(folder, ca)
    if old and not old.may_sign:  # a leaf that is called so
        return None
    if os.path.lexists(folder / OLD_CAS[ca]) and _why_strange(folder, ca, old):
        return None
    chain = certificates.read_all_at(folder / CHAINS[ca])
    cross = next((each for each in chain if new and old and is_cross(each, new, old)), None)
    if old and new and old.public_key == new.public_key:
        stage = Stage.ABORTING
    elif not os.path.lexists(folder / CHAINS[ca]):
        stage = Stage.FINISHING
    elif _trusts_new_alone(certificates.read_all_at(folder / TRUSTS[ca]), old, new):
        stage = Stage.TRUSTING
    else:  # where nobody can tell, the old one is not given up
        stage = Stage.REPLACING
    return Rotation(ca, stage, old, new, cross)


def strange_old_cas(folder: Path) -> tuple[Problem, ...]:
    """Return what lies where an old CA would, and is none that this folder had.

    Nobody may act on it: the next command would trust it, or put it in place. A leaf that is called
    so is a component, or asked for by nobody, which is told otherwise.
    """
    return tuple(
        Problem(Place(path), why)
        for ca, path in OLD_CAS.items()
        if os.path.lexists(folder / path)
        and (why := _why_strange(folder, ca, _read_first(folder, path)))
    )


def _why_strange(folder: Path, ca: str, old: Certificate | None) -> str:
    """Return why what lies where the old CA would is none of this folder; empty where it is."""
    if old is None:
        return "it holds no certificate"
    recorded: tuple[str, ...] = ()
    with suppress(ScaffoldError):  # of a record that can't be read nobody can tell
        recorded = recorded_ca_paths(folder, ca)
    keys = [each.public_key for path in recorded if (each := _read_first(folder, path))]
    is_known = not recorded or not old.may_sign or old.public_key in keys
    return "" if is_known else f"it is no CA that the record, `{ISSUED}/`, has"


def is_cross(certificate: Certificate, new: Certificate, old: Certificate) -> bool:
    """Tell whether a certificate has the key of the CA `new`, and was signed by the CA `old`."""
    return certificate.public_key == new.public_key and matching.signed_by(certificate, old)


def _trusts_new_alone(
    trusted: Collection[Certificate], old: Certificate | None, new: Certificate | None
) -> bool:
    keys = [each.public_key for each in trusted]
    return bool(old and new and new.public_key in keys and old.public_key not in keys)


def _read_first(folder: Path, path: str) -> Certificate | None:
    return next(iter(certificates.read_all_at(folder / path)), None)
