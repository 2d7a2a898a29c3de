"""Which words of options ask for what an inventory has already: they are no mistake."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from tls_scaffold.inventory.clusterparts import Member, Proxy, Server, User
from tls_scaffold.inventory.components import read_members, read_proxies, read_users
from tls_scaffold.inventory.fields import Field, Table, split_at_commas
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import canonical_host

S = TypeVar("S", Member, Proxy)

Part = Member | Proxy | User


def without_present(options: Options, inventory: Inventory) -> tuple[Options, dict[str, Part]]:
    """Return the options without what is there just so, and what that is, by the words for it.

    A member is there if one has its name and its hosts, or its hosts where no name is given; a user
    if one has its name and CN. What is there otherwise is left in: reading it tells what collides.
    """
    finds: dict[str, Callable[[str], Part | None]] = {
        "members": lambda word: _server(word, inventory.members, "members"),
        "proxy": lambda word: _server(word, inventory.proxies, "proxies"),
        "users": lambda word: _user(word, inventory),
    }
    present: dict[str, Part] = {}
    rest: dict[str, tuple[str, ...]] = {}
    for name, find in finds.items():
        words = [str(word) for word in split_at_commas(list(getattr(options, name)))]
        there = {word: part for word in words if (part := find(word))}
        present |= there
        rest[name] = tuple(word for word in words if word not in there)
    rest_of = replace(options, members=rest["members"], proxy=rest["proxy"], users=rest["users"])
    return rest_of, present


def users_there(options: Options, inventory: Inventory) -> dict[str, User]:
    """Return the users whose names stand in options that ask for them anew, by the words for it."""
    by_name = {each.name: each for each in inventory.users}
    names = {str(word): _read_user(str(word)).name for word in split_at_commas(list(options.users))}
    return {word: by_name[name] for word, name in names.items() if name in by_name}


def _server(word: str, servers: Iterable[S], field: str) -> S | None:
    name, equals, _ = word.partition("=")
    is_named = field == "proxies" or bool(equals)
    if is_named and not name.strip():
        return None  # the reader would give it the name of the first one
    table = Table({field: Field(field, [word], None)})
    reader = read_members if field == "members" else read_proxies
    wanted = reader(table, ())[0]
    same = (each for each in servers if _same_hosts(each, wanted))
    return next((each for each in same if not is_named or each.name == wanted.name), None)


def _same_hosts(one: Server, other: Server) -> bool:
    return list(map(canonical_host, one.hosts)) == list(map(canonical_host, other.hosts))


def _user(word: str, inventory: Inventory) -> User | None:
    wanted = _read_user(word)
    same = (each for each in inventory.users if each.cn == wanted.cn)
    return next((each for each in same if each.name == wanted.name), None)


def _read_user(word: str) -> User:
    return read_users(Table({"users": Field("users", [word], None)}))[0]
