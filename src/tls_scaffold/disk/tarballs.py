"""Files in a tar archive in memory, as plain tar(1) reads it; one from outside is read strictly."""

import io
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.paths import LARGEST_FILE, MIB

MOST_FILES = 500_000
LONGEST_PATH = 1024
TOLD = 10


@dataclass(frozen=True)
class Packed:
    """A file: its path below the folder, what it holds, its mode, and when it was changed."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o600
    time: int = 0


def packed(files: Iterable[Packed]) -> bytes:
    """Return a tar archive of files, in their order; nobody's name or number is in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.size, entry.mode, entry.mtime = len(file.content), file.mode, file.time
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def unpacked(raw: bytes, place: str) -> tuple[Packed, ...]:
    """Return the files of a tar archive; `place` names it in messages.

    Nothing is written. Raises ScaffoldError, with what is wrong, where it is no whole archive or
    holds anything that `packed` would not have put there: links, devices, a path that leads
    elsewhere or stands twice.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            entries = list(_entries(archive, place))
            files = [_file(archive, entry) for entry in entries if entry.isreg()]
    except (tarfile.TarError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise ScaffoldError(f"`{place}` holds no whole tar archive: {error}") from None
    problems = list(_problems(entries))
    if problems:
        more = [f"and {len(problems) - TOLD} more"] if len(problems) > TOLD else []
        raise ScaffoldError(
            f"`{place}` is no backup of a folder: nothing was written", [*problems[:TOLD], *more]
        )
    return tuple(files)


def _entries(archive: tarfile.TarFile, place: str) -> Iterator[tarfile.TarInfo]:
    for number, entry in enumerate(archive):
        entry.name = entry.name.removeprefix("./") or "."  # as `tar c .` writes it
        if number >= MOST_FILES:
            raise ScaffoldError(f"`{place}` holds more than {MOST_FILES} files")
        yield entry


def _file(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Packed:
    # A sparse file claims more than the archive holds: it is told among the problems.
    reader = None if entry.issparse() or entry.size > LARGEST_FILE else archive.extractfile(entry)
    content = reader.read() if reader else b""
    return Packed(entry.name, content, entry.mode & 0o777, int(entry.mtime))


def _problems(entries: Sequence[tarfile.TarInfo]) -> Iterator[Problem]:
    times = Counter(entry.name for entry in entries)
    files = {entry.name for entry in entries if not entry.isdir()}
    for entry in entries:
        problem = _problem(entry)
        if not problem and times[entry.name] > 1:
            problem = "stands there twice"
        if not problem and files & {str(each) for each in PurePosixPath(entry.name).parents}:
            problem = "lies in a file"
        if problem:
            yield Problem(Place(), f"`{entry.name[:LONGEST_PATH]}` {problem}")


def _problem(entry: tarfile.TarInfo) -> str:
    path = PurePosixPath(entry.name)
    if entry.isdir() and entry.name == ".":
        return ""
    if not path.parts or ".." in path.parts or path.is_absolute() or "\0" in entry.name:
        return "is no path below a folder"
    if str(path) != entry.name.rstrip("/") or len(entry.name) > LONGEST_PATH:
        return "is no plain path"
    # What is sparse claims more than the archive holds.
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        return "is no plain file"
    return f"is larger than {LARGEST_FILE // MIB} MiB" if entry.size > LARGEST_FILE else ""
