"""Shell scripts of a folder that call cfssl: without a Makefile, they say what is signed."""

import shlex
from pathlib import Path

from tls_scaffold.disk.plainfiles import content, names
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import GENERATED
from tls_scaffold.shell.cfssllines import CALLS_CFSSL

ENDINGS = (".sh", ".bash")


def scripts_with_cfssl(folder: Path) -> tuple[str, ...]:
    """Return the names of the scripts in a folder that sign with cfssl."""
    there = [name for ending in ENDINGS for name in names(folder, ".", ending)]
    return tuple(name for name in there if name not in GENERATED and _calls_cfssl(folder, name))


def way_to_adopt(script: str) -> str:
    """Return the command that takes over what a script signs."""
    return f"tls-scaffold adopt --from-script {shlex.quote(script)}"


def _calls_cfssl(folder: Path, name: str) -> bool:
    try:
        return CALLS_CFSSL.search(content(folder, name).decode("latin-1")) is not None
    except ScaffoldError:
        return False
