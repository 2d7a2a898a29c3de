"""Who has to read a certificate again when it was signed: what `COMPONENTS.md` says of it."""

import re
from collections.abc import Iterable
from pathlib import Path

from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.keeping.consequences import COMPONENTS

UNKNOWN = "whoever uses it has to read it anew, or to be restarted"
"""Of what has no row there; `sign.sh` says the same."""
FLAG_VALUES = re.compile(r"=([^ `]+\.pem)(?=[ `])")


def who_reloads(folder: Path, signed: Iterable[str]) -> dict[str, str]:
    """Return who has to be told of each new certificate: the last cell of its COMPONENTS.md row.

    The row is the one that has the certificate among its flags, as for `sign.sh`.
    """
    try:
        table = content(folder, COMPONENTS).decode("utf-8", "replace") if signed else ""
    except ScaffoldError:
        return {}
    by_path: dict[str, str] = {}
    for line in table.splitlines():
        who = line.strip(" |").split(" | ")[-1].strip()
        by_path |= dict.fromkeys(FLAG_VALUES.findall(line), who)
    return {path: by_path[path] for path in signed if path in by_path}
