"""The state of each certificate, and the reasons for it: what a folder holds becomes rows, trouble first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold import certificates
from tls_scaffold.certificates import Certificate
from tls_scaffold.differences import differences
from tls_scaffold.entries import CA_KIND, Contents, Entry

STATES = ("mismatched", "missing", "expired", "stale", "expiring", "orphaned", "valid")
"""From the worst on; a certificate has the first of them that is true."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One certificate and its state; what is not known is empty, a date that is not known None.

    `reasons` are texts `state: why`, one for each that is true; none for a valid one. `kind` is None for
    one that nothing asks for. `days_left` are whole days, negative once it has expired.
    """

    name: str
    path: str
    kind: str | None
    cn: str
    hosts: tuple[str, ...]
    key: str
    not_before: datetime | None
    not_after: datetime | None
    days_left: int | None
    state: str
    reasons: tuple[str, ...]


def rows(contents: Contents, now: datetime, within: timedelta) -> tuple[Row, ...]:
    """Return a row for each certificate, those in trouble first and else in the folder's order.

    What ends `within` that time after `now` (UTC) is expiring.
    """
    found = [_row(entry, contents, now, within) for entry in contents.entries]
    return tuple(sorted(found, key=lambda row: STATES.index(row.state)))


def _row(entry: Entry, contents: Contents, now: datetime, within: timedelta) -> Row:
    reasons = sorted(_reasons(entry, contents, now, within), key=lambda reason: STATES.index(reason[0]))
    certificate = entry.certificate
    end = certificate.not_after if certificate else None
    return Row(
        name=entry.name,
        path=entry.path,
        kind=entry.kind,
        cn=certificate.cn if certificate else entry.request.cn if entry.request else "",
        hosts=entry.hosts,
        key=str(certificate.key if certificate else entry.request.key if entry.request else ""),
        not_before=certificate.not_before if certificate else None,
        not_after=end,
        days_left=(end - now) // DAY if end else None,
        state=reasons[0][0] if reasons else "valid",
        reasons=tuple(f"{state}: {why}" for state, why in reasons),
    )


def _reasons(entry: Entry, contents: Contents, now: datetime, within: timedelta) -> Iterator[tuple[str, str]]:
    if entry.kind is None:
        yield "orphaned", "nothing asks for it"
    if entry.certificate is None:
        yield "orphaned" if entry.kind is None else "missing", entry.absent
        return
    yield from _pair(entry, entry.certificate)
    ca = contents.authorities.get(entry.ca)
    if ca and not _is_other_ca(entry, entry.certificate) and not signed_by(entry.certificate, ca):
        yield "mismatched", f"another CA than `{entry.ca}` signed it"
    yield from _dates(entry.certificate, now, within)
    yield from (("stale", difference) for difference in stale(entry))


def _pair(entry: Entry, certificate: Certificate) -> Iterator[tuple[str, str]]:
    """Look at the key; one that nothing asks for needs none, and a CA's may be kept elsewhere."""
    if entry.key is not None:
        if not entry.has_locked_key and not certificates.key_seems_to_fit(certificate, entry.key):
            yield "mismatched", f"`{entry.key_path}` is not its key"
    elif entry.kind not in (CA_KIND, None):
        yield "missing", entry.keyless


def _is_other_ca(entry: Entry, certificate: Certificate) -> bool:
    return entry.kind is None and certificate.is_ca


def _dates(certificate: Certificate, now: datetime, within: timedelta) -> Iterator[tuple[str, str]]:
    end = f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if certificate.not_after <= now:
        yield "expired", f"it ended {end}"
    elif certificate.not_after <= now + within:
        yield "expiring", f"it ends {end}"
    if certificate.not_before > now:
        yield "expired", f"it is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"


def signed_by(certificate: Certificate, ca: Certificate) -> bool:
    """Tell whether `ca` signed a certificate: by the key that it names where it names one, else by its signature.

    cfssl names the CA's key by its hash, so another CA of the same name is found without a slow look at
    each signature.
    """
    if certificate.issuer_key_id:
        return certificates.names_as_issuer(certificate, ca)
    return certificates.signed_by(certificate, ca)


def stale(entry: Entry) -> tuple[str, ...]:
    """Say where the certificate of an entry is not what its request and profile ask for; empty if it is."""
    if not entry.certificate or not entry.request or not entry.profiles:
        return entry.unread
    found = (differences(entry.certificate, entry.request, profile) for profile in entry.profiles)
    return min(found, key=len)
