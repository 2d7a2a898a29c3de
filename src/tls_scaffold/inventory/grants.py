"""The words of `--grant` and `--role`: what a user that is named already may do in etcd."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tls_scaffold.inventory.clusterparts import LONGEST_KEY, Permission, User
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

    A word about a prefix that the user has already, or about its role, takes the place of what was
    there; two words about one prefix are a mistake, and so are two presets of one user.
    """
    by_name = {user.name: user for user in users}
    _give_prefixes(by_name, grants)
    _give_roles(by_name, roles)
    return tuple(by_name[user.name] for user in users)


def _give_prefixes(users: dict[str, User], fields: Iterable[Field]) -> None:
    granted = set()
    for field in fields:
        word = field.text()
        if "=" not in word:
            field.refuse(f"`{word}` is not NAME=PREFIX[:r|w|rw]")
            continue
        name, prefix, access = _parts_of_grant(word)
        if name not in users:
            field.refuse(_unknown_user(name, users))
        elif access not in ACCESS:
            field.refuse(f"`{access}` is none of `r`, `w`, `rw`")
        elif problem := text_problem(prefix, LONGEST_KEY):
            field.refuse(problem)
        elif (name, prefix) in granted:
            field.refuse(f"`{prefix}` is granted to `{name}` twice (`rw` is both)")
        else:
            permission = Permission(prefix, ACCESS[access])
            others = (
                each for each in users[name].permissions if not each.prefix or each.path != prefix
            )
            users[name] = replace(users[name], permissions=(*others, permission))
        granted.add((name, prefix))


def _parts_of_grant(word: str) -> tuple[str, str, str]:
    """Return name, prefix and access of NAME=PREFIX[:ACCESS]."""
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
