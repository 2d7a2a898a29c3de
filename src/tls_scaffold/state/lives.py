"""Until when a certificate is of use: what ends first, it or the CA that signed it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import MINUTE
from tls_scaffold.state.entries import SIGNER, Entry, Fault
from tls_scaffold.state.statewords import EXPIRED, EXPIRING, VALID

YEAR = timedelta(days=365)


def chain_end(entry: Entry, cas: Mapping[str, Entry]) -> datetime | None:
    """Return the end (UTC) of what ends first, a certificate or a CA above it; None if none is.

    `cas` has the folder's CAs by path. A CA counts only for what it signed and somebody asks for.
    """
    ends = []
    link: Entry | None = entry
    while link and link.certificate and link.certificate.not_after not in ends:
        ends.append(link.certificate.not_after)
        is_of_another = any(fault.about == SIGNER for fault in link.faults)
        link = None if link.kind is None or is_of_another else cas.get(link.ca)
    return min(ends, default=None)


def is_to_be_renewed(ca: Certificate, now: datetime) -> bool:
    """Tell whether a CA is to be signed again: a year before it ends, of a short life at its half.

    Everybody who runs holds its certificate, and has to be restarted with the next in that time.
    """
    return ca.not_after - now <= min(YEAR, ca.lifetime / 2)


def ends_with_ca(entry: Entry, cas: Mapping[str, Certificate]) -> bool:
    """Tell whether a certificate lives as long as its CA or longer: to renew it is no help."""
    ca, certificate = cas.get(entry.ca), entry.certificate
    return bool(ca and certificate and ca.not_after <= certificate.not_after)


def faults(
    entry: Entry,
    certificate: Certificate,
    end: datetime | None,
    now: datetime,
    within: timedelta,
) -> Iterator[Fault]:
    """Yield what follows from the life of an entry's `certificate`.

    `end` is that of its chain; what ends `within` that time after `now` is expiring.
    """
    own_end = certificate.not_after
    end = end or own_end
    what = f"its CA `{entry.ca}`" if end < own_end else "it"
    if end < now:
        yield Fault(EXPIRED, f"{what} ended {end:{MINUTE}}")
    elif end <= now + within:
        yield Fault(EXPIRING, f"{what} ends {end:{MINUTE}}", hinders=False)
    elif end < own_end:
        reason = f"{what} ends {end:{MINUTE}}, before the certificate ({own_end:{MINUTE}})"
        yield Fault(VALID, reason, hinders=False)
    if certificate.not_before > now:
        yield Fault(EXPIRED, f"it is not valid before {certificate.not_before:{MINUTE}}")
