"""What can be read of a folder's files; what can't is told by the rules about it."""

from pathlib import Path

from tls_scaffold.disk import plainfiles
from tls_scaffold.errors import ScaffoldError


def readable_names(folder: Path, directory: str, ending: str = "") -> tuple[str, ...]:
    """Return the paths of the files in a directory whose names end so.

    None of one that can't be read.
    """
    try:
        return plainfiles.names(folder, directory, ending)
    except ScaffoldError:
        return ()


def readable_content(folder: Path, path: str) -> bytes:
    """Return the bytes of a file; none of one that can't be read."""
    try:
        return plainfiles.content(folder, path)
    except ScaffoldError:
        return b""
