"""The certificates that a CA had before it was signed again with the same key, and their ends."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.issued import DIGITS
from tls_scaffold.disk.plainfiles import names
from tls_scaffold.paths import CERTIFICATE_ENDING, ISSUED
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.matching import signs_itself

RECORDED_CA = re.compile(rf"{ISSUED}/(?:[a-z]+-)?ca-[0-9a-f]{{{DIGITS}}}\.pem")


def earlier_certificates(folder: Path, ca: Certificate) -> Iterator[tuple[str, Certificate]]:
    """Yield what a folder's record has of a CA's name and key that ends before it, by path.

    What says that it signed itself, and did not, is somebody's who has not that key.
    """
    for path in filter(RECORDED_CA.fullmatch, names(folder, ISSUED, CERTIFICATE_ENDING)):
        found = certificates.read_at(folder / path)
        if found is None or found.not_after >= ca.not_after:
            continue
        has_its_name = found.parsed.subject == ca.parsed.subject
        is_forged = found.names_itself and not signs_itself(found)
        if has_its_name and found.public_key == ca.public_key and not is_forged:
            yield path, found


def ends_of_ca(folder: Path, ca: Certificate) -> tuple[datetime, ...]:
    """Return when a CA ends, and when its earlier certificates did.

    A life that was cut to one of these is the one that was asked for.
    """
    earlier = (each.not_after for _, each in earlier_certificates(folder, ca))
    return (ca.not_after, *earlier)
