"""The folder `dist/`: bundles are written whole, and what they did not bring is never taken away."""

import errno
import os
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk.files import SECRET, create, telling, write
from tls_scaffold.disk.mounts import check_changeable
from tls_scaffold.disk.moving import PRIVATE, remove

NEW, OLD = ".new", ".old"  # ends of hidden names, of what is not in place yet and of what is no more


def ready(folder: Path, names: Iterable[str]) -> Path:
    """Return the folder `dist/`, in which bundles of these names can be written; git takes nothing of it."""
    names = tuple(names)
    dist = _private(disk.inside(folder, f"{DIST}/x").parent)
    check_changeable(dist / f"{name}{suffix}" for name in names for suffix in ("", TAR))
    for left in (dist / f".{name}{end}" for name in names for end in (NEW, OLD, f"{TAR}{NEW}")):  # by a killed run
        with telling(left, "removed"):
            remove(left)
    rules = dist / ".gitignore"
    if not os.path.lexists(rules):
        with telling(rules, "written"):
            create(rules, "*\n", SECRET)
    return dist


def others(bundle: Path, brought: Iterable[str]) -> list[str]:
    """Return what a bundle holds beside the files of these paths: the topmost folder alone of what is in one.

    A link in the place of a bundle holds nothing: it is the link that is replaced.
    """
    return [] if bundle.is_symlink() else list(_others(bundle, {PurePosixPath(path) for path in brought}))


def _others(bundle: Path, brought: Collection[PurePosixPath]) -> Iterator[str]:
    ways = {parent for path in brought for parent in path.parents}
    for at, folders, files in os.walk(bundle):
        below = PurePosixPath(Path(at).relative_to(bundle).as_posix())
        links = [each for each in folders if Path(at, each).is_symlink()]
        yield from sorted(str(below / each) for each in (*files, *links) if below / each not in brought)
        yield from sorted(f"{below / each}/" for each in folders if below / each not in ways and each not in links)
        folders[:] = [each for each in folders if below / each in ways and each not in links]


def _private(path: Path) -> Path:
    with telling(path, "written"):
        path.mkdir(mode=PRIVATE, exist_ok=True)
        path.chmod(PRIVATE)
    return path


def put(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> None:
    """Write a bundle, path to content, in the place of an older one of the name."""
    aside, old = dist / f".{name}{NEW}", dist / f".{name}{OLD}"
    target = dist / name
    with telling(target, "written"):
        for folder in _folders(contents):
            (aside / folder).mkdir(mode=PRIVATE)
        for path, content in contents.items():
            create(aside / path, content, SECRET)
        if os.path.lexists(target):
            _rename_or_remove(target, old)
        aside.rename(target)
        remove(old)


def _rename_or_remove(path: Path, new: Path) -> None:
    try:
        path.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        remove(path)  # a folder from the lower layer of an overlay


def archive(dist: Path, name: str, contents: Mapping[str, str | bytes]) -> Path:
    """Write `NAME.tar.gz`: nothing of this machine or the hour is in it but the files.

    The same files give the same bytes; PKCS #12 stores are never the same, as each is encrypted with a salt of its own.
    """
    import gzip

    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for folder in _folders(contents):
            entry = tarfile.TarInfo(str(name / folder))
            entry.type, entry.mode = tarfile.DIRTYPE, PRIVATE
            tar.addfile(entry)
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(data), SECRET
            tar.addfile(entry, BytesIO(data))
    target = dist / f"{name}{TAR}"
    with telling(target, "written"):
        write(target, packed.getvalue(), SECRET, temporary=dist / f".{name}{TAR}{NEW}")
    return target


def _folders(paths: Iterable[str]) -> list[PurePosixPath]:
    """Return each folder of a bundle, the bundle itself first and every other after the one that it is in."""
    return sorted({folder for path in paths for folder in PurePosixPath(path).parents})
