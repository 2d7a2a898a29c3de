"""Lines of shell run as a user runs them, with the tls-scaffold under test on the PATH."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def run(line: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables}
    return subprocess.run(  # noqa: S602 - the shell is what is tested
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
