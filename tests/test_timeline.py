"""The picture: what stands where in it, and that any name and any number of lives make one."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pictures import SVG, parsed
from tls_scaffold.state.timeline import COLOURS, Life, timeline_svg

pytestmark = pytest.mark.fast

GOLDEN = Path(__file__).parent / "golden/timeline.svg"
TODAY = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def life(name: str, begin: int, end: int, state: str = "valid", *, is_ca: bool = False) -> Life:
    return Life(name, state, TODAY + timedelta(days=begin), TODAY + timedelta(days=end), is_ca)


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


def marks(picture: str) -> list[str]:
    """Return the labels of the axis, which stand above and below."""
    found = [text for text in texts(picture) if text[:4].isdigit() and len(text) in (4, 7)]
    assert found[::2] == found[1::2]
    return found[::2]


def arrows(picture: str) -> int:
    return len(list(parsed(picture).iter(f"{SVG}path")))


def test_leaves_stand_to_scale_and_what_lives_much_longer_runs_out() -> None:
    picture = timeline_svg(
        [
            life("old", -365, -1, "expired"),
            life("etcd1", 0, 365, "expiring"),
            life("ca", -3650, 3650, is_ca=True),
        ],
        TODAY,
    )
    # 730 days, and a 24th behind them.
    days = 720 / (730 * 25 / 24)
    assert bars(picture) == {
        "old: 2025-11-23 to 2026-11-22, expired": (
            210.0,
            pytest.approx(210 + 364 * days, abs=0.2),
            COLOURS["expired"],
        ),
        "etcd1: 2026-11-23 to 2027-11-23, expiring": (
            pytest.approx(210 + 365 * days, abs=0.1),
            pytest.approx(210 + 730 * days, abs=0.2),
            COLOURS["expiring"],
        ),
        "ca: 2016-11-25 to 2036-11-20, valid": (210.0, 930.0, COLOURS["valid"]),
    }
    assert arrows(picture) == 2
    assert {"expired, -1 days", "expiring, 365 days", "valid, to 2036-11-20"} <= set(texts(picture))


def test_one_leaf_that_lives_ten_years_makes_no_stubs_of_the_others() -> None:
    lives = [*(life(f"u{number}", 0, 365) for number in range(3)), life("old", 0, 3650)]
    found = bars(timeline_svg(lives, TODAY))
    assert [right - left > 400 for left, right, _ in found.values()] == [True] * 4


def test_rows_stand_in_the_order_they_are_given_with_what_has_no_life_too() -> None:
    lives = [
        Life("gone", "missing", None, None),
        life("soon", -360, 5, "expiring"),
        life("ca", 0, 3650, is_ca=True),
    ]
    picture = timeline_svg(lives, TODAY)
    named = [text for text in texts(picture) if text.split()[0] in ("gone", "soon", "ca")]
    assert named == ["gone", "soon", "ca (CA)"]
    assert [each.partition(":")[0] for each in bars(picture)] == ["soon", "ca"]
    assert "missing" in texts(picture)


def test_a_ca_is_marked_and_its_end_too_where_it_is_in_the_picture() -> None:
    soon = timeline_svg([life("ca", -3500, 150, is_ca=True), life("u", 0, 365)], TODAY)
    late = timeline_svg([life("ca", 0, 3650, is_ca=True), life("u", 0, 365)], TODAY)
    assert "CA ends, 2027-04-22" in texts(soon)
    assert not any("CA ends" in text for text in texts(late))
    outlined = [bar for bar in parsed(soon).iter(f"{SVG}rect") if "stroke" in bar.attrib]
    assert len(outlined) == 2  # that of the legend, and the CA's


def test_today_and_the_days_of_renewal_are_marked_where_they_are() -> None:
    root = parsed(timeline_svg([life("u", -10, 350)], TODAY, timedelta(days=90)))
    lines = {line.attrib["stroke"]: float(line.attrib["x1"]) for line in root.iter(f"{SVG}line")}
    days = 720 / 375
    assert lines["#1d2129"] == pytest.approx(210 + 10 * days, abs=0.1)
    assert lines["#d98200"] == pytest.approx(210 + 100 * days, abs=0.1)
    shown = texts(timeline_svg([life("u", -10, 350)], TODAY, timedelta(days=90)))
    assert {"90 days", "today, 2026-11-23", "u", "valid, 350 days"} < set(shown)
    assert "12 hours" in texts(timeline_svg([], TODAY, timedelta(hours=12)))


def test_the_colours_are_explained() -> None:
    assert texts(timeline_svg([], TODAY))[:5] == [
        "valid",
        "expiring, stale",
        "expired, mismatched",
        "orphaned",
        "CA; an arrow: goes on",
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
    def of(days: int) -> list[str]:
        return marks(timeline_svg([life("u", 0, days)], TODAY))

    assert of(365 * 9) == ["2027", *(str(year) for year in range(2028, 2037))]
    assert of(340) == ["2026-12", "2027", *(f"2027-{month:02}" for month in range(2, 12))]
    assert of(380) == ["2027", *(f"2027-{month:02}" for month in range(3, 12, 2))]


def test_a_life_of_any_length_is_drawn() -> None:
    ages = Life(
        "u",
        "valid",
        datetime(1950, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 1, 1, tzinfo=timezone.utc),
    )
    assert len(bars(timeline_svg([ages], TODAY))) == 1
    assert marks(timeline_svg([ages], TODAY))[:3] == ["2000", "2100", "2200"]
    for end in (0, 1):
        ((left, right, _),) = bars(timeline_svg([life("u", 0, end)], TODAY)).values()
        assert 210 <= left < right <= 932


@pytest.mark.parametrize("days", [1, 40, 400, 4000, 40_000, 400_000])
def test_the_axis_has_as_many_marks_as_there_is_room_for(days: int) -> None:
    found = marks(timeline_svg([life("u", 0, days)], TODAY))
    assert len(found) <= 12
    assert len(found) >= (1 if days > 31 else 0)
    assert len(set(found)) == len(found)


def test_any_name_makes_a_picture() -> None:
    names = ["<b>&\"'</b>", "a" * 200, "\x1b[31m", "\ufffe\uffff", "\udcff", ""]
    picture = timeline_svg([life(name, 0, 1) for name in names], TODAY)
    labels = texts(picture)
    labels = [labels[at - 1] for at, text in enumerate(labels) if text == "valid, 1 days"]
    assert labels == ["<b>&\"'</b>", "a" * 23 + "…", "\\x1b[31m", "??", "\\xff", ""]
    picture.encode()


def test_a_picture_without_lives_shows_today() -> None:
    assert "today, 2026-11-23" in texts(timeline_svg([], TODAY))


def test_a_thousand_lives_have_a_row_each_and_stripes_lead_the_eye() -> None:
    lives = [life(f"u{number}", 0, 365) for number in range(1000)]
    root = parsed(timeline_svg(lives, TODAY))
    assert root.attrib["height"] == str(96 + 24 * 1000 + 36)
    striped = [each for each in root.iter(f"{SVG}rect") if each.attrib["fill"] == "#f6f7f9"]
    assert len(striped) == 500
    assert len(bars(timeline_svg(lives, TODAY))) == 1000
