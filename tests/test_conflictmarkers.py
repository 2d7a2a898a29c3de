"""What git leaves in a file that it could not merge."""

import pytest

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.conflictmarkers import marked_lines, refuse, sides, without_markers

pytestmark = pytest.mark.fast

TEXT = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other branch\nd\n"
OF_THREE = TEXT.replace("=======", "||||||| 1234\nold\n=======")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (TEXT, [2, 4, 6]),
        (OF_THREE, [2, 4, 6, 8]),
        (TEXT.replace("\n", "\r\n"), [2, 4, 6]),
        ("Heading\n=======\n", []),
        ("a\n>>>>>>> b\n", [2]),
        ("<<<<<<<<\n<<<<<<<x\n <<<<<<< x\n", []),
        ("", []),
    ],
)
def test_markers_are_told_from_what_looks_like_them(text: str, lines: list[int]) -> None:
    assert marked_lines(text) == lines


def test_a_text_is_taken_apart_into_what_each_side_had() -> None:
    assert sides(TEXT) == sides(OF_THREE) == ("a\nb\nd\n", "a\nc\nd\n")
    assert sides(TEXT * 2) == ("a\nb\nd\n" * 2, "a\nc\nd\n" * 2)
    assert without_markers(TEXT) == "a\nb\nc\nd\n"


@pytest.mark.parametrize("left_out", ["<<<<<<< HEAD\n", "=======\n", ">>>>>>> other branch\n"])
def test_half_a_conflict_has_no_sides(left_out: str) -> None:
    assert sides(TEXT.replace(left_out, "")) is None
    assert sides("a\n") is None


def test_each_marker_is_told_with_file_and_line() -> None:
    refuse({"Makefile": "a\n", "tls-scaffold.json": ""})
    with pytest.raises(ScaffoldError) as caught:
        refuse({"Makefile": TEXT, "tls-scaffold.json": "{}\n<<<<<<< x\n"})
    places = ["Makefile:2", "Makefile:4", "Makefile:6", "tls-scaffold.json:2"]
    assert tuple(map(str, caught.value.problems)) == tuple(
        f"{place}: a conflict marker" for place in places
    )
