"""Where a page of the documentation lies on this machine."""

import re
from pathlib import Path

DOCS = "docs"
INSTALLED = f"share/doc/tls-scaffold/{DOCS}"
PACKAGE = Path(__file__).resolve().parents[1]
NAMED = re.compile(rf"(?<![\w/]){DOCS}/[\w/.-]*\w\.md(?:#[\w-]+)?")


def page_place(page: str, package: Path = PACKAGE) -> str:
    """Return where a page is that is named `docs/…`, its section included.

    A checkout has `docs/` beside `src/`. The wheel lays it out below the prefix that it was
    installed into, such as a virtual environment's. Where neither is, the name is that in the
    repository.
    """
    path, hash_sign, section = page.partition("#")
    below = path.removeprefix(f"{DOCS}/")
    checkout = package.parents[1]
    homes = [checkout / DOCS] if (checkout / "pyproject.toml").is_file() else []
    # PREFIX/lib/python3.12/site-packages/tls_scaffold; `pip install --target` has it beside that.
    homes += [parent / INSTALLED for parent in list(package.parents)[:4]]
    for home in homes:
        if (home / below).is_file():
            return f"{home / below}{hash_sign}{section}"
    return f"{page} (in tls-scaffold's repository)"


def with_page_places(text: str) -> str:
    """Return a text in which each page that it names is where it is on this machine."""
    return NAMED.sub(lambda found: page_place(found[0]), text)
