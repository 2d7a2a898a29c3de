"""What is read back from `.tls-scaffold/`: folders are cloned from git, so it is from outside."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tls_scaffold import spelling
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.paths import LARGEST_FILE

MOST = 20  # problems that a message has room for


def parse_table(content: str, path: str) -> Mapping[str, Any]:
    """Return the fields of a file's JSON; ScaffoldError if it is none, or no table."""
    data = formats.parse(content, path, "json")
    if not isinstance(data, Mapping):
        raise ScaffoldError(f"`{path}` is not a table of fields")
    return data


def printable_problem(text: str) -> str:
    """Say why a text can't be shown as it is, or is none; a path or a word may be of any length."""
    return spelling.text_problem(text, LARGEST_FILE) if text else "it is empty"


def refuse_problems(path: str, summary: str, problems: Iterable[Problem], hint: str) -> None:
    """Raise ScaffoldError if there are problems in the file `path`.

    Of several of one key the first is told.
    """
    firsts: dict[str, Problem] = {}
    for problem in problems:
        place = replace(problem.place, path=path)
        firsts.setdefault(place.key or problem.message, replace(problem, place=place))
    if firsts:
        raise ScaffoldError(summary, spelling.first_of([*firsts.values()], MOST), hint)
