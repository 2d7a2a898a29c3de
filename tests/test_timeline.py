"""The picture: what stands where in it, and that any name and any number of lives make one."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pictures import SVG, parsed
from tls_scaffold.state.timeline import COLOURS, Life, timeline_svg

GOLDEN = Path(__file__).parent / "golden/timeline.svg"
TODAY = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def life(name: str, begin: int, end: int, state: str = "valid") -> Life:
    return Life(name, state, TODAY + timedelta(days=begin), TODAY + timedelta(days=end))


def bars(picture: str) -> dict[str, tuple[float, float, str]]:
    """Return each bar's ends and its colour, by what it shows when it is pointed at."""
    found = {}
    for bar in parsed(picture).iter(f"{SVG}rect"):
        title = bar.find(f"{SVG}title")
        if title is not None:
            left = float(bar.attrib["x"])
            found[str(title.text)] = (left, left + float(bar.attrib["width"]), bar.attrib["fill"])
    return found


def texts(picture: str) -> list[str]:
    return ["".join(text.itertext()) for text in parsed(picture).iter(f"{SVG}text")]


def test_lives_stand_to_scale_below_each_other() -> None:
    picture = timeline_svg(
        [life("ca", 0, 3650), life("etcd1", 0, 365, "expiring"), life("old", -365, -1, "expired")],
        TODAY,
    )
    assert bars(picture) == {
        "ca: 2026-11-23 to 2036-11-20, valid": (
            pytest.approx(265.5, abs=0.1),
            920.0,
            COLOURS["valid"],
        ),
        "etcd1: 2026-11-23 to 2027-11-23, expiring": (
            pytest.approx(265.5, abs=0.1),
            pytest.approx(330.9, abs=0.1),
            COLOURS["expiring"],
        ),
        "old: 2025-11-23 to 2026-11-22, expired": (
            200.0,
            pytest.approx(265.3, abs=0.1),
            COLOURS["expired"],
        ),
    }
    heights = [bar.attrib["y"] for bar in parsed(picture).iter(f"{SVG}rect") if "y" in bar.attrib]
    assert heights == ["61", "85", "109"]


def test_today_is_marked_where_it_is() -> None:
    root = parsed(timeline_svg([life("ca", -10, 30)], TODAY))
    dashed = [
        line.attrib["x1"] for line in root.iter(f"{SVG}line") if "stroke-dasharray" in line.attrib
    ]
    assert dashed == ["380.0"]
    assert texts(timeline_svg([life("ca", -10, 30)], TODAY)) == [
        "2026-12",
        "ca",
        "valid, 30 days",
        "today, 2026-11-23",
    ]


def test_a_picture_is_the_same_to_the_byte() -> None:
    today = datetime(2027, 1, 20, tzinfo=timezone.utc)
    lives = [
        Life(
            "ca",
            "valid",
            datetime(2026, 12, 11, tzinfo=timezone.utc),
            datetime(2027, 3, 11, tzinfo=timezone.utc),
        ),
        Life("x" * 24, "expired", today - timedelta(days=1), today - timedelta(days=1)),
    ]
    assert timeline_svg(lives, today) == GOLDEN.read_text(encoding="utf-8")


def test_the_axis_counts_years_where_months_have_no_room() -> None:
    marks = [
        text for text in texts(timeline_svg([life("ca", 0, 365 * 9)], TODAY)) if text[:2] == "20"
    ]
    assert marks == ["2027", "2028", "2029", "2030", "2031", "2032", "2033", "2034", "2035"]
    marks = [text for text in texts(timeline_svg([life("ca", 0, 365)], TODAY)) if text[:2] == "20"]
    assert marks == ["2026-12", "2027", *(f"2027-{month:02}" for month in range(2, 12))]
    marks = [
        text for text in texts(timeline_svg([life("ca", 0, 366 + 31)], TODAY)) if text[:2] == "20"
    ]
    assert marks == ["2027", *(f"2027-{month:02}" for month in range(3, 12, 2))]


def test_a_life_of_any_length_is_drawn() -> None:
    ages = Life(
        "ca",
        "valid",
        datetime(1950, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 1, 1, tzinfo=timezone.utc),
    )
    assert texts(timeline_svg([ages], TODAY))[:3] == ["2000", "2100", "2200"]
    assert list(bars(timeline_svg([life("now", 0, 0)], TODAY)).values()) == [
        (200.0, 202.0, COLOURS["valid"])
    ]
    assert list(bars(timeline_svg([life("day", 0, 1)], TODAY)).values()) == [
        (200.0, 920.0, COLOURS["valid"])
    ]


@pytest.mark.parametrize("days", [1, 40, 400, 4000, 40_000, 400_000])
def test_the_axis_has_as_many_marks_as_there_is_room_for(days: int) -> None:
    picture = timeline_svg([life("ca", 0, days)], TODAY)
    marks = [text for text in texts(picture) if text[:4].isdigit() and len(text) in (4, 7)]
    assert len(marks) <= 12
    assert len(marks) >= (1 if days > 31 else 0)
    assert len(set(marks)) == len(marks)


def test_any_name_makes_a_picture() -> None:
    names = ["<b>&\"'</b>", "a" * 200, "\x1b[31m", "\ufffe\uffff", "\udcff", ""]
    picture = timeline_svg([life(name, 0, 1) for name in names], TODAY)
    labels = [text for text in texts(picture) if "today" not in text and "valid" not in text]
    assert labels == ["<b>&\"'</b>", "a" * 23 + "…", "\\x1b[31m", "??", "\\xff", ""]
    picture.encode()


def test_a_picture_without_lives_shows_today() -> None:
    assert texts(timeline_svg([], TODAY)) == ["today, 2026-11-23"]


def test_a_thousand_lives_have_a_row_each() -> None:
    root = parsed(timeline_svg([life(f"u{number}", 0, 365) for number in range(1000)], TODAY))
    assert root.attrib["height"] == str(56 + 24 * 1000 + 16)
    assert len(list(root.iter(f"{SVG}rect"))) == 1001
