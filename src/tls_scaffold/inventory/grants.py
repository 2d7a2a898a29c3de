"""The words of `--grant` and `--role`: they say what a user that is already named may do in etcd."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tls_scaffold.errors import Problem, problem_of
from tls_scaffold.inventory.listed import Permission, User
from tls_scaffold.words import meant, text_problem, visible

ACCESS = {
    "r": "read",
    "w": "write",
    "rw": "readwrite",
    "read": "read",
    "write": "write",
    "readwrite": "readwrite",
}
LONGEST = 1024
FORM = "NAME=PREFIX[:r|w|rw]"
ENDING = re.compile(r"(.*):([A-Za-z]*)", re.DOTALL)


def granted(
    users: Iterable[User], grants: Iterable[str], roles: Iterable[str]
) -> tuple[tuple[User, ...], list[Problem]]:
    """Return the users with what the words give them, and a problem of each bad word.

    A word about a prefix that the user has already, or about its role, takes the place of what was there;
    two words about one prefix are a mistake, and so are two presets of one user.
    """
    grants, roles = tuple(grants), tuple(roles)
    listed = tuple(users)
    by_name = {user.name: user for user in listed}
    problems = [
        *(
            problem_of(f"grant[{index}]", wrong)
            for index, word in enumerate(grants)
            for wrong in _grant(by_name, word)
        ),
        *(
            problem_of(f"grant[{index}]", wrong)
            for index, word in enumerate(grants)
            for wrong in _again(grants[:index], word)
        ),
        *(
            problem_of(f"role[{index}]", wrong)
            for index, word in enumerate(roles)
            for wrong in _role(by_name, word)
        ),
        *(
            problem_of(f"role[{index}]", wrong)
            for index, word in enumerate(roles)
            for wrong in _other_role(roles[:index], word)
        ),
    ]
    return tuple(by_name[user.name] for user in listed), problems


def _grant(users: dict[str, User], word: str) -> Iterator[str]:
    name, path, access = _parts(word)
    if "=" not in word:
        yield f"`{visible(word)}` is not {FORM}"
    elif name not in users:
        yield _unknown(name, users)
    elif access not in ACCESS:
        yield f"`{access}` is none of `r`, `w`, `rw`"
    elif wrong := text_problem(path, LONGEST):
        yield wrong
    else:
        kept = (each for each in users[name].permissions if not each.prefix or each.path != path)
        users[name] = replace(users[name], permissions=(*kept, Permission(path, ACCESS[access])))


def _again(earlier: Sequence[str], word: str) -> Iterator[str]:
    name, path, _ = _parts(word)
    if (name, path) in {_parts(each)[:2] for each in earlier}:
        yield f"`{visible(path)}` is granted to `{visible(name)}` twice (`rw` is both)"


def _parts(word: str) -> tuple[str, str, str]:
    """Return name, prefix and access of NAME=PREFIX[:r|w|rw]."""
    name, _, rest = word.partition("=")
    ending = ENDING.fullmatch(rest)
    return (name, ending[1], ending[2]) if ending else (name, rest, "r")


def _role(users: dict[str, User], word: str) -> Iterator[str]:
    name, named, role = word.partition("=")
    if not named or not role:
        yield f"`{visible(word)}` is not NAME=PRESET"
    elif name not in users:
        yield _unknown(name, users)
    else:
        users[name] = replace(users[name], role=role)


def _other_role(earlier: Sequence[str], word: str) -> Iterator[str]:
    name, _, role = word.partition("=")
    others = [
        given for owner, _, given in (each.partition("=") for each in earlier) if owner == name
    ]
    other = next((given for given in others if given and given != role), "")
    if role and other:
        yield f"`{visible(name)}` is given `{visible(other)}` too: a user has one preset (`--grant` adds to it)"


def _unknown(name: str, users: Iterable[str]) -> str:
    return f"`{visible(name)}` is not a user{meant(name, users) or ': name it with `--user`'}"
