"""`tls-scaffold backup`: the whole state of a folder in one encrypted file."""

import json
import posixpath
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold import __version__
from tls_scaffold.disk.backupfiles import LARGEST_BACKUP, check_target, put_backup
from tls_scaffold.disk.folder import lock as folder_lock
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.disk.statefiles import WHOLE, State, read_state
from tls_scaffold.disk.tarballs import Packed, packed
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.reach import output_problem, request_problem
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.journal import finish_pending
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.paths import CA, CA_KEY, CA_KEYS, ENDINGS, MAKEFILE, MIB, PEER_CA_KEY
from tls_scaffold.signing import agefiles, certificates
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.spelling import UTC_TIME

MANIFEST = "tls-scaffold-backup.json"
"""The first file of a backup: it says what it is, and is no file of the folder."""
VERSION = 1


@dataclass(frozen=True)
class Made:
    """A backup that was made: how many files it holds, and what there is to say."""

    count: int
    warnings: tuple[str, ...] = ()


def backup(folder: Path, target: Path, lock: agefiles.Lock, now: datetime) -> Made:
    """Put the state of a folder into the file `target`, encrypted; nothing else is written.

    The folder is held meanwhile, so that no half of a pair is in it. Raises ScaffoldError where
    that is no folder of ours, where something of it can't be read, and where `target` is something
    else than an older backup of this folder.
    """
    agefiles.require_library()
    _check_place(folder, target)
    with folder_lock(folder):
        finish_pending(folder)
        # What is wrong with it `check` tells: it is kept as it is.
        inventory = intake.load_or_none(folder)
        makefile = plain_or_empty(folder / MAKEFILE)
        elsewhere = paths_elsewhere(inventory, makefile)
        state = read_state(folder, elsewhere, agefiles.is_age_file)
        lost = _lost_keys(folder, inventory, state)
        check_target(folder, target, lost)
        pem = next((each.content for each in state.files if each.path == CA), b"")
        sealed = agefiles.encrypt(packed((_manifest(now), *state.files)), lock)
        if len(sealed) > LARGEST_BACKUP:
            raise ScaffoldError(f"the backup is larger than {LARGEST_BACKUP // MIB} MiB")
        keys = tuple(each.path for each in state.files if each.path in CA_KEYS.values())
        put_backup(folder, target, sealed, now, _pin(pem), keys)
    warnings = (*_warnings(folder, target, inventory, state, lost), *_unheld_lines(makefile))
    return Made(len(state.files), warnings)


def paths_elsewhere(inventory: Inventory | None, makefile: bytes) -> tuple[str, ...]:
    """Return the files of components that a folder has outside of its usual places.

    Those are the inventory's, and what lines of the team's in its Makefile ask for.
    """
    found: list[str] = []
    asked = [(each.output, each.request) for each in (inventory.components if inventory else ())]
    asked += (each for each in _asked_by_lines(makefile) if not output_problem(each[0]))
    for output, request in asked:
        found += (f"{output}{ending}" for ending in ENDINGS)
        found += [] if request_problem(request) else [request]
    return tuple(path for path in dict.fromkeys(found) if path.partition("/")[0] not in WHOLE)


def _asked_by_lines(makefile: bytes) -> Iterator[tuple[str, str]]:
    """Yield where a Makefile's lines have a certificate, without `.pem`, and its request."""
    for line in component_lines(makefile.decode("utf-8", "replace")):
        yield posixpath.normpath(line.output), posixpath.normpath(line.request)


def _unheld_lines(makefile: bytes) -> Iterator[str]:
    """Yield a warning of each line whose pair no backup holds, since none may be put back there."""
    for output, _ in _asked_by_lines(makefile):
        if output_problem(output) and output.partition("/")[0] not in WHOLE:
            yield f"`{output}.pem` of the Makefile is not in it: no component's pair may lie there"


def _check_place(folder: Path, target: Path) -> None:
    if not (folder / FILE).exists():
        intake.load(folder)  # which says what is missing
    home, place = folder.resolve(), target.parent.resolve() / target.name
    if place.is_relative_to(home) and len(place.relative_to(home).parts) > 1:
        raise ScaffoldError(
            f"`{target}` is in the folder that it would be a backup of",
            hint="name a file outside, on another disk at best",
        )


def _manifest(now: datetime) -> Packed:
    document = {
        "version": VERSION,
        "made": f"{now:{UTC_TIME}}",
        "by": f"tls-scaffold {__version__}",
        "restore": "tls-scaffold restore FILE [DIRECTORY]; or unpack it: age -d FILE | tar x",
    }
    text = json.dumps(document, indent=2) + "\n"
    return Packed(MANIFEST, text.encode(), 0o600, int(now.timestamp()))


def _lost_keys(folder: Path, inventory: Inventory | None, state: State) -> tuple[str, ...]:
    """Return the paths of the CAs' keys that belong into a folder and are not in its state."""
    wanted = [CA_KEY] if custody_of(folder).has_key_here else []
    wanted += [PEER_CA_KEY] if inventory and inventory.peer_ca else []
    there = {each.path for each in state.files}
    return tuple(path for path in wanted if path not in there)


def _pin(pem: bytes) -> str:
    ca = certificates.read_or_none(pem)
    return ca.sum if ca else ""


def _warnings(
    folder: Path,
    target: Path,
    inventory: Inventory | None,
    state: State,
    lost: Collection[str],
) -> Iterable[str]:
    if not inventory:
        yield f"`{FILE}` has mistakes: what it alone has beside `certs/` and `config/` is not in it"
    if target.parent.resolve() == folder.resolve():
        yield f"`{target}` is in the folder itself: copy it to where that is not lost with it"
    for path in state.left_out:
        yield f"`{path}` is left out: it is a link, or no plain file"
    if not plain_or_empty(folder / CA):
        yield f"`{CA}` is not in it: there is none"
    for ca, key in CA_KEYS.items():
        if key in lost and key not in state.left_out and plain_or_empty(folder / ca):
            yield f"`{key}` is not in it: it is not here"
