"""Go's durations, as cfssl's documents write lifetimes."""

import re
from datetime import timedelta

UNITS = {  # in nanoseconds
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
WHOLE = re.compile(rf"[+-]?(?:0|(?:{NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
LONGEST = 2**63  # Go counts nanoseconds in 64 bits


def parse(text: str) -> timedelta | None:
    """Return a duration such as `8760h` as Go's time.ParseDuration reads it; None if it is none."""
    if not WHOLE.fullmatch(text):
        return None
    try:
        nanoseconds = sum(_nanoseconds_of(*part) for part in PART.findall(text))
    except ValueError:  # Python reads no number of more than 4,300 digits
        return None
    if nanoseconds >= LONGEST:
        return None
    return timedelta(microseconds=(-nanoseconds if text.startswith("-") else nanoseconds) // 1000)


def _nanoseconds_of(whole: str, decimals: str, unit: str) -> int:
    fraction = int(decimals or "0") * UNITS[unit] // int(10 ** len(decimals))
    return int(whole or "0") * UNITS[unit] + fraction


def text(duration: timedelta) -> str:
    """Return a duration in the form that lifetimes have in cfssl's documents: `8760h`, `1h30m`."""
    seconds = int(abs(duration).total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    words = "".join(f"{count}{unit}" for count, unit in parts if count) or "0h"
    return f"-{words}" if duration < timedelta() else words
