"""The folder `awaiting/`: keys and CSRs that wait for a signature from another machine.

Of each component `NAME-key.pem`, `NAME.json` (a copy of the request, which tells whether it has
changed since) and `NAME.csr`. The CSR comes last and goes first: where it is missing nothing waits,
whatever else a killed run has left. `custody.sh` keeps the same files.
"""

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.files import (
    PUBLIC,
    SECRET,
    create,
    flush_path,
    make_private,
    telling,
)
from tls_scaffold.disk.folder import move_to_archive, write_inside
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import names, own_text, plain_or_empty
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import (
    AWAITING,
    CSR_ENDING,
    FOLDER_ID,
    KEY_ENDING,
    REQUEST_ENDING,
    waiting_paths,
)
from tls_scaffold.signing import csrs
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.manifests import ID
from tls_scaffold.signing.signer import Signed


@dataclass(frozen=True)
class Waiting:
    """What waits for a component: the CSR, its key and the request that it was made from."""

    name: str
    csr_pem: bytes
    key: bytes
    request: bytes

    @cached_property
    def csr(self) -> CSR:
        """The CSR; ScaffoldError if that is none."""
        return csrs.read(self.csr_pem, path_of(self.name, CSR_ENDING))

    def is_of(self, folder: Path, signing: Signing) -> bool:
        """Tell whether it was made from the request that a component has now, and is whole."""
        request = plain_or_empty(folder / signing.request)
        return bool(self.key and request) and request == self.request


def path_of(name: str, ending: str) -> str:
    """Return the path below the folder of one of the files that wait for a component."""
    return f"{AWAITING}/{name}{ending}"


def read_waiting(folder: Path, signings: Iterable[Signing]) -> dict[str, Waiting]:
    """Return what waits for these components, by their names.

    What has been answered, as its key is the one beside the certificate, waits no more.
    """
    found: dict[str, Waiting] = {}
    there = frozenset(names(folder, AWAITING, CSR_ENDING))
    for signing in signings:
        if path_of(signing.name, CSR_ENDING) in there:
            waiting = Waiting(
                signing.name,
                csr_pem=plain_or_empty(folder / path_of(signing.name, CSR_ENDING)),
                key=plain_or_empty(folder / path_of(signing.name, KEY_ENDING)),
                request=plain_or_empty(folder / path_of(signing.name, REQUEST_ENDING)),
            )
            if not is_answered(folder, signing, waiting):
                found[signing.name] = waiting
    return found


def is_answered(folder: Path, signing: Signing, waiting: Waiting) -> bool:
    """Tell whether the key that waits is in its place, with a certificate beside it."""
    placed = plain_or_empty(folder / signing.key_path)
    is_signed = os.path.lexists(folder / signing.certificate_path)
    return bool(waiting.key) and is_signed and placed == waiting.key


def put_waiting(folder: Path, name: str, signed: Signed, request: bytes) -> None:
    """Put a new key and CSR into `awaiting/`, with the request that they were made from.

    What waited there goes to the archive. The folder's lock is held.
    """
    aside = [path for path in waiting_paths(name) if os.path.lexists(folder / path)]
    if aside:
        move_to_archive(folder, aside)
    place = inside(folder, path_of(name, CSR_ENDING)).parent
    contents = {KEY_ENDING: signed.key, REQUEST_ENDING: request, CSR_ENDING: signed.csr}
    with telling(place, "written"):
        make_private(place)
        clear_leftovers(place)
        with work_folder(place) as work:
            for ending, text in contents.items():
                create(work / f"{name}{ending}", text, SECRET if ending == KEY_ENDING else PUBLIC)
            for ending in contents:
                (work / f"{name}{ending}").replace(place / f"{name}{ending}")
        flush_path(place)


def remove_answered(folder: Path, signing: Signing) -> None:
    """Take away what waited for a component, now that its key and CSR are in their places."""
    for path in waiting_paths(signing.name):
        with telling(folder / path, "removed"), suppress(FileNotFoundError):
            inside(folder, path).unlink()


def clear_answered(folder: Path, signings: Iterable[Signing]) -> None:
    """Take away what a killed import has left in `awaiting/` of what is in its place already."""
    there = frozenset(names(folder, AWAITING, KEY_ENDING))
    for signing in signings:
        path = path_of(signing.name, KEY_ENDING)
        if path in there:
            waiting = Waiting(signing.name, b"", plain_or_empty(folder / path), b"")
            if is_answered(folder, signing, waiting):
                remove_answered(folder, signing)


def read_folder_id(folder: Path) -> str:
    """Return the id by which packs of a folder are known again; empty if it has none yet.

    Raises ScaffoldError if the file holds something else.
    """
    text = (own_text(folder, FOLDER_ID) or "").strip()
    if text and not ID.fullmatch(text):
        raise ScaffoldError(
            f"`{FOLDER_ID}` holds no id of 32 hexadecimal digits",
            hint="take it from git, or delete it: packs that are on the way are not known then",
        )
    return text


def make_folder_id(folder: Path) -> str:
    """Return the id of a folder, made now if it has none; the folder's lock is held."""
    found = read_folder_id(folder)
    if not found:
        found = secrets.token_hex(16)
        write_inside(folder, FOLDER_ID, f"{found}\n")
    return found
