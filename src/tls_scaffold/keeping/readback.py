"""What is read back from `.tls-scaffold/`: folders are cloned from git, so it is data from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import formats

MOST = 20  # problems that a message has room for


def table(content: str, path: str) -> Mapping[str, Any]:
    """Return the fields of a file's JSON; ScaffoldError if it is none, or something else than a table."""
    data = formats.parse(content, path, "json")
    if not isinstance(data, Mapping):
        raise ScaffoldError(f"`{path}` is not a table of fields")
    return data


def refuse(path: str, summary: str, problems: Sequence[Problem], hint: str) -> None:
    """Raise ScaffoldError if there are problems, each of a key in the file `path` or with none.

    Of several of one key the first is told.
    """
    firsts: dict[str, Problem] = {}
    for problem in problems:
        place = replace(problem.place, path=path)
        firsts.setdefault(place.key or problem.message, replace(problem, place=place))
    if firsts:
        more = [f"and {len(firsts) - MOST} more"] if len(firsts) > MOST else []
        raise ScaffoldError(summary, [*list(firsts.values())[:MOST], *more], hint)
