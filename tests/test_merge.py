import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tls_scaffold.keeping.merge import Merged, base_of_texts, json_text, merge_texts, settle_markers

pytestmark = pytest.mark.fast

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


def merged(base: Any, yours: Any, ours: Any) -> Any:
    """Merge documents; "conflict" if they can't be, and yours are then untouched."""
    text = json.dumps(yours)
    outcome = merge_texts([base], text, json.dumps(ours))
    assert not outcome.conflict or outcome.text == text
    return "conflict" if outcome.conflict else json.loads(outcome.text)


def test_what_only_one_side_changed_is_taken_from_that_side() -> None:
    assert merge_texts([{}], "{}", '{"n": 1}') == Merged('{"n": 1}')
    assert merge_texts([{}], '{ "n":1}', "{}") == Merged('{ "n":1}')
    assert merge_texts([{}], "[]", "[]") == Merged("[]")


@pytest.mark.parametrize(
    ("base", "yours", "ours", "expected"),
    [
        ({"a": 1, "b": 1}, {"b": 1, "a": 2}, {"a": 1, "b": 3}, {"b": 3, "a": 2}),
        ({"a": 1}, {"z": 0, "a": 1}, {"a": 1, "n": 2}, {"z": 0, "a": 1, "n": 2}),
        ({"a": 1, "b": 1}, {"a": 1}, {"a": 2, "b": 1}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1}, {"a": 2}),
        (
            {"h": ["x", "y"]},
            {"h": ["x", "y", "yours"]},
            {"h": ["y", "ours"]},
            {"h": ["y", "ours", "yours"]},
        ),
        ({"h": ["x", "y"]}, {"h": ["y"]}, {"h": ["x", "y", "z"]}, {"h": ["y", "z"]}),
        ({"h": ["x"]}, {"h": ["x", "n"]}, {"h": ["x", "n"], "k": 1}, {"h": ["x", "n"], "k": 1}),
        ({"h": []}, {"h": ["a", "b"]}, {"h": ["n", "m"]}, {"h": ["n", "m", "a", "b"]}),
        (
            {"n": [{"O": "x"}]},
            {"n": [{"O": "x", "L": "y"}]},
            {"n": [{"O": "z"}]},
            {"n": [{"O": "z", "L": "y"}]},
        ),
        (
            {"n": [{"O": "x"}]},
            {"n": [{"O": "x"}, {"O": "u"}]},
            {"n": [{"O": "z"}]},
            {"n": [{"O": "z"}, {"O": "u"}]},
        ),
        ({}, {"n": {"yours": 1}}, {"n": {"ours": 1}}, {"n": {"ours": 1, "yours": 1}}),
        ({"a": 1}, {"a": True}, {"a": 1, "n": 1}, {"a": True, "n": 1}),
        ({"h": ["x", "y"]}, {"h": ["y"]}, {"h": ["x", "n", "y"]}, {"h": ["y", "n"]}),
        (
            {"h": ["x", "y"]},
            {"h": ["x", "y"], "u": 1},
            {"h": ["y", "x"]},
            {"h": ["y", "x"], "u": 1},
        ),
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


@pytest.mark.parametrize("yours", ["", "{", '{"a": 1, "a": 2}', "[" * 100_000])
def test_a_file_that_is_no_json_any_more_is_a_conflict_once_ours_changes(yours: str) -> None:
    assert merge_texts([{}], yours, "{}") == Merged(yours)
    assert merge_texts([{}], yours, '{"n": 1}') == Merged(yours, conflict=True)


def test_a_byte_order_mark_is_no_edit_and_goes_with_the_first_change() -> None:
    yours = '\ufeff{"a": 1, "b": 1}'
    assert merge_texts([{"a": 1, "b": 1}], yours, '{"a": 1, "b": 1}') == Merged(yours)
    assert merge_texts([{"a": 1, "b": 1}], yours, '{"a": 2, "b": 1}') == Merged('{"a": 2, "b": 1}')


def test_merged_json_is_indented_by_two_spaces_and_keeps_every_letter() -> None:
    outcome = merge_texts([{"a": "x"}], '{"a":"x","b":"ü"}', '{"a": "y"}')
    assert outcome == Merged('{\n  "a": "y",\n  "b": "ü"\n}\n')


def test_a_file_that_only_looks_different_keeps_its_looks() -> None:
    assert merge_texts([{"a": 1, "b": 1}], '{ "b":2,  "a":2 }', '{"a":2,"b":1}') == Merged(
        '{ "b":2,  "a":2 }'
    )


def test_without_a_base_what_differs_is_yours_and_what_only_ours_has_is_added() -> None:
    text = json.dumps({"a": 2, "h": ["x", "u"], "n": [{"O": "u"}], "yours": 1})
    ours = {"a": 1, "h": ["x", "y"], "n": [{"O": "o", "L": "l"}], "ours": 1}
    outcome = merge_texts([], text, json.dumps(ours))
    expected = {"a": 2, "h": ["x", "y", "u"], "n": [{"O": "u", "L": "l"}], "ours": 1, "yours": 1}
    assert (json.loads(outcome.text), outcome.conflict) == (expected, False)


@pytest.mark.parametrize("yours", ["{}", "[1]", "5", "null"])
@pytest.mark.parametrize("ours", ["{}", "[1]", "5", "null"])
def test_without_a_base_a_value_of_another_kind_is_yours(yours: str, ours: str) -> None:
    text = f'{{"a": {yours}}}'
    assert merge_texts([], text, f'{{"a": {ours}}}') == Merged(text)


@pytest.mark.parametrize(
    ("yours", "ours", "base"),
    [
        ('{"h": ["x", "u"], "yours": 1}', '{"h": ["x", "y"], "ours": 1}', {"h": ["x"]}),
        ('{"n": [{"h": ["x"]}]}', '{"n": [{"h": ["x", "y"]}]}', {"n": [{"h": ["x"]}]}),
        ("{", '{"h": []}', {"h": []}),
    ],
)
def test_a_base_holds_what_both_sides_have_and_ours_where_they_differ(
    yours: str, ours: str, base: Any
) -> None:
    assert base_of_texts(yours, ours) == base


def test_of_two_documents_that_git_has_merged_either_was_rendered_last() -> None:
    one, other, new = {"h": ["x"]}, {"h": ["y"]}, '{"h": ["x", "y"]}'
    assert [merge_texts([one, other], json.dumps(yours), new).text for yours in (one, other)] == [
        new,
        new,
    ]
    assert merge_texts([one, other], '{"h": ["z"]}', new).text == json_text({"h": ["x", "y", "z"]})


def test_what_is_in_any_of_several_documents_follows_and_what_is_in_none_is_yours() -> None:
    bases = [
        {"k": 1, "s": "a", "h": ["x", "y", "p"], "n": [{"O": "o", "L": "l"}], "e": {"t": 1}},
        {"k": 2, "s": "b", "h": ["x", "z", "p"], "n": [{"O": "m", "L": "k"}]},
    ]
    yours = {"k": 2, "s": "u", "h": ["x", "y", "u"], "n": [{"O": "o", "L": "k"}]}
    ours = {"k": 3, "s": "b", "h": ["x", "z", "p"], "n": [{"O": "m", "L": "l"}], "e": {"t": 2}}
    outcome = merge_texts(bases, json.dumps(yours), json.dumps(ours))
    assert json.loads(outcome.text) == {**ours, "s": "u", "h": ["x", "z", "u"]}


@pytest.mark.parametrize(
    ("bases", "yours", "ours"),
    [
        ([{"k": 1}, {"k": 2}], {"k": 9}, {"k": 3}),
        ([{"k": 1}, {"k": [2]}], {"k": 9}, {"k": 3}),
        (
            [{"n": [{"O": "x"}]}, {"n": [{"O": "y"}]}],
            {"n": [{"O": "u"}, {"O": "v"}]},
            {"n": [{"O": "x"}]},
        ),
    ],
)
def test_a_value_of_yours_that_several_documents_tell_nothing_of_is_a_conflict(
    bases: list[Any], yours: Any, ours: Any
) -> None:
    text = json.dumps(yours)
    assert merge_texts(bases, text, json.dumps(ours)) == Merged(text, conflict=True)


def marked(ours: str, theirs: str, base: str = "") -> str:
    """Return a list of hosts as git leaves it, two sides of which it could not merge."""
    middle = f"||||||| base\n{base}\n" if base else ""
    return f'{{"h": [\n<<<<<<< HEAD\n{ours}\n{middle}=======\n{theirs}\n>>>>>>> b\n]}}'


@pytest.mark.parametrize("base", ["", '"x"'])
def test_conflict_markers_are_settled_with_what_both_sides_have(base: str) -> None:
    text = marked('"x", "y"', '"x", "z"', base)
    assert json.loads(settle_markers(text, []) or "") == {"h": ["x", "z", "y"]}
    assert json.loads(settle_markers(text, [{"h": ["x", "y"]}, {"h": ["x", "z"]}]) or "") == {
        "h": ["x", "y"]
    }


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        marked('"x"', "["),
        marked('"x"', '"y"').replace("=======\n", ""),
        ">>>>>>> b\n{}",
        "<<<<<<<\n{}",
    ],
)
def test_what_is_no_json_on_both_sides_is_not_settled(text: str) -> None:
    assert settle_markers(text, []) is None


