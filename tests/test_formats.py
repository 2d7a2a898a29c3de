"""Texts in JSON, YAML or TOML, read from files and from standard input."""

import io
import os
from pathlib import Path

import pytest

from tls_scaffold import reading
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.paths import LARGEST_FILE

pytestmark = pytest.mark.fast

DATA = {
    "members": ["10.0.0.1", {"name": "b", "hosts": ["::1"]}],
    "expiry": "90d",
    "separate_requests": True,
}
JSON = (
    '{"members": ["10.0.0.1", {"name": "b", "hosts": ["::1"]}], "expiry": "90d", '
    '"separate_requests": true}'
)
YAML = "members:\n- 10.0.0.1\n- {name: b, hosts: ['::1']}\nexpiry: 90d\nseparate_requests: true\n"
TOML = (
    'members = ["10.0.0.1", {name = "b", hosts = ["::1"]}]\nexpiry = "90d"\n'
    "separate_requests = true\n"
)


def message(text: str, form: str) -> str:
    with pytest.raises(ScaffoldError) as caught:
        formats.parse(text, "a file", form)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("a.json", JSON), ("a.JSON", JSON), ("a.yaml", YAML), ("a.yml", YAML), ("a.toml", TOML)),
        *(("a", JSON), ("a", YAML), ("a", TOML), ("a.txt", TOML), ("a.yaml", JSON)),
    ],
)
def test_the_ending_tells_the_format_and_without_one_the_text_does(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert formats.load(str(tmp_path / name)) == DATA


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.JSON", TOML, "JSON: Expecting value (line 1, column 1)"),
        ("a.toml.json", TOML, "JSON: Expecting value (line 1, column 1)"),
        ("a", '\n {"a": 1, "a": 2}', "JSON: the field `a` stands twice in one object"),
        (
            "a",
            "# b\n\n  # c\n[[a]\n",
            "TOML: Expected ']]' at the end of an array declaration (at line 4, column 4)",
        ),
        ("a", "a: [1\n", "YAML: expected ',' or ']', but got '<stream end>' (line 2, column 1)"),
        (
            "a.json",
            '{"a": "\\ud800"}',
            "JSON: it has half a character (`\\ud800` to `\\udfff` alone), which no file can hold",
        ),
    ],
)
def test_what_does_not_fit_its_format_is_told_with_its_file(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(ScaffoldError) as caught:
        formats.load(str(tmp_path / name))

    assert str(caught.value) == f"`{tmp_path / name}` is not {said}"


def test_a_character_that_is_written_in_two_halves_is_whole() -> None:
    assert formats.parse(r'{"a": "\ud83d\ude00"}', "", "json") == {"a": "\U0001f600"}


def test_standard_input_is_read_where_the_path_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("ü".encode())))

    assert formats.read("-") == "ü"


def test_standard_input_is_read_where_python_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("ü", encoding="utf-8")
    monkeypatch.setattr("sys.stdin", None)
    own = os.dup(0)
    try:
        with (tmp_path / "a").open("rb") as file:
            os.dup2(file.fileno(), 0)
        assert formats.read("-") == "ü"
    finally:
        os.dup2(own, 0)
        os.close(own)


def test_a_text_may_be_as_large_as_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_FILE", 4)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1234")))
    (tmp_path / "a").write_bytes(b"1234")

    assert formats.read(str(tmp_path / "a")) == formats.read("-") == "1234"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\ufeff" + JSON, encoding="utf-8")

    assert formats.load(str(tmp_path / "a.json")) == DATA


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        (
            "json",
            '{"a": 1,\n "b" 2}',
            "`a file` is not JSON: Expecting ':' delimiter (line 2, column 6)",
        ),
        ("json", "", "`a file` is not JSON: Expecting value (line 1, column 1)"),
        (
            "json",
            '{"b": {"a": 1, "a": 2}}',
            "`a file` is not JSON: the field `a` stands twice in one object",
        ),
        (
            "yaml",
            "a: [1\nb: 2",
            "`a file` is not YAML: expected ',' or ']', but got ':' (line 2, column 2)",
        ),
        (
            "yaml",
            "x: 1\nb:\n  a: 1\n  a: 2\n",
            "`a file` is not YAML: the field `a` stands twice (line 3, column 3)",
        ),
        (
            "yaml",
            "a: 1\n---\nb: 2\n",
            "`a file` is not YAML: but found another document (line 2, column 1)",
        ),
        ("yaml", 'a: !!int ""', "`a file` is not YAML: a value does not fit its `!!` tag"),
        ("yaml", "a: !!bool x", "`a file` is not YAML: a value does not fit its `!!` tag"),
        ("yaml", "a: !!timestamp x", "`a file` is not YAML: a value does not fit its `!!` tag"),
    ],
)
def test_a_mistake_is_told_with_its_position(form: str, text: str, said: str) -> None:
    assert message(text, form) == said


