"""Reading with an end: what is a giant, or never ends, is refused before it fills the memory.

A pipe or a device may be named here. A file of a folder has to be a plain one: `disk.plainfiles`.
"""

from pathlib import Path
from typing import BinaryIO

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import LARGEST_FILE, MIB


def read_stream(stream: BinaryIO, place: str) -> bytes:
    """Return what a stream has up to its end; `place` names it in messages.

    Raises ScaffoldError where that is more than any file of ours.
    """
    return refuse_giant(stream.read(LARGEST_FILE + 1), place)


def read_given(path: str | Path, place: str = "") -> bytes:
    """Return what a file, a pipe or a device holds that somebody has named.

    Raises ScaffoldError as `read_stream`, and OSError where it can't be read.
    """
    with Path(path).open("rb") as file:
        return read_stream(file, place or str(path))


def refuse_giant(data: bytes, place: str, largest: int = LARGEST_FILE) -> bytes:
    """Return data if it is not larger than it may be; else raise ScaffoldError."""
    if len(data) > largest:
        raise ScaffoldError(f"`{place}` is larger than {largest // MIB} MiB")
    return data


def decoded(data: bytes, name: str) -> str:
    """Return the text that data holds, which messages call `name`; ScaffoldError if it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(f"{name} is not text in UTF-8 (byte {error.start})") from error
