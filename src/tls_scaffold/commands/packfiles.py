"""The files in which packs travel: none but an older pack is written over."""

from collections.abc import Callable
from pathlib import Path

from tls_scaffold.disk.plainfiles import read_file
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.packs import Pack, read_pack


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
