"""The lives of certificates on one time line, as an SVG picture that a browser shows."""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.spelling import escaped

COLOURS = {
    "mismatched": "#c1272d",
    "missing": "#c1272d",
    "expired": "#c1272d",
    "stale": "#d98200",
    "expiring": "#d98200",
    "orphaned": "#8a8f98",
    "valid": "#2f7d4f",
}
ROW = 24
TOP = 56
LEFT = 200
WIDTH = 720
RIGHT = 170
STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
"""Months between two marks of the axis."""
MARKS = 12
LONGEST = 24
STYLE = (
    "text{font:13px "
    "system-ui,sans-serif;fill:#1d2129}.dim{fill:#5f6672}.end{text-anchor:end}.mid{text-anchor:middle}"
)


@dataclass(frozen=True)
class Life:
    """One certificate: its label, its state, and from when to when it lives (UTC)."""

    name: str
    state: str
    begin: datetime
    end: datetime


def timeline_svg(lives: Sequence[Life], today: datetime) -> str:
    """Return a picture of `lives`, one below the other in their order, with `today` marked.

    The CA stands first, so that a life that ends after the CA's is seen to do so.
    """
    scale = _Scale(
        min((today, *(life.begin for life in lives))), max((today, *(life.end for life in lives)))
    )
    height = TOP + ROW * len(lives) + 16
    parts = (
        *_axis(scale, height),
        *(
            line
            for index, life in enumerate(lives)
            for line in _row(life, TOP + ROW * index, scale, today)
        ),
        *_today(scale, today, height),
    )
    width = LEFT + WIDTH + RIGHT
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>Certificates on {today:%Y-%m-%d}</title>",
            f"<style>{STYLE}</style>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        )
    )


@dataclass(frozen=True)
class _Scale:
    """Turns a moment into a place from left to right."""

    begin: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        span = max(self.end - self.begin, timedelta(days=1))
        return round(LEFT + WIDTH * ((moment - self.begin) / span), 1)


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    for mark in _marks(scale.begin, scale.end):
        x = scale.x(mark)
        label = f"{mark:%Y}" if mark.month == 1 else f"{mark:%Y-%m}"
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 8}" stroke="#e3e6ea"/>'
        yield f'<text class="dim mid" x="{x}" y="{TOP - 14}">{label}</text>'


def _marks(begin: datetime, end: datetime) -> list[datetime]:
    """Return the beginnings of months that are marked: as many as have room beside each other."""
    first, last = begin.year * 12 + begin.month, end.year * 12 + end.month - 1
    step = next((step for step in STEPS if (last - first) // step < MARKS), STEPS[-1])
    months = range(-(-first // step) * step, last + 1, step)
    return [datetime(month // 12, month % 12 + 1, 1, tzinfo=begin.tzinfo) for month in months]


def _row(life: Life, y: int, scale: _Scale, today: datetime) -> Iterator[str]:
    left, right = scale.x(life.begin), scale.x(life.end)
    name = _text(life.name)
    days = (life.end - today) // timedelta(days=1)
    tip = f"{life.begin:%Y-%m-%d} to {life.end:%Y-%m-%d}, {life.state}"
    shown = name if len(life.name) <= LONGEST else f"{_text(life.name[: LONGEST - 1])}…"
    yield f'<text class="end" x="{LEFT - 12}" y="{y + 16}">{shown}</text>'
    yield (
        f'<rect x="{left}" y="{y + 5}" width="{max(right - left, 2):.1f}" height="14" rx="3" '
        f'fill="{COLOURS[life.state]}"><title>{name}: {tip}</title></rect>'
    )
    yield f'<text class="dim" x="{LEFT + WIDTH + 10}" y="{y + 16}">{life.state}, {days} days</text>'


def _text(name: str) -> str:
    """Return a name as text of XML, which has no place for U+FFFE and U+FFFF."""
    return html.escape(escaped(name)).replace("\ufffe", "?").replace("\uffff", "?")


def _today(scale: _Scale, today: datetime, height: int) -> Iterable[str]:
    x = scale.x(today)
    return (
        (
            f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 8}" stroke="#1d2129" '
            'stroke-dasharray="4 3"/>'
        ),
        f'<text class="mid" x="{x}" y="18">today, {today:%Y-%m-%d}</text>',
    )
