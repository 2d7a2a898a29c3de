"""Whether a process that left its number behind is still there."""

import os
from pathlib import Path

UNKNOWN = "-"
STARTTIME = 22  # proc(5), /proc/PID/stat
ENDED = ("Z", "X")  # killed, but its parent has not noticed


def started(pid: int) -> str:
    """Return when process `pid` began, in the kernel's ticks; `ended`, or `-` where that can't be told."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return UNKNOWN
    after_command = stat.rpartition(")")[2].split()  # the command may hold blanks; field 3 follows it
    return after_command[STARTTIME - 3] if after_command[0] not in ENDED else "ended"


def alive(pid: int, start: str = UNKNOWN) -> bool:
    """Tell whether process `pid` runs and is the one that began at `start` (`-` or empty: any).

    Where /proc hides it (proc(5), hidepid) it counts as that one.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return start in ("", UNKNOWN) or started(pid) in (start, UNKNOWN)
