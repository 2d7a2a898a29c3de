"""What a hook is owed for: noted before anything is signed, taken out when a hook has ended well.

A note says which certificate there was before. Where that is still in its place nothing was
renewed, and no hook is owed; so a run may be killed anywhere, and the next one does what is left.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tls_scaffold.disk.folder import remove_inside, write_inside
from tls_scaffold.disk.plainfiles import makefile_text, own_text, plain_or_empty
from tls_scaffold.inventory import intake
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.paths import CERTS
from tls_scaffold.spelling import listed

VARIABLE = "RENEW_HOOK"
NOTES = f"{CERTS}/.renewed"
NOTE = re.compile(r"([0-9a-f]{64}) ([^ \t:]+)")
"""A line: the sum of the certificate's file before, and the component's name."""


def certificate_paths(folder: Path) -> dict[str, str]:
    """Return where the certificate of each component of the Makefile is, by the component's name.

    Raises ScaffoldError where the Makefile can't be read.
    """
    text = makefile_text(folder)
    return {line.name: line.certificate_path for line in component_lines(text)}


def check_known(folder: Path, names: Iterable[str]) -> None:
    """Raise ScaffoldError with each name that neither the Makefile nor the inventory has."""
    known = certificate_paths(folder)
    strange = [name for name in names if name not in known]
    if strange:
        intake.components_named(intake.load(folder), strange)


def note_due(folder: Path, names: Iterable[str]) -> None:
    """Note the certificates that are about to be renewed; the folder's lock is held.

    What was noted before stays as it is. Raises ScaffoldError where nothing can be written.
    """
    paths = certificate_paths(folder)
    notes = {name: _sum(folder, paths[name]) for name in names if name in paths}
    _write(folder, {**notes, **_read(folder, paths)})


def owed(folder: Path) -> dict[str, str]:
    """Return for which components a hook is owed: the sum of each one's certificate, by its name.

    That is which were noted, and have another certificate than then. Those that have the same stay
    noted: another run may be signing them.
    """
    paths = certificate_paths(folder)
    notes = _read(folder, paths)
    now = {name: _sum(folder, paths[name]) for name in notes}
    return {name: each for name, each in now.items() if each != notes[name]}


def owed_sentence(names: Sequence[str]) -> str:
    """Return in words for which components a hook is owed, and what runs it."""
    return f"no hook has ended well for {listed(names)} yet: `make renew {VARIABLE}='…'` runs it"


def take_out(folder: Path, handed_on: Mapping[str, str]) -> None:
    """Take out components for which a hook has ended well; the folder's lock is held.

    `handed_on` are the sums of the certificates that it had, by their names. What was renewed once
    more since is owed again.
    """
    paths = certificate_paths(folder)
    notes = _read(folder, paths)
    for name in handed_on.keys() & notes.keys():
        if _sum(folder, paths[name]) == handed_on[name]:
            del notes[name]
        else:
            notes[name] = handed_on[name]
    _write(folder, notes)


def _sum(folder: Path, path: str) -> str:
    """Return the SHA-256 of a file; that of nothing where it is missing or can't be read."""
    return hashlib.sha256(plain_or_empty(folder / path)).hexdigest()


def _read(folder: Path, paths: Mapping[str, str]) -> dict[str, str]:
    """Return the notes, but of components that the Makefile has no more, and lines of no form."""
    lines = (own_text(folder, NOTES) or "").splitlines()
    found = (match for line in lines if (match := NOTE.fullmatch(line)))
    return {match[2]: match[1] for match in found if match[2] in paths}


def _write(folder: Path, notes: Mapping[str, str]) -> None:
    if notes:
        write_inside(folder, NOTES, "".join(f"{each} {name}\n" for name, each in notes.items()))
    else:
        remove_inside(folder, NOTES)
