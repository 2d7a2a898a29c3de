"""What killed runs of ours left in the temporary directory."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

HOUR = 3600


def clear_old(prefix: str) -> None:
    """Remove what is ours, begins with `prefix` and is older than an hour.

    Nothing that we do there takes so long.
    """
    with suppress(OSError):  # where nothing can be written there is no temporary directory either
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            _remove_if_old(path)


def _remove_if_old(path: Path) -> None:
    with suppress(OSError):
        status = path.lstat()
        if status.st_uid == os.getuid() and status.st_mtime < time.time() - HOUR:
            shutil.rmtree(path)
