"""Members, proxies and users are read, from a file's tables or from the words of options."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar

from tls_scaffold import spelling
from tls_scaffold.inventory.clusterparts import (
    ACCESS,
    LONGEST_KEY,
    Files,
    Member,
    Peer,
    Permission,
    Proxy,
    Server,
    User,
    key_problem,
    range_problem,
)
from tls_scaffold.inventory.fields import Field, Table
from tls_scaffold.inventory.membersettings import read_member_settings
from tls_scaffold.inventory.reach import output_problem, request_problem
from tls_scaffold.inventory.terms import TERM_FIELDS, read_terms

S = TypeVar("S", bound=Server)
FILE_FIELDS = ("request", "output", "profile")
SERVER_FIELDS = ("name", "hosts", "cn", *TERM_FIELDS, *FILE_FIELDS)
MEMBER_FIELDS = (*SERVER_FIELDS, "peer", "etcd")
USER_FIELDS = (
    *("name", "cn", "role", "permissions", "hosts"),
    *(*TERM_FIELDS, "usages", *FILE_FIELDS),
)
PEER_FIELDS = ("cn", *FILE_FIELDS)
KEYS_FIELDS = ("prefix", "key", "from")
"""One of these says which keys of etcd a permission is about."""
PERMISSION_FIELDS = (*KEYS_FIELDS, "to", "access")
NEITHER = "is neither text nor a table of fields"
# Each takes the next hundred of loopback's ports in the Procfile: 2380, 2480, …, 65480.
MOST_MEMBERS = 632
MOST_PROXIES = 10_000


def read_members(
    whole: Table, removed: tuple[str, ...], known: Iterable[Server] = ()
) -> tuple[Member, ...]:
    """Return the members; those without a name become `etcd1`, `etcd2`, …, none in `removed`.

    One that is `known` at the same first host keeps the name that it has there.
    """
    read = [_read_member(each) for each in whole["members"].comma_items()]
    if len(read) > MOST_MEMBERS:
        whole["members"].refuse(
            f"there are more than {MOST_MEMBERS}, the most that loopback has ports for"
        )
    return _with_names(read, "etcd", removed, known)


def read_proxies(
    whole: Table, removed: tuple[str, ...], known: Iterable[Server] = ()
) -> tuple[Proxy, ...]:
    """Return the proxies; those without a name become `proxy1`, `proxy2`, …, as members do."""
    field = whole["proxies"]
    items = replace(field, value=proxy_list(field.value)).comma_items()
    read = [_read_proxy(each) for each in items]
    if len(read) > MOST_PROXIES:
        field.refuse(f"there are more than {MOST_PROXIES}")
    return _with_names(read, "proxy", removed, known)


def read_users(whole: Table) -> tuple[User, ...]:
    """Return the users."""
    return tuple(_read_user(each) for each in whole["users"].comma_items())


def proxy_list(value: object) -> object:
    """Return what an inventory says of its proxies; where that is a number, as many without a name.

    Of more than there may be one too many is made: enough to be refused.
    """
    if type(value) is int and value >= 0:  # true is an int of Python's
        return [{}] * min(value, MOST_PROXIES + 1)
    return value


def _with_names(
    servers: Sequence[S], prefix: str, removed: tuple[str, ...], known: Iterable[Server]
) -> tuple[S, ...]:
    """Give those without a name the one that is known, or the next number.

    Names that come later are not looked at: `add` would not know of them either.
    """
    said = {server.name for server in servers}
    names_of: dict[str, list[str]] = {}
    for each in known:
        if each.name not in said:
            names_of.setdefault(_first_host(each), []).append(each.name)
    taken = {name.lower() for name in (*removed, *(each.name for each in known))}
    free = (name for number in count(1) if (name := f"{prefix}{number}") not in taken)
    named = []
    for server in servers:
        name = server.name or next(iter(names_of.get(_first_host(server), ())), "")
        if name and not server.name:
            names_of[_first_host(server)].remove(name)
        named.append(replace(server, name=name or next(free)))
        taken.add(named[-1].name.lower())
    return tuple(named)


def _first_host(server: Server) -> str:
    return spelling.canonical_host(server.hosts[0]) if server.hosts else ""


def _read_member(field: Field) -> Member:
    if isinstance(field.value, str) and "=" not in field.value:
        return Member("", (field.text(spelling.host_problem),))
    field = _as_table(field, "hosts")
    table = field.table(MEMBER_FIELDS, NEITHER)
    if isinstance(field.value, Mapping) and not (table["hosts"].value or table["request"].value):
        field.inner("hosts", None).refuse(
            "a member needs at least one host, or a `request` of its own that has them"
        )
    return Member(
        table["name"].text(spelling.name_problem),
        read_hosts(table["hosts"]),
        _read_files(table),
        table["cn"].text(spelling.cn_problem),
        read_terms(table),
        _read_peer(table["peer"]) if "peer" in table else None,
        read_member_settings(table["etcd"]),
    )


def _read_peer(field: Field) -> Peer:
    table = field.table(PEER_FIELDS)
    return Peer(_read_files(table), table["cn"].text(spelling.cn_problem))


def _read_proxy(field: Field) -> Proxy:
    table = _as_table(field, "hosts").table(SERVER_FIELDS, NEITHER)
    return Proxy(
        table["name"].text(spelling.name_problem),
        read_hosts(table["hosts"]),
        _read_files(table),
        table["cn"].text(spelling.cn_problem),
        read_terms(table),
    )


def _as_table(field: Field, second: str) -> Field:
    """Return a word as the table that a file would have; a table as it is.

    The word is `NAME`, or `NAME=` and the second field; hosts have `+` between them.
    """
    if not isinstance(field.value, str):
        return field
    name, has_second, text = field.value.partition("=")
    table: dict[str, object] = {"name": name}
    if has_second:
        table[second] = text.split("+") if second == "hosts" else text
    return replace(field, value=table)


def read_hosts(field: Field) -> tuple[str, ...]:
    """Return a list of hosts."""
    return field.texts(spelling.host_problem)


def _read_user(field: Field) -> User:
    field = _as_table(field, "cn")
    table = field.table(USER_FIELDS, NEITHER)
    if isinstance(field.value, Mapping) and "name" not in table:
        # Unlike a server's it is not made up: it is told as an empty one.
        table["name"] = field.inner("name", "")
    name = table["name"].text(spelling.name_problem)
    return User(
        name,
        table["cn"].text(spelling.cn_problem) if "cn" in table else name,
        table["role"].text(spelling.label_problem),
        tuple(_read_permission(each) for each in table["permissions"].comma_items()),
        _read_files(table),
        read_hosts(table["hosts"]),
        read_terms(table),
    )


def _read_permission(field: Field) -> Permission:
    table = field.table(PERMISSION_FIELDS)
    if sum(name in table for name in KEYS_FIELDS) != 1:
        field.refuse("needs either `prefix`, `key` or `from`")
    access = table.field("access", "read")
    if access.value not in ACCESS:
        access.refuse_value("is none of `read`, `write`, `readwrite`")
    if "to" in table and "from" not in table:
        table["to"].refuse("goes with `from`")
    if "from" in table:
        return _read_range(table["from"], table.field("to", ""), str(access.value))
    if "prefix" in table:
        return Permission(table["prefix"].text(_path_problem), str(access.value))
    return Permission(table["key"].text(key_problem), str(access.value), prefix=False)


def _read_range(start: Field, end: Field, access: str) -> Permission:
    """Return the permission for the keys from one text up to another; all that follow if empty."""
    last = end.text()
    first = start.text(lambda text: range_problem(text, last))
    return Permission(first, access, prefix=False, end=last)


def _path_problem(text: str) -> str:
    return spelling.text_problem(text, LONGEST_KEY)


def _read_files(table: Table) -> Files:
    return Files(
        table["request"].text(request_problem),
        table["output"].text(output_problem),
        table["profile"].text(_profile_problem) if "profile" in table else None,
    )


def _profile_problem(text: str) -> str:
    return spelling.label_problem(text) if text else ""  # the empty profile is the default one
