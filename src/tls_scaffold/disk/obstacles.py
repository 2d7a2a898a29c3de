"""What keeps files from being put in their place: links on the way, mount points, folders.

sign.sh has the same rules, as it works where there is no Python. Each function here names the one
of sign.sh that it mirrors, and tests/test_obstacles.py holds both to one answer.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath

from tls_scaffold.disk.mounts import mount_points
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.keptfolder import check_is_folder
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CERTIFICATE_ENDING,
    CERTS,
    ENDINGS,
    ISSUED,
    NEW_SET,
    STATE,
)

NO_LINKS = (CERTS, NEW_SET, ARCHIVE, ISSUED, STATE, AWAITING)
NO_LINKS_HINT = "move it away, or put in its place what it leads to"
MOUNT_HINT = "mount the folder that it is in instead"
CLOSED_HINT = "make the folder writable"


def check_folder(folder: Path) -> None:
    """Raise ScaffoldError if `folder` is none, or if keys would be written through a link.

    sign.sh asks the same of `certs` and the others before it does anything.
    """
    check_is_folder(folder)
    if links := links_among(folder, NO_LINKS):
        raise ScaffoldError(
            "keys are not written through links",
            [f"`{folder / name}` is a link" for name in links],
            NO_LINKS_HINT,
        )


def links_among(folder: Path, paths: Iterable[str]) -> list[str]:
    """Return those of the paths below a folder that are links, as far as it can be looked at."""
    return [path for path in paths if os.path.islink(folder / path)]  # noqa: PTH114  # no error


def inside(folder: Path, path: str) -> Path:
    """Return `folder`/`path`; ScaffoldError if that is outside of it, or reached through a link.

    It mirrors the first half of sign.sh's `check_output`.
    """
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


class OutputDirectory:
    """The directory of an output, a path below `folder` without `.pem`.

    What there is to know of it is looked up once, for all of a thousand outputs that go there, and
    only when it is asked for. OSError where it can't be looked at.
    """

    def __init__(self, folder: Path, output: str) -> None:
        self._folder, self._output = folder, output
        self._path = folder / output.rpartition("/")[0]

    @cached_property
    def is_there(self) -> bool:
        """Whether there is anything of its name."""
        try:
            self._path.lstat()
        except FileNotFoundError:
            return False
        return True

    @cached_property
    def _folders(self) -> frozenset[str]:
        return _folders_in(self._path) if self.is_there else frozenset()

    @cached_property
    def _mounted(self) -> frozenset[str]:
        return mount_points(self._path)

    @cached_property
    def _outside(self) -> str:
        try:
            inside(self._folder, f"{self._output}{CERTIFICATE_ENDING}")
        except ScaffoldError as error:
            return error.summary
        return ""

    def problems(self, output: str) -> Iterator[str]:
        """Say why the files of an output in it can't be written."""
        if self._outside:
            yield self._outside
        else:
            in_the_way = _file_problems(output, ENDINGS, self._mounted, self._folders)
            yield from (problem for problem, _ in in_the_way)


def check_replaceable(directory: Path, name: str, endings: Iterable[str]) -> None:
    """Raise ScaffoldError if one of a pair's files can't be put in place, whatever is there."""
    mounted, folders = mount_points(directory), _folders_in(directory)
    for problem, hint in _file_problems(f"{directory / name}", endings, mounted, folders):
        raise ScaffoldError(problem, hint=hint)


def _file_problems(
    output: str, endings: Iterable[str], mounted: frozenset[str], folders: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield why the files of an output can't be replaced, each time with a hint.

    `mounted` and `folders` are the names of such in its directory. It mirrors sign.sh's
    `check_mounts` and the second half of its `check_output`.
    """
    for ending in endings:
        name = f"{output.rpartition('/')[2]}{ending}"
        if name in mounted:
            yield f"`{output}{ending}` is a mount point: it can't be replaced", MOUNT_HINT
        elif name in folders:
            yield f"`{output}{ending}` is a folder: it should be a file", "move it away"


def _folders_in(directory: Path) -> frozenset[str]:
    """Return the names of the folders in a directory; none if it can't be looked into."""
    with suppress(PermissionError), os.scandir(directory) as entries:
        return frozenset(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return frozenset()


def check_changeable(paths: Iterable[Path]) -> None:
    """Raise ScaffoldError, naming each, if some of these can't be written, replaced or moved away.

    It is asked before a plan is written down: one that is begun and can't be ended would keep every
    later command from working.
    """
    wanted = list(dict.fromkeys(paths))
    mounted = {parent: mount_points(parent) for parent in {path.parent for path in wanted}}
    fixed = [
        f"`{path}` is a mount point, or holds one"
        for path in wanted
        if path.name in mounted[path.parent]
    ]
    refusals = {directory: _refusal(directory) for directory in map(_nearest_directory, wanted)}
    closed = [
        f"`{directory}` can't be written: {os.strerror(error)}"
        for directory, error in refusals.items()
        if error
    ]
    if fixed or closed:
        hints = [hint for hint, found in ((MOUNT_HINT, fixed), (CLOSED_HINT, closed)) if found]
        raise ScaffoldError(
            "not all that is to change can be: nothing was changed",
            [*fixed, *closed],
            "; ".join(hints),
        )


def _nearest_directory(path: Path) -> Path:
    """Return the directory that a path is in, or the one in which that would be made."""
    return path.parent if os.path.lexists(path.parent) else _nearest_directory(path.parent)


def _refusal(directory: Path) -> int:
    """Return the number of the error that writing in a directory would meet, 0 for none."""
    if not directory.is_dir():
        return errno.ENOTDIR
    if os.access(
        directory, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        return 0
    # To root access(2) refuses nothing but what is read-only.
    return errno.EROFS if os.statvfs(directory).f_flag & os.ST_RDONLY else errno.EACCES
