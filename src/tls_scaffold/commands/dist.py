"""The folder `dist/`: bundles are written whole; what none of them brought is never removed.

What holds keys and certificates lies behind one link of a bundle, and changes in one step.
"""

import errno
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

from tls_scaffold.bundles.settings import DIST, TAR, holds_certificates
from tls_scaffold.disk.files import PRIVATE_FOLDER, SECRET, telling, write_by_way_of
from tls_scaffold.disk.linkedfolder import exchange, is_linked, make_linked, own_paths
from tls_scaffold.disk.moving import remove
from tls_scaffold.disk.obstacles import check_changeable, inside
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError


def make_ready(
    folder: Path,
    contents: Mapping[str, Iterable[str]],
    every_path: Callable[[str], Iterable[str]],
    *,
    tar: bool,
) -> Path:
    """Return the folder `dist/`, in which these bundles may be written; git takes nothing of it.

    `contents` are the paths of each bundle's files by its name. `every_path` gives those of all
    files that a bundle of a name may ever hold, `tar` tells whether each gets an archive. Raises
    ScaffoldError with whatever else lies in such a bundle, a member's data above all: bundles are
    replaced whole. Of links only the links go.
    """
    dist = _private(inside(folder, f"{DIST}/x").parent)
    check_changeable(dist / f"{name}{suffix}" for name in contents for suffix in ("", TAR))
    problems = []
    for name, files in contents.items():
        if tar and _is_other(dist / f"{name}{TAR}", stat.S_ISREG):
            problems.append(f"`{DIST}/{name}{TAR}` is no file, as an archive is")
        if _is_other(dist / name, stat.S_ISDIR):
            problems.append(f"`{DIST}/{name}` is no folder, as a bundle is")
        if not _is_folder(dist / name):
            continue
        with telling(dist / name, "read"):
            # All that may ever be there takes long to work out, and mostly nothing else is.
            strange = _strangers(dist / name, files) and _strangers(dist / name, every_path(name))
        if strange:
            named = ", ".join(f"`{path}`" for path in strange)
            problems.append(f"`{DIST}/{name}` holds what no bundle brings: {named}")
    if problems:
        hint = (
            "move it away: a bundle is replaced whole. "
            f"Members have their data elsewhere, not in `{DIST}/`"
        )
        raise ScaffoldError("no bundle is made", problems, hint)
    with telling(dist, "written"):
        clear_leftovers(dist)
    rules = dist / ".gitignore"
    if not os.path.lexists(rules):
        # Whole or not at all: one that a kill left empty would keep nothing from git.
        _replace(rules, b"*\n")
    return dist


def _is_other(path: Path, wanted: Callable[[int], bool]) -> bool:
    """Tell whether something else than what is wanted, and than a link, has this path."""
    if not os.path.lexists(path):
        return False
    mode = path.lstat().st_mode
    return not (wanted(mode) or stat.S_ISLNK(mode))


def _replace(target: Path, content: bytes) -> None:
    """Put a file into `dist/` by one rename.

    What a kill leaves of it holds keys, and the next bundle clears it.
    """
    with telling(target, "written"), work_folder(target.parent) as work:
        write_by_way_of(work / target.name, target, content, SECRET)


def _strangers(bundle: Path, paths: Iterable[str]) -> list[str]:
    """Return what a bundle holds beside the files of these paths.

    Of what lies in another folder, that folder.
    """
    known = {PurePosixPath(path) for path in own_paths(bundle, paths)}
    known_folders = {parent for path in known for parent in path.parents}
    strangers: list[str] = []
    for at, folders, files in os.walk(bundle, onerror=_raise):
        below = PurePosixPath(Path(at).relative_to(bundle).as_posix())
        links = {name for name in folders if Path(at, name).is_symlink()}
        real = [name for name in folders if name not in links]
        strangers += sorted(
            str(below / name) for name in {*files, *links} if below / name not in known
        )
        strangers += sorted(
            f"{below / name}/" for name in real if below / name not in known_folders
        )
        # Where `os.walk` goes on.
        folders[:] = [name for name in real if below / name in known_folders]
    return strangers


def _raise(error: OSError) -> None:
    """Let nothing be taken for empty that can't be looked into."""
    raise error


def _private(path: Path) -> Path:
    with telling(path, "written"):
        path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        path.chmod(PRIVATE_FOLDER)
    return path


def put_bundle(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> bool:
    """Write a bundle, path to content, in the place of an older one of the name.

    Tell whether what holds keys and certificates lies behind its link. Where an older one has the
    link, its place never lacks a file; one without it, of an older version, is replaced by two
    renames, the last time.
    """
    target = dist / name
    behind, beside = _parted(contents)
    with telling(target, "written"):
        aside, old = (dist / f".{name}.{word}" for word in ("new", "old"))
        if os.path.lexists(old) and not os.path.lexists(target):
            old.rename(target)  # a kill came between the two renames below
        for leftover in (aside, old):
            remove(leftover)
        if is_linked(target):
            target.chmod(PRIVATE_FOLDER)
            exchange(target, behind, beside)
            return True
        has_link = make_linked(aside, behind, beside)
        if os.path.lexists(target):
            _rename_or_remove(target, old)
        aside.rename(target)
        remove(old)
        return has_link


def laid_out(dist: Path, name: str) -> dict[str, str | bytes]:
    """Return what lies in a bundle and its archive, by path: a file's bytes, where a link leads.

    Twice the same tells that no byte has changed between.
    """
    bundle, archive = dist / name, dist / f"{name}{TAR}"
    with telling(bundle, "read"):
        there = [archive, *(bundle.rglob("*") if _is_folder(bundle) else [bundle])]
        found: dict[str, str | bytes] = {}
        for path in there:
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.is_file():
                found[str(path)] = plain_or_empty(path)
    return found


def _is_folder(path: Path) -> bool:
    """Tell a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _parted(contents: Mapping[str, str | bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the files that change in one step, and all others."""
    behind: dict[str, bytes] = {}
    beside: dict[str, bytes] = {}
    for path, content in contents.items():
        part = behind if holds_certificates(path) else beside
        part[path] = content.encode() if isinstance(content, str) else content
    return behind, beside


def _rename_or_remove(path: Path, new: Path) -> None:
    try:
        path.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        remove(path)  # a folder from the lower layer of an overlay


def put_archive(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> Path:
    """Write `NAME.tar.gz`: nothing of this machine or the hour is in it but the files.

    The same files give the same bytes; PKCS #12 stores are never the same, as each is encrypted
    with a salt of its own.
    """
    import gzip

    packed = BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for folder in _folders(contents):
            entry = tarfile.TarInfo(str(name / folder))
            entry.type, entry.mode = tarfile.DIRTYPE, PRIVATE_FOLDER
            tar.addfile(entry)
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(data), SECRET
            tar.addfile(entry, BytesIO(data))
    target = dist / f"{name}{TAR}"
    _replace(target, packed.getvalue())
    return target


def _folders(paths: Iterable[str]) -> list[PurePosixPath]:
    """Return each folder of a bundle, the bundle itself first, every other after its parent."""
    return sorted({folder for path in paths for folder in PurePosixPath(path).parents})
