"""Why somebody is refused on a throw-away cluster: found by handshakes of our own, as `explain`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd import calls
from tls_scaffold.etcd.etcdctl import Identity
from tls_scaffold.live import causes
from tls_scaffold.live.causes import OF_SERVER
from tls_scaffold.live.clientfaults import client_faults
from tls_scaffold.live.diagnosis import Found, port_faults
from tls_scaffold.live.endpoints import CLIENT, Port
from tls_scaffold.live.evidence import Evidence
from tls_scaffold.live.explanation import explain_entries
from tls_scaffold.live.known import Known
from tls_scaffold.live.loglines import MEMBER_START, Entry
from tls_scaffold.live.shakes import Pair
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate

SECONDS = 2.0
DENIED = "permission denied"
SHOWN_BY_SERVER = (*OF_SERVER, causes.SAME_SUBJECT, causes.SERVER_PAIR)


@dataclass(frozen=True)
class Meeting:
    """Somebody who comes with a pair, and a port that he comes to.

    `trust` is the file of whom he trusts, `loaded` that which the member read when it started.
    `port` has the host and the port that the inventory has, `place` is where that is here.
    """

    name: str
    pair: Identity
    trust: Path
    port: Port
    place: tuple[str, int]
    loaded: Path


def causes_of(meeting: Meeting, reason: str, now: datetime) -> tuple[Found, ...]:
    """Return why somebody is refused at a port, or refuses it; `reason` is what he was told."""
    from tls_scaffold.live.handshake import shake_hands  # not before somebody looks

    pair = Pair(meeting.pair.certificate, meeting.pair.key)
    without = shake_hands(*meeting.place, SECONDS)
    of_server = tuple(
        found
        for found in port_faults(meeting.port, without, _known(meeting.trust, meeting.port), now)
        if found.cause in SHOWN_BY_SERVER
    )
    if of_server:
        return tuple(_with_chain(found, without.served[1:]) for found in of_server)
    try:
        shake = shake_hands(*meeting.place, SECONDS, pair)
    except ScaffoldError as error:
        return (Found(causes.CLIENT_PAIR, error.summary, meeting.name),)
    behind = certificates.read_all(plain_or_empty(pair.certificate), str(pair.certificate))[1:]
    loaded = _known(meeting.loaded, meeting.port)
    of_client = tuple(
        _with_chain(Found(cause, f"it comes with a certificate: {knows}", meeting.name), behind)
        for cause, knows in client_faults(pair, shake, without, loaded, meeting.port.side, now)
    )
    return of_client or tuple(_of_user(meeting, reason))


def causes_of_start(told: str, now: datetime) -> tuple[Found, ...]:
    """Return why a member does not start, by what its log says of it."""
    entry = Entry(MEMBER_START, told)
    known = Known(Path(), {}, {}, {CLIENT: ()}, {CLIENT: ""}, {CLIENT: ()})
    evidence = Evidence((), known, now, SECONDS)
    return tuple(found for each in explain_entries([entry], evidence) for found in each.found)


def _of_user(meeting: Meeting, reason: str) -> Iterator[Found]:
    """Yield what etcd says of the user whose CN a certificate has."""
    if DENIED not in reason or meeting.port.side != CLIENT:
        return
    pem = meeting.pair.certificate.read_bytes()
    cn = certificates.read(pem, str(meeting.pair.certificate)).cn
    answer = calls.ask_for_user(*meeting.place, SECONDS, meeting.trust, meeting.pair, cn)
    if calls.UNKNOWN_USER in answer.error:
        yield Found(causes.NO_USER, f"etcd knows no user `{cn}`", meeting.name)
    else:
        yield Found(causes.WRONG_PREFIX, f"etcd knows the user `{cn}`", meeting.name)


def _with_chain(found: Found, behind: tuple[Certificate, ...]) -> Found:
    """Say of a certificate of another CA what stands behind it: mostly that is what is missing."""
    if found.cause not in (causes.SERVER_CA, causes.CLIENT_CA):
        return found
    names = ", ".join(f"`{each.cn}`" for each in behind) or "nothing"
    return Found(found.cause, f"{found.knows} ({names} stands behind it)", found.name)


def _known(trust: Path, port: Port) -> Known:
    """Return what there is to compare with: whom one side trusts, and nothing else."""
    cas = certificates.read_all_at(trust)
    return Known(Path(), {}, {}, {port.side: cas}, {port.side: trust.name}, {port.side: ()})
