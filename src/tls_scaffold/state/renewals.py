"""CAs that were signed again with the same key: until when those who run hold the one before."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.issued import DIGITS
from tls_scaffold.disk.plainfiles import names, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CERTIFICATE_ENDING, ISSUED
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.state.entries import Contents
from tls_scaffold.state.lives import MINUTE

RECORDED_CA = re.compile(rf"{ISSUED}/(?:[a-z]+-)?ca-[0-9a-f]{{{DIGITS}}}\.pem")


@dataclass(frozen=True)
class EarlierCertificate:
    """A certificate that a CA had before, by its path in the record, and when it ends.

    `ca` is the path of the CA's own.
    """

    ca: str
    path: str
    not_after: datetime

    @property
    def sentence(self) -> str:
        """What has to be done until then."""
        return (
            f"`{self.ca}` was signed again: until {self.not_after:{MINUTE}}, when the one before "
            "ends, each member and client has to get the new one and to be restarted; which of "
            "them has can't be seen from outside"
        )


def earlier_certificates(
    folder: Path, contents: Contents, now: datetime
) -> tuple[EarlierCertificate, ...]:
    """Return the certificates of a folder's CAs that the record has and that have not ended.

    They have a CA's name and key and end before its own; what has ended holds nobody up any more.
    """
    found = (
        EarlierCertificate(path, recorded, earlier.not_after)
        for path, ca in contents.authorities.items()
        for recorded, earlier in _recorded(folder)
        if _is_before(earlier, ca) and not earlier.has_ended(now)
    )
    return tuple(sorted(found, key=lambda each: (each.not_after, each.path)))


def _is_before(earlier: Certificate, ca: Certificate) -> bool:
    has_its_name = earlier.parsed.subject == ca.parsed.subject
    return has_its_name and earlier.public_key == ca.public_key and earlier.not_after < ca.not_after


def _recorded(folder: Path) -> Iterator[tuple[str, Certificate]]:
    for path in names(folder, ISSUED, CERTIFICATE_ENDING):
        if RECORDED_CA.fullmatch(path):
            try:
                yield path, certificates.read(plain_or_empty(folder / path), path)
            except ScaffoldError:
                continue
