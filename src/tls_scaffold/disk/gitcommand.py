"""How git is called on a folder that others may have made."""

import shutil
import subprocess
from pathlib import Path

# A repository may name programs that git runs by itself, and a foreign one is refused: neither is
# wanted here.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")


def is_tracked(folder: Path, path: str) -> bool:
    """Tell whether git tracks a path of a folder: it came with a clone, or goes into the next one.

    No is the answer too where there is no git, or no repository that it can read.
    """
    if not shutil.which("git"):
        return False
    done = subprocess.run(
        [*GIT, "ls-files", "--error-unmatch", "--", path],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
