"""What a handshake of one's own and the folder tell: the faults of a port, and of a certificate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live import causes
from tls_scaffold.live.causes import Cause
from tls_scaffold.live.endpoints import Port
from tls_scaffold.live.known import Known, is_trusted
from tls_scaffold.live.shakes import HUNG_UP, Pair, Shake
from tls_scaffold.signing import certificates, contentkinds, keys, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.spelling import MINUTE, listed

INTERNAL = "internal error"
LOST = (HUNG_UP, "connection reset by peer", "broken pipe")
MOST = 8  # names that are told: a server may have as many as it likes


@dataclass(frozen=True)
class Found:
    """A cause, how it is known, and the component that it is about, if that is known."""

    cause: Cause
    knows: str
    name: str = ""


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
    wanted = {ca.parsed.subject.public_bytes() for ca in known.trusted[port.side]}
    if not loaded:
        yield Found(causes.TRUST_UNREADABLE, f"{where} asks for certificates of no CA", port.member)
    elif wanted and loaded != wanted:
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
    cas = known.trusted[side]
    if cas and not is_trusted(leaf, behind, cas):
        cause = causes.SAME_SUBJECT if has_namesake(leaf, behind, cas) else causes.SERVER_CA
        yield cause, f"of the CA `{dict(leaf.issuer).get('CN', '')}`: {_differs(cause)}"


def _differs(cause: Cause) -> str:
    if cause == causes.SAME_SUBJECT:
        return "the trusted one has that subject and another key"
    return "none that is trusted here"


def has_namesake(
    leaf: Certificate, behind: tuple[Certificate, ...], cas: Iterable[Certificate]
) -> bool:
    """Tell whether a trusted CA has the subject of whoever signed the end of a chain."""
    top = behind[-1] if behind else leaf
    return any(ca.parsed.subject == top.parsed.issuer for ca in cas)


def client_faults(
    pair: Pair, shake: Shake, without: Shake, known: Known, side: str, now: datetime
) -> Iterator[tuple[Cause, str]]:
    """Yield why a port does not let in whoever comes with a pair; nothing where it does.

    `shake` is the handshake with it, `without` that of somebody who has none.
    """
    if shake.is_whole or not shake.speaks_tls:
        return
    chain = certificates.read_all(plain_or_empty(pair.certificate), str(pair.certificate))
    found = list(certificate_faults(chain, known, side, now))
    if found:
        yield from found
    elif shake.failure in LOST:
        # etcd looks into its list after the handshake, and says nothing.
        told = "the handshake goes through, and then the member hangs up, as for revoked ones"
        yield causes.REVOKED, told
        if not known.has_revoked(chain[0]):
            yield causes.CRL_UNREADABLE, told
    elif not without.cas:
        yield causes.TRUST_UNREADABLE, "the member asks for certificates of no CA"


def certificate_faults(
    chain: tuple[Certificate, ...], known: Known, side: str, now: datetime
) -> Iterator[tuple[Cause, str]]:
    """Yield what keeps a client's certificate from being taken by members that trust the folder."""
    leaf, behind, cas = chain[0], chain[1:], known.trusted[side]
    if leaf.has_ended(now):
        yield causes.CLIENT_EXPIRED, f"it ended {leaf.not_after:{MINUTE}}"
    if leaf.not_before > now:
        yield causes.CLIENT_EARLY, f"it begins {leaf.not_before:{MINUTE}}"
    if not leaf.is_for_clients:
        yield causes.CLIENT_USAGE, f"it is for {', '.join(leaf.usages)}"
    if cas and not is_trusted(leaf, behind, cas):
        cause = causes.SAME_SUBJECT if has_namesake(leaf, behind, cas) else causes.CLIENT_CA
        yield cause, f"its CA is `{dict(leaf.issuer).get('CN', '')}`: {_differs(cause)}"
    elif bad := ca_without_client_auth(cas):
        yield causes.CA_USAGE, f"`{dict(bad.subject).get('CN', '')}` is for {', '.join(bad.usages)}"


def ca_without_client_auth(cas: Iterable[Certificate]) -> Certificate | None:
    """Return a trusted CA whose extended usages leave clients out."""
    return next((ca for ca in cas if not ca.is_for_clients), None)


def file_faults(path: Path, known: Known, now: datetime) -> Iterator[tuple[Cause, str]]:
    """Yield what is wrong with a certificate's or a key's file, and with the key beside it."""
    pem = plain_or_empty(path)
    if path.name.endswith("-key.pem") or b"PRIVATE KEY-----" in pem:
        yield from key_faults(pem, path)
        return
    try:
        chain = certificates.read_all(pem, str(path))
    except ScaffoldError:
        yield causes.NO_PEM, f"`{path}` {contentkinds.why_not(pem, contentkinds.CERTIFICATE)}"
        return
    if not chain[0].is_ca:
        side = next(iter(known.trusted))
        yield from certificate_faults(chain, known, side, now)
    elif not chain[0].is_for_clients:
        yield causes.CA_USAGE, f"it is for {', '.join(chain[0].usages)}"
    beside = path.with_name(f"{path.name.removesuffix('.pem')}-key.pem")
    if beside.exists() and not chain[0].is_ca:
        key = plain_or_empty(beside)
        faults = list(key_faults(key, beside))
        yield from faults
        if not faults and matching.key_trouble(chain[0], key):
            yield causes.CLIENT_PAIR, f"`{beside}` is not its key"


def key_faults(pem: bytes, path: Path) -> Iterator[tuple[Cause, str]]:
    """Yield why etcd and its clients can't use a key."""
    if keys.is_encrypted(pem):
        yield causes.ENCRYPTED_KEY, f"`{path}` is encrypted"
        return
    if keys.key_block(pem) is None:
        yield causes.NO_PEM, f"`{path}` {contentkinds.why_not(pem, contentkinds.PRIVATE_KEY)}"
        return
    try:
        keys.usable_key(pem)
    except (ScaffoldError, ValueError) as error:
        yield causes.DAMAGED_KEY, f"`{path}`: {error}"
