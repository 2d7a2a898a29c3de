"""CAs' keys that lie in `archive/` in the clear: whoever may read the folder has them too."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.checks.readablefiles import readable_names
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import ARCHIVE
from tls_scaffold.signing.foldercas import shelves
from tls_scaffold.signing.keys import is_in_the_clear

LARGEST_KEY = 64 * 1024  # the key of an RSA CA of 16384 bits has 13 KiB


def clear_keys(folder: Path, homes: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each CA's key in the clear in the archive, the newest first.

    `homes` are the directories in which CAs' keys lie, each with an ending of their names. What a
    link leads to, what is larger than any key, and what can't be read is passed over.
    """
    if (folder / ARCHIVE).is_symlink():
        return
    found: dict[str, None] = {}
    for shelf in _readable_shelves(folder):
        for directory, ending in homes:
            at = f"{shelf}/{directory}"
            parts = [at.rsplit("/", up)[0] for up in range(at.count("/"))]
            if not any((folder / part).is_symlink() for part in parts):
                found.update(dict.fromkeys(readable_names(folder, at, ending)))
    for path in found:
        with suppress(OSError, ScaffoldError):
            pem = plain(folder / path, path, LARGEST_KEY, follow=False)
            if is_in_the_clear(pem):
                yield path, pem


def _readable_shelves(folder: Path) -> tuple[str, ...]:
    try:
        return shelves(folder)
    except ScaffoldError:
        return ()
