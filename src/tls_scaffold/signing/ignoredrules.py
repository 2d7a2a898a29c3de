"""The rules of `check` that a team has switched off, which count for what is signed too."""

from pathlib import Path

from tls_scaffold.disk.inventorydocument import inventory_document


def ignored_rules(folder: Path) -> frozenset[str]:
    """Return the ids of the rules that a folder's inventory ignores.

    It need not be a sound inventory: of one that is not, `check` tells.
    """
    ignored = inventory_document(folder).get("ignore")
    return frozenset(ignored) - {""} if isinstance(ignored, dict) else frozenset()
