"""Whether the files of a backup may come into a folder: that they are its own, and of its CA.

Nothing is written here, and each refusal says so.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tls_scaffold.commands.backup import MANIFEST
from tls_scaffold.disk.issued import ca_path
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.statefiles import PRIVATE_FOLDERS, WHOLE, is_of_state, state_paths
from tls_scaffold.disk.tarballs import Packed
from tls_scaffold.disk.vacancy import OTHERS
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import Custody
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import (
    CA,
    CA_OUTPUT,
    CERTIFICATE_ENDING,
    ISSUED,
    KEY_ENDING,
    OURS_IF_SAID,
    PEER_CA,
    TRUSTS,
)
from tls_scaffold.signing import backedup, matching
from tls_scaffold.signing.backedup import CAS, certificate_in
from tls_scaffold.signing.keys import is_encrypted
from tls_scaffold.signing.pins import mismatched_pin
from tls_scaffold.spelling import first_of

ELSEWHERE = "`tls-scaffold restore FILE DIRECTORY` restores into a new folder"
TOLD = 10
SKIPPED = frozenset({MANIFEST, *(f"{each}/.gitignore" for each in PRIVATE_FOLDERS)})
"""What is no file of a folder, or is made with the folder that it keeps git out of."""


def check_files(files: Mapping[str, Packed], elsewhere: Iterable[str]) -> None:
    """Raise ScaffoldError if files are not a folder's; `elsewhere` are paths that it names."""
    named = set(elsewhere)
    strange = [path for path in files if not is_of_state(path, named)]
    if strange or FILE not in files:
        told = [f"`{path}` is no file of a folder of ours" for path in strange[:TOLD]]
        missing = [] if FILE in files else [f"`{FILE}` is not in it"]
        raise ScaffoldError("this is no backup of a folder of ours", [*told, *missing])


def check_room(folder: Path, files: Mapping[str, Packed]) -> None:
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
        is_same = path in files and content_of(folder, path) in (None, files[path].content)
        if not is_same and path not in OURS_IF_SAID:
            in_the_way.append(path)
    if in_the_way:
        problems = [f"`{path}` is in the way" for path in dict.fromkeys(in_the_way)]
        raise ScaffoldError(
            f"`{folder}` is neither empty nor a folder of ours: nothing was written",
            first_of(problems, TOLD),
            ELSEWHERE,
        )


def judged(files: Mapping[str, Packed], record: Mapping[str, bytes]) -> backedup.Judgement:
    """Return what there is to say of the pairs of a backup; `record` is the folder's own.

    Raises ScaffoldError where a CA in it can't be used.
    """
    contents = _contents(files)
    judgement = backedup.judge(contents, [*record, *filter(_is_on_record, files)])
    if judgement.problems:
        raise ScaffoldError(
            "the CA in this backup can't be used: nothing was written", judgement.problems
        )
    return judgement


def _contents(files: Mapping[str, Packed]) -> Mapping[str, bytes]:
    return {path: each.content for path, each in files.items()}


def _is_on_record(path: str) -> bool:
    return path.startswith(f"{ISSUED}/")


def record_of(folder: Path) -> Mapping[str, bytes]:
    """Return the record of a folder, its files by their paths."""
    paths = filter(_is_on_record, state_paths(folder))
    return {path: content_of(folder, path) or b"" for path in paths}


def cns_of_cas(folder: Path) -> Mapping[str, str]:
    """Return what today's CAs of a folder are called, by their paths, as far as that is known."""
    inventory = intake.load_or_none(folder)
    if inventory is None:
        return {}
    return {CA: inventory.ca_subject_cn, PEER_CA: inventory.peer_ca_subject_cn}


def with_cas_of_record(
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
        newest = backedup.newest_ca(record, ca, cns.get(ca, ""), _contents(files))
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


def check_pinned(custody: Custody, files: Mapping[str, Packed]) -> None:
    """Raise ScaffoldError if the CA of a backup is another than a folder's inventory pins."""
    ca = certificate_in(_contents(files), CA_OUTPUT)
    if ca and (problem := mismatched_pin(ca, custody)):
        raise ScaffoldError(
            "the CA in this backup is not the one of this folder: nothing was written",
            [problem],
            ELSEWHERE,
        )


def check_ca_in_place(folder: Path, files: Mapping[str, Packed]) -> None:
    """Raise ScaffoldError where a CA that lies in the folder is another than the backup's."""
    contents = _contents(files)
    for output in CAS:
        theirs = certificate_in(contents, output)
        paths = [f"{output}{ending}" for ending in (CERTIFICATE_ENDING, KEY_ENDING)]
        here = {path: found for path in paths if (found := content_of(folder, path)) is not None}
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


def content_of(folder: Path, path: str) -> bytes | None:
    """Return what a file holds, None where there is none.

    Raises ScaffoldError where it is something else than a plain file, or can't be read.
    """
    try:
        return plain(folder / path, str(folder / path), follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ScaffoldError(f"`{folder / path}` can't be read: {error.strerror}") from error
