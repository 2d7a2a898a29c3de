"""The state of each certificate, and the reasons for it.

What a folder holds becomes rows, trouble first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.paths import TRUST
from tls_scaffold.state import lives
from tls_scaffold.state.entries import CA_KIND, Contents, Entry

STATES = ("mismatched", "missing", "expired", "stale", "expiring", "orphaned", "valid")
"""From the worst on; a certificate has the first of them that is true."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One certificate and its state; what is not known is empty, a date that is not known None.

    `reasons` are texts `state: why`, one for each that is true; none for a valid one. `kind` is
    None for one that nothing asks for. `not_after` is the end of what ends first, the certificate
    or its CA; `days_left` are whole days until then, negative once it has passed.
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


def status_rows(contents: Contents, now: datetime, within: timedelta) -> tuple[Row, ...]:
    """Return a row for each certificate, those in trouble first and else in the folder's order.

    What ends `within` that time after `now` (UTC) is expiring.
    """
    nobody = "no line that is understood asks for it" if contents.unread else "nothing asks for it"
    found = [
        _row(entry, lives.chain_end(entry, contents.authorities), now, within, nobody)
        for entry in contents.entries
    ]
    return tuple(sorted(found, key=lambda row: STATES.index(row.state)))


def _row(entry: Entry, end: datetime | None, now: datetime, within: timedelta, nobody: str) -> Row:
    reasons = sorted(
        _reasons(entry, end, now, within, nobody), key=lambda reason: STATES.index(reason[0])
    )
    certificate = entry.certificate
    return Row(
        name=entry.name,
        path=entry.path,
        kind=entry.kind,
        cn=entry.cn,
        hosts=entry.hosts,
        key=str(entry.key_type or ""),
        not_before=certificate.not_before if certificate else None,
        not_after=end,
        days_left=(end - now) // DAY if end else None,
        state=reasons[0][0] if reasons else "valid",
        reasons=tuple(f"{state}: {why}" for state, why in reasons),
    )


def _reasons(
    entry: Entry, end: datetime | None, now: datetime, within: timedelta, nobody: str
) -> Iterator[tuple[str, str]]:
    if entry.path == TRUST:  # it is no component's: it has faults, or no entry
        yield from entry.faults
        return
    if entry.kind is None:
        yield "orphaned", nobody
    if entry.certificate is None:
        yield "orphaned" if entry.kind is None else "missing", str(entry.absent or "")
        return
    if entry.key is None and entry.kind not in (CA_KIND, None):  # a CA's may be kept elsewhere
        yield "missing", entry.keyless
    yield from entry.faults
    yield from lives.reasons(entry, entry.certificate, end, now, within)
