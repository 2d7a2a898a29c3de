"""A certificate's three files put in place so that a crash never leaves a certificate beside another one's key."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.files import PUBLIC, SECRET, create, flush_path, telling
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING

MODES = {
    KEY_ENDING: SECRET,
    CSR_ENDING: PUBLIC,
    CERTIFICATE_ENDING: PUBLIC,
}  # in the order in which they are moved: the certificate last
MANY = 30


@contextmanager
def workshop(parent: Path) -> Iterator[Path]:
    """Make the folder in which files of `parent` come into being; nobody else can look into it, and it is cleared."""
    with ExitStack() as stack:
        with telling(parent):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            work = stack.enter_context(work_folder(parent))
        yield work


def stage(work: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a certificate's files (contents by ending) into the workshop; they are not on the disk before `flush`."""
    with telling(f"{work}/{name}"):
        for ending, content in contents.items():
            create(f"{work}/{name}{ending}", content, MODES[ending], flush=False)


def files_in(works: Iterable[Path]) -> list[str]:
    """Return the files of workshops."""
    return [f"{work}/{name}" for work in works for name in os.listdir(work)]  # noqa: PTH208 - as below


def flush(works: Iterable[Path]) -> None:
    """Bring the files of workshops to the disk."""
    flush_files(files_in(works))


def flush_files(paths: Iterable[str]) -> None:
    """Bring files to the disk: one by one, or all that the system holds where they are many."""
    files = list(paths)
    if len(files) > MANY:
        os.sync()  # forty times faster than a thousand single flushes; on Linux it returns when all is done
        return
    for path in files:
        with telling(path):
            flush_path(path)


def place(
    directory: Path, staged: Collection[tuple[Path, str]], tell: Callable[[str], object]
) -> None:
    """Move staged files, by workshop and name, into a directory.

    Of each certificate the old one goes first, and the new one comes last: then `tell` is given the name.
    """
    with telling(directory):
        for work, name in staged:
            if os.path.exists(f"{work}/{name}{KEY_ENDING}"):  # noqa: PTH110 - here and below for a thousand at once
                with suppress(FileNotFoundError):
                    os.unlink(f"{directory}/{name}{CERTIFICATE_ENDING}")  # noqa: PTH108
            for ending in MODES:
                with suppress(FileNotFoundError):
                    os.replace(f"{work}/{name}{ending}", f"{directory}/{name}{ending}")  # noqa: PTH105
            tell(name)
        flush_path(directory)


def put(directory: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Put one certificate's files (contents by ending) into a directory, on the disk before their names are.

    Raises ScaffoldError, before anything is moved, if a folder has the name of one, or one is a mount point.
    """
    with workshop(directory) as work:
        check_replaceable(directory, name, contents)
        stage(work, name, contents)
        flush([work])
        place(directory, [(work, name)], lambda _: None)
