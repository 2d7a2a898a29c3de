"""How an error is told."""

from tls_scaffold.errors import ScaffoldError, UsageError


def test_a_summary_alone_is_one_line() -> None:
    assert str(ScaffoldError("it is broken")) == "it is broken"


def test_an_error_is_one_line_where_its_place_is_told_already() -> None:
    error = ScaffoldError("2 problems", ("a: wrong", "b: wrong", "a: bad"), "mend them")
    assert error.without("a") == "2 problems: wrong: b: wrong: bad"
    assert ScaffoldError("it is broken").without("a") == "it is broken"


def test_problems_are_indented_and_the_hint_stands_apart() -> None:
    error = UsageError("2 problems", (f"{place}: wrong" for place in "ab"), "mend them")

    assert str(error) == "2 problems\n  a: wrong\n  b: wrong\n\nhint: mend them"
    assert (error.summary, error.problems, error.hint) == (
        "2 problems",
        ("a: wrong", "b: wrong"),
        "mend them",
    )
    assert (error.exit_code, ScaffoldError.exit_code) == (2, 1)
