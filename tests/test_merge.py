import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_scaffold.keeping.merge import Merged, common, merge

BASE = "a\nb\nc\nd\n"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=1), inner, max_size=3),
    max_leaves=8,
)
texts = st.lists(st.sampled_from("abcdef"), max_size=6).map("\n".join)


def merged(base: Any, yours: Any, ours: Any) -> Any:
    """Merge documents; "conflict" if they can't be, and yours are then untouched."""
    text = json.dumps(yours)
    outcome = merge("x.json", json.dumps(base), text, json.dumps(ours))
    assert not outcome.conflict or outcome.text == text
    return "conflict" if outcome.conflict else json.loads(outcome.text)


@pytest.mark.parametrize("path", ["Makefile", "x.json"])
def test_what_only_one_side_changed_is_taken_from_that_side(path: str) -> None:
    assert merge(path, "{}", "{}", '{"n": 1}') == Merged('{"n": 1}')
    assert merge(path, "{}", '{ "n":1}', "{}") == Merged('{ "n":1}')
    assert merge(path, "{}", "[]", "[]") == Merged("[]")


@pytest.mark.parametrize(
    ("yours", "ours", "expected"),
    [
        ("a\nB\nc\nd\n", "a\nb\nc\nD\n", "a\nB\nc\nD\n"),
        ("a\nB\nc\nd\n", "a\nb\nC\nd\n", "a\nB\nC\nd\n"),
        ("a\nb\nyours\nc\nd\n", "a\nb\nours\nc\nd\n", "a\nb\nyours\nours\nc\nd\n"),
        ("a\nb\nyours\nours\nc\nd\n", "a\nb\nours\nc\nd\n", "a\nb\nyours\nours\nc\nd\n"),
        ("a\nyours\nb\nc\nd\n", "a\nd\n", "a\nyours\nd\n"),
        ("a\nb\nyours\nc\nd\n", "a\nd\n", "a\nyours\nd\n"),
        ("a\nB\nc\nd\n", "a\nb\nours\nc\nd\n", "a\nB\nours\nc\nd\n"),
        ("a\nc\nd\n", "a\nb\nc\n", "a\nc\n"),
        ("a\nb\nc\nd\nyours\n", "a\nb\nc\nd\nours\n", "a\nb\nc\nd\nyours\nours\n"),
        ("a\nb\nc\nd", "A\nb\nc\nd\n", "A\nb\nc\nd"),
        ("a\nd\n", "a\nours\nb\nc\nd\n", "a\nours\nd\n"),
        ("a\n\tyours\nb\nc\nd\n", "a\nd\n", "a\n\tyours\nd\n"),
        ("a\nb\nyours\nc\nd\n", "a\nB\nC\nd\n", "a\nB\nyours\nC\nd\n"),
        ("A\nb\nyours\nc\nd\n", "a\nB\nC\nd\n", "A\nB\nyours\nC\nd\n"),
        ("b\nc\nd\n", "a\nB\nC\nd\n", "B\nC\nd\n"),
        ("a\nn\nn\nb\nc\nd\n", "a\nn\nb\nc\nd\n", "a\nn\nn\nb\nc\nd\n"),
    ],
)
def test_lines_changed_on_both_sides_are_merged_even_where_the_changes_touch(
    yours: str, ours: str, expected: str
) -> None:
    assert merge("Makefile", BASE, yours, ours) == Merged(expected)


@pytest.mark.parametrize(
    ("yours", "ours"),
    [
        ("a\nB\nc\nd\n", "a\nß\nc\nd\n"),
        ("a\nB\nc\nd\n", "a\nc\nd\n"),
        ("a\nc\nd\n", "a\nB\nc\nd\n"),
        ("a\nb\nyours\nc\nd\n", "a\nX\nY\nZ\nd\n"),
        ("a\nd\n", "a\nb\nours\nc\nd\n"),
        ("a\nX\nY\nd\n", "a\nb\nours\nc\nd\n"),
        ("a\nb\n\tyours\nc\nd\n", "a\nd\n"),
        ("a\nb\nc\n\tyours\nd\n", "a\nd\n"),
    ],
)
def test_a_line_changed_on_both_sides_is_a_conflict_and_your_text_stays(yours: str, ours: str) -> None:
    assert merge("Makefile", BASE, yours, ours) == Merged(yours, conflict=True)


