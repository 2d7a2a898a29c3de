"""The numbers behind the names of a folder's CAs: two of one name can't be told apart from outside.

sign.sh's `check_newest` and `is_name_taken` ask the same where there is no Python.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tls_scaffold.disk.inventorydocument import inventory_document
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import own_texts
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.generations import CN, generation, next_number, renumbered
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.paths import CA, CA_REQUESTS, NEW_SET, PEER_CA
from tls_scaffold.signing import certificates
from tls_scaffold.signing.foldercas import cas_of, recorded_cas

BRING_NEWEST = (
    "whoever made that one has its certificate and key: `tls-scaffold restore FILE`, or the team's "
    "own way, brings them"
)


def outdated_cas(folder: Path, inventory: Inventory | None) -> Iterator[Problem]:
    """Yield each CA in `certs/` that another has followed, elsewhere: a clone keeps its keys.

    The inventory, which git has brought, counts a later one then, and the record has that. Nothing
    is told without an inventory that is sound, where no CA is made here, nor where a killed run has
    left a set that is half in place.
    """
    if inventory is None or not inventory.ca.makes_ca or os.path.lexists(folder / NEW_SET):
        return
    for ca in (CA, PEER_CA) if inventory.peer_ca else (CA,):
        ending = f" {generation(inventory, ca)}"
        own = certificates.read_at(folder / ca)
        if ending == " 1" or not own or not own.cn or own.cn.endswith(ending):
            continue
        recorded = recorded_cas(folder, ca).values()
        later = [each.cn for each in recorded if each.cn.endswith(ending)]
        if later:
            words = f"it is a CA of before: by the inventory and the record it is `{later[0]}` now"
            yield Problem(Place(ca), words)


def check_newest(folder: Path) -> None:
    """Raise ScaffoldError where a CA in `certs/` has been followed by another one elsewhere."""
    # Most folders have had one CA: to see that takes a hundredth of reading the inventory.
    document = inventory_document(folder)
    if all(document.get(name, 1) == 1 for name in ("ca_generation", "peer_ca_generation")):
        return
    if problems := list(outdated_cas(folder, intake.load_or_none(folder))):
        raise ScaffoldError("nothing is done with a CA of before", problems, BRING_NEWEST)


def renamed_texts(folder: Path) -> dict[str, str]:
    """Return inventory and requests of the CAs, by path, with the next number in the CAs' names.

    That is where the folder has had a CA of such a name, as before a `make clean`; else nothing.
    A folder without a record in git is thrown away again, and its CAs may be called alike. Raises
    ScaffoldError where a file can't be replaced.
    """
    inventory, known = intake.load_or_none(folder), [ca.cn for ca in cas_of(folder)]
    if inventory is None or not inventory.record or not known:
        return {}
    texts = own_texts(folder, (FILE, *CA_REQUESTS.values()))
    asked = {ca: CN.findall(texts.get(path, "")) for ca, path in CA_REQUESTS.items()}
    if not any(json.loads(literal) in known for found in asked.values() for _, literal in found):
        return {}
    last = max(inventory.ca_generation, inventory.peer_ca_number)
    number = next_number(last, known)
    changed = {FILE: replace(inventory, ca_generation=number, peer_ca_generation=0).to_json()}
    for ca, path in CA_REQUESTS.items():
        if path in texts:
            before = generation(inventory, ca)
            changed[path] = renumbered(texts[path], path, before, number)
    check_changeable(folder / path for path in changed)
    return changed
