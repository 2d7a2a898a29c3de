"""The folders that a signing service is to sign for, read and checked together."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tls_scaffold.cfssl import durations, usages
from tls_scaffold.commands.signerkeys import SHOWN
from tls_scaffold.commands.signeroptions import SignerOptions
from tls_scaffold.disk.ourfolders import folders_below
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory import desired, intake
from tls_scaffold.inventory.custody import KeyPlace, label_problem
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.readback import MOST
from tls_scaffold.multiroot.policies import (
    SigningPolicy,
    Signs,
    profiles_elsewhere,
    root_problems,
    signing_policies,
)
from tls_scaffold.paths import CONFIG
from tls_scaffold.spelling import first_of, listed

LABEL = "ca.label"
SUMMARY = "multirootca can't be told to sign for these"
HINT = (
    "each folder has a label of its own, `--ca-label` of `tls-scaffold new` and `sync`: "
    "several may have one CA all the same"
)


@dataclass(frozen=True)
class Served:
    """A folder (or an inventory file) by its label, what is signed for it, and its CA's pin."""

    label: str
    source: str
    policies: tuple[SigningPolicy, ...]
    sha256: str = ""

    @property
    def cns(self) -> frozenset[str]:
        """The CNs that are signed for it."""
        return frozenset().union(*(policy.cns for policy in self.policies))


@dataclass(frozen=True)
class Found:
    """The folders to sign for, and those that were left out: their CA's key is elsewhere."""

    served: tuple[Served, ...]
    left_out: tuple[str, ...] = ()


def read_served(base: Path, options: SignerOptions) -> Found:
    """Return the folders and inventory files that are named, and the folders below directories.

    Of the latter those whose key is not remote are left out. Raises ScaffoldError with every
    problem: an inventory that can't be read, a label that is none of multirootca's or that two
    have, a profile that nothing describes.
    """
    problems: list[Problem | str] = []
    served: list[Served] = []
    left_out = []
    names = dict.fromkeys(base / each for each in options.sources)
    below: dict[Path, None] = {}
    for directory in options.above:
        found, closed = folders_below(base / directory)
        below.update(dict.fromkeys(each for each in found if each not in names))
        problems += map(str, closed.values())
    for source in (*names, *below):
        try:
            inventory = _inventory(source)
            if source in below and inventory.ca.key is not KeyPlace.REMOTE:
                left_out.append(str(source))
                continue
            served.append(_served(source, inventory, options.label))
        except ScaffoldError as error:
            problems += _with_place(error, source)
    shared = tuple(_shared_labels(served))
    if problems or shared:
        is_of_labels = shared or any(
            isinstance(each, Problem) and each.place.key == LABEL for each in problems
        )
        hint = HINT if is_of_labels else ""
        raise ScaffoldError(SUMMARY, first_of([*problems, *shared], MOST), hint)
    return Found(tuple(served), tuple(left_out))


def _inventory(source: Path) -> Inventory:
    if source.is_dir():
        return intake.load(source)
    wish = desired.read_wish(str(source), Options())
    return intake.of_data(wish.data, wish.options, users_are_enough=True)


def _served(source: Path, inventory: Inventory, given: str) -> Served:
    label = inventory.ca.label or given
    place = Place(key=LABEL)
    problems = list(root_problems(inventory))
    if given and inventory.ca.label not in ("", given):
        problems.append(Problem(place, f"it is `{inventory.ca.label}`, and not `{given}`"))
    if inventory.peer_ca:
        message = "a folder that makes a CA of peers has its CA's key, and asks no server"
        problems.append(Problem(Place(key="peer_ca"), message))
    if not label:
        problems.append(Problem(place, "is missing: multirootca knows a folder by its label"))
    elif message := label_problem(label):
        problems.append(Problem(place, message))
    elsewhere = _signs_elsewhere(source, profiles_elsewhere(inventory), problems)
    if problems:
        raise ScaffoldError(SUMMARY, problems)
    policies = signing_policies(inventory, elsewhere)
    return Served(label, str(source), policies, inventory.ca.sha256)


def _signs_elsewhere(
    source: Path, names: Iterable[str], problems: list[Problem]
) -> dict[str, Signs]:
    """Return how the folder's own configuration signs by profiles that no inventory describes.

    Where there is no such profile, or one that says only who is asked for it, that is a problem.
    """
    found = {}
    described = _profiles(source) if names else {}
    for name in names:
        profile = described.get(name, {})
        granted = profile.get("usages")
        words = granted if isinstance(granted, list) else []
        texts = tuple(each for each in words if isinstance(each, str))
        expiry = profile.get("expiry")
        life = durations.parse(expiry) if isinstance(expiry, str) else None
        if not life or not usages.meanings(texts):
            message = f"neither `{FILE}` nor `{CONFIG}` says what the profile `{name}` grants"
            problems.append(Problem(Place(CONFIG, key=f"signing.profiles.{name}"), message))
        else:
            found[name] = Signs(texts, str(expiry))
    return found


def _profiles(source: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return the profiles of a folder's configuration, as far as they are what they should be."""
    document = parsed(read_text(source, CONFIG) if source.is_dir() else None)
    profiles = table(table(document, "signing"), "profiles")
    return {name: each for name, each in profiles.items() if isinstance(each, dict)}


def parsed(text: str | None) -> Any:
    """Return what a JSON text says; an empty table where there is none, or it is no JSON."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}


def table(document: Any, key: str) -> dict[str, Any]:
    """Return the table that a document has at a key; an empty one where there is none."""
    found = document.get(key) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _with_place(error: ScaffoldError, source: Path) -> Iterator[Problem | str]:
    """Yield the problems of one folder with its path, which a summary may begin with already."""
    path = str(source / FILE) if source.is_dir() else str(source)
    if not error.problems:
        is_placed = error.summary.startswith(f"`{path}`")
        yield error.summary if is_placed else Problem(Place(path), error.summary)
    for problem in error.problems:
        place = problem.place
        at = str(source / place.path) if place.path == CONFIG else path
        yield replace(problem, place=replace(place, path=at))


def _shared_labels(served: Iterable[Served]) -> Iterator[str]:
    """Yield what is wrong where folders share a label: each would sign the names of the others.

    Each label has a file, and upper and lower case are one on some disks, as on macOS.
    """
    sharing = defaultdict(list)
    for each in served:
        sharing[each.label.lower()].append(each)
    for folders in sharing.values():
        if len(folders) == 1:
            continue
        labels = [*dict.fromkeys(each.label for each in folders)]
        told = listed([each.source for each in folders], SHOWN)
        if len(labels) == 1:
            others = "each could sign the names of the others"
            yield f"label {listed(labels, SHOWN)} is that of {told}: {others}"
        else:
            yield f"labels {listed(labels, SHOWN)}, of {told}, differ in upper and lower case alone"


def still_asks_for(source: Path, label: str) -> bool:
    """Tell whether there is a folder, or a file, that has this label; one with mistakes may."""
    if not source.exists():
        return False
    try:
        return _inventory(source).ca.label == label
    except ScaffoldError:
        return True
