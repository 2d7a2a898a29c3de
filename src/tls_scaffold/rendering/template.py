"""Renders the one template: an Inventory becomes the texts of a folder.

The only home of cookiecutter and jinja2.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.rendering.documents import LAST_RENDER, check_sizes, last_render
from tls_scaffold.temporary import clear_old

CARRIER = ".tls-scaffold/hook.json"
NAME = "cookiecutter-template"
PREFIX = "tls-scaffold-render-"


def render(inventory: Inventory, within: Path | None = None) -> dict[str, str]:
    """Return the text of every file of the folder that `inventory` describes, by its path.

    The same inventory gives the same bytes. The record of the last render is among them. Its
    working files are in the folder `within` where that is given: whoever removes that removes what
    a killed render left. Raises ScaffoldError where a file would be too large to be read back.
    """
    clear_old(PREFIX)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=within) as temporary:
        rendered = _run_cookiecutter(inventory, Path(temporary))
        tree = {
            path.relative_to(rendered).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(rendered.rglob("*"))
            if path.is_file()
        }
    # What the template's hook would write for plain cookiecutter, which can't make JSON itself.
    tree.update(json.loads(tree.pop(CARRIER))["files"])
    tree[LAST_RENDER] = last_render(tree)
    check_sizes(tree)
    return tree


def location() -> Path:
    """Return the template's folder: in the installed package, else at the checkout's root."""
    package = Path(__file__).parents[1]
    for place in (package / NAME, package.parents[1] / NAME):
        if (place / "cookiecutter.json").is_file():
            return place
    raise ScaffoldError(
        "the template is missing from the installation", hint="install tls-scaffold again"
    )


def _run_cookiecutter(inventory: Inventory, into: Path) -> Path:
    # Not cookiecutter.main: that reads a cookiecutterrc and writes a replay file.
    from cookiecutter.generate import generate_files

    template = location()
    settings = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    context = {"cookiecutter": {**settings, "_inventory": inventory}}
    with _importable(template):
        return Path(generate_files(str(template), context, str(into), accept_hooks=False))


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the template's extension be imported, as cookiecutter's own command does."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
