"""Which hosts the servers of a folder made by hand have, and which of them each is found at."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tls_scaffold.cfssl.requests import Request
from tls_scaffold.inventory.values import LOOPBACKS
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.spelling import canonical_host, host_problem, is_wildcard


def overrides(signing: Signing) -> dict[str, Any]:
    """Return the fields of a request that its signing's command line puts others over."""
    cn = {"CN": signing.cn} if signing.cn else {}
    return {**cn, "hosts": signing.hostname.split(",")} if signing.hostname else cn


def hosts_of(request: Request, signing: Signing) -> list[str]:
    """Return the hosts that a certificate is signed for, but for what is none."""
    hosts = overrides(signing).get("hosts", request.hosts or ())
    return [host for host in hosts if not host_problem(host)]


def own_hosts(request: Request, signing: Signing) -> list[str]:
    """Return the hosts that a certificate is signed for, but for loopback and what is none."""
    loopback = {canonical_host(host) for host in LOOPBACKS}
    return [host for host in hosts_of(request, signing) if canonical_host(host) not in loopback]


def own_first(hosts: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the hosts of each server, by its name, as an inventory has them.

    The one that it is found at stands first: the one that is called like it, else one that it has
    alone, else one that no other is found at yet. Others may be several servers'. Without such a
    one it has none here, and they stay in its request.
    """
    counts = Counter(canonical_host(host) for listed in hosts.values() for host in set(listed))
    owners: dict[str, str] = {}
    for name, listed in hosts.items():
        places = [host for host in listed if not is_wildcard(host)]
        free = [host for host in places if canonical_host(host) not in owners]
        alone = [host for host in free if counts[canonical_host(host)] == 1]
        called = [host for host in free if host == name]
        for host in [*called, *alone, *free][:1]:
            owners[canonical_host(host)] = name
    found = set(owners.values())
    return {
        name: _without_others(name, listed, owners) if name in found else []
        for name, listed in hosts.items()
    }


def _without_others(name: str, listed: list[str], owners: Mapping[str, str]) -> list[str]:
    kept = [host for host in listed if owners.get(canonical_host(host), name) == name]
    return sorted(kept, key=lambda host: owners.get(canonical_host(host)) != name)
