"""Files of backups, outside of the folder that they are of: put in place whole, and known again.

Nobody can tell what is in an encrypted file. So a folder notes the sum of each that was made of it:
nothing is written over any other.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import SECRET, create, flush_path, telling, write_by_way_of
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.disk.statefiles import NEW_NOTE, NOTE
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA
from tls_scaffold.spelling import SHA256, UTC_TIME

LARGEST_BACKUP = 1024**3
KEPT = 50
VERSION = 1
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T")


@dataclass(frozen=True)
class Noted:
    """A backup that was made of a folder: the sum of its file, when it was made, of which CA.

    `keys` are the paths of the CAs' keys in it. One that is not `done` may never have come to its
    place.
    """

    sha256: str
    time: str
    ca: str
    keys: tuple[str, ...] = ()
    done: bool = False


def read_notes(folder: Path) -> tuple[Noted, ...]:
    """Return the backups that were made of a folder, the newest last; none where that is lost."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        listed = json.loads(plain_or_empty(folder / NOTE) or b"{}")["backups"]
        found = tuple(Noted(**{**each, "keys": tuple(each["keys"])}) for each in listed)
        if all(SHA256.fullmatch(each.sha256) and DATE.match(each.time) for each in found):
            return found
    return ()


def note_on_backups(folder: Path, ca: str) -> str:
    """Say that no backup which was made here has the CA of today, by its pin; else nothing.

    Where none was ever made here, others may keep the folder: then nothing is said.
    """
    done = [each for each in read_notes(folder) if each.done]
    if not done or not ca or any(each.ca == ca for each in done):
        return ""
    return f"the last backup, of {done[-1].time[:10]}, has another CA than `{CA}`: make one"


def check_target(folder: Path, target: Path, lost: Collection[str]) -> None:
    """Raise ScaffoldError where a backup of `folder` can't be put at `target`.

    There may be nothing yet, or a backup that was made of this folder, but for one with a key of
    a CA that is `lost`, by its path.
    """
    with telling(target, "written"):
        if not target.parent.is_dir():
            raise ScaffoldError(f"`{target.parent}` is not a folder")
        if not os.path.lexists(target):
            return
        if not stat.S_ISREG(target.lstat().st_mode):
            raise ScaffoldError(f"`{target}` is no plain file: no backup is written over it")
        with target.open("rb") as file:
            found = hashlib.sha256()
            while part := file.read(1024**2):
                found.update(part)
    noted = {each.sha256: each for each in read_notes(folder)}.get(found.hexdigest())
    if not noted:
        raise ScaffoldError(
            f"`{target}` is there, and is no backup that was made of this folder here",
            hint="give another name, or move it away: nothing is written over it",
        )
    # The night after an accident is when the backup of the night before is needed.
    if gone := [f"`{path}` is in it, and not here" for path in noted.keys if path in lost]:
        raise ScaffoldError(
            f"`{target}` has what is lost here: nothing is written over it",
            gone,
            f"`tls-scaffold restore {target}` brings it back; else give another name",
        )


def put_backup(
    folder: Path, target: Path, content: bytes, now: datetime, ca: str, keys: tuple[str, ...]
) -> None:
    """Put a backup of a folder in its place, whole by one rename, for its owner's eyes alone.

    The folder, whose lock is held, notes it before, with its CA and the paths of the CAs' keys in
    it, so that it is known again, and then that it is there. What killed runs have left beside it
    is removed.
    """
    noted = Noted(hashlib.sha256(content).hexdigest(), now.strftime(UTC_TIME), ca, keys)
    _note(folder, noted)
    with telling(target, "written"):
        _clear_leftovers(target)
        hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        create(hidden, b"", SECRET, flush=False)
        descriptor = os.open(hidden, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # as long as it is held nobody clears it
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
            hidden.replace(target)
        except BaseException:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        flush_path(target.parent)
    _note(folder, replace(noted, done=True))


def _note(folder: Path, noted: Noted) -> None:
    others = [each for each in read_notes(folder) if each.sha256 != noted.sha256]
    document = {"version": VERSION, "backups": [asdict(each) for each in (*others, noted)[-KEPT:]]}
    hidden = folder / NEW_NOTE
    with telling(folder / NOTE, "written"):
        hidden.unlink(missing_ok=True)  # the folder's lock is held: it is of a run that was killed
        write_by_way_of(hidden, folder / NOTE, json.dumps(document, indent=1) + "\n", SECRET)


def _clear_leftovers(target: Path) -> None:
    """Remove what runs that were killed have left on the way to a place; others hold theirs."""
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.tmp")
    for path in target.parent.iterdir():
        if name.fullmatch(path.name) and not path.is_symlink() and path.is_file():
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
