"""What Go, and so etcd and its clients, refuse of what a CA signed because of the CA itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from cryptography import x509

from tls_scaffold.signing.certificates import Certificate

MARK, KEY_USAGE, EXTENDED_USAGE, HOSTS = "mark", "key usage", "extended usage", "allowed hosts"
NEEDED = ("server auth", "client auth")
CERT_SIGN = "cert sign"


@dataclass(frozen=True)
class Refusal:
    """What a refusal is about (MARK, KEY_USAGE, EXTENDED_USAGE), and why, in words after `it`."""

    about: str
    words: str


def refusals(ca: Certificate) -> Iterator[Refusal]:
    """Yield why Go's `x509.Certificate.Verify` takes nothing that a CA signed.

    A length of path keeps no component from being taken, for there is no CA between; a root of
    version 1 has no extensions, and is taken.
    """
    if not ca.may_sign:
        yield Refusal(MARK, "it is not marked as a CA (basic constraints)")
    if ca.key_usages and CERT_SIGN not in ca.key_usages:
        yield Refusal(KEY_USAGE, f"its key usage lacks `{CERT_SIGN}`")
    if ca.is_for_anything or "any" in ca.usages:
        return
    for usage in NEEDED:
        if usage not in ca.usages:
            words = f"its extended key usage leaves out `{usage}`, for all that it signs"
            yield Refusal(EXTENDED_USAGE, words)


def excluded_hosts(ca: Certificate, hosts: Iterable[str]) -> tuple[str, ...]:
    """Return which IP addresses and DNS names the name constraints of a CA do not allow.

    As in Go a name that is excluded is refused, and one of a kind of which some are permitted has
    to be below one of those (RFC 5280, 4.2.1.10).
    """
    constraints = ca.name_constraints
    if not constraints:
        return ()
    permitted = tuple(constraints.permitted_subtrees or ())
    excluded = tuple(constraints.excluded_subtrees or ())
    return tuple(host for host in hosts if not _is_allowed(host, permitted, excluded))


def _is_allowed(
    host: str, permitted: tuple[x509.GeneralName, ...], excluded: tuple[x509.GeneralName, ...]
) -> bool:
    kind = x509.IPAddress if _is_address(host) else x509.DNSName
    asked = [name for name in permitted if isinstance(name, kind)]
    refused = [name for name in excluded if isinstance(name, kind)]
    if any(_is_below(host, name) or _stands_for(host, name) for name in refused):
        return False
    return not asked or any(_is_below(host, name) for name in asked)


def _is_below(host: str, name: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress):
        network = ip_network(str(name.value), strict=False)
        return ip_address(host) in network
    parent, own = str(name.value).lower(), host.lower()
    if parent.startswith("."):
        return own.endswith(parent)
    return not parent or own == parent or own.endswith(f".{parent}")


def _stands_for(host: str, name: x509.GeneralName) -> bool:
    """Tell whether a wildcard stands for a name, and so for what is excluded."""
    label, _, parent = str(name.value).lower().partition(".")
    return bool(label) and host.lower() == f"*.{parent}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
