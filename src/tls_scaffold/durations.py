"""Go's durations, as cfssl's documents write lifetimes."""

import re
from datetime import timedelta
from fractions import Fraction

UNITS = {
    "ns": Fraction(1, 1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ms": Fraction(1000),
    "s": Fraction(10**6),
    "m": Fraction(60 * 10**6),
    "h": Fraction(3600 * 10**6),
}
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
PART = re.compile(rf"({NUMBER})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
WHOLE = re.compile(rf"[+-]?(?:0|(?:{NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
LONGEST = Fraction(2**63, 1000)  # Go counts nanoseconds in 64 bits


def parse(text: str) -> timedelta | None:
    """Return a duration such as `8760h` or `1h30m` as time.ParseDuration of Go reads it; None if it is none."""
    if not WHOLE.fullmatch(text):
        return None
    microseconds = sum((Fraction(number) * UNITS[unit] for number, unit in PART.findall(text)), Fraction())
    if microseconds >= LONGEST:
        return None
    return timedelta(microseconds=int(-microseconds if text.startswith("-") else microseconds))


def text(duration: timedelta) -> str:
    """Return a duration in the form that lifetimes have in cfssl's documents: `8760h`, `1h30m`."""
    seconds = int(abs(duration).total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    words = "".join(f"{count}{unit}" for count, unit in parts if count) or "0h"
    return f"-{words}" if duration < timedelta() else words
