"""Giving up root's rights, which no mode of a file holds back."""

import codecs
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def as_somebody(folder: Path) -> Iterator[Path]:
    """Yield a copy of a folder that belongs to whom the block runs as.

    That is an ordinary user, even in root's tests.
    """
    place = Path(tempfile.mkdtemp(prefix="tls-scaffold-rights-"))
    copy = shutil.copytree(folder, place / folder.name, symlinks=True)
    is_root = os.geteuid() == 0
    if is_root:
        codecs.lookup("ascii")  # a Python in root's home can load nothing more in the block
        place.chmod(0o755)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        os.seteuid(NOBODY)
    try:
        yield copy
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(place)
