"""What a restore would do: which files of a backup come into a folder, and what goes for them.

A new folder gets all of them. One that is there has from git what git keeps: it gets what git does
not, and what of its record it lacks.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tls_scaffold.commands.backup import paths_elsewhere
from tls_scaffold.commands.restorechecks import (
    SKIPPED,
    check_ca_in_place,
    check_files,
    check_pinned,
    check_room,
    cns_of_cas,
    content_of,
    judged,
    record_of,
    with_cas_of_record,
)
from tls_scaffold.commands.restorepairs import older, replaced, whole_pairs
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.journal import RULES
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA_KEY,
    CERTS,
    ENDINGS,
    ISSUED,
    KEY_ENDING,
    MAKEFILE,
)
from tls_scaffold.signing.backedup import CAS, ORDER, output_of
from tls_scaffold.signing.custodies import custody_of


@dataclass(frozen=True)
class RestorePlan:
    """What a restore does: files that come, in their order, and paths that go to the archive first.

    `copied` are of those that are written over by one rename, so that a copy goes there; the others
    are moved. `stays` are files of the folder that differ and stay; `absent` are those that git
    should have brought. `remarks` are what there is to say of the backup.
    """

    is_new: bool
    files: tuple[Packed, ...]
    moved: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def replaced(self) -> tuple[str, ...]:
        """The paths of what is taken away or written over, all of which goes to the archive."""
        return (*self.moved, *self.copied)


def plan_restore(folder: Path, backup: Iterable[Packed]) -> RestorePlan:
    """Return what a restore of files into a folder does; nothing is written.

    Raises ScaffoldError where they are not those of a folder, or of another one than this is, and
    where the place is taken by something else.
    """
    files = {each.path: each for each in backup if each.path not in SKIPPED}
    makefile = files[MAKEFILE].content if MAKEFILE in files else b""
    elsewhere = paths_elsewhere(_inventory_in(files), makefile)
    check_files(files, elsewhere)
    if os.path.lexists(folder / FILE):
        return _plan_for_ours(folder, files, elsewhere)
    check_room(folder, files)
    missing = [each for each in files.values() if not os.path.lexists(folder / each.path)]
    judgement = judged(files, {})
    return RestorePlan(
        is_new=True, files=tuple(sorted(missing, key=_turn)), remarks=judgement.remarks
    )


def _inventory_in(files: Mapping[str, Packed]) -> Inventory | None:
    try:
        return intake.from_json(files[FILE].content.decode())
    except (KeyError, UnicodeDecodeError, ScaffoldError):
        return None


def _plan_for_ours(
    folder: Path, backup: Mapping[str, Packed], elsewhere: Iterable[str]
) -> RestorePlan:
    record = record_of(folder)
    files = with_cas_of_record(backup, record, cns_of_cas(folder))
    judgement = judged(files, record)
    custody = custody_of(folder)
    check_pinned(custody, files)
    check_ca_in_place(folder, files)
    outputs = {path for path in elsewhere if path.endswith(ENDINGS)}
    come: list[Packed] = []
    stays: list[str] = []
    absent: list[str] = []
    remarks = list(judgement.remarks)
    cas_keys = {f"{output}{KEY_ENDING}" for output in CAS}
    for path, file in files.items():
        there = content_of(folder, path)
        if there == file.content:
            continue
        top = path.partition("/")[0]
        if path in cas_keys and there is not None:  # of the same CA, as was found out
            stays.append(path)
        elif path == CA_KEY and not custody.has_key_here:
            remarks.append(
                f"`{path}` stays in the backup: `{FILE}` has the CA's key elsewhere, and "
                "`tls-scaffold restore FILE DIRECTORY` brings it into a new folder"
            )
        elif top in (CERTS, AWAITING) or path in outputs:
            come.append(file)
        elif there is not None:
            stays.append(path)
        elif top in (ARCHIVE, ISSUED):
            come.append(file)
        elif path != RULES:  # which keeps itself out of git, and each change of a folder makes
            absent.append(path)
    come, kept = whole_pairs(folder, files, come)
    remarks += older(folder, come)
    gone = list(replaced(folder, files, come))
    return RestorePlan(
        is_new=False,
        files=tuple(sorted(come, key=_turn)),
        moved=tuple(path for path in gone if output_of(path) not in CAS),
        copied=tuple(path for path in gone if output_of(path) in CAS),
        stays=(*stays, *kept),
        absent=tuple(absent),
        remarks=tuple(remarks),
    )


def _turn(file: Packed) -> tuple[int, str, int]:
    """Return what sorts files by when they are to be put in place.

    The record comes first: where it has a CA nobody makes another. A pair's certificate comes last
    of the three. Without the inventory the folder is none of ours: the same restore finishes it.
    """
    path = file.path
    last = {MAKEFILE: 8, FILE: 9}.get(path)
    tops = {ISSUED: 0, ARCHIVE: 1, CERTS: 3, AWAITING: 4}
    output = output_of(path)
    ending = PurePosixPath(path).name.removeprefix(PurePosixPath(output).name)
    is_ca = output in CAS
    step = ORDER.index(ending) if ending in ORDER else 0
    return last or tops.get(path.partition("/")[0], 5) - is_ca, output, step
