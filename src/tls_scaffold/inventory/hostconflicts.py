"""Hosts, ports and addresses that can't stand together in one inventory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from tls_scaffold.errors import Problem
from tls_scaffold.inventory.clusterparts import Server, User
from tls_scaffold.inventory.fields import escaped_problem
from tls_scaffold.inventory.membersettings import EVERY_ADDRESS
from tls_scaffold.inventory.urls import own_host
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import canonical_address, canonical_host, is_wildcard

Item = TypeVar("Item")
OWN_FIRST = "each has one of its own first, and behind it what several share"


def host_conflicts(inventory: Inventory) -> list[Problem]:
    """Return a problem for each host, port and address that collides with another."""
    return [
        *_shared_hosts("members", inventory.members),
        *_shared_hosts("proxies", inventory.proxies),
        *_repeated_hosts("users", inventory.users),
        *_nowhere(inventory),
        *_shared_ports(inventory),
        *_listening_on_others(inventory),
    ]


def repeated(
    items: Iterable[tuple[str, Item]], key_of: Callable[[Item], str]
) -> Iterator[tuple[str, Item, str, Item]]:
    """Yield each item whose key an earlier one has, with that: place, item, its place, that one.

    An empty key is that of an item which was refused already, and equals nothing.
    """
    first: dict[str, tuple[str, Item]] = {}
    for place, item in items:
        key = key_of(item)
        if key in first:
            yield place, item, *first[key]
        elif key:
            first[key] = (place, item)


def _shared_hosts(plural: str, servers: Sequence[Server]) -> Iterator[Problem]:
    """Yield each host that a server has twice, and each that another one is found at.

    What several have beside their own is meant: a load balancer, a virtual address, the domain of
    `--discovery-srv`, a headless service.
    """
    owners: dict[str, tuple[int, str, str]] = {}
    for index, server in enumerate(servers):
        own = own_host(server)
        if own:
            place = f"{plural}[{index}].hosts[{server.hosts.index(own)}]"
            owners.setdefault(canonical_host(own), (index, own, place))
    yield from _repeated_hosts(plural, servers)
    for index, server in enumerate(servers):
        for place, host in _placed_hosts(plural, index, server):
            owner, other, earlier = owners.get(canonical_host(host), (index, host, place))
            if owner != index:
                yield escaped_problem(
                    place, f"`{host}` is the same host as `{other}` in {earlier}: {OWN_FIRST}"
                )


def _repeated_hosts(plural: str, parts: Sequence[Server | User]) -> Iterator[Problem]:
    for index, part in enumerate(parts):
        hosts = _placed_hosts(plural, index, part)
        for place, host, earlier, other in repeated(hosts, canonical_host):
            yield escaped_problem(place, f"`{host}` is the same host as `{other}` in {earlier}")


def _placed_hosts(plural: str, index: int, part: Server | User) -> list[tuple[str, str]]:
    return [(f"{plural}[{index}].hosts[{at}]", host) for at, host in enumerate(part.hosts)]


def _nowhere(inventory: Inventory) -> Iterator[Problem]:
    for index, member in enumerate(inventory.members):
        if member.hosts and all(map(_is_many, member.hosts)):
            message = "stands for many hosts: a member needs one of its own before it"
            yield escaped_problem(f"members[{index}].hosts[0]", f"`{member.hosts[0]}` {message}")


def _is_many(host: str) -> bool:
    return is_wildcard(host) or canonical_address(host) in EVERY_ADDRESS


def _shared_ports(inventory: Inventory) -> Iterator[Problem]:
    """Yield where the clients and the peers of a member would have one port.

    Two members may have the same ports: each is on a host of its own.
    """
    shared: dict[str, int] = {}
    for index, member in enumerate(inventory.members):
        settings = inventory.settings(member)
        if settings.client_port == settings.peer_port:
            has_own = member.etcd.client_port or member.etcd.peer_port
            shared[f"members[{index}].etcd" if has_own else "etcd"] = settings.client_port
    for place, port in shared.items():
        yield escaped_problem(place, f"{port} would be the port of clients and of peers")


def _listening_on_others(inventory: Inventory) -> Iterator[Problem]:
    """Yield each address that a member would listen on although it is another's."""
    owners = defaultdict(list)
    for member in inventory.members:
        for host in member.hosts:
            owners[canonical_host(host)].append(member)
    for index, member in enumerate(inventory.members):
        own, settings = member.etcd, inventory.settings(member)
        for field, own_addresses, addresses in (
            ("listen_client", own.listen_client, settings.listen_client),
            ("listen_peer", own.listen_peer, settings.listen_peer),
        ):
            place = f"members[{index}].etcd.{field}" if own_addresses else f"etcd.{field}"
            for host in addresses:
                having = owners.get(canonical_host(host), [member])
                if member not in having:
                    owner = having[0].name
                    yield escaped_problem(
                        place, f"`{host}` is a host of `{owner}`, not of `{member.name}`"
                    )
