"""Files in a tar archive in memory, as plain tar(1) reads it; one from outside is read strictly.

Nothing is ever unpacked to the disk: what a tar holds is read into memory, file by file.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import MIB
from tls_scaffold.spelling import NAME, first_of

MOST_FILES = 500_000
LONGEST_PATH = 1024
TOLD = 10
KINDS = {
    tarfile.LNKTYPE: "is a link",
    tarfile.SYMTYPE: "is a link",
    tarfile.CHRTYPE: "is a device",
    tarfile.BLKTYPE: "is a device",
    tarfile.FIFOTYPE: "is a named pipe",
}
UNREADABLE = (
    *(tarfile.TarError, EOFError, ValueError, OverflowError, MemoryError, RecursionError),
)
END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Packed:
    """A file: its path below the folder, what it holds, its mode, and when it was changed."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o600
    time: int = 0


@dataclass(frozen=True)
class Form:
    """What a tar from outside has to be.

    `otherwise` says what it is not and what comes of that, `hint` what helps. A file may have
    `largest` bytes, and lie in folders or not.
    """

    otherwise: str
    largest: int
    has_folders: bool
    hint: str = ""


def packed(files: Iterable[Packed]) -> bytes:
    """Return a tar archive of files, in their order; nobody's name or number is in it."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.size, entry.mode, entry.mtime = len(file.content), file.mode, file.time
            archive.addfile(entry, BytesIO(file.content))
    return buffer.getvalue()


def unpacked(raw: bytes, place: str, form: Form) -> tuple[Packed, ...]:
    """Return the files of a tar archive; `place` names it in messages.

    Raises ScaffoldError, with what is wrong, where it is no whole archive of that form or holds
    anything that `packed` would not have put there: links, devices, a path that leads elsewhere or
    is there twice.
    """
    if raw and not raw.endswith(END):  # what was cut between two files looks whole else
        raise ScaffoldError(f"`{place}` is not a plain tar, or was cut off", hint=form.hint)
    files: dict[str, Packed] = {}
    problems: dict[str, None] = {}
    paths: set[str] = set()
    try:
        # Not compressed: how much comes out of it is known before it is read.
        with tarfile.open(fileobj=BytesIO(raw), mode="r:") as archive:
            for entry in _entries(archive, place):
                problem = _problem(entry, form)
                if not problem and entry.name in paths:
                    problem = "is in it twice"
                if problem:
                    problems[f"`{entry.name[:LONGEST_PATH]}` {problem}"] = None
                elif entry.isreg():
                    files[entry.name] = _file(archive, entry)
                paths.add(entry.name)
    except UNREADABLE as error:
        raise ScaffoldError(f"`{place}` is not a plain tar: {error}", hint=form.hint) from None
    for path in paths:
        if any(str(parent) in files for parent in PurePosixPath(path).parents):
            problems[f"`{path[:LONGEST_PATH]}` lies in a file"] = None
    if problems:
        raise ScaffoldError(
            f"`{place}` is {form.otherwise}", first_of([*problems], TOLD), form.hint
        )
    return tuple(files.values())


def _entries(archive: tarfile.TarFile, place: str) -> Iterator[tarfile.TarInfo]:
    """Yield what an archive holds, but for the folder itself, which `tar -cf FILE .` puts there."""
    for number, entry in enumerate(archive):
        entry.name = entry.name.removeprefix("./") or "."
        if number >= MOST_FILES:
            raise ScaffoldError(f"`{place}` holds more than {MOST_FILES} files")
        if not (entry.isdir() and entry.name == "."):
            yield entry


def _file(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Packed:
    reader = archive.extractfile(entry)
    content = reader.read() if reader else b""
    if len(content) != entry.size:
        raise EOFError(f"`{entry.name}` is cut off")
    return Packed(entry.name, content, entry.mode & 0o777, int(entry.mtime))


def _problem(entry: tarfile.TarInfo, form: Form) -> str:
    """Say why an entry is none of the form; empty if it is one."""
    if entry.type in KINDS:
        return KINDS[entry.type]
    # What is sparse claims more than the archive holds.
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        return "is no plain file"
    if form.has_folders:
        problem = _path_problem(entry.name)
    elif entry.isdir():
        problem = "is a folder"
    else:
        is_plain = NAME.fullmatch(entry.name)
        problem = "" if is_plain else "is not a plain name: files lie in no folder here"
    if not problem and not 0 <= entry.size <= form.largest:
        return f"is larger than {form.largest // MIB} MiB"
    return problem


def _path_problem(name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or ".." in path.parts or path.is_absolute() or "\0" in name:
        return "is no path below a folder"
    if str(path) != name.rstrip("/") or len(name) > LONGEST_PATH:
        return "is no plain path"
    return ""
