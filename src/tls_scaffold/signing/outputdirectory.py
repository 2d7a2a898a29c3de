"""A directory that certificates are written to: looked at once for all that go there."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tls_scaffold.disk.folder import inside
from tls_scaffold.disk.mounts import mount_points
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import pairs


class OutputDirectory:
    """The directory of an output, a path below `folder` without `.pem`.

    It is looked at when it is asked about: OSError where it can't be.
    """

    def __init__(self, folder: Path, output: str) -> None:
        self._folder, self._output = folder, output
        self._path = (folder / output).parent

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
        return pairs.folders_in(self._path) if self.is_there else frozenset()

    @cached_property
    def _mounted(self) -> frozenset[str]:
        return mount_points(self._path)

    @cached_property
    def _reason_outside(self) -> str:
        try:
            inside(self._folder, f"{self._output}.pem")
        except ScaffoldError as error:
            return error.summary
        return ""

    def problems(self, output: str) -> Iterator[str]:
        """Say why the files of an output in it can't be written."""
        if self._reason_outside:
            yield self._reason_outside
            return
        for ending in pairs.MODES:
            name = f"{output.rpartition('/')[2]}{ending}"
            if name in self._mounted:
                yield f"`{output}{ending}` is a mount point: it can't be replaced"
            elif name in self._folders:
                yield f"`{output}{ending}` is a folder: it should be a file"
