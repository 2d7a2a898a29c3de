"""Folders whose keys and certificates change in one step: they lie behind one link inside.

    current -> 3b1c5d27f0a94e68        what is exchanged, by one rename
    3b1c5d27f0a94e68/etcd1.pem         what was laid out last
    etcd1.pem -> current/etcd1.pem     where consumers look for it

So the kubelet lays out Secrets. Whoever follows `current` once, and opens a certificate and its key
from there, has two that belong together, also where the folder is mounted elsewhere. Whoever opens
both by the paths in front opens them at two moments, and an exchange may come between.
"""

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.files import PRIVATE_FOLDER, SECRET, create, flush_path, write_by_way_of
from tls_scaffold.disk.moving import remove
from tls_scaffold.disk.plainfiles import plain_or_empty

CURRENT = "current"
DATA = re.compile("[0-9a-f]{16}x*")
"""What data folders are called: the beginning of the sum of what they hold."""
# What a kill may leave of a data folder, a link and a file.
NEXT, NEXT_LINK, NEXT_FILE = ".next", ".next-link", ".next-file"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""How file systems refuse links that know none, as those of USB sticks."""

Contents = Mapping[str, bytes]


def is_linked(folder: Path) -> bool:
    """Tell whether a folder has the link, and it leads to a data folder inside."""
    link = folder / CURRENT
    if folder.is_symlink() or not link.is_symlink():
        return False
    data = str(link.readlink())
    at = folder / data
    return bool(DATA.fullmatch(data)) and at.is_dir() and not at.is_symlink()


def make_linked(folder: Path, behind: Contents, beside: Contents) -> bool:
    """Make a folder that nobody looks into yet; tell whether it has the link that it needs.

    `behind` are the files that change in one step, `beside` all others, by their paths. Where the
    file system knows no links all are plain files. Files are 0600, folders 0700.
    """
    folder.mkdir(mode=PRIVATE_FOLDER)
    if not behind:
        _write_all(folder, beside)
        return True
    data = _name_of(behind)
    try:
        (folder / CURRENT).symlink_to(data)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _write_all(folder, {**behind, **beside})
        return False
    _write_all(folder / data, behind)
    for name in _tops(behind):
        (folder / name).symlink_to(f"{CURRENT}/{name}")
    _write_all(folder, beside)
    return True


def exchange(folder: Path, behind: Contents, beside: Contents) -> None:
    """Let a folder that `is_linked` hold other files; those `behind` the link change in one step.

    What is in none of both goes. A kill leaves the old ones or the new ones behind the link, and
    the same call ends what it left.
    """
    old = str((folder / CURRENT).readlink())
    data = old if _holds(folder / old, behind) else _put_data(folder, behind, old)
    for path, content in beside.items():
        if (folder / path).is_symlink() or plain_or_empty(folder / path) != content:
            _make_folders(folder, [path])
            remove(folder / NEXT_FILE)
            write_by_way_of(folder / NEXT_FILE, folder / path, content, SECRET)
    for name in _tops(behind):
        _put_link(folder, name, f"{CURRENT}/{name}")
    _put_link(folder, CURRENT, data)
    _clear(folder, {CURRENT, data, *_tops(behind)}, beside)


def files_of(folder: Path) -> tuple[str, ...]:
    """Return the paths of a folder's files as consumers see them; none where there is no folder.

    Folders are gone into that the link leads to, and those that are none of its data folders.
    """
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        is_ours = entry.is_symlink() and str(entry.readlink()) == f"{CURRENT}/{entry.name}"
        if entry.is_file():
            found.append(entry.name)
        elif entry.is_dir() and (is_ours or not entry.is_symlink()) and not _is_data(entry.name):
            real = entry.resolve() if is_ours else entry
            below = (path.relative_to(real) for path in real.rglob("*") if path.is_file())
            found += sorted(f"{entry.name}/{path.as_posix()}" for path in below)
    return tuple(found)


def without_data_folder(path: str) -> str:
    """Return a path such as `dist/NAME/DATA/FILE` as consumers see it, without the data folder."""
    parts = path.split("/")
    at = 2  # a component may be called like one
    return "/".join(part for i, part in enumerate(parts) if i != at or not DATA.fullmatch(part))


def own_paths(folder: Path, paths: Iterable[str]) -> set[str]:
    """Return every path that a folder of ours may have where its files have these `paths`.

    That is the link, what is behind it, and what a kill leaves, too.
    """
    known = {*paths}
    found = {*known, *_tops(known), CURRENT, NEXT_LINK, NEXT_FILE}
    for entry in os.scandir(folder):
        if _is_data(entry.name):
            found |= {f"{entry.name}/{path}" for path in known}
    return found


def _is_data(name: str) -> bool:
    return name == NEXT or DATA.fullmatch(name) is not None


def _name_of(behind: Contents) -> str:
    total = hashlib.sha256()
    for path, content in sorted(behind.items()):
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


def _tops(paths: Iterable[str]) -> set[str]:
    return {PurePosixPath(path).parts[0] for path in paths}


def _holds(folder: Path, behind: Contents) -> bool:
    """Tell whether a data folder has just these files, as they are; it may have been edited."""
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    return found == {*behind} and all(
        not (folder / path).is_symlink() and plain_or_empty(folder / path) == content
        for path, content in behind.items()
    )


def _put_data(folder: Path, behind: Contents, old: str) -> str:
    """Write a data folder, whole by one rename; return its name, which is not that of the old."""
    name = _name_of(behind)
    while name == old:
        name += "x"
    remove(folder / NEXT)
    remove(folder / name)
    _write_all(folder / NEXT, behind)
    (folder / NEXT).rename(folder / name)
    flush_path(folder)
    return name


def _put_link(folder: Path, name: str, target: str) -> None:
    link = folder / name
    if link.is_symlink() and str(link.readlink()) == target:
        return
    if link.is_dir() and not link.is_symlink():
        remove(link)  # no rename takes a folder's place
    remove(folder / NEXT_LINK)
    (folder / NEXT_LINK).symlink_to(target)
    (folder / NEXT_LINK).replace(link)
    flush_path(folder)


def _clear(folder: Path, kept: set[str], beside: Contents) -> None:
    """Remove what is neither kept nor one of the files beside the link."""
    for entry in sorted(folder.iterdir()):
        if entry.name not in kept | _tops(beside):
            remove(entry)
        elif entry.name not in kept and entry.is_dir():
            for path in entry.rglob("*"):
                if not path.is_dir() and path.relative_to(folder).as_posix() not in beside:
                    remove(path)


def _write_all(folder: Path, contents: Contents) -> None:
    folders = _make_folders(folder, contents)
    for path, content in contents.items():
        create(folder / path, content, SECRET)
    for each in folders:
        flush_path(each)


def _make_folders(folder: Path, paths: Iterable[str]) -> list[Path]:
    """Make the folders of these paths, and return all of them."""
    below = sorted({parent for path in paths for parent in PurePosixPath(path).parents})
    folders = [folder / each for each in (PurePosixPath(), *below)]
    for each in folders:
        each.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        each.chmod(PRIVATE_FOLDER)
    return folders
