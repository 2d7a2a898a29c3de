"""What can't stand together in one inventory: names, files, hosts and CNs that collide."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tls_scaffold.errors import Problem, problem_of
from tls_scaffold.inventory.reach import RENDERED
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CA_OUTPUT, ENDINGS
from tls_scaffold.words import CN_LENGTH, canonical_host

Item = TypeVar("Item")
LISTS = (("proxies", "proxy"), ("users", "user"))


def conflicts(inventory: Inventory) -> list[Problem]:
    """Return a problem for each collision between parts that are right by themselves."""
    return [
        *_no_members(inventory),
        *_shared_names(inventory),
        *_shared_files(inventory),
        *_nested_files(inventory),
        *_shared_hosts(inventory),
        *_shared_ports(inventory),
        *_listening_on_others(inventory),
        *_cns(inventory),
        *_lifetimes(inventory),
    ]


def several_peer_cns(inventory: Inventory) -> Iterator[str]:
    """Yield what is allowed but seldom meant of the members' CNs: older etcds compare their peers with one alone."""
    if len(inventory.peer_cns) > 1:
        cns = ", ".join(f"`{cn}`" for cn in inventory.peer_cns)
        yield (
            f"members have several CNs ({cns}): etcd takes a list in --peer-cert-allowed-cn from 3.5.15 on; "
            "older members with such a list refuse each other"
        )


def _placed(inventory: Inventory) -> Iterator[tuple[str, Component]]:
    for index, pair in enumerate(inventory.member_pairs):
        places = (f"members[{index}]", f"members[{index}].peer")
        yield from zip(places, dict.fromkeys(pair), strict=False)
    for plural, kind in LISTS:
        of_kind = (component for component in inventory.components if component.kind == kind)
        yield from ((f"{plural}[{index}]", component) for index, component in enumerate(of_kind))


def _again(
    items: Iterable[tuple[str, Item]], form: Callable[[Item], str]
) -> Iterator[tuple[str, Item, str, Item]]:
    """Yield each item whose form an earlier one has, with that one: place, item, earlier place, earlier item.

    An empty form is that of an item which was refused already, and equals nothing.
    """
    seen: dict[str, tuple[str, Item]] = {}
    for place, item in items:
        if not form(item):
            continue
        earlier = seen.setdefault(form(item), (place, item))
        if earlier[0] != place:
            yield place, item, *earlier


def _no_members(inventory: Inventory) -> Iterator[Problem]:
    if not inventory.members:
        yield problem_of("members", "there are none: a cluster has at least one")


def _shared_names(inventory: Inventory) -> Iterator[Problem]:
    for place, component, earlier, other in _again(
        _placed(inventory), lambda each: each.name.lower()
    ):
        case = (
            ""
            if component.name == other.name
            else f", as `{other.name}` but for upper and lower case"
        )
        yield problem_of(f"{place}.name", f"`{component.name}` is the name of {earlier} too{case}")


def _nested_files(inventory: Inventory) -> Iterator[Problem]:
    """Yield what would lie below a file as if that were a folder: the one is in the other's way."""
    placed = list(_placed(inventory))
    files = {path.lower() for path in RENDERED} | {
        component.request.lower() for _, component in placed
    }
    for output in (CA_OUTPUT, *(component.output for _, component in placed)):
        files |= {f"{output}{ending}".lower() for ending in ENDINGS}
    for place, component in placed:
        for field, path in (("request", component.request), ("output", f"{component.output}.pem")):
            ends = (at for at, character in enumerate(path) if character == "/")
            above = next((path[:end] for end in ends if path[:end].lower() in files), "")
            if above:
                yield problem_of(
                    f"{place}.{field}", f"`{path}` would lie below `{above}`, which is a file"
                )


def _shared_files(inventory: Inventory) -> Iterator[Problem]:
    for place, component, earlier, other in _again(
        _placed(inventory), lambda each: each.output.lower()
    ):
        if component.name.lower() != other.name.lower():
            yield problem_of(
                f"{place}.output", f"`{component.output}.pem` is the certificate of {earlier} too"
            )
    for place, component, earlier, other in _again(
        _placed(inventory), lambda each: each.request.lower()
    ):
        if component.name.lower() != other.name.lower() and component.cn != other.cn:
            yield problem_of(
                f"{place}.request",
                f"`{component.request}` is the request of {earlier} too, with another CN",
            )


