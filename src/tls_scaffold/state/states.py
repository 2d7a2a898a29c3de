"""The state of each certificate, and the reasons for it.

What a folder holds becomes rows, trouble first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.paths import TRUSTS
from tls_scaffold.state import lives
from tls_scaffold.state.entries import CA_KIND, Contents, Entry, Fault
from tls_scaffold.state.lives import End
from tls_scaffold.state.statewords import (
    AWAITING_SIGNATURE,
    MISSING,
    ON_REQUEST,
    ORPHANED,
    STATES,
    VALID,
)

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One certificate and its state; what is not known is empty, a date that is not known None.

    `reasons` are texts `state: why`, one for each that is true: none for a valid one, unless its CA
    ends before it. `kind` is None for one that nothing asks for. `not_after` is the end of what
    ends first, the certificate or its CA; `days_left` are whole days until then, negative once it
    has passed.
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
        _row(entry, lives.chain_end(entry, contents.cas), now, within, nobody)
        for entry in contents.entries
    ]
    return tuple(sorted(found, key=lambda row: STATES.index(row.state)))


def _row(entry: Entry, first: End | None, now: datetime, within: timedelta, nobody: str) -> Row:
    found, end = faults(entry, now, first, within, nobody), first.at if first else None
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
        state=found[0].state if found else VALID,
        reasons=tuple(f"{fault.state}: {fault.reason}" for fault in found),
    )


def faults(
    entry: Entry,
    now: datetime,
    end: End | None = None,
    within: timedelta = timedelta(),
    nobody: str = "nothing asks for it",
) -> tuple[Fault, ...]:
    """Return everything that is wrong with a certificate, the worst first.

    `end` is that of its chain where this is to count, as in `lives.chain_end`. What ends `within`
    that time after `now` (UTC) is expiring; `nobody` says why it is orphaned.
    """
    found = _faults(entry, end, now, within, nobody)
    return tuple(sorted(found, key=lambda fault: STATES.index(fault.state)))


def _faults(
    entry: Entry, end: End | None, now: datetime, within: timedelta, nobody: str
) -> Iterator[Fault]:
    if entry.path in TRUSTS.values():  # it is no component's: it has faults, or no entry
        yield from entry.faults
        return
    if entry.kind is None:
        yield Fault(ORPHANED, nobody, hinders=False)
    if entry.waits_for_request:
        target = entry.signing.target if entry.signing else ""
        yield Fault(ON_REQUEST, f"`make {target}` signs it", hinders=True)
        return
    if entry.awaiting:
        is_missing = entry.certificate is None or entry.key is None
        yield Fault(AWAITING_SIGNATURE, entry.awaiting, hinders=is_missing)
        if entry.certificate is None and not entry.is_there:
            return
    if entry.certificate is None:
        yield Fault(ORPHANED if entry.kind is None else MISSING, str(entry.absent or ""))
        return
    if entry.key is None and entry.kind not in (CA_KIND, None):  # a CA's may be kept elsewhere
        yield Fault(MISSING, entry.keyless)
    yield from entry.faults
    yield from lives.faults(entry.certificate, end, now, within)
