"""A certificate's three files put in place so that a crash never leaves a certificate beside another one's key."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.files import PUBLIC, SECRET, create, flush_directory, telling
from tls_scaffold.disk.healing import WORK, clear
from tls_scaffold.errors import ScaffoldError

CERTIFICATE, KEY, CSR = ".pem", "-key.pem", ".csr"
MODES = {KEY: SECRET, CSR: PUBLIC, CERTIFICATE: PUBLIC}  # in the order in which they are moved: the certificate last
MANY = 30


@contextmanager
def workshop(parent: Path) -> Iterator[Path]:
    """Make the folder in which files of `parent` come into being; nobody else can look into it, and it is cleared."""
    work = parent / f"{WORK}{os.getpid()}"
    with telling(parent):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear(work)  # of a dead process that had our number, as all have in containers
        work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def stage(work: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a certificate's files (contents by ending) into the workshop; they are not on the disk before `flush`."""
    with telling(work / name):
        for ending, content in contents.items():
            create(work / f"{name}{ending}", content, MODES[ending], flush=False)


def flush(paths: Iterable[Path]) -> None:
    """Bring staged files to the disk: one by one, or all that the system holds where they are many."""
    files = list(paths)
    if len(files) > MANY:
        os.sync()  # forty times faster than a thousand single flushes; on Linux it returns when all is done
        return
    for path in files:
        with telling(path):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def place(work: Path, name: str, base: str) -> None:
    """Move staged files to `base`, a path without ending: the old certificate goes first, the new one comes last."""
    with telling(base):
        for ending in MODES:
            _refuse_folder(f"{base}{ending}")
        if os.path.exists(f"{work}/{name}{KEY}"):  # noqa: PTH110 - thrice as fast, for a thousand at once
            with suppress(FileNotFoundError):
                os.unlink(f"{base}{CERTIFICATE}")  # noqa: PTH108
        for ending in MODES:
            with suppress(FileNotFoundError):
                os.replace(f"{work}/{name}{ending}", f"{base}{ending}")  # noqa: PTH105


def _refuse_folder(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - for a thousand at once
        raise ScaffoldError(f"`{path}` is a folder: it should be a file", hint="move it away")


def put(directory: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Put one certificate's files (contents by ending) into a directory, on the disk before their names are."""
    with workshop(directory) as work:
        stage(work, name, contents)
        flush(work.iterdir())
        place(work, name, f"{directory}/{name}")
    flush_directory(directory)
