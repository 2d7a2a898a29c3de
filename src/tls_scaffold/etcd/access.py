"""Whether roles let a user read or write a range of keys, decided as etcd decides it."""

from collections.abc import Iterable
from dataclasses import dataclass

from tls_scaffold.inventory.clusterparts import Permission, prefix_end
from tls_scaffold.inventory.rbac import Role
from tls_scaffold.inventory.terms import ROOT


@dataclass(frozen=True)
class Range:
    """The keys from `start` up to, but without, `end`; no end: all that follow."""

    start: bytes
    end: bytes | None


def range_of(permission: Permission) -> Range:
    """Return the keys that a permission is about.

    A single key ends before the key with a zero byte after it.
    """
    key = permission.path.encode()
    if permission.end is not None:
        return Range(key, permission.end.encode() or None)
    if not permission.prefix:
        return Range(key, key + b"\0")
    return Range(key, prefix_end(permission.path))


def allows(roles: Iterable[Role], access: str, wanted: Range) -> bool:
    """Tell whether these roles give `access` (`read` or `write`) to every key of `wanted`.

    etcd joins the ranges of all of a user's roles before it looks; the role root may do everything.
    """
    held = list(roles)
    if any(role.name == ROOT for role in held):
        return True
    granted = [
        each for role in held for each in role.permissions if each.access in (access, "readwrite")
    ]
    return _covered(wanted, sorted(map(range_of, granted), key=lambda each: each.start))


def _covered(wanted: Range, ranges: list[Range]) -> bool:
    reached = wanted.start
    for each in ranges:
        if each.start > reached:
            return False
        if each.end is None:
            return True
        reached = max(reached, each.end)
        if wanted.end is not None and reached >= wanted.end:
            return True
    return False
