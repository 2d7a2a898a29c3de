"""Members, proxies and users as files and options describe them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

from tls_scaffold import words
from tls_scaffold.inventory.fields import Fields, shown
from tls_scaffold.inventory.listed import Files, Member, Peer, Permission, Proxy, Server, User
from tls_scaffold.inventory.membersettings import member_settings
from tls_scaffold.inventory.reach import output_problem, request_problem

S = TypeVar("S", bound=Server)
FILE_FIELDS = ("request", "output", "profile")
SERVER_FIELDS = ("name", "hosts", "cn", *FILE_FIELDS)
NEITHER = "neither text nor a table of fields"
ACCESS = ("read", "write", "readwrite")
MOST_MEMBERS = (
    632  # each takes the next hundred of loopback's ports in the Procfile: 2380, 2480, …, 65480
)
MOST_PROXIES = 10_000


def members(fields: Fields, value: object, removed: tuple[str, ...]) -> tuple[Member, ...]:
    """Return the members in the list `value`; those without a name become `etcd1`, `etcd2`, …, none in `removed`."""
    read = fields.each("members", value, lambda at, item: _member(fields, at, item))
    found = _named(read, "etcd", removed)
    if len(found) > MOST_MEMBERS:
        fields.wrong(
            "members", f"there are more than {MOST_MEMBERS}, the most that loopback has ports for"
        )
    return found


def proxies(fields: Fields, value: object, removed: tuple[str, ...]) -> tuple[Proxy, ...]:
    """Return the proxies in the list `value`, or as many as it says: `proxy1`, `proxy2`, …, none in `removed`."""
    read = fields.each("proxies", counted(value), lambda at, item: _proxy(fields, at, item))
    found = _named(read, "proxy", removed)
    if len(found) > MOST_PROXIES:
        fields.wrong("proxies", f"there are more than {MOST_PROXIES}")
    return found


def users(fields: Fields, value: object) -> tuple[User, ...]:
    """Return the users in the list `value`."""
    return tuple(fields.each("users", value, lambda place, item: _user(fields, place, item)))


def counted(value: object) -> object:
    """Return as many proxies without a name as a number says, one too many standing for more; else `value`."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return [{}] * min(value, MOST_PROXIES + 1) if is_count else value  # type: ignore[call-overload]


def _named(servers: Iterable[S], prefix: str, removed: tuple[str, ...]) -> tuple[S, ...]:
    """Give those without a name the next number, one after another and blind for what follows: as `add` would."""
    taken = {name.lower() for name in removed}
    free = (name for number in count(1) if (name := f"{prefix}{number}") not in taken)
    named = []
    for server in servers:
        named.append(server if server.name else replace(server, name=next(free)))
        taken.add(named[-1].name.lower())
    return tuple(named)


def _member(fields: Fields, place: str, value: object) -> Member:
    data = _words(value, "hosts") if isinstance(value, str) else value
    table = fields.table(place, data, (*SERVER_FIELDS, "peer", "etcd"), NEITHER)
    if not (table.get("hosts") or table.get("request")) and isinstance(data, Mapping):
        fields.wrong(
            f"{place}.hosts",
            "a member needs at least one host, or a `request` of its own that has them",
        )
    member = _server(fields, place, table, Member, bare=isinstance(value, str) and "=" not in value)
    return replace(
        member,
        peer=_peer(fields, f"{place}.peer", table["peer"]) if "peer" in table else None,
        etcd=member_settings(fields, f"{place}.etcd", table.get("etcd", {})),
    )


def _peer(fields: Fields, place: str, value: object) -> Peer:
    table = fields.table(place, value, ("cn", *FILE_FIELDS))
    return Peer(_files(fields, place, table), _cn(fields, place, table))


def _proxy(fields: Fields, place: str, value: object) -> Proxy:
    data = _words(value, "name") if isinstance(value, str) else value
    return _server(fields, place, fields.table(place, data, SERVER_FIELDS, NEITHER), Proxy)


def _server(
    fields: Fields, place: str, table: Mapping[str, Any], kind: type[S], *, bare: bool = False
) -> S:
    return kind(
        fields.name(f"{place}.name", table["name"]) if "name" in table else "",
        _hosts(fields, place, table.get("hosts", []), bare=bare),
        _files(fields, place, table),
        _cn(fields, place, table),
    )


def _cn(fields: Fields, place: str, table: Mapping[str, Any]) -> str:
    return fields.text(f"{place}.cn", table["cn"], words.cn_problem) if "cn" in table else ""


def _words(text: str, alone: str) -> dict[str, Any]:
    """Take `NAME=HOST+HOST` apart; a word alone is one of the hosts, or the name."""
    name, named, hosts = text.partition("=")
    if named:
        return {"name": name, "hosts": hosts.split("+")}
    return {alone: [text] if alone == "hosts" else text}


def _hosts(fields: Fields, place: str, value: object, *, bare: bool) -> tuple[str, ...]:
    if not isinstance(value, list):
        fields.wrong(f"{place}.hosts", f"`{shown(value)}` is not a list")
        return ()
    return tuple(
        fields.text(place if bare else f"{place}.hosts[{index}]", host, words.host_problem)
        for index, host in enumerate(value)
    )


def _user(fields: Fields, place: str, value: object) -> User:
    if isinstance(value, str):
        name, named, cn = value.partition("=")
        value = {"name": name, "cn": cn} if named else {"name": name}
    table = fields.table(place, value, ("name", "cn", "role", "permissions", *FILE_FIELDS), NEITHER)
    name = fields.name(f"{place}.name", table.get("name", "")) if isinstance(value, Mapping) else ""
    permissions = fields.each(
        f"{place}.permissions",
        table.get("permissions", []),
        lambda at, item: _permission(fields, at, item),
    )
    return User(
        name=name,
        cn=fields.text(f"{place}.cn", table["cn"], words.cn_problem) if "cn" in table else name,
        role=fields.label(f"{place}.role", table["role"]) if "role" in table else "",
        permissions=tuple(permissions),
        files=_files(fields, place, table),
    )


def _permission(fields: Fields, place: str, value: object) -> Permission:
    table = fields.table(place, value, ("prefix", "key", "access"))
    if ("prefix" in table) == ("key" in table):
        fields.wrong(place, "needs either `prefix` or `key`")
    access = table.get("access", "read")
    if access not in ACCESS:
        fields.wrong(
            f"{place}.access", f"`{shown(access)}` is none of `read`, `write`, `readwrite`"
        )
    kind = "prefix" if "prefix" in table else "key"
    path = fields.text(
        f"{place}.{kind}", table.get(kind, ""), lambda text: words.text_problem(text, 1024)
    )
    if kind == "key" and table.get("key") == "":
        fields.wrong(f"{place}.key", "the key is empty")
    return Permission(path, str(access), prefix=kind == "prefix")


def _files(fields: Fields, place: str, table: Mapping[str, Any]) -> Files:
    paths = {
        name: fields.text(f"{place}.{name}", table[name], problem)
        for name, problem in (("request", request_problem), ("output", output_problem))
        if name in table
    }
    profile = table.get("profile")
    if "profile" in table and profile != "":
        profile = fields.label(f"{place}.profile", profile)
    return Files(**paths, profile=profile)
