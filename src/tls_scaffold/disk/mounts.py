"""What can't be changed where it lies: mount points, which nothing renames or replaces, and what is read-only."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tls_scaffold.errors import ScaffoldError

MOUNT_HINT = "mount the folder that it is in instead"
CLOSED_HINT = "make the folder writable"
ESCAPED = re.compile(rb"\\([0-7]{3})")  # a blank in a path, and the like


def check_changeable(paths: Iterable[Path]) -> None:
    """Raise ScaffoldError, naming each, if some of these files and folders can't be written, replaced or moved away."""
    wanted = tuple(paths)
    fixed = [f"`{path}` is a mount point, or holds one" for path in mounted(wanted)]
    refusals = {
        directory: _refusal(directory) for directory in map(_nearest, dict.fromkeys(wanted))
    }
    closed = [
        f"`{directory}` can't be written: {os.strerror(error)}"
        for directory, error in refusals.items()
        if error
    ]
    if fixed or closed:
        hint = "; ".join([MOUNT_HINT] * bool(fixed) + [CLOSED_HINT] * bool(closed))
        raise ScaffoldError(
            "not all that is to change can be: nothing was changed", [*fixed, *closed], hint
        )


def _nearest(path: Path) -> Path:
    """Return the directory that a path is in, or the one in which that would be made."""
    return path.parent if os.path.lexists(path.parent) else _nearest(path.parent)


def _refusal(directory: Path) -> int:
    if not directory.is_dir():
        return errno.ENOTDIR
    if os.access(
        directory, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        return 0
    return errno.EROFS if os.statvfs(directory).f_flag & os.ST_RDONLY else errno.EACCES


def mounted(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of `paths` that are mount points, or hold some."""
    wanted = tuple(paths)
    points = {parent: mount_points(parent) for parent in {path.parent for path in wanted}}
    return tuple(path for path in wanted if path.name in points[path.parent])


def mount_points(directory: Path) -> frozenset[str]:
    """Return the names in a directory that are mount points, or hold some; none where it is missing."""
    try:
        place = directory.resolve(strict=True)
    except OSError:
        return frozenset()
    try:
        return frozenset(point.parts[0] for point in _points_below(PurePosixPath(place)))
    except (OSError, ValueError, KeyError):  # this system has no /proc
        return _other_devices(place)


@dataclass(frozen=True)
class _Mount:
    """A line of proc(5)'s mountinfo: what of a device, from `root` on, is seen at `point`."""

    parent: int
    device: bytes
    root: PurePosixPath
    point: PurePosixPath

    def on_device(self, path: PurePosixPath) -> PurePosixPath:
        """Return where on the device something is that is seen at `path`; ValueError if that is elsewhere."""
        return self.root / path.relative_to(self.point)


def _points_below(place: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield what is a mount point below a directory, on whichever path: the kernel keeps it in its place on all.

    Device numbers alone do not tell: `mount --bind` gives a folder the one that it had.
    """
    mounts = dict(map(_read, Path("/proc/self/mountinfo").read_bytes().splitlines()))
    own = mounts[_mount_of(place)]
    here = own.on_device(place)
    for mount in mounts.values():
        parent = mounts.get(mount.parent)
        if parent and parent.device == own.device:
            point = parent.on_device(mount.point)
            if point != here and point.is_relative_to(here):
                yield point.relative_to(here)


def _read(line: bytes) -> tuple[int, _Mount]:
    number, parent, device, root, point = line.split(b" ", 5)[:5]
    return int(number), _Mount(int(parent), device, _path(root), _path(point))


def _path(text: bytes) -> PurePosixPath:
    return PurePosixPath(os.fsdecode(ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), text)))


def _mount_of(place: PurePosixPath) -> int:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    finally:
        os.close(descriptor)
    return int(text.partition("mnt_id:")[2].partition("\n")[0])


def _other_devices(place: Path) -> frozenset[str]:
    with suppress(OSError), os.scandir(place) as entries:
        device = place.stat().st_dev
        return frozenset(
            entry.name for entry in entries if entry.stat(follow_symlinks=False).st_dev != device
        )
    return frozenset()
