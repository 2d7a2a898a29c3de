"""Folders in which no CA can be followed by another, and what is to be done there instead."""

import os
from pathlib import Path

from tls_scaffold.disk.plainfiles import makefile_text
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.ourmakefile import includes_our_rules
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import CA, CA_KEY, CA_KEYS, PEER_CA
from tls_scaffold.signing.custodies import ANOTHER_FOR_PEERS, custody_of
from tls_scaffold.signing.record import has_ca_on_record
from tls_scaffold.signing.rotation import NEXT, PUT_OLD_BACK, Rotation, rotation_of, strange_old_cas

PAGE = "`docs/ca-rotation.md` has the steps, by hand"
STOLEN = (
    "another one is made where this one was, and is not signed by this one; `make clean`, "
    "`tls-scaffold sync --ca FILE` and `make` bring it, and `docs/ca-rotation.md` has the order of "
    "work after a key was stolen"
)
INSTEAD = {
    CA: "`make regenerate YES=1` makes another one, which all have to trust first",
    PEER_CA: ANOTHER_FOR_PEERS,
}
"""What there is where a CA's key is lost for good; `make regenerate` alone names a rotation."""
LOOK_FOR_KEY = "look for it in a backup (`tls-scaffold restore FILE`); is it lost for good, "
NAMES = {CA: "the CA", PEER_CA: "the CA of peers"}


def check_none_is_under_way(folder: Path) -> None:
    """Raise ScaffoldError, with what comes next, where one CA of a folder follows another."""
    check_old_ca_is_ours(folder)
    rotation = rotation_of(folder)
    if rotation:
        raise ScaffoldError(
            f"{NAMES[rotation.ca]} is being replaced ({rotation.stage.value}): nothing was changed",
            hint=NEXT[rotation.stage],
        )


def check_old_ca_is_ours(folder: Path) -> None:
    """Raise ScaffoldError where something lies in the place of an old CA that never was here."""
    if strange := strange_old_cas(folder):
        raise ScaffoldError(
            "what lies in the place of an old CA is none of this folder's: nothing was changed",
            strange,
            PUT_OLD_BACK,
        )


def check_ca_is_here(folder: Path) -> None:
    """Raise ScaffoldError in a clone without keys: whether one CA follows another is not seen."""
    if not custody_of(folder).makes_ca:
        return  # none follows another there
    if not os.path.lexists(folder / CA) and has_ca_on_record(folder, CA):
        raise ScaffoldError(
            "the CA is on record, and not here: whether another follows it can't be told",
            hint="a rotation goes on where the keys are; `tls-scaffold restore FILE`, or the "
            "team's own way, brings them here",
        )


def rotation_under_way(folder: Path) -> Rotation:
    """Return the rotation that a folder is in; ScaffoldError where it is in none."""
    check_old_ca_is_ours(folder)
    rotation = rotation_of(folder)
    if not rotation:
        check_ca_is_here(folder)
        raise ScaffoldError(
            "no CA of this folder is being replaced: nothing was changed",
            hint="`tls-scaffold rotate start` begins; after a CA that was compromised nothing is "
            "left to do here",
        )
    return rotation


def check_can_rotate(folder: Path, ca: str, *, is_compromised: bool = False) -> None:
    """Raise ScaffoldError where the CA of a path, ours or that of peers, is not made here.

    The folder is one of ours, and the CA is there. One that `is_compromised` is to sign no other.
    """
    text = makefile_text(folder)
    if not includes_our_rules(text):
        raise ScaffoldError(
            f"`{folder}` is no folder of ours",
            hint="`tls-scaffold adopt` and `tls-scaffold sync` make it one",
        )
    inventory = intake.load(folder)
    held = inventory.ca
    if ca == PEER_CA and not inventory.peer_ca:
        raise ScaffoldError(
            "peers have no CA of their own here: nothing was changed",
            hint="`tls-scaffold rotate start` is for the one that all have",
        )
    if held.key is KeyPlace.REMOTE:
        raise ScaffoldError(
            f"the CA's key is not here: {', '.join(held.remotes)} sign for this folder",
            hint=STOLEN
            if is_compromised
            else f"another CA is made where that key is, and so is its cross certificate: {PAGE}",
        )
    if held.key is KeyPlace.OFFLINE:
        raise ScaffoldError(
            "the key of this folder's CA is on another machine: no other CA is made here",
            hint=STOLEN
            if is_compromised
            else f"another CA is made there, and so is its cross certificate: {PAGE}",
        )
    if ca == CA and held.own:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought: no other is made here",
            hint=STOLEN
            if is_compromised
            else f"its owner makes the next one, and signs it with this one: {PAGE}",
        )
    if not any((folder / half).exists() for half in (ca, CA_KEYS[ca])):
        check_ca_is_here(folder)
        raise ScaffoldError(
            f"{NAMES[ca]} is not there: nothing was changed", hint="`make` makes the first one"
        )
    if (folder / ca).exists() and not os.path.lexists(folder / CA_KEYS[ca]):
        raise ScaffoldError(
            f"`{CA_KEYS[ca]}` is missing: nothing was changed, since it has to sign the CA that "
            "follows",
            hint=f"{LOOK_FOR_KEY}no CA follows without an interruption: {INSTEAD[ca]}",
        )
    if ca != CA and not (folder / CA_KEY).is_file():
        # What is put in place all at once is known by it.
        raise ScaffoldError(f"`{CA_KEY}` is missing", hint="bring it back first")
    links = [f"`{half}` is a link" for half in (ca, CA_KEYS[ca]) if (folder / half).is_symlink()]
    if links:
        raise ScaffoldError(
            f"{NAMES[ca]} leads elsewhere: nothing was changed", links, "bring it here first"
        )


def signings_of(folder: Path, ca: str) -> tuple[Signing, ...]:
    """Return what a folder asks a CA for, by lines of our form."""
    return _signings_of(_survey(folder), ca)


def signings_of_components_alone(folder: Path, ca: str) -> tuple[Signing, ...]:
    """Return the same where nothing else has the CA sign.

    Raises ScaffoldError where lines of the Makefile's own do, or may do so. What these sign would
    have no cross certificate behind it, and be refused by whoever trusts the old CA alone.
    """
    survey = _survey(folder)
    others = [
        f"`{each.certificate_path}`: a line of the Makefile's own signs it"
        for each in survey.signings
        if each.flags is None and ca in (each.ca, each.certificate_path)
    ]
    others += map(str, survey.unread)
    if others:
        raise ScaffoldError(
            "not all that this CA signs is a component: nothing was changed",
            others,
            "`tls-scaffold add NAME` makes it one; take its own line out of the Makefile then",
        )
    return _signings_of(survey, ca)


def _signings_of(survey: Survey, ca: str) -> tuple[Signing, ...]:
    return tuple(each for each in survey.signings if each.flags is not None and each.ca == ca)


def _survey(folder: Path) -> Survey:
    with ca_kept(folder):
        return makefile.survey_makefile(folder)
