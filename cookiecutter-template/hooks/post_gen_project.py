"""Writes the files that depend on the components, or refuses the answers.

Where it refuses them, cookiecutter takes the folder away.
"""

import json
import sys
from pathlib import Path

CARRIER = Path(".tls-scaffold/hook.json")


def main() -> str | None:
    """Return the message to fail with, or None when the folder is whole."""
    carried = json.loads(CARRIER.read_text(encoding="utf-8"))
    CARRIER.unlink()
    if "error" in carried:
        return f"error: {carried['error']}"
    sys.path.insert(0, carried["package"])
    from tls_scaffold.rendering import documents

    for path, text in carried["files"].items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    rendered = {
        str(path): path.read_text(encoding="utf-8") for path in Path().rglob("*") if path.is_file()
    }
    Path(documents.LAST_RENDER).write_text(documents.last_render(rendered), encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main())
