"""Mount points, which nothing renames, replaces or takes away: where the kernel has them."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ESCAPED = re.compile(rb"\\([0-7]{3})")  # a blank in a path, and the like


def mount_points(directory: Path) -> frozenset[str]:
    """Return the names in a directory that are mount points, or hold some.

    None where the directory is missing.
    """
    try:
        real = directory.resolve(strict=True)
    except OSError:
        return frozenset()
    try:
        return frozenset(point.parts[0] for point in _points_below(PurePosixPath(real)))
    except (OSError, ValueError, KeyError):  # this system has no /proc
        return _other_devices(real)


@dataclass(frozen=True)
class _Mount:
    """A line of proc(5)'s mountinfo: what of a device, from `root` on, is seen at `point`."""

    parent: int
    device: bytes
    root: PurePosixPath
    point: PurePosixPath

    def on_device(self, path: PurePosixPath) -> PurePosixPath:
        """Return where on the device something is that is seen at `path`.

        ValueError if it is elsewhere.
        """
        return self.root / path.relative_to(self.point)


def _points_below(directory: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield what is a mount point below a directory, on whichever path.

    The kernel keeps it in its place on all of them. Device numbers alone do not tell:
    `mount --bind` gives a folder the one that it had.
    """
    mounts = dict(map(_read_line, Path("/proc/self/mountinfo").read_bytes().splitlines()))
    own = mounts[_mount_of(directory)]
    here = own.on_device(directory)
    for mount in mounts.values():
        parent = mounts.get(mount.parent)
        if parent and parent.device == own.device:
            point = parent.on_device(mount.point)
            if point != here and point.is_relative_to(here):
                yield point.relative_to(here)


def _read_line(line: bytes) -> tuple[int, _Mount]:
    number, parent, device, root, point = line.split(b" ", 5)[:5]
    return int(number), _Mount(int(parent), device, _unescaped(root), _unescaped(point))


def _unescaped(text: bytes) -> PurePosixPath:
    return PurePosixPath(os.fsdecode(ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), text)))


def _mount_of(directory: PurePosixPath) -> int:
    """Return the number of the mount that a directory is seen through."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        text = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    finally:
        os.close(descriptor)
    return int(text.partition("mnt_id:")[2].partition("\n")[0])


def _other_devices(directory: Path) -> frozenset[str]:
    with suppress(OSError), os.scandir(directory) as entries:
        device = directory.stat().st_dev
        return frozenset(
            entry.name for entry in entries if entry.stat(follow_symlinks=False).st_dev != device
        )
    return frozenset()
