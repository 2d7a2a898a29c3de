"""Who asked for this run: what make asked for ends with that make.

A killed make leaves its children behind. One that went on would put its work in place when the next
make has ended. sign.sh's `lock` asks the same.
"""

import os

from tls_scaffold import STARTED_BY
from tls_scaffold.errors import ScaffoldError


def check_parent() -> None:
    """Raise ScaffoldError if make asked for this run, and is gone."""
    if "MAKELEVEL" in os.environ and os.getppid() != STARTED_BY:
        raise ScaffoldError("the make that asked for this is gone")
