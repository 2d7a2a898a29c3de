"""A folder on the disk: its paths, what is written into it and how, and what a killed run left there."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from tls_scaffold.disk import locking
from tls_scaffold.disk.files import flush_directory, make_private, telling, usual_mode
from tls_scaffold.disk.files import write as write_file
from tls_scaffold.disk.healing import CA_FILES, NEW_SET, TRUSTED, heal, put_ca
from tls_scaffold.disk.moving import is_in, make_directories, move
from tls_scaffold.disk.parent import check_parent
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE, CERTS, ISSUED, LARGEST, STATE

NO_LINKS = (CERTS, NEW_SET, ARCHIVE, ISSUED, STATE)
NO_LINKS_HINT = "move it away, or put a folder in its place"


@contextmanager
def lock(folder: Path, *, wait: float = locking.WAIT) -> Iterator[None]:
    """Hold `folder` while the block runs, and first finish what a killed run had decided.

    Raises ScaffoldError as `locking.lock`, where what is to be finished can't be, and if make asked for this run and
    is gone: the next make may have ended already.
    """
    check(folder)
    with locking.lock(folder, wait=wait):
        check_parent()
        with telling(folder):
            heal(folder)
        yield


@contextmanager
def lock_or_refusal(folder: Path, *, wait: float = locking.WAIT) -> Iterator[ScaffoldError | None]:
    """Hold `folder` as `lock` does, or yield why nothing can be written in it: the block then only reads.

    The other errors of `lock` are raised.
    """
    with ExitStack() as stack:
        refusal = None
        try:
            stack.enter_context(lock(folder, wait=wait))
        except locking.UnwritableError as error:
            refusal = error
        yield refusal


def check(folder: Path) -> None:
    """Raise ScaffoldError if `folder` is none, or if keys would be written through a link."""
    if not folder.is_dir():
        raise ScaffoldError(f"`{folder}` is not a folder")
    links = [name for name in NO_LINKS if (folder / name).is_symlink()]
    if links:
        raise ScaffoldError(
            "keys are not written through links",
            [f"`{folder / name}` is a link" for name in links],
            NO_LINKS_HINT,
        )


def inside(folder: Path, path: str) -> Path:
    """Return `folder`/`path`; ScaffoldError if that is outside of it, or reached through a link."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise ScaffoldError(f"`{path}` is not a path below the folder")
    for depth in range(1, len(parts)):
        parent = folder.joinpath(*parts[:depth])
        if parent.is_symlink():
            raise ScaffoldError(
                f"`{parent}` is a link: nothing is written through it",
                hint="put a folder in its place",
            )
    return folder / path


def write(folder: Path, path: str, content: str | bytes, mode: int | None = None) -> None:
    """Put a file of the folder in place, whole, by one rename; a link of that name is replaced.

    Unless `mode` is given it stays, and a new file gets the one that a new folder's files have.
    """
    target = inside(folder, path)
    with telling(target, "written"):
        state = folder / STATE
        state.mkdir(exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = usual_mode(target) if mode is None else mode
        try:
            _write_by_way_of(state, target, content, mode)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            clear_leftovers(target.parent)
            _write_by_way_of(target.parent, target, content, mode)


def _write_by_way_of(place: Path, target: Path, content: str | bytes, mode: int) -> None:
    with work_folder(place) as work:
        write_file(target, content, mode, temporary=work / target.name)


def remove(folder: Path, path: str) -> None:
    """Take away a file that is ours and unedited; it may be gone already."""
    target = inside(folder, path)
    with telling(target, "removed"):
        target.unlink(missing_ok=True)


def shelf(folder: Path) -> str:
    """Return a path `archive/<UTC time>` that nothing has yet."""
    name = f"{ARCHIVE}/{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%SZ')}"
    while (folder / name).exists():
        name += "x"
    return name


def archive(folder: Path, name: str = "") -> Path:
    """Make the folder `name` of the archive, a new one unless it is given, and return it.

    Only its owner can look into `archive`.
    """
    with telling(folder / ARCHIVE, "made"):
        make_private(folder / ARCHIVE)
        place = folder / (name or shelf(folder))
        place.mkdir(0o700, exist_ok=bool(name))
        flush_directory(place.parent)
    return place


def move_away(folder: Path, path: str, shelf: Path) -> None:
    """Move a file or folder to the same path below `shelf`, a folder of `archive()`; it may be gone already.

    If there is something else, of a run that was killed and of what was done since, it goes to a new shelf.
    """
    source, target = inside(folder, path), shelf / path
    with telling(source, "moved"):
        if not os.path.lexists(source):
            return
        if os.path.lexists(target) and not is_in(source, target):
            target = archive(folder) / path
        make_directories(target.parent)
        clear_leftovers(target.parent)
        move(source, target)


def take_ca(folder: Path, base: str) -> None:
    """Copy the CA of a folder made by hand, the files `base`.pem and so on, to `certs/` where that has none.

    The copy is whole at once, as a new CA would be, and the files stay where they are.
    """
    with telling(folder / CERTS, "written"):
        if any(os.path.lexists(folder / CERTS / name) for name in CA_FILES):
            return
        sources = {
            name: f"{base}.pem" if name == TRUSTED else base + name.removeprefix("ca")
            for name in CA_FILES
        }
        found = {
            name: inside(folder, path)
            for name, path in sources.items()
            if os.path.lexists(inside(folder, path))
        }
        put_ca(folder, {name: plain(path, str(path), follow=False) for name, path in found.items()})


def own_texts(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the text of each file that is there, by path; ScaffoldError with every one that `own_text` refuses."""
    found, errors = {}, []
    for path in dict.fromkeys(paths):
        try:
            text = own_text(folder, path)
        except ScaffoldError as error:
            errors.append(error)
            continue
        if text is not None:
            found[path] = text
    summaries = dict.fromkeys(error.summary for error in errors)
    if len(summaries) > 1:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        raise ScaffoldError("files of the folder can't be kept", summaries, "; ".join(hints))
    if errors:
        raise errors[0]
    return found


def own_text(folder: Path, path: str, largest: int = LARGEST) -> str | None:
    """Return the text of a file that is kept, None if there is none.

    What it holds is written again, with the mode of a public file: what a link leads to may be a key. Raises
    ScaffoldError as `read_text` and `inside`, and if it is a link.
    """
    return _text(inside(folder, path), largest, follow=False)


def read_text(folder: Path, path: str) -> str | None:
    """Return the text of a file of the folder, None if there is none; ScaffoldError if it is no text, or too large."""
    return _text(folder / path, LARGEST, follow=True)


def _text(target: Path, largest: int, *, follow: bool) -> str | None:
    with telling(target, "read"):
        try:
            return plain(target, str(target), largest, follow=follow).decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ScaffoldError(f"`{target}` is not text in UTF-8 (byte {error.start})") from error