def _shared_hosts(inventory: Inventory) -> Iterator[Problem]:
    for plural, servers in (("members", inventory.members), ("proxies", inventory.proxies)):
        hosts = (
            (f"{plural}[{index}].hosts[{at}]", host)
            for index, server in enumerate(servers)
            for at, host in enumerate(server.hosts)
        )
        for place, host, earlier, other in _again(hosts, canonical_host):
            yield problem_of(place, f"`{host}` is the same host as `{other}` in {earlier}")


def _shared_ports(inventory: Inventory) -> Iterator[Problem]:
    """Yield where the clients and the peers of a member would have one port; each member is on a host of its own."""
    alike: dict[str, int] = {}
    for index, member in enumerate(inventory.members):
        settings = inventory.settings(member)
        if settings.client_port == settings.peer_port:
            own = member.etcd.client_port or member.etcd.peer_port
            alike[f"members[{index}].etcd" if own else "etcd"] = settings.client_port
    yield from (
        problem_of(place, f"{port} would be the port of clients and of peers")
        for place, port in alike.items()
    )


def _listening_on_others(inventory: Inventory) -> Iterator[Problem]:
    """Yield each address that a member would listen on although it is another's."""
    owners = {canonical_host(host): member for member in inventory.members for host in member.hosts}
    for index, member in enumerate(inventory.members):
        own, settings = member.etcd, inventory.settings(member)
        for field, said, listening in (
            ("listen_client", own.listen_client, settings.listen_client),
            ("listen_peer", own.listen_peer, settings.listen_peer),
        ):
            place = f"members[{index}].etcd.{field}" if said else f"etcd.{field}"
            for host in listening:
                owner = owners.get(canonical_host(host), member)
                if owner != member:
                    yield problem_of(
                        place, f"`{host}` is a host of `{owner.name}`, not of `{member.name}`"
                    )


def _cns(inventory: Inventory) -> Iterator[Problem]:
    users = [(f"users[{index}]", user) for index, user in enumerate(inventory.users)]
    for place, user, earlier, other in _again(users, lambda each: each.cn.lower()):
        if user.name.lower() != other.name.lower():
            case = (
                "" if user.cn == other.cn else f" (as `{other.cn}`, but for upper and lower case)"
            )
            yield problem_of(
                f"{place}.cn",
                f"`{user.cn}` is the CN of {earlier} too{case}: they would be one etcd user",
            )
    servers = {
        each.cn: place for place, each in reversed([*_placed(inventory)]) if each.kind != "user"
    }
    servers |= {inventory.members_cn: "the members"} if inventory.members_cn in servers else {}
    for place, user in users:
        field = "name" if user.name == user.cn else "cn"
        if user.cn in servers:
            yield problem_of(
                f"{place}.{field}",
                f"`{user.cn}` is the CN of {servers[user.cn]}: etcd's gateway would act as that user",
            )
        if _is_ca_cn(inventory, user.cn):
            yield problem_of(
                f"{place}.{field}",
                f"`{user.cn}` with the same names would be the whole subject of the CA",
            )
    for cn, owner in servers.items():
        if _is_ca_cn(inventory, cn):
            yield problem_of(
                "ca_cn", f"`{cn}` is the CN of {owner}: they would have the whole subject of the CA"
            )
    if len(inventory.ca_cn) <= CN_LENGTH < len(inventory.ca_subject_cn):
        yield problem_of(
            "ca_cn",
            f"`{inventory.ca_subject_cn}`, with the number of the CA, is longer than {CN_LENGTH} characters",
        )


def _is_ca_cn(inventory: Inventory, cn: str) -> bool:
    """Tell whether this is the CN of the CA, or of one that came before it or will follow it."""
    return re.fullmatch(rf"{re.escape(inventory.ca_cn)}( [1-9][0-9]*)?", cn) is not None


def _lifetimes(inventory: Inventory) -> Iterator[Problem]:
    if inventory.expiry >= inventory.ca_expiry:
        yield problem_of(
            "expiry",
            f"`{inventory.expiry}h` is not shorter than the CA's `{inventory.ca_expiry}h`: "
            "a certificate signed later would outlive its CA",
        )
