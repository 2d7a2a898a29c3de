"""The files that `requests` is given on its command line: packs, and what goes with them."""

from collections.abc import Callable
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.packs import Pack, read_pack


def read_file(path: Path) -> bytes:
    """Return the bytes of a file that the command line named; ScaffoldError if it can't be read."""
    with telling(path, "read"):
        return plain(path, str(path))


def check_own_pack(path: Path, is_ours: Callable[[Pack], bool]) -> None:
    """Raise ScaffoldError if something is at `path` that is no pack to be replaced.

    `is_ours` tells that of a pack.
    """
    if path.is_symlink():
        raise ScaffoldError(f"`{path}` is a link: nothing is written there")
    if not path.exists():
        return
    try:
        pack = read_pack(read_file(path), str(path))
    except ScaffoldError:
        pack = None
    if pack is None or not is_ours(pack):
        raise ScaffoldError(
            f"`{path}` is there, and is not an older one of this pack: nothing is written",
            hint="name another file, or move that one away",
        )
