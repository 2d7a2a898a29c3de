"""A pair's files put in place: a crash never leaves a certificate beside another one's key."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tls_scaffold.disk.files import PUBLIC, SECRET, create, flush_path, telling
from tls_scaffold.disk.obstacles import check_replaceable
from tls_scaffold.disk.workfolders import work_folder
from tls_scaffold.paths import CERTIFICATE_ENDING, CSR_ENDING, KEY_ENDING

# In the order in which they are moved: the certificate last.
MODES = {KEY_ENDING: SECRET, CSR_ENDING: PUBLIC, CERTIFICATE_ENDING: PUBLIC}
# From so many files on one flush of all that the system holds is faster than one for each.
MANY = 30


@contextmanager
def workshop(parent: Path) -> Iterator[Path]:
    """Make the folder in which files of `parent` come into being; in the end it is cleared.

    Nobody else can look into it.
    """
    with ExitStack() as stack:
        with telling(parent):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            work = stack.enter_context(work_folder(parent))
        yield work


def stage_pair(work: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Write a pair's files (contents by ending) into a workshop; they are not flushed yet."""
    with telling(f"{work}/{name}"):
        for ending, content in contents.items():
            create(f"{work}/{name}{ending}", content, MODES[ending], flush=False)


def files_in(works: Iterable[Path]) -> list[str]:
    """Return the files of workshops."""
    return [f"{work}/{name}" for work in works for name in os.listdir(work)]  # noqa: PTH208 - no Path for each


def flush_files(paths: Sequence[str]) -> None:
    """Bring files to the disk: one by one, or all that the system holds where they are many."""
    if len(paths) > MANY:
        os.sync()  # a fortieth of the time of 1,000 single flushes; Linux returns when all is done
        return
    for path in paths:
        with telling(path):
            flush_path(path)


def move_into_place(work: Path, name: str) -> None:
    """Move a pair's files out of a workshop into the directory that this is in.

    The old certificate goes first, and the new one comes last: a run that is killed in between
    leaves a certificate missing, which the next run signs, and never one beside another's key.
    """
    source, target = f"{work}/{name}", f"{work.parent}/{name}"
    if os.path.exists(f"{source}{KEY_ENDING}"):  # noqa: PTH110 - here and below for a thousand at once
        with suppress(FileNotFoundError):
            os.unlink(f"{target}{CERTIFICATE_ENDING}")  # noqa: PTH108
    for ending in MODES:
        # cfssl's JSON may have less than all three.
        with suppress(FileNotFoundError):
            os.replace(f"{source}{ending}", f"{target}{ending}")  # noqa: PTH105


def put_pair(directory: Path, name: str, contents: Mapping[str, bytes]) -> None:
    """Put one pair's files (contents by ending) into a directory, flushed before they are named.

    Raises ScaffoldError, before anything is moved, if a folder has the name of one, or one is a
    mount point.
    """
    with workshop(directory) as work:
        check_replaceable(directory, name, contents)
        stage_pair(work, name, contents)
        flush_files(files_in([work]))
        with telling(directory):
            move_into_place(work, name)
            flush_path(directory)
