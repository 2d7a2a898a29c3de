"""Three-way merges of files: what was rendered last, what is there now, what would be rendered now."""

import json
from dataclasses import dataclass

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.keeping import jsonmerge, textmerge


@dataclass(frozen=True)
class Merged:
    """The text that a file should have; after a conflict that is yours, untouched."""

    text: str
    conflict: bool = False


def merge(path: str, base: str | None, yours: str, ours: str) -> Merged:
    """Merge the change from `base` to `ours` into `yours`: a file `*.json` as data, any other line by line.

    Without a base whatever differs counts as your edit, and what only ours has is added.
    """
    if yours in (base, ours):
        return Merged(ours)
    if base == ours:
        return Merged(yours)
    merged = (_json if path.endswith(".json") else textmerge.merge)(base, yours, ours)
    return Merged(yours, conflict=True) if merged is None else Merged(merged)


def common(path: str, yours: str, ours: str, *, fill_lists: bool = True) -> str:
    """Return a base for a merge where none was recorded: see `jsonmerge.common` and `textmerge.common`."""
    if not path.endswith(".json"):
        return textmerge.common(yours, ours)
    try:
        there, new = formats.parse(yours, path, "json"), formats.parse(ours, path, "json")
    except ScaffoldError:  # whoever merges them says so
        return ours
    return json.dumps(jsonmerge.common(there, new, fill_lists=fill_lists))


def _json(base: str | None, yours: str, ours: str) -> str | None:
    try:
        there, new = formats.parse(yours, "", "json"), formats.parse(ours, "", "json")
        old = jsonmerge.common(there, new) if base is None else formats.parse(base, "", "json")
        merged = jsonmerge.merge(old, there, new)
    except (ScaffoldError, jsonmerge.Conflict):
        return None
    return yours if jsonmerge.same(merged, there) else json.dumps(merged, indent=2, ensure_ascii=False) + "\n"
