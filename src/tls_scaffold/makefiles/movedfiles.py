"""What commands of a Makefile move away of that which cfssljson wrote."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from tls_scaffold.paths import CERTIFICATE_ENDING, ENDINGS
from tls_scaffold.shell.filers import read_filing

WRITTEN = re.compile(r"-bare[ =]+([^\s;&|<>]+)")
MOVE = re.compile(r"(?:^|[\s;&|@+-])mv\s+([^;&|<>\n]+)")


def written_elsewhere(commands: Iterable[str], outputs: Collection[str]) -> frozenset[str]:
    """Return the files that are written under a name which they do not keep.

    `outputs` are the paths of the certificates as they are in the end.
    """
    bases = {posixpath.normpath(base) for each in commands for base in WRITTEN.findall(each)}
    return frozenset(
        f"{base}{ending}"
        for base in bases
        if f"{base}{CERTIFICATE_ENDING}" not in outputs
        for ending in ENDINGS
    )


def moved_files(command: str) -> Iterator[str]:
    """Yield what a command moves: paths, or patterns of a shell."""
    for words in MOVE.findall(command):
        yield from read_filing(["mv", *words.split()]).sources


def only_moves(command: str, files: Collection[str]) -> bool:
    """Tell whether a command moves some of these files and no other."""
    moved = list(moved_files(command))
    return bool(moved) and all(
        any(fnmatchcase(file, posixpath.normpath(each)) for file in files) for each in moved
    )
