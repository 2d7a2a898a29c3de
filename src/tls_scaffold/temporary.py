"""What killed runs of ours left in the temporary directory."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HOUR = 3600


def clear_old(prefix: str) -> None:
    """Remove what is ours, begins with `prefix` and is older than an hour: nothing that we do there takes so long."""
    with suppress(OSError):  # where nothing can be written there is no temporary directory either
        for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            _clear(old)


def _clear(old: Path) -> None:
    with suppress(OSError):
        status = old.lstat()
        if status.st_uid == os.getuid() and status.st_mtime < time.time() - HOUR:
            shutil.rmtree(old)
