"""What a Makefile's variables may hold, put in where its texts name them."""

import pytest

from tls_scaffold.makefiles.makevalues import DEEPEST, MOST_CHARACTERS, MOST_TEXTS, Values

pytestmark = pytest.mark.fast


def values(**known: str) -> Values:
    found = Values()
    for name, value in known.items():
        found.add(name, value)
    return found


def test_variables_are_put_in_where_they_are_named_and_an_endless_one_ends() -> None:
    known = values(A="x $(B)", B="y", C="$(C)", D="$(E)", E="$(D)")
    (text,) = known.expanded("$(A) ${A} $B $$A $$(A) $(N) $(A:x=y) $@ $(C) $(D)")
    assert text == "x y x y y $$A $$(A) $(N) x y $@ $(C) $(D)"


def test_each_value_gives_a_text_and_one_name_one_value() -> None:
    known = values(A="1")
    known.add("A", "2")
    known.add("A", "2")
    assert known.expanded("$(A)-${A} $(call A,x)") == ("1-1 1 $(,x)", "2-2 2 $(,x)")


def test_of_too_many_values_each_stands_in_a_line() -> None:
    known = Values()
    for number in range(MOST_TEXTS + 1):
        known.add("A", str(number))
    assert known.expanded("$(A)") == ("\n".join(map(str, range(MOST_TEXTS + 1))),)


def test_variables_that_multiply_are_put_in_so_far_and_no_farther() -> None:
    doubled = values(**{f"V{number}": f"$(V{number + 1})" * 2 for number in range(40)})
    (text,) = doubled.expanded("$(V0)")
    assert 1000 < len(text) <= MOST_CHARACTERS
    chain = values(**{f"V{number}": f"$(V{number + 1})" for number in range(5000)})
    assert chain.expanded("$(V0)") == (f"$(V{DEEPEST})",)
