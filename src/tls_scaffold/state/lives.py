"""Until when a certificate is of use: what ends first, it or the CA that signed it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import MINUTE, escaped
from tls_scaffold.state.entries import SIGNER, Entry, Fault
from tls_scaffold.state.statewords import EXPIRED, EXPIRING, VALID

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class End:
    """When something ends (UTC), and what that is, in words for a sentence about a certificate."""

    at: datetime
    of: str = "it"


def chain_end(entry: Entry, cas: Mapping[str, Entry]) -> End | None:
    """Return the end of what ends first, a certificate or a CA above it; None if none is.

    `cas` has the folder's CAs by path. A CA counts only for what it signed and somebody asks for.
    """
    ends: list[End] = []
    link: Entry | None = entry
    passed: set[str] = set()
    while link and link.certificate and link.path not in passed:
        passed.add(link.path)
        ends += ends_of(link, entry)
        is_of_another = any(fault.about == SIGNER for fault in link.faults)
        link = None if link.kind is None or is_of_another else cas.get(link.ca)
    return min(ends, key=lambda end: end.at, default=None)


def ends_of(link: Entry, entry: Entry) -> Iterator[End]:
    """Yield the ends of a link of the chain of an entry, and of what is above it elsewhere."""
    if link.certificate:
        yield End(link.certificate.not_after, "it" if link is entry else f"its CA `{entry.ca}`")
    if link.above:
        below = "it" if link is entry else f"`{link.path}`"
        yield End(link.above.not_after, f"the CA `{escaped(link.above.cn)}` above {below}")


def is_to_be_renewed(ca: Certificate, now: datetime) -> bool:
    """Tell whether a CA is to be signed again: a year before it ends, of a short life at its half.

    Everybody who runs holds its certificate, and has to be restarted with the next in that time.
    """
    return ca.not_after - now <= min(YEAR, ca.lifetime / 2)


def end_of_ca(ca: Entry) -> End | None:
    """Return when nobody takes what a CA signed any more: it ends, or one above it."""
    return min(ends_of(ca, ca), key=lambda end: end.at, default=None)


def ends_with_ca(entry: Entry, cas: Mapping[str, Entry]) -> bool:
    """Tell whether a certificate lives as long as its CA or longer: to renew it is no help."""
    end = end_of_ca(cas[entry.ca]) if entry.ca in cas else None
    return bool(end and entry.certificate and end.at <= entry.certificate.not_after)


def faults(
    certificate: Certificate, end: End | None, now: datetime, within: timedelta
) -> Iterator[Fault]:
    """Yield what follows from the life of an entry's `certificate`.

    `end` is that of its chain; what ends `within` that time after `now` is expiring.
    """
    own_end = certificate.not_after
    first = end or End(own_end)
    if first.at < now:
        yield Fault(EXPIRED, f"{first.of} ended {first.at:{MINUTE}}")
    elif first.at <= now + within:
        yield Fault(EXPIRING, f"{first.of} ends {first.at:{MINUTE}}", hinders=False)
    elif first.at < own_end:
        ends = f"{first.of} ends {first.at:{MINUTE}}"
        reason = f"{ends}, before the certificate ({own_end:{MINUTE}})"
        yield Fault(VALID, reason, hinders=False)
    if certificate.not_before > now:
        yield Fault(EXPIRED, f"it is not valid before {certificate.not_before:{MINUTE}}")
