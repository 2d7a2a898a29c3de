"""Which components of a folder need a new certificate, and which of them wait for it already."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEY, CA_REQUEST
from tls_scaffold.signing import authority, certificates, mistakes, signer
from tls_scaffold.signing.awaiting import Waiting, read_waiting
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.issuer import NewCA
from tls_scaffold.signing.plan import AnyCA, Wanted, plan_signing
from tls_scaffold.signing.readmissions import readmitted
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.revocations import read_revoked

FAR = timedelta(days=365 * 100)


@dataclass(frozen=True)
class WaitingPlan:
    """What a folder has to ask another machine for, as of one moment.

    `to_make` need a key and a CSR, `waiting` have both from their requests of today; `replaced` are
    the names of those to make for which something older waits. `unrecorded` are
    those of `plan.Plan`, and `warnings` too, with those on what was revoked.
    """

    to_make: tuple[Wanted, ...]
    waiting: tuple[Waiting, ...]
    replaced: tuple[str, ...]
    unrecorded: Mapping[str, bytes]
    warnings: tuple[str, ...]


def plan_waiting(
    folder: Path,
    signings: tuple[Signing, ...],
    every: tuple[Signing, ...],
    record: Record,
    within: timedelta,
    *,
    force: bool,
) -> WaitingPlan:
    """Find out what is missing, changed, or ends `within` that time, of `signings`.

    With `force` all of them get a new key and CSR. `every` component's CSRs that wait are told of.
    Nothing is written. Raises ScaffoldError with every problem.
    """
    now = signer.utc_now()
    ca = authority.find_ca(folder, CA, CA_KEY)
    cas: dict[str, AnyCA] = {CA: ca or NewCA(CA_REQUEST, Request(), now, now + FAR)}
    over = mistakes.out_of_life(f"`{CA}`", ca.not_before, ca.not_after, now) if ca else ""
    planned = plan_signing(folder, signings, cas, record, now, force=force)
    problems = [*filter(None, [over]), *planned.problems, *_overridden(signings)]
    if problems:
        raise ScaffoldError("nothing is asked for", problems)
    wanted = {each.signing.name: each for each in planned.wanted}
    for each, end in _due(folder, signings, ca, now + within):
        if each.name not in wanted:
            again = plan_signing(folder, [each], cas, record, now, force=True).wanted
            reasons = (f"ends {end:%Y-%m-%d}",)
            wanted |= {item.signing.name: replace(item, reasons=reasons) for item in again}
    waiting = read_waiting(folder, every)
    current = {
        each.name
        for each in every
        if each.name in waiting and waiting[each.name].is_of(folder, each)
    }
    to_make = [each for name, each in wanted.items() if force or name not in current]
    made = {each.signing.name for each in to_make}
    return WaitingPlan(
        to_make=tuple(to_make),
        waiting=tuple(waiting[name] for name in waiting if name in current - made),
        replaced=tuple(name for name in waiting if name in made),
        unrecorded=planned.unrecorded,
        warnings=(*planned.warnings, *readmitted(folder, [each.signing for each in to_make])),
    )


def _overridden(signings: Iterable[Signing]) -> Iterator[str]:
    """Yield which lines ask for what a CSR can't be made with."""
    for each in signings:
        if each.hostname is not None or each.cn is not None:
            flag = "-hostname" if each.hostname is not None else "-cn"
            yield f"{each.name}: its line has `{flag}`: a CSR is made from `{each.request}` alone"


def _due(
    folder: Path, signings: Iterable[Signing], ca: Certificate | None, end: datetime
) -> Iterator[tuple[Signing, datetime]]:
    """Yield whose certificate ends soon, and when; what ends with its CA would live no longer.

    Whether one that is revoked is to have a new one is for somebody to decide.
    """
    revoked = read_revoked(folder).by_serial
    for each in signings:
        found = certificates.read_at(folder / each.certificate_path)
        if found is None or found.parsed.serial_number in revoked:
            continue
        if found.not_after <= end and not (ca and ca.not_after <= found.not_after):
            yield each, found.not_after
