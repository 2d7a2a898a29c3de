"""How an error is told."""

import pytest

from tls_scaffold.errors import Place, Problem, ScaffoldError, UsageError

pytestmark = pytest.mark.fast


def test_a_summary_alone_is_one_line() -> None:
    assert str(ScaffoldError("it is broken")) == "it is broken"


def test_an_error_is_one_line_where_its_place_is_told_already() -> None:
    problems = (
        Problem(Place("a"), "wrong"),
        Problem(Place("b"), "wrong"),
        Problem(Place("a", key="c"), "bad"),
        "a: worse",
    )
    error = ScaffoldError("4 problems", problems, "mend them")
    assert error.without("a") == "4 problems: wrong: b: wrong: c: bad: a: worse"
    assert ScaffoldError("it is broken").without("a") == "it is broken"


def test_problems_are_indented_and_the_hint_stands_apart() -> None:
    error = UsageError("2 problems", (Problem(Place(each), "wrong") for each in "ab"), "mend them")

    assert str(error) == "2 problems\n  a: wrong\n  b: wrong\n\nhint: mend them"
    assert (error.summary, error.hint) == ("2 problems", "mend them")
    assert error.problems == (Problem(Place("a"), "wrong"), Problem(Place("b"), "wrong"))
    assert (error.exit_code, ScaffoldError.exit_code) == (2, 1)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Place(), ""),
        (Place("Makefile"), "Makefile"),
        (Place("Makefile", 12), "Makefile:12"),
        (Place("a.json", 3, 4), "a.json:3:4"),
        (Place("a.json", key="hosts[0]"), "a.json: hosts[0]"),
        (Place(key="members[1]"), "members[1]"),
        (Place("a.json").field("names").item(1).field("O"), "a.json: names[1].O"),
        (Place("a: b").field("c.d"), "a: b: c.d"),
    ],
)
def test_a_place_is_shown_as_editors_know_it(place: Place, shown: str) -> None:
    assert str(place) == shown
    assert str(Problem(place, "x")) == (f"{shown}: x" if shown else "x")


def test_a_place_is_within_another_or_an_item_of_it() -> None:
    hosts = Place("a", key="hosts")
    assert hosts.item(0).is_item_of(hosts)
    assert not hosts.is_item_of(hosts)
    assert not Place("b", key="hosts[0]").is_item_of(hosts)
    profile = Place("a", key="signing.profiles.p")
    assert profile.is_within(profile)
    assert profile.field("usages").is_within(profile)
    assert profile.is_within(Place("a"))
    assert not profile.is_within(profile.field("usages"))
    assert not Place("a", key="signing.profiles.pq").is_within(profile)
    assert not profile.is_within(Place("b"))