def test_a_mistake_in_toml_is_told_with_its_position() -> None:
    told = message("a = 1\nb == 2\n", "toml")

    assert told.startswith("`a file` is not TOML: ")
    assert "line 2, column 4" in told


def test_a_field_that_stands_twice_in_toml_is_refused() -> None:
    assert message("a = 1\na = 2\n", "toml").startswith(
        "`a file` is not TOML: Cannot overwrite a value"
    )


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['id']", "!!python/name:os.system", "!x y"]
)
def test_yaml_makes_values_and_runs_nothing(tag: str) -> None:
    assert message(f"a: {tag}", "yaml").startswith(
        "`a file` is not YAML: could not determine a constructor"
    )


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(
            (word, word)
            for word in (
                "on",
                "Yes",
                "1:30",
                "2001:10:2:3:4:5:6:7",
                "0x10",
                "010",
                "2024-13-45",
                "10.0.0.1",
            )
        ),
        *(
            (word, word)
            for word in ("1_000", "0o7", ".inf", ".5", "1e", "nullx", "true-name", "3com.net")
        ),
        *(
            ("1", 1),
            ("-5", -5),
            ("0", 0),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("~", None),
            ("null", None),
            ("True", True),
        ),
    ],
)
def test_plain_words_of_yaml_are_text_but_for_numbers_true_false_and_null(
    word: str, value: object
) -> None:
    assert formats.parse(f"a: {word}", "", "yaml") == {"a": value}


def test_a_character_that_yaml_forbids_is_told() -> None:
    assert message("a: \x01", "yaml") == (
        "`a file` is not YAML: unacceptable character #x0001: special characters are not allowed "
        'in "<unicode string>", position 3'
    )


def test_fields_that_yaml_merges_do_not_stand_twice() -> None:
    assert formats.parse("a: &x {k: 1}\nb: {<<: *x, k: 2}", "", "yaml") == {
        "a": {"k": 1},
        "b": {"k": 2},
    }


@pytest.mark.parametrize(
    ("form", "text"),
    [("json", "[" * 100_000), ("toml", "a = " + "[" * 100_000), ("yaml", "[" * 5_000)],
)
def test_nesting_without_end_is_refused(form: str, text: str) -> None:
    assert message(text, form) == "`a file` is nested too deeply"


def test_nesting_without_end_is_no_traceback_where_the_format_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a = " + "[" * 100_000, encoding="utf-8")

    with pytest.raises(ScaffoldError, match="nested too deeply"):
        formats.load(str(tmp_path / "a"))


def test_a_number_that_python_will_not_read_is_refused() -> None:
    assert message('{"version": ' + "9" * 5000 + "}", "json").startswith(
        "`a file` is not JSON: Exceeds the limit"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "`{}` can't be read: No such file or directory"),
        (".", "`{}` can't be read: Is a directory"),
        ("latin-1", "`{}` is not text in UTF-8 (byte 1)"),
        ("huge", "`{}` is larger than 64 MiB"),
    ],
)
def test_a_file_that_can_not_be_read_is_told(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "latin-1").write_bytes(b"a\xff")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    path = str(tmp_path / name)

    with pytest.raises(ScaffoldError) as caught:
        formats.read(path)

    assert str(caught.value) == said.format(path)
