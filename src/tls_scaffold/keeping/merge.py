"""Requests and configurations, which a team edits too, are merged as data.

What was rendered last is the base, yours is what is there, and ours is what is rendered now.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers, formats
from tls_scaffold.keeping.jsonmerge import (
    Conflict,
    base_of_several,
    base_of_values,
    is_same,
    merge_values,
)


@dataclass(frozen=True)
class Merged:
    """The text that a file should have; after a conflict that is yours, untouched."""

    text: str
    conflict: bool = False


def json_text(document: Any) -> str:
    """Return the text of merged data."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def merge_texts(
    last: Sequence[Any], yours: str, ours: str, to_text: Callable[[Any], str] = json_text
) -> Merged:
    """Merge into the text `yours` what the text `ours` has changed since what was rendered `last`.

    `last` is its data. If nothing is known of it, whatever differs counts as your edit, and what
    only ours has is added. Of several, since git has merged branches, yours may have something of
    each. `to_text` gives merged data its form.
    """
    new = _data(ours)
    try:
        there = _data(yours)
        if json.dumps(there) in map(json.dumps, last):  # with the fields in the same order
            return Merged(yours if is_same(there, new) else ours)
        base = base_of_several(last, there, new) if last else base_of_values(there, new)
        merged = merge_values(base, there, new)
    except ScaffoldError:
        return Merged(yours, conflict=not _is_any(new, last))
    except Conflict:
        return Merged(yours, conflict=True)
    if is_same(merged, there):
        return Merged(yours)
    return Merged(ours if json.dumps(merged) == json.dumps(new) else to_text(merged))


def settle_markers(text: str, last: Sequence[Any]) -> str | None:
    """Return a text with git's conflict markers as one that has what both sides have.

    Where neither side was edited since it was rendered `last`, the first of them will do. Where
    they differ in one value, an edit counts, and of two edits the first. None if a side is no JSON.
    """
    try:
        ours, theirs = map(_data, conflictmarkers.sides(text) or ("", ""))
        if _is_any(ours, last) and _is_any(theirs, last):
            return json_text(ours)
        return json_text(merge_values(base_of_values(ours, theirs, last), ours, theirs))
    except (ScaffoldError, Conflict):
        return None


def is_as_rendered(text: str, last: Sequence[Any]) -> bool:
    """Tell whether a text says what was rendered last, in whatever form."""
    try:
        return _is_any(_data(text), last)
    except ScaffoldError:
        return False


def says_the_same(one: str, other: str) -> bool:
    """Tell whether two texts hold the same data."""
    return one == other or is_as_rendered(one, [_data(other)])


def base_of_texts(yours: str, ours: str) -> Any:
    """Return the data of a base for a merge where none was recorded, as `base_of_values`."""
    new = _data(ours)
    try:
        return base_of_values(_data(yours), new)
    except ScaffoldError:  # whoever merges them says so
        return new


def _data(text: str) -> Any:
    return formats.parse(text, "", "json")


def _is_any(document: Any, last: Sequence[Any]) -> bool:
    return any(is_same(document, each) for each in last)
