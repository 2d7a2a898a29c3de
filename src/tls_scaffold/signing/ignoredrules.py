"""The rules of `check` that a team has switched off, which count for what is signed too."""

import json
from pathlib import Path

from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import FILE


def ignored_rules(folder: Path) -> frozenset[str]:
    """Return the ids of the rules that a folder's inventory ignores.

    It need not be a sound inventory: of one that is not, `check` tells.
    """
    try:
        document = json.loads(read_text(folder, FILE) or "{}")
    except (ScaffoldError, OSError, ValueError, RecursionError):
        return frozenset()
    ignored = document.get("ignore") if isinstance(document, dict) else None
    return frozenset(ignored) - {""} if isinstance(ignored, dict) else frozenset()
