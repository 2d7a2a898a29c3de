"""What keeps a client's certificate from being taken, and a key's file from being used."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live import causes
from tls_scaffold.live.causes import Cause
from tls_scaffold.live.diagnosis import has_namesake
from tls_scaffold.live.known import Known, is_trusted
from tls_scaffold.live.shakes import HUNG_UP, Pair, Shake
from tls_scaffold.paths import KEY_ENDING, REVOKED
from tls_scaffold.signing import certificates, contentkinds, keys, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.pemfiles import seems_key
from tls_scaffold.spelling import MINUTE

LOST = (HUNG_UP, "connection reset by peer", "broken pipe")
ENDED = "certificate expired"
DIFFERS = {
    causes.CLIENT_NAMESAKE: "the trusted one has that subject and another key",
    causes.CLIENT_CA: "none that is trusted here",
    causes.CLIENT_OLD_CA: "this folder had it before another followed it",
    causes.CLIENT_CHAIN: "what stands between it and the CA that is trusted is not shown",
}
"""How the CA of a client's leaf differs from what is trusted, by the cause."""


def client_faults(
    pair: Pair, shake: Shake, without: Shake, known: Known, side: str, now: datetime
) -> Iterator[tuple[Cause, str]]:
    """Yield why a port does not let in whoever comes with a pair; nothing where it does.

    `shake` is the handshake with it, `without` that of somebody who has none.
    """
    if shake.is_whole or not shake.speaks_tls:
        return
    chain = certificates.read_all(plain_or_empty(pair.certificate), str(pair.certificate))
    loaded = known.loaded(side, [ca.der for ca in without.cas])
    found = list(certificate_faults(chain, known, (loaded,), side, now))
    if found:
        yield from found
    elif shake.alert == ENDED:
        told = f"the member refuses it as `{ENDED}`, and by this machine's clock it lives"
        yield causes.CA_EXPIRED, told
        yield causes.CLOCK, told
    elif shake.failure in LOST:
        # etcd looks into its list after the handshake, and says nothing.
        told = "the handshake goes through, and then the member hangs up, as for revoked ones"
        yield causes.REVOKED, told
        if not known.has_revoked(chain[0]):
            yield causes.CRL_UNREADABLE, told
    elif not without.cas:
        yield causes.TRUST_UNREADABLE, "the member asks for certificates of no CA"


def certificate_faults(
    chain: tuple[Certificate, ...],
    known: Known,
    trusts: Iterable[tuple[Certificate, ...]],
    side: str,
    now: datetime,
) -> Iterator[tuple[Cause, str]]:
    """Yield what keeps a client's certificate from being taken by members.

    `trusts` are the CAs that one trusts, or those of several that differ.
    """
    leaf = chain[0]
    if leaf.has_ended(now):
        yield causes.CLIENT_EXPIRED, f"it ended {leaf.not_after:{MINUTE}}"
    if leaf.not_before > now:
        yield causes.CLIENT_EARLY, f"it begins {leaf.not_before:{MINUTE}}"
    if not leaf.is_for_clients:
        yield causes.CLIENT_USAGE, f"it is for {', '.join(leaf.usages)}"
    for cas in trusts:
        if cause := _distrusted(chain, known, side, cas):
            yield cause, f"its CA is `{dict(leaf.issuer).get('CN', '')}`: {DIFFERS[cause]}"
            return
        if ended := _ended_ca(chain, cas, now):
            yield causes.CA_EXPIRED, f"its CA `{ended.cn}` ended {ended.not_after:{MINUTE}}"
            return
        if bad := ca_without_client_auth(cas):
            told = f"`{bad.cn}` is for {', '.join(bad.usages)}"
            yield causes.CA_USAGE, told
            return


def _distrusted(
    chain: tuple[Certificate, ...], known: Known, side: str, cas: tuple[Certificate, ...]
) -> Cause | None:
    """Return why whoever trusts these CAs does not take a client's certificate; None if he does."""
    leaf, behind = chain[0], chain[1:]
    if not cas or is_trusted(leaf, behind, cas):
        return None
    if is_trusted(leaf, (*behind, *known.chains[side]), cas):
        return causes.CLIENT_CHAIN
    if has_namesake(leaf, behind, cas):
        return causes.CLIENT_NAMESAKE
    return causes.CLIENT_OLD_CA if is_trusted(leaf, behind, known.earlier) else causes.CLIENT_CA


def _ended_ca(
    chain: tuple[Certificate, ...], cas: tuple[Certificate, ...], now: datetime
) -> Certificate | None:
    """Return a CA that has ended, and without which a leaf leads to none of these CAs."""
    leaf, *behind = chain
    for ended in (each for each in (*cas, *behind) if each.has_ended(now)):
        others = (tuple(each for each in found if each != ended) for found in (behind, cas))
        if not is_trusted(leaf, *others):
            return ended
    return None


def ca_without_client_auth(cas: Iterable[Certificate]) -> Certificate | None:
    """Return a trusted CA whose extended usages leave clients out."""
    return next((ca for ca in cas if not ca.is_for_clients), None)


def file_faults(path: Path, known: Known, now: datetime) -> Iterator[tuple[Cause, str]]:
    """Yield what is wrong with a certificate's or a key's file, and with the key beside it."""
    pem = plain_or_empty(path)
    if path.name.endswith(KEY_ENDING) or seems_key(pem):
        yield from key_faults(pem, path)
        return
    try:
        chain = certificates.read_all(pem, str(path))
    except ScaffoldError:
        yield causes.NO_PEM, f"`{path}` {contentkinds.why_not(pem, contentkinds.CERTIFICATE)}"
        return
    if not chain[0].is_ca:
        side = next(iter(known.trusted))
        trusts = known.trusts_of_others(side)
        yield from certificate_faults(chain, known, trusts, side, now)
        if known.has_revoked(chain[0]):
            yield causes.REVOKED, f"`{REVOKED}` has it, or the list that is made from that"
    elif chain[0].has_ended(now):
        yield causes.CA_EXPIRED, f"it ended {chain[0].not_after:{MINUTE}}"
    elif not chain[0].is_for_clients:
        yield causes.CA_USAGE, f"it is for {', '.join(chain[0].usages)}"
    beside = path.with_name(f"{path.name.removesuffix('.pem')}{KEY_ENDING}")
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
