"""What each port of a member shows and has loaded while one CA follows another.

Old and new CA have subjects of their own, so the names of a handshake tell them apart. What clients
show can't be seen from outside.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tls_scaffold.live.diagnosis import why_no_tls
from tls_scaffold.live.endpoints import Port
from tls_scaffold.live.known import is_trusted
from tls_scaffold.live.looks import Look
from tls_scaffold.live.shakes import Shake
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.rotation import Rotation


class Shows(Enum):
    """On whose signature a leaf hangs; the values are words for people and for JSON."""

    OLD = "old"
    """None but those who trust the old CA take it."""
    CROSSED = "new with cross"
    """Whoever trusts the old CA takes it by the cross certificate behind it, the others as well."""
    ALONE = "new alone"
    """Who trusts the old CA alone refuses it."""
    OTHER = "another's"
    """Of neither CA."""
    NOTHING = "nothing"
    """The port has shown none."""


class Trusts(Enum):
    """Which of both CAs a port has loaded; the values are words for people and for JSON."""

    OLD = "old"
    BOTH = "old and new"
    NEW = "new alone"
    NEITHER = "neither"
    UNKNOWN = "unknown"
    """The port speaks no TLS, or asks for no certificate."""


@dataclass(frozen=True)
class RotationPort:
    """A port in a rotation: what it shows, which CAs it has loaded, and why it can't be seen."""

    port: Port
    shows: Shows = Shows.NOTHING
    trusts: Trusts = Trusts.UNKNOWN
    loaded: tuple[str, ...] = ()
    unreachable: str = ""

    @property
    def member(self) -> str:
        """The member's name, or where it is if nobody knows whose the port is."""
        return self.port.member or self.port.address


def rotation_ports(looks: Iterable[Look], rotation: Rotation) -> tuple[RotationPort, ...]:
    """Return what each port that was looked at shows and has loaded, in their order."""
    return tuple(_rotation_port(look, rotation) for look in looks)


def _rotation_port(look: Look, rotation: Rotation) -> RotationPort:
    shake = look.shake
    if not shake.speaks_tls:
        return RotationPort(look.port, unreachable=why_no_tls(shake))
    return RotationPort(
        look.port,
        shown_in(shake.served, rotation),
        _trusts(shake, rotation),
        tuple(ca.text for ca in shake.cas),
    )


def shown_in(chain: Sequence[Certificate], rotation: Rotation) -> Shows:
    """Return on whose signature a leaf hangs, with what stands behind it."""
    leaf, behind = chain[0], tuple(chain[1:])
    by_old, by_new = (
        ca is not None and is_trusted(leaf, behind, (ca,)) for ca in (rotation.old, rotation.new)
    )
    if by_new:
        return Shows.CROSSED if by_old else Shows.ALONE
    return Shows.OLD if by_old else Shows.OTHER


def _trusts(shake: Shake, rotation: Rotation) -> Trusts:
    if not shake.asks:
        return Trusts.UNKNOWN
    loaded = {ca.der for ca in shake.cas}
    has_old, has_new = (
        ca is not None and ca.parsed.subject.public_bytes() in loaded
        for ca in (rotation.old, rotation.new)
    )
    if has_new:
        return Trusts.BOTH if has_old else Trusts.NEW
    return Trusts.OLD if has_old else Trusts.NEITHER
