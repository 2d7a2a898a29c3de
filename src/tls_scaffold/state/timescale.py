"""Which time the picture of certificates' lives shows, and where a moment is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LEFT = 210
WIDTH = 720
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
# A life that goes on for that many times the usual one runs out of the picture.
LONGER = 1.5
STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
"""Months between two marks of the axis."""
MARKS = 12


@dataclass(frozen=True)
class Span:
    """From when to when a certificate lives, and whether it is a CA."""

    begin: datetime
    end: datetime
    is_ca: bool


@dataclass(frozen=True)
class Scale:
    """Turns a moment into a place from left to right."""

    begin: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        """Return the place of a moment, at the edge for one that is not in the picture."""
        span = max(self.end - self.begin, DAY)
        share = (moment - self.begin) / span
        return round(LEFT + WIDTH * min(max(share, 0), 1), 1)


def scale_of(spans: Sequence[Span], today: datetime, within: timedelta) -> Scale:
    """Return the scale on which leaves can be read; a CA alone has one of its own.

    What ends `within` that time from `today` on is always in it.
    """
    shown = [each for each in spans if not each.is_ca] or spans
    lengths = sorted(each.end - each.begin for each in shown) or [MONTH]
    most = LONGER * lengths[len(lengths) // 2]
    # Sums of dates may leave the calendar, differences don't.
    after = min(max((each.end - today for each in shown), default=MONTH), most)
    before = min(max((today - each.begin for each in shown), default=timedelta()), most)
    after, before = max(after, within), max(before, timedelta())
    return Scale(shifted(today, -before), shifted(today, after + (after + before) / 24))


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a moment that much later, as far as the calendar goes."""
    try:
        return moment + by
    except OverflowError:
        return moment.replace(year=9999 if by > timedelta() else 1)


def marks(begin: datetime, end: datetime) -> list[datetime]:
    """Return the beginnings of months that are marked: as many as have room beside each other."""
    first, last = begin.year * 12 + begin.month, end.year * 12 + end.month - 1
    step = next((step for step in STEPS if (last - first) // step < MARKS), STEPS[-1])
    months = range(-(-first // step) * step, last + 1, step)
    return [datetime(month // 12, month % 12 + 1, 1, tzinfo=begin.tzinfo) for month in months]
