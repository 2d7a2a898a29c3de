"""Keys and certificates are kept while make is only asked.

Where the kernel can keep what make runs from writing, it does; else what was changed is put back.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.disk.files import telling, write
from tls_scaffold.disk.folder import make_shelf, move_to_shelf
from tls_scaffold.disk.locking import others_kept_out
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.signals import ended_by_signals, uninterrupted
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import landlock
from tls_scaffold.paths import ARCHIVE, LARGEST_FILE

KINDS = (".pem", ".key", ".crt", ".cer", ".csr", ".p12", ".pfx")
OF_A_CA = re.compile(r"(?:.*[^a-z])?(?:root|etcd)?ca(?![a-z])", re.IGNORECASE)
NOT_LOOKED_INTO = (ARCHIVE, ".git")
CHANGED = "keys or certificates were changed while make was only asked"
PUT_BACK_HINT = "take what changes them out of these lines: make runs it whenever it is asked"
PUT_ASIDE_HINT = (
    "others work on the folder, and the change may be theirs: "
    "put back from `archive/` what should not have changed"
)


@dataclass(frozen=True)
class _File:
    """What a file holds, and its mode."""

    content: bytes
    mode: int


@contextmanager
def ca_kept(folder: Path) -> Iterator[None]:
    """Put back the keys and certificates that make changes in the block, in which it is only asked.

    What took their place goes to `archive/`, and so does a CA that was made beside them. Where
    others work on the folder meanwhile, a change may be theirs: then it stays, and the files that
    were there go to `archive/`. Raises ScaffoldError where one was changed, or a CA was made.
    """
    with ended_by_signals():
        if landlock.stops_all_writes():  # nothing that make runs can write there
            yield
            return
        # What a make beside us puts in place meanwhile is not what to put back.
        with others_kept_out(folder) as is_alone:
            before = _read_files(folder)
            try:
                yield
            finally:
                with uninterrupted():
                    _undo_changes(folder, before, is_alone)


def _undo_changes(folder: Path, before: Mapping[str, _File], is_alone: Callable[[], bool]) -> None:
    changed = {path: file for path, file in before.items() if _read_file(folder / path) != file}
    # A component's may be of a run beside us that has ended; it takes nothing away.
    made = [path for path in _paths(folder) if path not in before and _is_of_ca(path)]
    # Asked last: what was found may be of a run that has begun meanwhile.
    if (changed or made) and is_alone():
        told = _put_back(folder, changed, made)
        summary, hint = f"{CHANGED}; they were put back", PUT_BACK_HINT
    elif changed:
        told = _put_aside(folder, changed)
        summary, hint = CHANGED, PUT_ASIDE_HINT
    else:
        return
    # It knows of all that a Makefile may run, and every command would load it.
    from tls_scaffold.makefiles.dryruneffects import dry_run_effects

    raise ScaffoldError(summary, (*told, *dry_run_effects(folder).running), hint)


def _put_back(folder: Path, changed: Mapping[str, _File], made: Sequence[str]) -> list[str]:
    """Put files back as they were; return where that is which took their place, or was made."""
    shelf = make_shelf(folder)
    told = []
    for path in (*changed, *made):
        if os.path.lexists(folder / path):
            move_to_shelf(folder, path, shelf)
            told.append(f"`{path}`: what was made is `{(shelf / path).relative_to(folder)}`")
    _write_files(folder, changed)
    return told


def _put_aside(folder: Path, changed: Mapping[str, _File]) -> list[str]:
    """Put files as they were into the archive; return where they are."""
    shelf = make_shelf(folder)
    _write_files(shelf, changed)
    return [
        f"`{path}`: what was there is `{(shelf / path).relative_to(folder)}`" for path in changed
    ]


def _write_files(directory: Path, files: Mapping[str, _File]) -> None:
    for path, file in files.items():
        target = directory / path
        with telling(target, "written"):
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target, file.content, file.mode)


def _read_files(folder: Path) -> dict[str, _File]:
    """Return the keys and certificates below a folder as far as there is room, CAs' first."""
    found: dict[str, _File] = {}
    room = LARGEST_FILE
    for path in sorted(_paths(folder), key=lambda each: (not _is_of_ca(each), each)):
        file = _read_file(folder / path)
        if file:
            room -= len(file.content)
            if room < 0:
                break
            found[path] = file
    return found


def _read_file(path: Path) -> _File | None:
    with suppress(OSError, ScaffoldError):
        return _File(plain(path, str(path), follow=False), stat.S_IMODE(path.stat().st_mode))
    return None


def _paths(folder: Path) -> Iterator[str]:
    for at, directories, names in os.walk(folder):
        if at == str(folder):
            directories[:] = [each for each in directories if each not in NOT_LOOKED_INTO]
        for name in names:
            path = Path(at, name)
            if name.lower().endswith(KINDS) and not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _is_of_ca(path: str) -> bool:
    """Tell by its name whether a file seems to be a CA's: `ca.pem`, `root-ca.key`, `etcdCA.crt`."""
    return bool(OF_A_CA.match(path.rpartition("/")[2]))
