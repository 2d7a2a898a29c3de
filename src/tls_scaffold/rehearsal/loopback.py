"""An address of loopback for each host, so that members run here as they do where they are."""

import re
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from ipaddress import IPv4Address
from types import MappingProxyType

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.membersettings import EVERY_ADDRESS
from tls_scaffold.inventory.urls import own_host
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import canonical_host, is_wildcard

FIRST, LAST = IPv4Address("127.1.0.0"), IPv4Address("127.250.0.0")
STEP = 256
WHOLE = r"(?<![\d.])(?:{})(?!\d|\.\d)"


class Loopback:
    """The addresses of the hosts of some inventories, and a free port for clients and for peers."""

    def __init__(self, inventories: Iterable[Inventory]) -> None:
        hosts = [host for each in inventories for host in _hosts(each)]
        places = secrets.randbelow((int(LAST) - int(FIRST)) // STEP)
        base = FIRST + places * STEP
        self._addresses = {
            host: str(base + number) for number, host in enumerate(dict.fromkeys(hosts), 1)
        }
        self._ports: dict[str, tuple[int, int]] = {}
        self._taken: set[int] = set()

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address of each host, by the one spelling that compares."""
        return MappingProxyType(self._addresses)

    def address(self, host: str) -> str:
        """Return the address of a host."""
        return self._addresses[canonical_host(host)]

    def ports(self, member: Member) -> tuple[int, int]:
        """Return a member's port for clients and that for peers, which stay the same.

        Raises ScaffoldError where loopback has no such addresses.
        """
        if member.name not in self._ports:
            address = self.address(own_host(member))
            self._ports[member.name] = self._free_port(address), self._free_port(address)
        return self._ports[member.name]

    def _free_port(self, address: str) -> int:
        while True:
            try:
                with socket.socket() as each:
                    each.bind((address, 0))
                    port = int(each.getsockname()[1])
            except OSError as error:
                raise ScaffoldError(
                    f"nothing is rehearsed: each member runs on an address of loopback, and "
                    f"`{address}` is none here: {error.strerror}",
                    hint="Linux has all of 127.0.0.0/8",
                ) from error
            if port not in self._taken:  # one port is that of one member alone
                self._taken.add(port)
                return port

    def told(self, text: str) -> str:
        """Return a text with the hosts in the place of their addresses."""
        return self._pattern.sub(lambda found: self._hosts[found[0]], text)

    @cached_property
    def _hosts(self) -> dict[str, str]:
        return {address: host for host, address in self._addresses.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(WHOLE.format("|".join(map(re.escape, self._hosts))))


def dialled_hosts(member: Member) -> tuple[str, ...]:
    """Return the hosts that a member is reached at: no wildcard, and not every address."""
    return tuple(
        host
        for host in dict.fromkeys(map(canonical_host, member.hosts))
        if not is_wildcard(host) and host not in EVERY_ADDRESS
    )


def _hosts(inventory: Inventory) -> Iterator[str]:
    for member in inventory.members:
        yield from dialled_hosts(member)
