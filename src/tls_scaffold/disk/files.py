"""Files that come into being whole: with their mode, and on the disk before their name is."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tls_scaffold.errors import ScaffoldError

PUBLIC = 0o644
SECRET = 0o600
PRIVATE_FOLDER = 0o700
NOT_THE_OWNER = 0o077  # the bits of all others, the group among them


@contextmanager
def telling(
    path: Path | str, done: str = "worked on", as_error: type[ScaffoldError] = ScaffoldError
) -> Iterator[None]:
    """Turn an OSError into a ScaffoldError: the file, what can't be `done`, the system's reason."""
    try:
        yield
    except OSError as error:
        raise as_error(
            f"`{error.filename2 or error.filename or path}` can't be {done}: {error.strerror}"
        ) from error


def create(
    path: Path | str, content: str | bytes, mode: int = PUBLIC, *, flush: bool = True
) -> None:
    """Write a new file and flush it to the disk.

    FileExistsError if anything, even a link, has its name. Whoever writes many may flush them
    together later.
    """
    rest = memoryview(content.encode() if isinstance(content, str) else content)
    # A key must not be open to others for a moment, whatever the umask: open(2) gives the owner's
    # bits alone, and fchmod(2) the others before there is a byte in it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & SECRET)
    try:
        os.fchmod(descriptor, mode)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if flush:
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - half a file is none
        raise
    finally:
        os.close(descriptor)


def write(path: Path, content: str | bytes, mode: int = PUBLIC) -> None:
    """Put a file in place by one rename; an older file or a link of that name is replaced."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        write_by_way_of(hidden, path, content, mode)
    except OSError as error:
        error.filename = str(path)  # the user knows nothing of the hidden one
        raise


def write_by_way_of(temporary: Path, path: Path, content: str | bytes, mode: int = PUBLIC) -> None:
    """Put a file in place as `write` does; it comes into being at `temporary`, on the same disk."""
    try:
        create(temporary, content, mode)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    flush_path(path.parent)


def make_private(path: Path) -> None:
    """Make a folder that its owner alone can look into, and git not at all.

    One that is there gets the `.gitignore` that keeps git out. An empty one, as a kill of sign.sh
    or a full disk may leave it, would keep nothing out.
    """
    path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    rules = path / ".gitignore"
    if rules.is_file() and not rules.stat().st_size:
        rules.unlink(missing_ok=True)
    if not os.path.lexists(rules):
        # Not by way of another name: what a kill left of that, nothing here would take away.
        with suppress(FileExistsError):  # another run was faster
            create(rules, "*\n", SECRET)
        flush_path(path)
        flush_path(path.parent)


def usual_mode(path: Path) -> int:
    """Return the mode of a plain file, or the one that a new file of its name gets."""
    if path.is_file() and not path.is_symlink():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0o077)  # the only way to learn the umask is to set one
    os.umask(mask)
    return (0o777 if path.suffix == ".sh" else 0o666) & ~mask


def flush_path(path: Path | str) -> None:
    """Bring a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
