"""What killed runs left in a folder: finished where it was decided, cleared where it was not."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import flush_directory
from tls_scaffold.disk.mounts import mounted
from tls_scaffold.disk.moving import is_in, move
from tls_scaffold.disk.processes import alive
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, CERTS, STATE

CA_FILES = ("ca.csr", "ca-key.pem", "ca.pem")
WORK = ".work."
TRIES, PAUSE = 10, 0.1  # seconds
ASIDE = ".next."
NEW = ".new"  # below a shelf of the archive; no component's files have such a name


def heal(folder: Path) -> None:
    """Finish what a killed run had decided and clear what it had not; the folder's lock is held.

    A regenerate that was killed in its swap, a CA that was killed on its way to its place, and the
    working files of dead processes.
    """
    for aside in (folder / ARCHIVE).glob(f"{ASIDE}*"):  # a set or a copy of one, of which nothing was decided yet
        shutil.rmtree(aside)
    for new in sorted((folder / ARCHIVE).glob(f"[!.]*/{NEW}")):
        if (new / "config").is_symlink():  # as regenerate makes it
            _swap(folder / CERTS, new)
    if (folder / CERTS / ".ca").is_dir():
        finish_ca(folder / CERTS)
    for place in (folder, folder / CERTS, folder / STATE):
        clear_leftovers(place)


def _swap(certs: Path, new: Path) -> None:
    old, newer = new.parent / CERTS, new / CERTS
    if newer.is_dir():
        if certs.exists() and not (old.exists() and is_in(newer, certs)):  # else only the rest of `newer` is to go
            _put_away(certs, old, new)
        move(newer, certs, certs.with_name(f"{WORK}{os.getpid()}"))
        flush_directory(certs.parent)
    shutil.rmtree(new)


def _put_away(certs: Path, old: Path, new: Path) -> None:
    if old.exists() and not is_in(certs, old):
        raise ScaffoldError(f"both `{certs}` and `{old}` stand beside a newer set", hint="move one of them away")
    if mounted([certs]):
        way = "mount the folder above it instead, and the next run puts the new set in its place"
        other = "" if old.exists() else f"; or move `{new}` away, and the old set stays"
        summary = f"`{certs}` is a mount point, or holds one: `make regenerate`, which was killed, can't be finished"
        raise ScaffoldError(summary, hint=way + other)
    move(certs, old, new.parent.with_name(f"{ASIDE}{os.getpid()}"))


def finish_ca(certs: Path) -> None:
    """Move a CA that is whole from `certs/.ca` to its place, never over another."""
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
    """Remove the working files of dead processes from a folder, those of one that had our number included."""
    for work in place.glob(f"{WORK}*"):
        pid = work.name.removeprefix(WORK)
        if not (pid.isdecimal() and int(pid) != os.getpid() and alive(int(pid))):
            clear(work)


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
