"""Where the members are reached."""

from tls_scaffold.inventory.values import Inventory
from tls_scaffold.words import canonical_address


def endpoints(inventory: Inventory) -> tuple[str, ...]:
    """Return the URL of each member for clients, at its first host; of adopted members none may be known."""
    reached = (member for member in inventory.members if member.hosts)
    return tuple(dict.fromkeys(url(member.hosts[0], inventory.settings(member).client_port) for member in reached))


def url(host: str, port: int) -> str:
    """Return the URL of a host's port (RFC 3986: IPv6 addresses in brackets)."""
    address = canonical_address(host)
    return f"https://{f'[{address}]' if ':' in address else address or host}:{port}"
