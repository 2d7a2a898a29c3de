"""Which words of options ask for what an inventory has already: they are no mistake."""

from collections.abc import Callable
from dataclasses import replace

from tls_scaffold.inventory.clusterparts import Server
from tls_scaffold.inventory.components import read_members, read_proxies, read_users
from tls_scaffold.inventory.fields import Field, Table, split_at_commas
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import canonical_host


def without_present(options: Options, inventory: Inventory) -> tuple[Options, tuple[str, ...]]:
    """Return the options without what is there just so, and the words that ask for that.

    A member is there if one has its name and its hosts, or its hosts where no name is given; a user
    if one has its name and CN. What is there otherwise is left in: reading it tells what collides.
    """
    checks: dict[str, Callable[[str], bool]] = {
        "members": lambda word: _has_server(word, inventory.members, "members"),
        "proxy": lambda word: _has_server(word, inventory.proxies, "proxies"),
        "users": lambda word: _has_user(word, inventory),
    }
    present: list[str] = []
    rest: dict[str, tuple[str, ...]] = {}
    for name, is_there in checks.items():
        words = [str(word) for word in split_at_commas(list(getattr(options, name)))]
        there = [word for word in words if is_there(word)]
        present += there
        rest[name] = tuple(word for word in words if word not in there)
    rest_of = replace(options, members=rest["members"], proxy=rest["proxy"], users=rest["users"])
    return rest_of, tuple(dict.fromkeys(present))


def _has_server(word: str, servers: tuple[Server, ...], field: str) -> bool:
    name, equals, _ = word.partition("=")
    is_named = field == "proxies" or bool(equals)
    if is_named and not name.strip():
        return False  # the reader would give it the name of the first one
    table = Table({field: Field(field, [word], None)})
    reader = read_members if field == "members" else read_proxies
    wanted = reader(table, ())[0]
    return any(
        _same_hosts(each, wanted) and (not is_named or each.name == wanted.name) for each in servers
    )


def _same_hosts(one: Server, other: Server) -> bool:
    return list(map(canonical_host, one.hosts)) == list(map(canonical_host, other.hosts))


def _has_user(word: str, inventory: Inventory) -> bool:
    wanted = read_users(Table({"users": Field("users", [word], None)}))[0]
    return any((each.name, each.cn) == (wanted.name, wanted.cn) for each in inventory.users)
