"""What is read back from `.tls-scaffold/`: folders are cloned from git, so it is from outside."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.fields import Fields

MOST = 20  # problems that a message has room for


class Problem(NamedTuple):
    """What is wrong with a file of ours, and the key of its field; the record has no keys."""

    key: str
    message: str


def parse_table(content: str, path: str) -> Mapping[str, Any]:
    """Return the fields of a file's JSON; ScaffoldError if it is none, or no table."""
    data = formats.parse(content, path, "json")
    if not isinstance(data, Mapping):
        raise ScaffoldError(f"`{path}` is not a table of fields")
    return data


def problems_of(fields: Fields) -> list[Problem]:
    """Return what was wrong with fields that were read."""
    return [Problem(*line.split(": ", maxsplit=1)) for line in fields.problems]


def refuse_problems(path: str, summary: str, problems: Iterable[Problem], hint: str) -> None:
    """Raise ScaffoldError if there are problems in the file `path`.

    Of several of one key the first is told.
    """
    firsts: dict[str, str] = {}
    for key, message in problems:
        place = f"{path}: {key}" if key else path
        firsts.setdefault(key or message, f"{place}: {message}")
    told = list(firsts.values())[:MOST]
    if len(firsts) > MOST:
        told.append(f"and {len(firsts) - MOST} more")
    if told:
        raise ScaffoldError(summary, told, hint)
