"""What a restore would do: which files of a backup come into a folder, and what goes for them.

A new folder gets all of them. One that is there has from git what git keeps: it gets what git does
not, and what of its record it lacks.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tls_scaffold.commands.backup import MANIFEST, paths_elsewhere
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.statefiles import PRIVATE, WHOLE, is_of_state, state_paths
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.disk.vacancy import OTHERS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA,
    CERTIFICATE_ENDING,
    CERTS,
    ISSUED,
    KEY_ENDING,
    MAKEFILE,
    OURS_IF_SAID,
    PEER_CA,
    TRUSTS,
)
from tls_scaffold.signing import backedup, matching
from tls_scaffold.signing.backedup import CAS, ORDER, certificate_in, output_of
from tls_scaffold.signing.keys import is_encrypted

ELSEWHERE = "`tls-scaffold restore FILE DIRECTORY` restores into a new folder"
TOLD = 10
SKIPPED = frozenset({MANIFEST, *(f"{each}/.gitignore" for each in PRIVATE)})
"""What is no file of a folder, or is made with the folder that it keeps git out of."""


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
    _check_files(files, elsewhere)
    if os.path.lexists(folder / FILE):
        return _plan_for_ours(folder, files, elsewhere)
    _check_room(folder, files)
    missing = [each for each in files.values() if not os.path.lexists(folder / each.path)]
    judgement = _judged(files, {})
    return RestorePlan(
        is_new=True, files=tuple(sorted(missing, key=_turn)), remarks=judgement.remarks
    )


def _inventory_in(files: Mapping[str, Packed]) -> Inventory | None:
    try:
        return intake.from_json(files[FILE].content.decode())
    except (KeyError, UnicodeDecodeError, ScaffoldError):
        return None


def _check_files(files: Mapping[str, Packed], elsewhere: Iterable[str]) -> None:
    named = set(elsewhere)
    strange = [path for path in files if not is_of_state(path, named)]
    if strange or FILE not in files:
        told = [f"`{path}` is no file of a folder of ours" for path in strange[:TOLD]]
        missing = [] if FILE in files else [f"`{FILE}` is not in it"]
        raise ScaffoldError("this is no backup of a folder of ours", [*told, *missing])


def _check_room(folder: Path, files: Mapping[str, Packed]) -> None:
    """Raise ScaffoldError where a place has anything that a killed restore did not put there."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ScaffoldError(f"`{folder}` is not a directory", hint=ELSEWHERE)
    tops = {path.partition("/")[0] for path in (*files, *WHOLE)}
    in_the_way = sorted({each.name for each in folder.iterdir()} - tops - set(OTHERS))
    for path in (*state_paths(folder), *files):
        if path in SKIPPED or (path in OTHERS and path not in files):
            continue
        is_same = path in files and _content(folder, path) in (None, files[path].content)
        if not is_same and path not in OURS_IF_SAID:
            in_the_way.append(path)
    if in_the_way:
        paths = list(dict.fromkeys(in_the_way))
        more = [f"and {len(paths) - TOLD} more"] if len(paths) > TOLD else []
        raise ScaffoldError(
            f"`{folder}` is neither empty nor a folder of ours: nothing was written",
            [*(f"`{path}` is in the way" for path in paths[:TOLD]), *more],
            ELSEWHERE,
        )


def _plan_for_ours(
    folder: Path, backup: Mapping[str, Packed], elsewhere: Iterable[str]
) -> RestorePlan:
    record = {path: _content(folder, path) or b"" for path in state_paths(folder) if _is_on(path)}
    files = _with_cas_of_record(backup, record, _cns_of_cas(folder))
    judgement = _judged(files, record)
    _check_ca_in_place(folder, files)
    outputs = set(elsewhere)
    come: list[Packed] = []
    stays: list[str] = []
    absent: list[str] = []
    for path, file in files.items():
        there = _content(folder, path)
        if there == file.content:
            continue
        top = path.partition("/")[0]
        if top in (CERTS, AWAITING) or path in outputs:
            come.append(file)
        elif there is not None:
            stays.append(path)
        elif top in (ARCHIVE, ISSUED):
            come.append(file)
        else:
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


