"""JSON values merged as data: two changes to different fields never meet."""

import json
from collections.abc import Mapping, Sequence
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


def base_of_several(bases: Sequence[Any], yours: Any, ours: Any) -> Any:
    """Return the base for a merge where git has merged what several were the bases of.

    What you have of any of them is no change of yours, nor is it one that you lack what one lacks.
    Raises Conflict where that can't be told.
    """
    if any(is_same(each, yours) for each in (ours, *bases)):
        return yours
    if all(is_same(each, bases[0]) for each in bases):
        return bases[0]
    found = [{} if each is MISSING and isinstance(yours, dict) else each for each in bases]
    sides = (*found, yours, ours)
    if all(isinstance(each, dict) for each in sides):
        names = dict.fromkeys(name for each in sides for name in each)
        fields = {
            name: base_of_several(
                [each.get(name, MISSING) for each in found],
                yours.get(name, MISSING),
                ours.get(name, MISSING),
            )
            for name in names
        }
        return {name: value for name, value in fields.items() if value is not MISSING}
    if _are_paired(*sides):
        return [base_of_several(old, mine, new) for *old, mine, new in zip(*sides, strict=True)]
    if all(isinstance(each, list) for each in sides):
        return _base_of_lists(found, yours)
    return ours if any(is_same(each, ours) for each in bases) else bases[0]


def base_of_values(yours: Any, ours: Any, known: Sequence[Any] = ()) -> Any:
    """Return a base for a merge where none was recorded.

    What differs then counts as changed by you, unless it is what one of `known` has there. What is
    only on one side counts as added there.
    """
    if isinstance(yours, dict) and isinstance(ours, dict):
        inner = [each for each in known if isinstance(each, dict)]
        return {
            name: base_of_values(yours[name], value, [each.get(name, MISSING) for each in inner])
            for name, value in ours.items()
            if name in yours
        }
    if isinstance(yours, list) and isinstance(ours, list):
        if _are_paired(yours, ours):
            inner = [each for each in known if _are_paired(each, yours)]
            return [
                base_of_values(mine, new, old)
                for mine, new, *old in zip(yours, ours, *inner, strict=True)
            ]
        if not any(isinstance(each, dict) for each in (*yours, *ours)):
            there = {_key(element) for element in yours}
            return [element for element in ours if _key(element) in there]
    return yours if any(is_same(each, yours) for each in known) else ours


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
    if _are_paired(base, yours, ours):
        return [merge_values(*each) for each in zip(base, yours, ours, strict=True)]
    before, now = set(map(_key, base)), list(map(_key, ours))
    there, after = list(map(_key, yours)), set(now)
    has_objects = any(isinstance(each, dict) for each in base)
    if has_objects and before != after and not before <= set(there):
        # Both changed the objects of a list, and nothing tells which of yours is which of ours.
        raise Conflict
    values = {_key(each): each for each in (*ours, *yours)}
    if there == list(map(_key, base)):
        return [values[key] for key in now]
    kept = [key for key in there if key not in before or key in after]
    added = [key for key in now if key not in before and key not in kept]
    return [values[key] for key in _inserted(kept, added, now)]


def _base_of_lists(bases: Sequence[list[Any]], yours: list[Any]) -> list[Any]:
    values = {_key(each): each for base in bases for each in base}
    known = [set(map(_key, base)) for base in bases]
    before = set.intersection(*known) | values.keys() & set(map(_key, yours))
    if not before and any(isinstance(each, dict) for each in values.values()):
        raise Conflict  # nothing tells which of yours is which of theirs
    return [value for key, value in values.items() if key in before]


def _are_paired(*lists: Any) -> bool:
    """Tell whether all are lists of as many objects."""
    return (
        all(isinstance(each, list) for each in lists)
        and len(set(map(len, lists))) == 1
        and all(isinstance(each, dict) for items in lists for each in items)
    )


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
