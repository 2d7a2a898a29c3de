"""Why an etcd ended or never answered: the first cause that its log tells."""

import json
import re
from pathlib import Path

# etcd 3.4 logs lines for people, later ones JSON; what it says of its flags is neither.
OLD_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ (?P<level>[A-Z]) \| [^:]*: (?P<text>.*)"
)
BAD_FLAG = re.compile(r"(flag provided but not defined|invalid value .*)")
PANIC = re.compile(r"(panic|fatal error): ")


FATAL, ERROR, WARNING = "fatal", "error", "warning"
LEVELS = {
    **dict.fromkeys(("C", "fatal", "panic"), FATAL),
    **dict.fromkeys(("E", "error"), ERROR),
    **dict.fromkeys(("W", "warn"), WARNING),
}


def first_cause(log: Path) -> str:
    """Return what a log says etcd ended of, else its first error, its last warning or last line.

    Errors that it lives with come before that, and the way it is called from behind.
    """
    return first_cause_in(log.read_text(errors="replace"))


def first_cause_in(text: str) -> str:
    """Return what the text of a log says, as `first_cause`."""
    lines = text.splitlines()
    told = [_level_and_text(line) for line in lines]
    fatal, errors, warnings = (
        [text for level, text in told if level == wanted] for wanted in (FATAL, ERROR, WARNING)
    )
    return next(iter([*fatal, *errors, *reversed(warnings), *reversed(lines)]), "")


def _level_and_text(line: str) -> tuple[str | None, str]:
    if old := OLD_LINE.match(line):
        return LEVELS.get(old["level"]), old["text"]
    if BAD_FLAG.match(line) or PANIC.match(line):
        return FATAL, line
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None, line
    if not isinstance(entry, dict):
        return None, line
    error = entry.get("error")
    if entry.get("level") == "warn" and not error:
        return None, line  # advice of all kinds
    parts = (str(part) for part in (entry.get("msg"), error) if part)
    return LEVELS.get(str(entry.get("level"))), ": ".join(parts)
