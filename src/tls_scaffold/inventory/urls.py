"""Where the members are reached."""

from tls_scaffold.inventory.clusterparts import Server
from tls_scaffold.inventory.membersettings import EVERY_ADDRESS
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.spelling import canonical_address, is_wildcard


def endpoints(inventory: Inventory) -> tuple[str, ...]:
    """Return the URL of each member for clients; of adopted members none may be known."""
    urls = [
        https_url(own_host(member), inventory.settings(member).client_port)
        for member in inventory.members
        if member.hosts
    ]
    return tuple(dict.fromkeys(urls))


def own_host(server: Server) -> str:
    """Return the host that others find a server at: its first that is not every address.

    A wildcard is none; empty where the server has no other.
    """
    places = [host for host in server.hosts if not is_wildcard(host)]
    named = [host for host in places if canonical_address(host) not in EVERY_ADDRESS]
    return next(iter((*named, *places)), "")


def https_url(host: str, port: int) -> str:
    """Return the URL of a host's port (RFC 3986: IPv6 addresses in brackets)."""
    address = canonical_address(host)
    return f"https://{f'[{address}]' if ':' in address else address or host}:{port}"
