"""What is read back from `.tls-scaffold/`: folders are cloned from git, so it is data from outside."""

from collections.abc import Mapping, Sequence
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats

MOST = 20  # problems that a message has room for


def table(content: str, path: str) -> Mapping[str, Any]:
    """Return the fields of a file's JSON; ScaffoldError if it is none, or something else than a table."""
    data = formats.parse(content, path, "json")
    if not isinstance(data, Mapping):
        raise ScaffoldError(f"`{path}` is not a table of fields")
    return data


def refuse(path: str, summary: str, problems: Sequence[str], hint: str) -> None:
    """Raise ScaffoldError if there are problems, each a line `key: what is wrong` of the file `path`.

    Of several of one key the first is told.
    """
    firsts: dict[str, str] = {}
    for problem in problems:
        firsts.setdefault(problem.partition(": ")[0], f"{path}: {problem}")
    if firsts:
        more = [f"and {len(firsts) - MOST} more"] if len(firsts) > MOST else []
        raise ScaffoldError(summary, [*list(firsts.values())[:MOST], *more], hint)
