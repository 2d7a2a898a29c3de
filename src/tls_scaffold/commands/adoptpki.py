"""`tls-scaffold adopt --pki`: certificates that others made become those of a folder."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands import keysingit
from tls_scaffold.commands.adopted import Taken, next_command, taken_certificates
from tls_scaffold.commands.adopting import (
    check_has_no_inventory,
    check_has_no_makefile,
    inventory_of,
    plan_without_makefile,
    without_hosts,
    write,
)
from tls_scaffold.commands.outcomes import Outcome
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.healing import put_cas
from tls_scaffold.disk.obstacles import check_folder
from tls_scaffold.disk.plainfiles import own_texts, plain
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.keeping.adoption import describe_folder
from tls_scaffold.keeping.pki import describe_pki
from tls_scaffold.keeping.pkifolder import Pair, read_pki
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.paths import (
    CA_OUTPUT,
    CERTIFICATE_ENDING,
    CERTS,
    KEY_ENDING,
)
from tls_scaffold.signing.pairs import put_pair

CHANGE_FIRST = "take a copy of the folder without what is told"
ELSEWHERE = (
    "`tls-scaffold -C DIR adopt --pki …` writes into another folder, "
    "`tls-scaffold adopt` takes over what a Makefile signs"
)


@dataclass(frozen=True)
class PkiAdopted:
    """What was written, or would be: the plan, and certificates that were copied, new to old path.

    `taken` tells what each was taken for; `left` are certificates and keys that are not taken, and
    why.
    """

    folder: Path
    plan: Plan
    dry_run: bool
    taken: tuple[Taken, ...]
    copied: Mapping[str, str]
    left: tuple[Problem, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """Return it as a JSON document, in the shape that all commands share, and more."""
        done = Outcome("adopt", self.folder, self.plan, self.warnings, self.dry_run).result()
        further = {
            "taken": [asdict(each) for each in self.taken],
            "copied": dict(self.copied),
            "left": list(map(str, self.left)),
        }
        return done.to_json({"next": [next_command(self.folder)], **further})


def adopt_pki(
    folder: Path, directory: Path, ca: str, now: datetime, *, dry_run: bool
) -> PkiAdopted:
    """Describe the certificates of one CA in a new `tls-scaffold.json`, and copy them to `certs/`.

    `directory` is only read. Raises ScaffoldError, before anything is written, where the folder is
    kept already, or has other files in the places of these.
    """
    check_folder(folder)
    check_has_no_inventory(folder)
    check_has_no_makefile(folder, "", ELSEWHERE)
    found = describe_pki(read_pki(directory), ca, now)
    adopted = describe_folder(found.signings, found.texts)

    def make_plan() -> Plan:
        check_has_no_inventory(folder)
        if taken := list(_taken(folder, found.texts)):
            summary = "the folder has other requests already, and nothing was done"
            raise ScaffoldError(summary, taken)
        return plan_without_makefile(folder, adopted, found.texts, CHANGE_FIRST)

    plan = make_plan()
    pairs = {CA_OUTPUT: found.ca}
    pairs |= {f"{CERTS}/{name}": pair for name, pair in found.pairs.items()}
    missing = [output for output, pair in pairs.items() if not _is_in_place(folder, output, pair)]
    copied = {f"{output}{CERTIFICATE_ENDING}": pair.path for output, pair in pairs.items()}
    inventory = inventory_of(adopted, CHANGE_FIRST)
    each_taken = taken_certificates(folder, inventory, found.signings, found.texts)
    # They are not there in a dry run, and will be, since they are copied.
    taken = tuple(replace(each, is_there=True) for each in each_taken)
    told = (*keysingit.warnings(folder), *without_hosts(inventory))
    if not dry_run:
        # The inventory comes last: `make` would sign its components anew without certificates.
        with lock(folder):
            for output in missing:
                _put(folder, output, pairs[output])
        plan = write(folder, make_plan, dry_run=False)
    return PkiAdopted(folder, plan, dry_run, taken, copied, found.left, told)


def _taken(folder: Path, texts: Mapping[str, str]) -> Iterator[str]:
    for path, there in own_texts(folder, texts).items():
        if there != texts[path]:
            yield f"`{path}` is there, with another text"


def _contents(pair: Pair) -> dict[str, bytes]:
    return {KEY_ENDING: pair.key, CERTIFICATE_ENDING: pair.pem}


def _is_in_place(folder: Path, output: str, pair: Pair) -> bool:
    """Tell whether a pair is there already, as a killed run left it; refuse any other file."""
    there = {}
    for ending, content in _contents(pair).items():
        path = f"{output}{ending}"
        if os.path.lexists(folder / path):
            with telling(folder / path, "read"):
                there[ending] = plain(folder / path, path, follow=False) == content
    if not all(there.values()):
        raise ScaffoldError(
            f"`{output}{CERTIFICATE_ENDING}` or its key is there, and is another one",
            hint="adopt into an empty folder: `tls-scaffold -C DIR adopt --pki …`",
        )
    return len(there) == len(_contents(pair))


def _put(folder: Path, output: str, pair: Pair) -> None:
    name = output.removeprefix(f"{CERTS}/")
    with telling(folder / CERTS, "written"):
        if output == CA_OUTPUT:
            contents = {f"{name}{ending}": each for ending, each in _contents(pair).items()}
            put_cas(folder, {**contents, "trust.pem": pair.pem})
        else:
            put_pair(folder / CERTS, name, _contents(pair))
