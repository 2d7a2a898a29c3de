"""JSON documents merged as data: two changes to different fields never meet."""

import json
from collections.abc import Mapping
from typing import Any, cast

MISSING: Any = object()


class Conflict(Exception):  # noqa: N818  (an outcome, not a failure)
    """Both sides changed one value, each in its own way."""


def merge(base: Any, yours: Any, ours: Any) -> Any:
    """Return `yours` with every change from `base` to `ours` made in it; raises Conflict.

    Objects are merged field by field and keep your order, lists element by element.
    """
    if same(yours, ours):
        return yours
    if all(isinstance(each, dict) for each in (yours, ours)) and (
        base is MISSING or isinstance(base, dict)
    ):
        return _objects({} if base is MISSING else base, yours, ours)
    if all(isinstance(each, list) for each in (base, yours, ours)):
        return _lists(base, yours, ours)
    if same(base, ours):
        return yours
    if same(base, yours):
        return ours
    raise Conflict


def common(yours: Any, ours: Any, *, fill_lists: bool = True) -> Any:
    """Return a base for a merge where none was recorded.

    What differs then counts as changed by you, and what is only on one side as added there. Without
    `fill_lists` what a list of yours lacks counts as taken out by you.
    """
    if isinstance(yours, dict) and isinstance(ours, dict):
        both = (name for name in ours if name in yours)
        return {name: common(yours[name], ours[name], fill_lists=fill_lists) for name in both}
    if not (isinstance(yours, list) and isinstance(ours, list)):
        return ours
    if any(isinstance(each, dict) for each in (*yours, *ours)):
        pairs = zip(yours, ours, strict=True) if len(yours) == len(ours) else ()
        return [common(*pair, fill_lists=fill_lists) for pair in pairs] or ours
    there = {_key(element) for element in yours}
    return [element for element in ours if not fill_lists or _key(element) in there]


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal as JSON: `1` and `true` are not, and the order of fields is no matter."""
    if one is MISSING or other is MISSING:
        return one is other
    return _key(one) == _key(other)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _objects(
    base: Mapping[str, Any], yours: Mapping[str, Any], ours: Mapping[str, Any]
) -> dict[str, Any]:
    names = _inserted(list(yours), [name for name in ours if name not in yours], list(ours))
    merged = {
        name: merge(base.get(name, MISSING), yours.get(name, MISSING), ours.get(name, MISSING))
        for name in names
    }
    return {name: value for name, value in merged.items() if value is not MISSING}


def _lists(base: list[Any], yours: list[Any], ours: list[Any]) -> list[Any]:
    if len(base) == len(yours) == len(ours) and all(
        isinstance(each, dict) for each in (*base, *yours, *ours)
    ):
        return [merge(*each) for each in zip(base, yours, ours, strict=True)]
    before, now = {_key(each) for each in base}, [_key(each) for each in ours]
    if (
        before != set(now)
        and not before <= set(map(_key, yours))
        and any(isinstance(each, dict) for each in base)
    ):
        raise Conflict  # both changed the objects of a list, and nothing tells which of yours is which of ours
    kept = [_key(each) for each in yours if _key(each) not in before or _key(each) in now]
    added = [key for key in now if key not in before and key not in kept]
    texts = {_key(each): each for each in (*ours, *yours)}
    return [texts[key] for key in _inserted(kept, added, now)]


def _inserted(kept: list[str], added: list[str], order: list[str]) -> list[str]:
    """Return `kept` with each of `added` put behind the one that it follows in `order`."""
    merged = list(kept)
    previous = cast("dict[str, str | None]", dict(zip(order, [None, *order], strict=False)))
    for item in added:
        before = previous[item]
        merged.insert(
            merged.index(before) + 1
            if before in merged
            else (0 if before is None else len(merged)),
            item,
        )
    return merged