def _judged(files: Mapping[str, Packed], record: Mapping[str, bytes]) -> backedup.Judgement:
    contents = {path: each.content for path, each in files.items()}
    judgement = backedup.judge(contents, [*record, *filter(_is_on, files)])
    if judgement.problems:
        raise ScaffoldError(
            "the CA in this backup can't be used: nothing was written", judgement.problems
        )
    return judgement


def _is_on(path: str) -> bool:
    return path.startswith(f"{ISSUED}/")


def _cns_of_cas(folder: Path) -> Mapping[str, str]:
    """Return what today's CAs of a folder are called, by their paths, as far as that is known."""
    try:
        inventory = intake.load(folder)
    except ScaffoldError:
        return {}
    return {CA: inventory.ca_subject_cn, PEER_CA: inventory.peer_ca_subject_cn}


def _with_cas_of_record(
    files: Mapping[str, Packed], record: Mapping[str, bytes], cns: Mapping[str, str]
) -> Mapping[str, Packed]:
    """Return the files with the CAs' certificates that the record had last, if the keys are theirs.

    `cns` are what they are called. So does what others trust, where it held that CA alone. Raises
    ScaffoldError where a CA in the backup is not the one that the folder had last.
    """
    found = dict(files)
    for ca, trust in TRUSTS.items():
        if ca not in files:
            continue
        old = files[ca].content
        newest = backedup.newest_ca(record, ca, cns.get(ca, ""))
        theirs = certificate_in({ca: old}, ca.removesuffix(CERTIFICATE_ENDING))
        if not newest or not theirs:
            continue
        pem, ours = newest
        if theirs.public_key != ours.public_key:
            is_older = ca_path(old, ca) in record
            which = "an older one of this folder" if is_older else "none that this folder ever had"
            raise ScaffoldError(
                f"the CA in this backup is {which}: nothing was written",
                [f"the newest that is on record is `{ca_path(pem, ca)}`"],
                ELSEWHERE,
            )
        for path in (ca, trust):
            if path in files and files[path].content == old:
                found[path] = replace(files[path], content=pem)
    return found


def _check_ca_in_place(folder: Path, files: Mapping[str, Packed]) -> None:
    """Raise ScaffoldError where a CA that lies in the folder is another than the backup's."""
    contents = {path: each.content for path, each in files.items()}
    for output in CAS:
        theirs = certificate_in(contents, output)
        paths = [f"{output}{ending}" for ending in (CERTIFICATE_ENDING, KEY_ENDING)]
        here = {path: found for path in paths if (found := _content(folder, path)) is not None}
        if not here or all(here[path] == contents.get(path) for path in here) or not theirs:
            continue
        key = here.get(paths[1])
        ours = certificate_in(here, output)
        is_same = bool(ours and ours.public_key == theirs.public_key)
        if key not in (None, contents.get(paths[1])):
            # Whose an encrypted one is, the certificate beside it alone can tell.
            is_same = matching.key_fits(theirs, key) or (is_encrypted(key) and is_same)
        if not is_same:
            raise ScaffoldError(
                f"`{folder / (paths[1] if key else paths[0])}` is another CA's than the backup's, "
                "or can't be read: nothing was written",
                hint=f"it stays where it is; {ELSEWHERE}",
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
        there = _content(folder, key)
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


def _content(folder: Path, path: str) -> bytes | None:
    """Return what a file holds, None where there is none.

    Raises ScaffoldError where it is something else than a plain file, or can't be read.
    """
    try:
        return plain(folder / path, str(folder / path), follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ScaffoldError(f"`{folder / path}` can't be read: {error.strerror}") from error


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
