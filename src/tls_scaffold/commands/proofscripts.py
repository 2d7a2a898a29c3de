"""The scripts that a proof applies: the folder's own, and what the inventory makes of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import rbac
from tls_scaffold.inventory.rbac import FACTS, SCRIPT
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering import template


def scripts_to_apply(folder: Path, inventory: Inventory, into: Path) -> Iterator[Path]:
    """Yield a copy of the folder's own script, and one that makes root if the inventory has none."""
    own = {name: _read_own(folder / name) for name in (SCRIPT, FACTS)}
    yield _write_script(into / "own", own)
    if not rbac.root_component(inventory):
        yield rendered_script(rbac.root_alone(inventory), into / "root-alone", into)


def rendered_script(inventory: Inventory, at: Path, within: Path) -> Path:
    """Render the script of an inventory into the new folder `at`; `within` is for files on the way."""
    rendered = template.render(inventory, within)
    return _write_script(at, {name: rendered[name].encode() for name in (SCRIPT, FACTS)})


def _read_own(path: Path) -> bytes:
    with telling(path, "read"):
        try:
            return plain(path, str(path))
        except FileNotFoundError:
            hint = "`tls-scaffold sync` writes it anew"
            raise ScaffoldError(
                f"`{path}` is missing: it is what is to be proven", hint=hint
            ) from None


def _write_script(at: Path, contents: Mapping[str, bytes]) -> Path:
    """Write the script and, beside it, what it applies; return the script's path."""
    at.mkdir()
    for name, content in contents.items():
        (at / name).write_bytes(content)
    return at / SCRIPT
