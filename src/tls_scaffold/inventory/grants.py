"""The words of `--grant` and `--role`: what a user that is named already may do in etcd."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tls_scaffold.inventory.clusterparts import LONGEST_KEY, Permission, User, range_problem
from tls_scaffold.inventory.fields import Field
from tls_scaffold.spelling import did_you_mean, text_problem

ACCESS = {
    "r": "read",
    "w": "write",
    "rw": "readwrite",
    "read": "read",
    "write": "write",
    "readwrite": "readwrite",
}
# The last colon divides, and only before letters: prefixes may have colons of their own.
ENDING = re.compile(r"(.*):([A-Za-z]*)", re.DOTALL)


def with_grants(
    users: Sequence[User], grants: Iterable[Field], roles: Iterable[Field]
) -> tuple[User, ...]:
    """Return the users with what the words of both options give them; bad words are refused.

    A word about keys that the user has already, or about its role, takes the place of what was
    there; two words about the same keys are a mistake, and so are two presets of one user.
    """
    by_name: dict[str, User] = {}
    for user in users:
        by_name.setdefault(user.name, user)
    _give_prefixes(by_name, grants)
    _give_roles(by_name, roles)
    # A second user of a name is a mistake that is told later: it stays what it says of itself.
    return tuple(by_name.pop(user.name, user) for user in users)


def _give_prefixes(users: dict[str, User], fields: Iterable[Field]) -> None:
    granted = set()
    for field in fields:
        word = field.text()
        if "=" not in word:
            field.refuse(f"`{word}` is not NAME=PREFIX[:r|w|rw] or NAME=FROM..TO[:r|w|rw]")
            continue
        name, keys, access = _parts_of_grant(word)
        permission = _permission(keys, ACCESS.get(access, ""))
        if name not in users:
            field.refuse(_unknown_user(name, users))
        elif access not in ACCESS:
            field.refuse(f"`{access}` is none of `r`, `w`, `rw`")
        elif problem := _problem(permission):
            field.refuse(problem)
        elif (name, permission.keys) in granted:
            field.refuse(f"`{keys}` is granted to `{name}` twice (`rw` is both)")
        else:
            others = (each for each in users[name].permissions if each.keys != permission.keys)
            users[name] = replace(users[name], permissions=(*others, permission))
            granted.add((name, permission.keys))


def _permission(keys: str, access: str) -> Permission:
    """Return the permission for a prefix, or for the range FROM..TO; nothing behind it is no end.

    A prefix or a key with two dots in it is for the inventory's file.
    """
    start, dots, end = keys.partition("..")
    return Permission(start, access, prefix=False, end=end) if dots else Permission(keys, access)


def _problem(permission: Permission) -> str:
    if permission.end is None:
        return text_problem(permission.path, LONGEST_KEY)
    return range_problem(permission.path, permission.end)


def _parts_of_grant(word: str) -> tuple[str, str, str]:
    """Return name, keys and access of NAME=KEYS[:ACCESS]."""
    name, _, rest = word.partition("=")
    ending = ENDING.fullmatch(rest)
    return (name, ending[1], ending[2]) if ending else (name, rest, "r")


def _give_roles(users: dict[str, User], fields: Iterable[Field]) -> None:
    given: dict[str, str] = {}
    for field in fields:
        word = field.text()
        name, _, role = word.partition("=")
        if not role:
            field.refuse(f"`{word}` is not NAME=PRESET")
        elif name not in users:
            field.refuse(_unknown_user(name, users))
        elif given.setdefault(name, role) != role:
            advice = "a user has one preset (`--grant` adds to it)"
            field.refuse(f"`{name}` is given `{given[name]}` too: {advice}")
        else:
            users[name] = replace(users[name], role=role)


def _unknown_user(name: str, users: Iterable[str]) -> str:
    return f"`{name}` is not a user{did_you_mean(name, users) or ': name it with `--user`'}"