@pytest.mark.parametrize(
    ("base", "yours", "ours", "expected"),
    [
        ({"a": 1, "b": 1}, {"b": 1, "a": 2}, {"a": 1, "b": 3}, {"b": 3, "a": 2}),
        ({"a": 1}, {"z": 0, "a": 1}, {"a": 1, "n": 2}, {"z": 0, "a": 1, "n": 2}),
        ({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1}, {"a": 2}),
        ({"h": ["x", "y"]}, {"h": ["x", "y", "yours"]}, {"h": ["y", "ours"]}, {"h": ["y", "ours", "yours"]}),
        ({"h": ["x", "y"]}, {"h": ["y"]}, {"h": ["x", "y", "z"]}, {"h": ["y", "z"]}),
        ({"h": ["x"]}, {"h": ["x", "n"]}, {"h": ["x", "n"], "k": 1}, {"h": ["x", "n"], "k": 1}),
        ({"h": []}, {"h": ["a", "b"]}, {"h": ["n", "m"]}, {"h": ["n", "m", "a", "b"]}),
        ({"n": [{"O": "x"}]}, {"n": [{"O": "x", "L": "y"}]}, {"n": [{"O": "z"}]}, {"n": [{"O": "z", "L": "y"}]}),
        ({"n": [{"O": "x"}]}, {"n": [{"O": "x"}, {"O": "u"}]}, {"n": [{"O": "z"}]}, {"n": [{"O": "z"}, {"O": "u"}]}),
        ({}, {"n": {"yours": 1}}, {"n": {"ours": 1}}, {"n": {"ours": 1, "yours": 1}}),
        ({"a": 1}, {"a": True}, {"a": 1, "n": 1}, {"a": True, "n": 1}),
        ({"h": ["x", "y"]}, {"h": ["y"]}, {"h": ["x", "n", "y"]}, {"h": ["y", "n"]}),
        (
            {"n": [{"O": "x", "L": "y"}]},
            {"n": [{"L": "y", "O": "x"}, {"O": "u"}]},
            {"n": [{"O": "z"}]},
            {"n": [{"O": "z"}, {"O": "u"}]},
        ),
        (
            {"n": [{"O": "x"}, {"O": "y"}]},
            {"n": [{"O": "y"}, {"O": "x"}]},
            {"n": [{"O": "x"}, {"O": "y"}, {"O": "z"}]},
            {"n": [{"O": "y"}, {"O": "z"}, {"O": "x"}]},
        ),
        (
            {"n": [{"O": "x"}, {"O": "y"}]},
            {"n": [{"O": "z"}, {"O": "y"}, {"O": "u"}]},
            {"n": [{"O": "y"}, {"O": "x"}]},
            {"n": [{"O": "z"}, {"O": "y"}, {"O": "u"}]},
        ),
    ],
)
def test_documents_are_merged_field_by_field_and_element_by_element(
    base: Any, yours: Any, ours: Any, expected: Any
) -> None:
    assert json.dumps(merged(base, yours, ours)) == json.dumps(expected)


@pytest.mark.parametrize(
    ("base", "yours", "ours"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}),
        ({"a": 1}, {"a": True}, {"a": 2}),
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 2, "b": 1}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"b": 1}),
        ({}, {"a": 1}, {"a": 2}),
        ({"a": {}}, {"a": []}, {"a": 1}),
    ],
)
def test_one_value_changed_on_both_sides_is_a_conflict(base: Any, yours: Any, ours: Any) -> None:
    assert merged(base, yours, ours) == "conflict"


@pytest.mark.parametrize("yours", ["", "{", '{"a": 1, "a": 2}', "[" * 100_000, "\ufeff{}"])
def test_a_file_that_is_no_json_any_more_is_a_conflict_once_ours_changes(yours: str) -> None:
    assert merge("x.json", "{}", yours, "{}") == Merged(yours)
    assert merge("x.json", "{}", yours, '{"n": 1}') == Merged(yours, conflict=True)


