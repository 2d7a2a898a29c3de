"""Texts in JSON, YAML or TOML become data; a mistake in one is told with its position."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.reading import decoded, read_given, read_stream

SUFFIXES = {"json": "json", "yaml": "yaml", "yml": "yaml", "toml": "toml"}
TOML_LINE = re.compile(r"\s*(#.*\s*)*(\[|[\w.'\"-]+[ \t]*=)")
PLAIN_WORDS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-+0123456789")),
    ("merge", r"<<", ["<"]),
)
"""What is not text among YAML's plain words (YAML 1.2.2, 10.3.2): pattern, and first characters."""
MARK = "\ufeff"
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def read(path: str) -> str:
    """Return the text of the file `path`, or of standard input for `-`.

    Raises ScaffoldError if it can't be read.
    """
    try:
        if path == "-":  # sys.stdin is None where it was closed
            raw = read_stream(sys.stdin.buffer if sys.stdin else open(0, "rb"), path)  # noqa: SIM115
        else:
            raw = read_given(path)
    except OSError as error:
        raise ScaffoldError(f"`{path}` can't be read: {error.strerror}") from error
    return decoded(raw, f"`{path}`").removeprefix(MARK)


def load(path: str) -> object:
    """Return the data in the file `path` (`-`: standard input).

    Its ending tells its format, or else its text.
    """
    text = read(path)
    form = SUFFIXES.get(path.rpartition(".")[2].lower()) or _likely_form(text)
    return parse(text, path, form)


def parse(text: str, place: str, form: str) -> object:
    """Return the data in `text`; `form` is json, yaml or toml.

    A byte order mark before it, as Windows' editors write one, is passed over. Raises ScaffoldError
    with the position of a mistake.
    """
    text = text.removeprefix(MARK)
    parsers: dict[str, Callable[[str], object]] = {"json": _json, "yaml": _yaml, "toml": _toml}
    try:
        return parsers[form](text)
    except ValueError as error:
        raise ScaffoldError(f"`{place}` is not {form.upper()}: {error}") from error
    except RecursionError as error:
        raise ScaffoldError(f"`{place}` is nested too deeply") from error


def json_object(raw: bytes) -> Mapping[str, Any]:
    """Return the object that JSON from a file holds, of a field that stands twice the last one.

    Nothing where it is no text in UTF-8, no JSON or no object.
    """
    try:
        data = json.loads(raw.decode().removeprefix(MARK))
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _likely_form(text: str) -> str:
    if text.lstrip().startswith("{"):
        return "json"
    return "toml" if TOML_LINE.match(text) else "yaml"


def _json(text: str) -> object:
    try:
        data = json.loads(text, object_pairs_hook=_each_field_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    if HALF_CHARACTER.search(text):
        try:
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError(
                "it has half a character (`\\ud800` to `\\udfff` alone), which no file can hold"
            ) from None
    return data


def _each_field_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if twice := _doubled_field(name for name, _ in pairs):
        raise ValueError(f"{twice} in one object")
    return dict(pairs)


def _doubled_field(names: Iterable[str]) -> str:
    most = Counter(names).most_common(1)
    return f"the field `{most[0][0]}` stands twice" if most and most[0][1] > 1 else ""


def _yaml(text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads plain words as text: no `on` for true, no `1:30` for 90, no dates.

        PyYAML takes the last of two equal fields; here they are a mistake, as in JSON and TOML.
        """

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node = super().compose_mapping_node(anchor)
            if twice := _doubled_field(
                name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)
            ):
                raise yaml.MarkedYAMLError(problem=twice, problem_mark=node.start_mark)
            return node

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, begins in PLAIN_WORDS:
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), begins
        )
    try:
        return yaml.load(text, Loader)  # noqa: S506  (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (AttributeError, LookupError) as error:  # how PyYAML meets `!!int ""` and the like
        raise ValueError("a value does not fit its `!!` tag") from error


def _toml(text: str) -> object:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
