"""Builds the real programs that tests run against.

Each folder beside this file is a Go module that names them. They lie in the user's cache, under
names that change with what a module asks for, so that a checkout may be deleted and several may
share them. `python tests/peers/build.py` builds what is missing; without Go it says so and ends
with 1.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MODULES = tuple(sorted(path.parent.name for path in HERE.glob("*/go.mod")))
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tls-scaffold-peers")
SERVER = "server"  # etcd's own program, by the last part of its package's path


def folder(module: str) -> Path:
    """Return the folder that has a module's programs once they are built."""
    asked = b"".join((HERE / module / name).read_bytes() for name in ("go.mod", "go.sum"))
    return CACHE / f"{module}-{hashlib.sha256(asked).hexdigest()[:16]}"


def build(module: str) -> None:
    """Build a module's programs; they are there all at once or not at all."""
    target = folder(module)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        aside = Path(temporary, module)
        aside.mkdir()
        subprocess.run(
            ["go", "build", "-trimpath", "-o", f"{aside}/", "tool"], cwd=HERE / module, check=True
        )
        if (aside / SERVER).exists():
            (aside / SERVER).rename(aside / "etcd")
        aside.rename(target)


def main() -> None:
    """Build what is not there yet."""
    missing = [module for module in MODULES if not folder(module).is_dir()]
    if missing and not shutil.which("go"):
        sys.exit(
            f"Go is not installed: not built are {', '.join(missing)}, "
            "and the tests that need them skip"
        )
    for module in missing:
        print(f"building {module}", file=sys.stderr)  # noqa: T201  (it takes a while)
        build(module)


if __name__ == "__main__":
    main()
