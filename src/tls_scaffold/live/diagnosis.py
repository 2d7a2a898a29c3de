"""What a handshake of one's own and the folder tell of a port: its faults."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tls_scaffold.live import causes
from tls_scaffold.live.causes import Cause
from tls_scaffold.live.endpoints import Port
from tls_scaffold.live.known import Known, is_trusted
from tls_scaffold.live.shakes import Shake
from tls_scaffold.signing import matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import MINUTE, listed

INTERNAL = "internal error"
MOST = 8  # names that are told: a server may have as many as it likes


@dataclass(frozen=True)
class Found:
    """A cause, how it is known, and the component that it is about, if that is known."""

    cause: Cause
    knows: str
    name: str = ""


def why_no_tls(shake: Shake) -> str:
    """Say why a port has shown no certificate."""
    if shake.alert == INTERNAL:
        return f"{causes.SERVER_PAIR.what} (TLS alert `{INTERNAL}`)"
    return shake.unreachable or f"no TLS: {shake.failure or shake.alert}"


def port_faults(port: Port, shake: Shake, known: Known, now: datetime) -> Iterator[Found]:
    """Yield what is wrong with what a port serves and with what it has loaded."""
    where = f"{port.member or 'the port'} ({port.address})"
    if not shake.speaks_tls:
        if shake.alert == INTERNAL:
            yield Found(
                causes.SERVER_PAIR,
                f"{where} ends the handshake with the TLS alert `{INTERNAL}`, as etcd does where "
                "it can't load its pair",
                port.member,
            )
        return
    leaf, *behind = shake.served
    of_pair = tuple(_faults_of_server(port.host, leaf, tuple(behind), known, port.side, now))
    for cause, knows in of_pair:
        yield Found(cause, f"{where} serves a certificate {knows}", port.member)
    if any(cause == causes.SERVER_CA for cause, _ in of_pair):
        return  # it may be no member at all: nothing is said of how that was started
    if not shake.asks:
        yield Found(causes.NO_CLIENT_AUTH, f"{where} asks for no certificate", port.member)
        return
    loaded = {ca.der for ca in shake.cas}
    if not loaded:
        yield Found(causes.TRUST_UNREADABLE, f"{where} asks for certificates of no CA", port.member)
    elif known.has_to_load(port.side, loaded):
        names = listed([ca.text for ca in shake.cas], MOST)
        yield Found(
            causes.MEMBER_TRUST,
            f"{where} asks for certificates of {names}, and `{known.trust_paths[port.side]}` "
            "has other CAs",
            port.member,
        )


def _faults_of_server(
    host: str,
    leaf: Certificate,
    behind: tuple[Certificate, ...],
    known: Known,
    side: str,
    now: datetime,
) -> Iterator[tuple[Cause, str]]:
    if leaf.has_ended(now):
        yield causes.SERVER_EXPIRED, f"that ended {leaf.not_after:{MINUTE}}"
    if leaf.not_before > now:
        yield causes.SERVER_EARLY, f"that begins {leaf.not_before:{MINUTE}}"
    if not matching.is_for_host(leaf, host):
        names = listed(leaf.hosts, MOST, "") or "no host"
        yield causes.SERVER_HOST, f"for {names}, not for {host}"
    if not (leaf.is_for_anything or "server auth" in leaf.usages or "any" in leaf.usages):
        yield causes.SERVER_USAGE, f"for {', '.join(leaf.usages)}"
    for cas in known.trusts_of_others(side):
        if cas and not is_trusted(leaf, behind, cas):
            cause = causes.SERVER_CA
            if is_trusted(leaf, (*behind, *known.chains[side]), cas):
                cause = causes.SERVER_CHAIN
            elif has_namesake(leaf, behind, cas):
                cause = causes.SAME_SUBJECT
            elif cas != known.trusted[side]:
                continue  # who trusts the old CA alone may not take what the others do
            yield cause, f"of the CA `{dict(leaf.issuer).get('CN', '')}`: {SERVER_DIFFERS[cause]}"
            return


SERVER_DIFFERS = {
    causes.SAME_SUBJECT: "the trusted one has that subject and another key",
    causes.SERVER_CA: "none that is trusted here",
    causes.SERVER_CHAIN: "whoever trusts the CA above it alone misses what is between them",
}
"""How the CA of a served leaf differs from what is trusted, by the cause."""


def has_namesake(
    leaf: Certificate, behind: tuple[Certificate, ...], cas: Iterable[Certificate]
) -> bool:
    """Tell whether a trusted CA has the subject of whoever signed the end of a chain."""
    top = behind[-1] if behind else leaf
    return any(ca.parsed.subject == top.parsed.issuer for ca in cas)