@given(values, values)
def test_any_change_of_one_side_alone_is_that_sides_document(base: Any, new: Any) -> None:
    assert merged(base, base, new) == new
    assert merged(base, new, base) == new


fields = st.dictionaries(st.text("xyz", min_size=1, max_size=1), values, max_size=3)


@given(fields, fields, fields, st.sets(st.text("xyz", min_size=1, max_size=1)))
def test_any_document_that_has_each_field_of_one_of_two_is_no_edit(
    one: dict[str, Any], other: dict[str, Any], new: Any, of_one: set[str]
) -> None:
    mixed = {name: value for name, value in one.items() if name in of_one}
    mixed |= {name: value for name, value in other.items() if name not in of_one}
    outcome = merge_texts([one, other], json.dumps(mixed), json.dumps(new))
    assert json.loads(outcome.text) == new


@given(values, values, values, values)
def test_merging_into_two_documents_gives_json_or_a_conflict(
    one: Any, other: Any, yours: Any, ours: Any
) -> None:
    text = json.dumps(yours)
    outcome = merge_texts([one, other], text, json.dumps(ours))
    assert not outcome.conflict or outcome.text == text
    json.loads(outcome.text)


@given(values, values, values)
def test_merging_any_documents_gives_json_or_a_conflict(base: Any, yours: Any, ours: Any) -> None:
    merged(base, yours, ours)
