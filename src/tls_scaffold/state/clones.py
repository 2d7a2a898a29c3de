"""Tells a clone, to which git brought no keys, from a folder that has lost its CA."""

import os
from pathlib import Path

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.disk.locking import FILE as LOCK
from tls_scaffold.disk.statefiles import PRIVATE_FOLDERS
from tls_scaffold.paths import CA
from tls_scaffold.signing.record import has_ca_on_record
from tls_scaffold.state.entries import Contents

OF_ANY_RUN = (".gitignore", Path(LOCK).name)
"""What a command leaves in a clone too, such as `add`, or a `make` that refuses."""


def is_without_keys(folder: Path, contents: Contents) -> bool:
    """Tell a folder whose CA is on record, and that has nothing of what stays out of git.

    One pair, or one file below `archive/` or `dist/`, shows that keys were here: then the CA is
    lost, and nobody is to take that for a clone.
    """
    if not has_ca_on_record(folder, CA):
        return False
    if any(_has_something(folder / name) for name in (*PRIVATE_FOLDERS, DIST)):
        return False
    return not any(each.certificate or each.key or each.is_there for each in contents.entries)


def _has_something(directory: Path) -> bool:
    """Tell whether anything lies in a directory, or may: what can't be looked into counts."""
    if not os.path.lexists(directory):
        return False
    try:
        return any(each.name not in OF_ANY_RUN for each in directory.iterdir())
    except OSError:
        return True
