"""Files that others may have put there, read without surprises: no pipe is waited for, no giant."""

import errno
import os
import stat
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import LARGEST_FILE, MIB


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
        data = os.read(descriptor, min(status.st_size, largest) + 1)
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise ScaffoldError(f"`{place}` is larger than {largest // MIB} MiB")
    return data


def text(folder: Path, path: str) -> str:
    """Return the text of `folder`/`path`; ScaffoldError as `content`, and if it is not UTF-8."""
    try:
        return content(folder, path).decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"`{path}` is not text in UTF-8 (byte {error.start})") from error


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
