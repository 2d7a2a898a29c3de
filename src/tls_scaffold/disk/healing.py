"""What killed runs left in a folder: finished where it was decided, cleared where it was not.

What looks like it may have come with a clone of the folder: it is believed only as far as nobody else can have made it.
"""

import fcntl
import filecmp
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import flush_directory
from tls_scaffold.disk.mounts import mounted
from tls_scaffold.disk.moving import is_in, move, remove
from tls_scaffold.disk.processes import alive
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, CERTS, STATE

KEY_FILE = "ca-key.pem"
CA_FILES = ("ca.csr", "trust.pem", KEY_FILE, "ca.pem")
WORK = ".work."
TRIES, PAUSE = 10, 0.1  # seconds
ASIDE = ".next."
NEW = ".new"  # below a shelf of the archive; no component's files have such a name
OLD_KEY = ".old-ca-key.pem"  # beside it: the key of the CA whose place the new one takes
NUMBERED = re.compile(r"\.[a-z]+\.([0-9]{1,19})")  # what works in it is the process of this number


def heal(folder: Path) -> None:
    """Finish what a killed run had decided and clear what it had not; the folder's lock is held.

    A regenerate that was killed in its swap, a CA that was killed on its way to its place, and the
    working files of dead processes.
    """
    for aside, _ in _numbered(folder / ARCHIVE, ASIDE):  # a set or a copy of one, of which nothing was decided yet
        remove(aside)
    for new in sorted((folder / ARCHIVE).glob(f"[!.]*/{NEW}")):
        if _is_of_regenerate(new):
            _swap(folder / CERTS, new)
    if os.path.lexists(folder / CERTS / ".ca"):
        finish_ca(folder / CERTS)
    for place in (folder, folder / CERTS, folder / STATE):
        clear_leftovers(place)


def _numbered(place: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Yield the working files of a folder with the numbers of the processes that they are of."""
    for path in place.glob(f"{prefix}*"):
        match = NUMBERED.fullmatch(path.name)
        if match:
            yield path, int(match[1])


def _is_of_regenerate(new: Path) -> bool:
    """Tell whether a folder is where regenerate made a new set: it links to its requests, or has but links left."""
    return (new / "config").is_symlink() or (new.is_dir() and all(entry.is_symlink() for entry in new.iterdir()))


def _swap(certs: Path, new: Path) -> None:
    """Put a set that was decided on in the place of the old one, which goes to the archive."""
    old, newer, old_key = new.parent / CERTS, new / CERTS, new.parent / OLD_KEY
    _check_no_links(new.parent, new, newer)
    if newer.is_dir():
        if not (certs.exists() and is_in(newer, certs)):  # else a kill came when the rest of its copy was to go
            _check_is_ours(new, certs, old, old_key)
            if certs.exists():
                _put_away(certs, old, new)
        move(newer, certs, certs.with_name(f"{WORK}{os.getpid()}"))
        flush_directory(certs.parent)
    old_key.unlink(missing_ok=True)
    shutil.rmtree(new)


def _check_no_links(*paths: Path) -> None:
    for path in paths:
        if path.is_symlink():
            raise ScaffoldError(f"`{path}` is a link: no set of certificates is taken through it", hint="move it away")


def _check_is_ours(new: Path, certs: Path, old: Path, old_key: Path) -> None:
    """Raise ScaffoldError unless a new set was made beside the CA that stands, or stood, in `certs`.

    git can bring a whole set with a clone or a pull, which would take the CA's place; but never a copy of its key.
    """
    standing = certs if (certs / KEY_FILE).exists() else old
    if (standing / KEY_FILE).exists():
        ours = old_key.is_file() and filecmp.cmp(old_key, standing / KEY_FILE, shallow=False)
    else:
        ours = not old_key.exists() and not (certs / "ca.pem").exists()
    if not ours:
        summary = f"`{new}` is no set that `make regenerate` made for the CA in `{certs}`: it does not take its place"
        raise ScaffoldError(summary, hint=f"move `{new.parent}` away, out of the folder; what is in `{certs}` stays")


def _put_away(certs: Path, old: Path, new: Path) -> None:
    if old.exists() and not is_in(certs, old):
        raise ScaffoldError(f"both `{certs}` and `{old}` stand beside a newer set", hint="move one of them away")
    if mounted([certs]):
        way = "mount the folder above it instead, and the next run puts the new set in its place"
        other = "" if old.exists() else f"; or move `{new.parent}` away, out of the folder, and the old set stays"
        summary = f"`{certs}` is a mount point, or holds one: `make regenerate`, which was killed, can't be finished"
        raise ScaffoldError(summary, hint=way + other)
    move(certs, old, new.parent.with_name(f"{ASIDE}{os.getpid()}"))


def finish_ca(certs: Path) -> None:
    """Move a CA that is whole from `certs/.ca` to its place, never over another."""
    _check_no_links(certs / ".ca")
    for name in CA_FILES:
        made, place = certs / ".ca" / name, certs / name
        if made.exists() and not os.path.lexists(place):
            with suppress(FileNotFoundError):  # another of the same make may be at it
                made.rename(place)
    try:
        (certs / ".ca").rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        hint = f"keep one of the two in `{certs}` and move the other away"
        raise ScaffoldError(f"`{certs / '.ca'}` holds a second CA", hint=hint) from error
    flush_directory(certs)


def clear_leftovers(place: Path) -> None:
    """Remove the working files of dead processes from a folder, and the working folders that nobody holds any more."""
    for work in place.glob(f"{WORK}*"):
        if work.is_dir() and not work.is_symlink() and _is_free(work):
            clear(work)
    for work, process in _numbered(place, WORK):
        if not work.is_dir() and (process == os.getpid() or not alive(process)):
            clear(work)


def _is_free(work: Path) -> bool:
    try:
        descriptor = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def clear(work: Path) -> None:
    """Remove a working file or folder; it may be gone already.

    A child of a run that was killed may just write a last file into it, once: then it finds its folder gone.
    """
    if work.is_symlink() or not work.is_dir():
        work.unlink(missing_ok=True)
        return
    for _ in range(TRIES):
        with suppress(OSError):
            shutil.rmtree(work)
            return
        time.sleep(PAUSE)
    shutil.rmtree(work)
