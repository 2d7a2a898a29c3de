"""The lives of certificates on one time line, as an SVG picture that a browser shows."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.spelling import escaped
from tls_scaffold.state.statewords import (
    AWAITING_SIGNATURE,
    EXPIRED,
    EXPIRING,
    MISMATCHED,
    MISSING,
    ON_REQUEST,
    ORPHANED,
    REVOKED,
    STALE,
    VALID,
)
from tls_scaffold.state.timescale import (
    DAY,
    LEFT,
    MONTH,
    WIDTH,
    Scale,
    Span,
    marks,
    scale_of,
    shifted,
)

COLOURS = {
    MISMATCHED: "#c1272d",
    MISSING: "#c1272d",
    REVOKED: "#c1272d",
    EXPIRED: "#c1272d",
    AWAITING_SIGNATURE: "#d98200",
    STALE: "#d98200",
    EXPIRING: "#d98200",
    ORPHANED: "#8a8f98",
    ON_REQUEST: "#8a8f98",
    VALID: "#2f7d4f",
}
INK = "#1d2129"
SOON = "#fff1cc"
ROW = 24
TOP = 96
BOTTOM = 36
RIGHT = 190
LONGEST = 24
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2129}.dim{fill:#5f6672}.end{text-anchor:end}"
    ".mid{text-anchor:middle}.ca{font-weight:bold}"
)


@dataclass(frozen=True)
class Life:
    """One certificate: its label, its state, and from when to when it lives (UTC).

    One that can't be read, or is not there, has no times.
    """

    name: str
    state: str
    begin: datetime | None
    end: datetime | None
    is_ca: bool = False


def timeline_svg(lives: Sequence[Life], today: datetime, within: timedelta = MONTH) -> str:
    """Return a picture of `lives`, one below the other in their order, with `today` marked.

    What ends `within` that time is seen to do so. The picture is as long as the leaves live: what
    lives much longer, as a CA does, runs out of it and has its end in words.
    """
    spans = [Span(each.begin, each.end, each.is_ca) for each in lives if each.begin and each.end]
    scale = scale_of(spans, today, within)
    height = TOP + ROW * len(lives) + BOTTOM
    parts = (
        *_legend(),
        *_stripes(len(lives)),
        *_soon(scale, today, within, height),
        *_axis(scale, height),
        *(
            line
            for index, life in enumerate(lives)
            for line in _row(life, TOP + ROW * index, scale, today)
        ),
        *_today(scale, today, height),
        *_ends_of_cas(lives, scale, height),
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


def _legend() -> Iterator[str]:
    entries = (
        (0, VALID, COLOURS[VALID]),
        (90, "expiring, stale", COLOURS[EXPIRING]),
        (240, "expired, mismatched", COLOURS[EXPIRED]),
        (420, ORPHANED, COLOURS[ORPHANED]),
    )
    for shift, text, colour in entries:
        x = LEFT + shift
        yield f'<rect x="{x}" y="12" width="14" height="14" rx="3" fill="{colour}"/>'
        yield f'<text class="dim" x="{x + 20}" y="24">{text}</text>'
    x = LEFT + 530
    frame = f'fill="none" stroke="{INK}" stroke-width="2"'
    yield f'<rect x="{x}" y="13" width="12" height="12" rx="3" {frame}/>'
    yield f'<text class="dim" x="{x + 20}" y="24">CA; an arrow: goes on</text>'


def _stripes(count: int) -> Iterator[str]:
    """Yield what leads the eye from a name to its bar and its state, where there are many."""
    for index in range(1, count, 2):
        y, width = TOP + ROW * index, LEFT + WIDTH + RIGHT
        yield f'<rect y="{y}" width="{width}" height="{ROW}" fill="#f6f7f9"/>'


def _soon(scale: Scale, today: datetime, within: timedelta, height: int) -> Iterator[str]:
    left, right = scale.x(today), scale.x(shifted(today, within))
    days = f"{within // DAY} days" if within >= DAY else f"{within // timedelta(hours=1)} hours"
    size = f'width="{right - left:.1f}" height="{height - TOP - BOTTOM + 16}"'
    yield f'<rect x="{left}" y="{TOP - 8}" {size} fill="{SOON}"/>'
    yield f'<text class="dim" x="{right + 4:.1f}" y="52">{days}</text>'
    yield f'<line x1="{right}" y1="40" x2="{right}" y2="{height - 28}" stroke="#d98200"/>'


def _axis(scale: Scale, height: int) -> Iterator[str]:
    for mark in marks(scale.begin, scale.end):
        x = scale.x(mark)
        label = f"{mark:%Y}" if mark.month == 1 else f"{mark:%Y-%m}"
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - 28}" stroke="#d5d9df"/>'
        # Below too: of many rows the first ones are out of sight.
        for y in (TOP - 14, height - 12):
            yield f'<text class="dim mid" x="{x}" y="{y}">{label}</text>'


def _row(life: Life, y: int, scale: Scale, today: datetime) -> Iterator[str]:
    name = _text(life.name)
    shown = name if len(life.name) <= LONGEST else f"{_text(life.name[: LONGEST - 1])}…"
    kind, marked = ("ca ", " (CA)") if life.is_ca else ("", "")
    yield f'<text class="{kind}end" x="{LEFT - 12}" y="{y + 16}">{shown}{marked}</text>'
    label = life.state
    if life.begin and life.end:
        goes_on = life.end > scale.end
        days = (life.end - today) // DAY
        label += f", to {life.end:%Y-%m-%d}" if goes_on else f", {days} days"
        yield from _bar(life, life.begin, life.end, name, y, scale)
    yield f'<text class="dim" x="{LEFT + WIDTH + 14}" y="{y + 16}">{label}</text>'


def _bar(
    life: Life, begin: datetime, end: datetime, name: str, y: int, scale: Scale
) -> Iterator[str]:
    left, right = scale.x(begin), scale.x(end)
    colour = COLOURS[life.state]
    stroke = f' stroke="{INK}" stroke-width="2"' if life.is_ca else ""
    tip = f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}, {life.state}"
    size = f'width="{max(right - left, 2):.1f}" height="14" rx="3"'
    yield (
        f'<rect x="{left}" y="{y + 5}" {size} fill="{colour}"{stroke}>'
        f"<title>{name}: {tip}</title></rect>"
    )
    if end > scale.end:
        x = LEFT + WIDTH
        yield f'<path d="M{x} {y + 3}l9 9l-9 9z" fill="{colour}"{stroke}/>'
    if begin < scale.begin:
        yield f'<path d="M{LEFT} {y + 3}l-9 9l9 9z" fill="{colour}"{stroke}/>'


def _text(name: str) -> str:
    """Return a name as text of XML, which has no place for U+FFFE and U+FFFF."""
    return html.escape(escaped(name)).replace("\ufffe", "?").replace("\uffff", "?")


def _today(scale: Scale, today: datetime, height: int) -> Iterator[str]:
    x = scale.x(today)
    yield (
        f'<line x1="{x}" y1="40" x2="{x}" y2="{height - 28}" stroke="{INK}" '
        'stroke-dasharray="4 3"/>'
    )
    yield f'<text class="end" x="{x - 4:.1f}" y="52">today, {today:%Y-%m-%d}</text>'


def _ends_of_cas(lives: Sequence[Life], scale: Scale, height: int) -> Iterator[str]:
    """Yield a line where a CA ends: nothing that it signed lives on."""
    for end in {each.end for each in lives if each.is_ca and each.end}:
        if scale.begin < end < scale.end:
            x = scale.x(end)
            yield (
                f'<line x1="{x}" y1="56" x2="{x}" y2="{height - 28}" '
                f'stroke="{COLOURS[EXPIRED]}" stroke-width="2"/>'
            )
            yield f'<text class="mid" x="{x}" y="68">CA ends, {end:%Y-%m-%d}</text>'
