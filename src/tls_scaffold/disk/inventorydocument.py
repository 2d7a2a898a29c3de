"""The inventory file of a folder that need not be sound: what signing goes by all the same.

Who holds the CA, which group may read keys and which rules are ignored count while something else
of the inventory has a mistake; of that `check` tells.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.inventory.formats import json_object
from tls_scaffold.inventory.values import FILE


def inventory_document(folder: Path) -> Mapping[str, Any]:
    """Return what the inventory file holds, nothing where it can't be read or is no JSON object."""
    return json_object(plain_or_empty(folder / FILE))
