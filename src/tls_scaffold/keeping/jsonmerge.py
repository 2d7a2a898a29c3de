"""JSON values merged as data: two changes to different fields never meet."""

import json
from collections.abc import Mapping
from typing import Any

MISSING: Any = object()


class Conflict(Exception):  # noqa: N818  (an outcome, not a failure)
    """Both sides changed one value, each in its own way."""


def merge_values(base: Any, yours: Any, ours: Any) -> Any:
    """Return `yours` with every change from `base` to `ours` made in it; raises Conflict.

    Objects are merged field by field and keep your order, lists element by element.
    """
    if is_same(yours, ours):
        return yours
    if isinstance(yours, dict) and isinstance(ours, dict):
        if base is MISSING:
            return _merge_objects({}, yours, ours)
        if isinstance(base, dict):
            return _merge_objects(base, yours, ours)
    if all(isinstance(each, list) for each in (base, yours, ours)):
        return _merge_lists(base, yours, ours)
    if is_same(base, ours):
        return yours
    if is_same(base, yours):
        return ours
    raise Conflict


def base_of_values(yours: Any, ours: Any) -> Any:
    """Return a base for a merge where none was recorded.

    What differs then counts as changed by you, and what is only on one side as added there.
    """
    if isinstance(yours, dict) and isinstance(ours, dict):
        return {
            name: base_of_values(yours[name], value)
            for name, value in ours.items()
            if name in yours
        }
    if not (isinstance(yours, list) and isinstance(ours, list)):
        return ours
    if any(isinstance(each, dict) for each in (*yours, *ours)):
        if len(yours) != len(ours):
            return ours
        pairs = zip(yours, ours, strict=True)
        return [base_of_values(*pair) for pair in pairs]
    there = {_key(element) for element in yours}
    return [element for element in ours if _key(element) in there]


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal as JSON.

    `1` and `true` are not, and the order of fields is no matter.
    """
    if one is MISSING or other is MISSING:
        return one is other
    return _key(one) == _key(other)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _merge_objects(
    base: Mapping[str, Any], yours: Mapping[str, Any], ours: Mapping[str, Any]
) -> dict[str, Any]:
    names = _inserted(list(yours), [name for name in ours if name not in yours], list(ours))
    merged = {
        name: merge_values(*(side.get(name, MISSING) for side in (base, yours, ours)))
        for name in names
    }
    return {name: value for name, value in merged.items() if value is not MISSING}


def _merge_lists(base: list[Any], yours: list[Any], ours: list[Any]) -> list[Any]:
    if len(base) == len(yours) == len(ours) and all(
        isinstance(each, dict) for each in (*base, *yours, *ours)
    ):
        return [merge_values(*each) for each in zip(base, yours, ours, strict=True)]
    before, now = set(map(_key, base)), list(map(_key, ours))
    there, after = list(map(_key, yours)), set(now)
    has_objects = any(isinstance(each, dict) for each in base)
    if has_objects and before != after and not before <= set(there):
        # Both changed the objects of a list, and nothing tells which of yours is which of ours.
        raise Conflict
    kept = [key for key in there if key not in before or key in after]
    added = [key for key in now if key not in before and key not in kept]
    values = {_key(each): each for each in (*ours, *yours)}
    return [values[key] for key in _inserted(kept, added, now)]


def _inserted(kept: list[str], added: list[str], order: list[str]) -> list[str]:
    """Return `kept` with each of `added` put behind the one that it follows in `order`."""
    merged = list(kept)
    places = {item: at for at, item in enumerate(order)}
    for item in added:
        at = places[item]
        if at == 0:
            merged.insert(0, item)
        elif order[at - 1] in merged:
            merged.insert(merged.index(order[at - 1]) + 1, item)
        else:
            merged.append(item)
    return merged
