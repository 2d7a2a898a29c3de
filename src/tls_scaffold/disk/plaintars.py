"""Plain files in one tar that came from elsewhere: no path, link, device or giant is taken from it.

Nothing is ever unpacked to the disk: what a tar holds is read into memory, file by file.
"""

import re
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import MIB

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
KINDS = {
    tarfile.LNKTYPE: "a link",
    tarfile.SYMTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.DIRTYPE: "a folder",
}
UNREADABLE = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
END = bytes(2 * tarfile.BLOCKSIZE)
HINT = "pack plain files without folders: `tar -cf FILE manifest.json *.csr *.pem`"


def packed(files: Mapping[str, bytes], time: int) -> bytes:
    """Return a tar of plain files, name to content, each of that time (in seconds since 1970).

    The same files give the same bytes: nothing of this machine or its users is in it.
    """
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, time
            tar.addfile(entry, BytesIO(content))
    return data.getvalue()


def unpacked(data: bytes, place: str, largest: int = MIB) -> dict[str, bytes]:
    """Return the plain files of a tar, name to content; `place` is its path, for messages.

    Raises ScaffoldError where it is no tar, and with everything in it that is no plain file of a
    plain name, is there twice, or has more than `largest` bytes.
    """
    files: dict[str, bytes] = {}
    problems: dict[str, None] = {}
    if data and not data.endswith(END):
        # What was cut between two files looks whole else.
        raise ScaffoldError(f"`{place}` is not a plain tar, or was cut off", hint=HINT)
    try:
        # Not compressed: how much comes out of it is known before it is read.
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as tar:
            for entry in _entries(tar):
                name = entry.name.removeprefix("./")
                problem = _problem(entry, name, largest)
                if not problem and name in files:
                    problem = f"`{name}` is in it twice"
                if problem:
                    problems[problem] = None
                    continue
                files[name] = _content(tar, entry)
    except UNREADABLE as error:
        raise ScaffoldError(f"`{place}` is not a plain tar: {error}", hint=HINT) from None
    if problems:
        raise ScaffoldError(f"`{place}` is no pack: nothing is taken from it", problems, HINT)
    return files


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield what a tar holds, but for the folder itself, which `tar -cf FILE .` puts into it."""
    for entry in tar:
        if not (entry.isdir() and entry.name in (".", "./")):
            yield entry


def _problem(entry: tarfile.TarInfo, name: str, largest: int) -> str:
    if entry.type in KINDS:
        return f"`{entry.name}` is {KINDS[entry.type]}"
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse is not None:
        return f"`{entry.name}` is no plain file"
    if not PLAIN_NAME.fullmatch(name):
        return f"`{entry.name}` is not a plain name: files lie in no folder here"
    if not 0 <= entry.size <= largest:
        return f"`{name}` is larger than {largest // MIB} MiB"
    return ""


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(entry)
    content = opened.read() if opened else b""
    if len(content) != entry.size:
        raise EOFError(f"`{entry.name}` is cut off")
    return content
