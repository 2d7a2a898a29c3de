"""Where the inventory wants the key of the folder's CA: signing goes by that word alone."""

import json
from contextlib import suppress
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.inventory.values import FILE

ENCRYPTED = "encrypted"


def is_key_encrypted(folder: Path) -> bool:
    """Tell whether a folder's inventory wants the CA's key encrypted.

    The rest of the inventory may have mistakes: signing goes on then as it was.
    """
    with suppress(ValueError, RecursionError, AttributeError):
        ca = json.loads(plain_or_empty(folder / FILE) or b"{}").get("ca")
        return isinstance(ca, dict) and ca.get("key") == ENCRYPTED
    return False
