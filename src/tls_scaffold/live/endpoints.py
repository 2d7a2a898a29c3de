"""Which ports of which members are looked at: those of the inventory, or of the command line."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tls_scaffold.errors import UsageError
from tls_scaffold.inventory.membersettings import DEFAULTS, PORTS
from tls_scaffold.inventory.urls import https_url, own_host
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import (
    canonical_host,
    did_you_mean,
    escaped,
    host_problem,
    listed,
    name_problem,
    whole_number,
)

CLIENT, PEER = "client", "peer"
MOST = 20  # members that are told
FORM = "`HOST:PORT`, `https://HOST:PORT` or `NAME=HOST:PORT`; an IPv6 address in brackets"
ENDPOINT = re.compile(
    r"(?:(?P<name>[^=/]+)=)?(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\]]*\]|[^:/\[\]]*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True)
class Port:
    """A port of a member: its side, for clients or for peers, and where it is.

    `member` is empty where nobody has said whose it is, `host` where nobody knows it.
    """

    member: str
    side: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port as they stand in a URL; empty where the host is not known."""
        return https_url(self.host, self.port).removeprefix("https://") if self.host else ""

    @property
    def place(self) -> tuple[str, int]:
        """What is the same for two spellings of one address."""
        return canonical_host(self.host), self.port


def inventory_ports(inventory: Inventory) -> tuple[Port, ...]:
    """Return the port for clients and the one for peers of each member."""
    return tuple(_inventory_ports(inventory))


def _inventory_ports(inventory: Inventory) -> Iterator[Port]:
    for member in inventory.members:
        settings, host = inventory.settings(member), own_host(member)
        yield Port(member.name, CLIENT, host, settings.client_port)
        yield Port(member.name, PEER, host, settings.peer_port)


def given_ports(words: Iterable[str], side: str, inventory: Inventory | None) -> tuple[Port, ...]:
    """Return the ports that words of the command line name.

    One without a name is the member's that the inventory has there, or of that host alone. Raises
    UsageError with every word that is none, or has the name of no member.
    """
    known = inventory_ports(inventory) if inventory else ()
    given = list(words)
    problems = [problem for word in given if (problem := endpoint_problem(word))]
    if problems:
        raise UsageError("these are no endpoints", problems, f"an endpoint is {FORM}")
    ports = tuple(_port(word, side, known) for word in given)
    members = tuple(dict.fromkeys(each.member for each in known))
    strangers = [port.member for port in ports if port.member not in ("", *members)]
    if inventory and strangers:
        raise UsageError(
            "endpoints have names of no member of the inventory",
            [f"`{name}`{did_you_mean(name, members)}" for name in strangers],
            f"its members: {listed(members, MOST)}; without `NAME=` a port needs none",
        )
    return ports


def endpoint_problem(word: str) -> str:
    """Say why a word names no endpoint; empty if it does."""
    found = ENDPOINT.fullmatch(word)
    if not found or not found["host"]:
        return f"`{escaped(word)}` is not an endpoint"
    if found["scheme"] not in (None, "https"):
        return f"`{escaped(word)}`: only `https://` is looked at: the others have no TLS"
    if found["port"] and int(found["port"]) not in PORTS:
        return f"`{escaped(word)}`: a port is 1 to {PORTS[-1]}"
    problem = name_problem(found["name"]) if found["name"] else ""
    return problem or host_problem(found["host"].strip("[]"))


def _port(word: str, side: str, known: Iterable[Port]) -> Port:
    found = ENDPOINT.fullmatch(word)
    parts = found.groupdict() if found else {}
    usual = DEFAULTS.client_port if side == CLIENT else DEFAULTS.peer_port
    host = (parts["host"] or "").strip("[]")
    there = Port(parts["name"] or "", side, host, int(parts["port"] or usual))
    return there if there.member else _named(there, known)


def place_of(address: str) -> tuple[str, int] | None:
    """Return what is the same for two spellings of an address such as `10.0.0.1:2379`."""
    host, _, port = address.rpartition(":")
    number = whole_number(port)
    return None if number is None else (canonical_host(host.strip("[]")), number)


def _named(port: Port, known: Iterable[Port]) -> Port:
    """Return a port with the name of the member that it can only be; else as it is."""
    same = {each.member for each in known if each.side == port.side and each.place == port.place}
    of_host = {each.member for each in known if each.place[0] == port.place[0]}
    names = same or of_host
    return Port(names.pop(), port.side, port.host, port.port) if len(names) == 1 else port
