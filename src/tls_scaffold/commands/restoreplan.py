"""What a restore would do: which files of a backup come into a folder, and what goes for them.

A new folder gets all of them. One that is there has from git what git keeps: it gets what git does
not, and what of its record it lacks.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
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
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping.journal import RULES
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CERTIFICATE_ENDING,
    CERTS,
    ISSUED,
    KEY_ENDING,
    MAKEFILE,
)
from tls_scaffold.signing import matching
from tls_scaffold.signing.backedup import CAS, ORDER, certificate_in, output_of
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
    elsewhere = paths_elsewhere(_inventory_in(files))
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
    check_pinned(custody_of(folder), files)
    check_ca_in_place(folder, files)
    outputs = set(elsewhere)
    come: list[Packed] = []
    stays: list[str] = []
    absent: list[str] = []
    for path, file in files.items():
        there = content_of(folder, path)
        if there == file.content:
            continue
        top = path.partition("/")[0]
        if top in (CERTS, AWAITING) or path in outputs:
            come.append(file)
        elif there is not None:
            stays.append(path)
        elif top in (ARCHIVE, ISSUED):
            come.append(file)
        elif path != RULES:  # which keeps itself out of git, and each change of a folder makes
            absent.append(path)
    come, kept = _whole_pairs(folder, files, come)
    gone = list(_replaced(folder, files, come))
    return RestorePlan(
        is_new=False,
        files=tuple(sorted(come, key=_turn)),
        moved=tuple(path for path in gone if output_of(path) not in CAS),
        copied=tuple(path for path in gone if output_of(path) in CAS),
        stays=(*stays, *kept),
        absent=tuple(absent),
        remarks=judgement.remarks,
    )


def _whole_pairs(
    folder: Path, files: Mapping[str, Packed], come: list[Packed]
) -> tuple[list[Packed], list[str]]:
    """Return what comes without halves of pairs, and the paths of those that therefore stay.

    A certificate whose key is not in the backup does not take the place of one beside another key.
    """
    kept = []
    for file in come:
        output = output_of(file.path)
        key = f"{output}{KEY_ENDING}"
        there = content_of(folder, key)
        if file.path == f"{output}{CERTIFICATE_ENDING}" and key not in files and there is not None:
            certificate = certificate_in({file.path: file.content}, output)
            if certificate and not matching.key_fits(certificate, there):
                kept.append(output)
    rest = [each for each in come if output_of(each.path) not in kept]
    return rest, [each.path for each in come if each not in rest]


def _replaced(folder: Path, files: Mapping[str, Packed], come: Iterable[Packed]) -> Iterator[str]:
    """Yield what has to go for what comes: the files of the same names, the certificate first.

    With a certificate that changes goes the CSR beside it if the backup has none.
    """
    paths = [each.path for each in come]
    for output in dict.fromkeys(map(output_of, paths)):
        changes = f"{output}{CERTIFICATE_ENDING}" in paths
        names = [f"{output}{ending}" for ending in reversed(ORDER)] if output not in paths else []
        for path in names or [output]:
            is_left_over = changes and path not in files and not path.endswith(KEY_ENDING)
            if (path in paths or is_left_over) and os.path.lexists(folder / path):
                yield path


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
