"""Requests and configurations, which a team edits too: merged as data, what was rendered last into what is there."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers, formats
from tls_scaffold.keeping import jsonmerge


@dataclass(frozen=True)
class Merged:
    """The text that a file should have; after a conflict that is yours, untouched."""

    text: str
    conflict: bool = False


def text_of(document: Any) -> str:
    """Return the text of merged data."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def merge(
    last: Sequence[Any], yours: str, ours: str, text_of: Callable[[Any], str] = text_of
) -> Merged:
    """Merge into the text `yours` what the text `ours` has changed since what was rendered `last`.

    `last` is its data: none, if nothing is known of it, or several, if git has merged two branches. Then whatever
    differs counts as your edit, and what only ours has is added. `text_of` gives merged data its form.
    """
    new = _data(ours)
    try:
        there = _data(yours)
        if json.dumps(there) in map(json.dumps, last):  # with the fields in the same order
            return Merged(yours if jsonmerge.same(there, new) else ours)
        if _is_any(new, last):
            return Merged(yours)
        unedited = [each for each in last if jsonmerge.same(each, there)]
        base = (unedited or last)[0] if unedited or len(last) == 1 else jsonmerge.common(there, new)
        merged = jsonmerge.merge(base, there, new)
    except (ScaffoldError, jsonmerge.Conflict):
        return Merged(yours, conflict=not _is_any(new, last))
    if jsonmerge.same(merged, there):
        return Merged(yours)
    return Merged(ours if json.dumps(merged) == json.dumps(new) else text_of(merged))


def settled(text: str, last: Sequence[Any]) -> str | None:
    """Return a text with git's conflict markers as one that has what both sides have; None if a side is no JSON.

    Where neither side was edited since it was rendered `last`, the first of them will do. Where they differ in one
    value, that of the first counts.
    """
    try:
        ours, theirs = map(_data, conflictmarkers.sides(text) or ("", ""))
        if _is_any(ours, last) and _is_any(theirs, last):
            return text_of(ours)
        return text_of(jsonmerge.merge(jsonmerge.common(ours, theirs), ours, theirs))
    except (ScaffoldError, jsonmerge.Conflict):
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


def common(yours: str, ours: str, *, fill_lists: bool = True) -> Any:
    """Return the data of a base for a merge where none was recorded: see `jsonmerge.common`."""
    new = _data(ours)
    try:
        return jsonmerge.common(_data(yours), new, fill_lists=fill_lists)
    except ScaffoldError:  # whoever merges them says so
        return new


def _data(text: str) -> Any:
    return formats.parse(text, "", "json")


def _is_any(document: Any, last: Sequence[Any]) -> bool:
    return any(jsonmerge.same(document, each) for each in last)
