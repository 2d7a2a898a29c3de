"""What the inventory knows that a component needs, and what signed it leaves out.

cfssl signs a request in which `hosts` is misspelt, or a line with the profile of others, in
silence; the certificate is then just what was asked for, and good for nothing.
"""

from collections.abc import Iterator
from dataclasses import replace

from tls_scaffold.cfssl.usages import KEY_USAGES
from tls_scaffold.inventory.values import Component
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import canonical_host
from tls_scaffold.state.entries import CLIENT, SERVER, STALE, Entry

SERVERS = ("member", "proxy")
UNASKED = "and is not asked for"


def with_expectations(entry: Entry, component: Component) -> Entry:
    """Return the entry of a component with its name and kind, and what it needs and does not get.

    That is a fault: to sign it again would change nothing.
    """
    entry = replace(entry, name=component.name, kind=component.kind)
    if entry.certificate is None:
        return entry
    unmet = tuple(_unmet(entry, entry.certificate, component))
    faults = (*entry.faults, *((STALE, reason) for reason in unmet))
    return replace(entry, unmet=unmet, faults=faults)


def lacking_usages(kind: str | None, usages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the usages that a component of a kind needs, members on both ends of a connection."""
    needed = (SERVER, CLIENT) if kind in SERVERS else (CLIENT,)
    return tuple(usage for usage in needed if usage not in usages and "any" not in usages)


def _unmet(entry: Entry, certificate: Certificate, component: Component) -> Iterator[str]:
    """Yield what is neither there nor asked for; what is asked for is a difference already."""
    asked = entry.request
    cns = {certificate.cn, *([asked.cn] if asked else [])}
    if component.kind == "user" and component.cn not in cns:
        yield f"CN: `{certificate.cn}`, but it is for `{component.cn}`"
    hosts = (*certificate.hosts, *((asked and asked.hosts) or ()))
    known = {canonical_host(host) for host in hosts}
    for host in component.hosts:
        if canonical_host(host) not in known:
            yield f"hosts: `{host}` of {component.kind} `{component.name}` missing, {UNASKED}"
    granted = {usage for profile in entry.profiles for usage in profile.usages}
    # Without an extended usage it may be used for anything.
    if all(usage in KEY_USAGES for usage in certificate.usages):
        return
    for usage in lacking_usages(component.kind, certificate.usages):
        if usage not in granted:
            yield f"usages: `{usage}` missing, {UNASKED}"
