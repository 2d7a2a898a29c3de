"""What a TLS handshake with a port shows: what it serves, which CAs it asks for, how it refuses."""

from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.signing.certificates import Certificate

SILENT = "no answer"
HUNG_UP = "the other side hung up"


@dataclass(frozen=True)
class CaName:
    """The subject of a CA that a server asks for: as it stands in a certificate, and as text."""

    der: bytes
    text: str


@dataclass(frozen=True)
class Shake:
    """What a handshake showed.

    `unreachable` says why there was no connection, `failure` why no TLS came of it or was broken
    off by us, `alert` what the other side refused with, in OpenSSL's words, such as `certificate
    required`. `served` has the leaf first; `asks` tells whether it wants a client's certificate.
    """

    served: tuple[Certificate, ...] = ()
    cas: tuple[CaName, ...] = ()
    asks: bool = False
    version: str = ""
    unreachable: str = ""
    failure: str = ""
    alert: str = ""

    @property
    def speaks_tls(self) -> bool:
        """Whether the other side has shown a certificate."""
        return bool(self.served)

    @property
    def is_whole(self) -> bool:
        """Whether the handshake went through and nothing was refused after it."""
        return bool(self.served) and not (self.alert or self.failure)


@dataclass(frozen=True)
class Pair:
    """A certificate with what stands behind it, and its key, both as files."""

    certificate: Path
    key: Path
