"""Files that others may have put there, read without surprises: no pipe is waited for, no giant."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import LARGEST_FILE, MAKEFILE
from tls_scaffold.reading import decoded, refuse_giant


def content(folder: Path, path: str) -> bytes:
    """Return the bytes of `folder`/`path`.

    ScaffoldError if that is missing, no plain file, or far too large.
    """
    try:
        return plain(f"{folder}/{path}", path)
    except FileNotFoundError:
        raise ScaffoldError(f"`{path}` is missing") from None
    except OSError as error:
        raise ScaffoldError(f"`{path}` can't be read: {error.strerror}") from error


def plain(
    path: str | Path, place: str, largest: int = LARGEST_FILE, *, follow: bool = True
) -> bytes:
    """Return the bytes of a plain file of `largest` bytes at most; `place` names it in messages.

    Raises ScaffoldError if it is something else, larger, or a link that is not to be followed;
    OSError if it is missing or can't be read.
    """
    try:
        # A named pipe would keep an ordinary open waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if follow or error.errno != errno.ELOOP:
            raise
        raise ScaffoldError(
            f"`{place}` is a link: it is not followed", hint="put a file in its place"
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ScaffoldError(f"`{place}` is not a plain file")
        size = min(status.st_size, largest) + 1
        data = os.read(descriptor, size)
        # A file system behind a network may answer with a part.
        while len(data) < size - 1 and (more := os.read(descriptor, size - len(data))):
            data += more
    finally:
        os.close(descriptor)
    return refuse_giant(data, place, largest)


def read_file(path: str | Path, largest: int = LARGEST_FILE) -> bytes:
    """Return the bytes of a plain file that somebody named; ScaffoldError if it can't be read."""
    with telling(path, "read"):
        return plain(path, str(path), largest)


def plain_or_empty(path: str | Path, *, follow: bool = True) -> bytes:
    """Return the bytes of a plain file, none of anything else and of what can't be read."""
    with suppress(OSError, ScaffoldError):
        return plain(path, str(path), follow=follow)
    return b""


def text(folder: Path, path: str) -> str:
    """Return the text of `folder`/`path`; ScaffoldError as `content`, and if it is not UTF-8."""
    return decoded(content(folder, path), f"`{path}`")


def makefile_text(folder: Path) -> str:
    """Return the text of a folder's Makefile; ScaffoldError as `content`.

    It may hold a comment in any encoding: make takes it, and what we look for is ASCII.
    """
    return content(folder, MAKEFILE).decode("utf-8", "replace")


def names(folder: Path, directory: str, suffix: str) -> tuple[str, ...]:
    """Return the paths below `folder` of what lies in a directory and ends in `suffix`, sorted.

    None if it is missing; ScaffoldError if it can't be looked into.
    """
    try:
        found = sorted(
            each.name for each in (folder / directory).iterdir() if each.name.endswith(suffix)
        )
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise ScaffoldError(f"`{directory}` can't be read: {error.strerror}") from error
    return tuple(name if directory == "." else f"{directory}/{name}" for name in found)


def read_text(folder: Path, path: str) -> str | None:
    """Return the text of a file of the folder, None if there is none.

    Raises ScaffoldError if it is no text, or too large.
    """
    return _text(folder / path, LARGEST_FILE, follow=True)


def own_text(folder: Path, path: str, largest: int = LARGEST_FILE) -> str | None:
    """Return the text of a file that is kept, None if there is none.

    What it holds is written again, with the mode of a public file: what a link leads to may be a
    key. Raises ScaffoldError as `read_text` and `inside`, and if it is a link.
    """
    return _text(inside(folder, path), largest, follow=False)


def own_texts(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the text of each file that is there, by path.

    Raises ScaffoldError with every one that `own_text` refuses.
    """
    found: dict[str, str] = {}
    errors: dict[str, ScaffoldError] = {}
    for path in dict.fromkeys(paths):
        try:
            text = own_text(folder, path)
        except ScaffoldError as error:
            errors.setdefault(error.summary, error)
            continue
        if text is not None:
            found[path] = text
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        hints = dict.fromkeys(error.hint for error in errors.values() if error.hint)
        raise ScaffoldError("files of the folder can't be kept", errors, "; ".join(hints))
    return found


def _text(target: Path, largest: int, *, follow: bool) -> str | None:
    with telling(target, "read"), suppress(FileNotFoundError):
        return decoded(plain(target, str(target), largest, follow=follow), f"`{target}`")
    return None