def test_merged_json_is_indented_by_two_spaces_and_keeps_every_letter() -> None:
    outcome = merge("x.json", '{"a": "x"}', '{"a":"x","b":"ü"}', '{"a": "y"}')
    assert outcome == Merged('{\n  "a": "y",\n  "b": "ü"\n}\n')


def test_a_file_that_only_looks_different_keeps_its_looks() -> None:
    assert merge("x.json", '{"a":1,"b":1}', '{ "b":2,  "a":2 }', '{"a":2,"b":1}') == Merged('{ "b":2,  "a":2 }')


def test_without_a_base_what_differs_is_yours_and_what_only_ours_has_is_added() -> None:
    assert merge("Makefile", None, "a\nB\nyours\nc\n", "a\nb\nc\nours\n") == Merged("a\nB\nyours\nc\nours\n")
    text = json.dumps({"a": 2, "h": ["x", "u"], "n": [{"O": "u"}], "yours": 1})
    ours = {"a": 1, "h": ["x", "y"], "n": [{"O": "o", "L": "l"}], "ours": 1}
    outcome = merge("x.json", None, text, json.dumps(ours))
    expected = {"a": 2, "h": ["x", "y", "u"], "n": [{"O": "u", "L": "l"}], "ours": 1, "yours": 1}
    assert (json.loads(outcome.text), outcome.conflict) == (expected, False)


def test_lines_that_stand_in_a_long_text_again_and_again_are_told_apart_all_the_same() -> None:
    blank = "\n" * 250
    assert merge("Makefile", None, f"yours\n{blank}", f"{blank}ours\n") == Merged(f"yours\n{blank}ours\n")


@pytest.mark.parametrize("yours", ["{}", "[1]", "5", "null"])
@pytest.mark.parametrize("ours", ["{}", "[1]", "5", "null"])
def test_without_a_base_a_value_of_another_kind_is_yours(yours: str, ours: str) -> None:
    text = f'{{"a": {yours}}}'
    assert merge("x.json", None, text, f'{{"a": {ours}}}') == Merged(text)


@pytest.mark.parametrize(
    ("path", "yours", "ours", "base"),
    [
        ("Makefile", "a\nB\nyours\nc\n", "a\nb\nc\nours\n", "a\nb\nc\n"),
        ("x.json", '{"h": ["x", "u"], "yours": 1}', '{"h": ["x", "y"], "ours": 1}', '{"h": ["x"]}'),
        ("x.json", '{"n": [{"h": ["x"]}]}', '{"n": [{"h": ["x", "y"]}]}', '{"n": [{"h": ["x"]}]}'),
        ("x.json", "{", '{"h": []}', '{"h": []}'),
    ],
)
def test_a_base_holds_what_both_sides_have_and_ours_where_they_differ(
    path: str, yours: str, ours: str, base: str
) -> None:
    assert common(path, yours, ours) == base


def test_a_base_may_take_what_your_lists_lack_for_taken_out() -> None:
    ours = '{"usages": ["signing", "client auth"], "names": [{"O": "x"}], "nested": [{"h": ["x", "y"]}]}'
    yours = '{"usages": ["signing"], "names": [], "nested": [{"h": ["x"]}]}'
    base = common("x.json", yours, ours, fill_lists=False)
    assert json.loads(base) == json.loads(ours)


@given(values, values)
def test_any_change_of_one_side_alone_is_that_sides_document(base: Any, new: Any) -> None:
    assert merged(base, base, new) == new
    assert merged(base, new, base) == new


@given(values, values, values)
def test_merging_any_documents_gives_json_or_a_conflict(base: Any, yours: Any, ours: Any) -> None:
    merged(base, yours, ours)


@given(texts, texts, texts)
def test_a_merge_of_texts_loses_no_line_that_one_side_put_in(base: str, yours: str, ours: str) -> None:
    outcome = merge("Makefile", base, yours, ours)
    for side in (yours, ours):
        new = set(side.split("\n")) - set(base.split("\n"))
        assert outcome.conflict or new <= set(outcome.text.split("\n"))


@given(texts, texts)
def test_a_text_that_took_ours_already_does_not_take_it_twice(base: str, ours: str) -> None:
    assert merge("Makefile", base, ours, ours) == Merged(ours)
