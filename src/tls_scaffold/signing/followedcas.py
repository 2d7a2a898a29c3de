"""Which CA came before the one of today, by the record: who was left behind hangs on it still."""

from pathlib import Path

from tls_scaffold.disk.issued import PATHS_OF_CAS
from tls_scaffold.disk.plainfiles import names
from tls_scaffold.paths import CERTIFICATE_ENDING, ISSUED
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate


def followed_ca(folder: Path, ca: Certificate, path: str) -> Certificate | None:
    """Return the CA that was at a path before `ca`, which is there; None if none is known.

    One that began later was given up again, and is none of them; what can't be read is passed over.
    """
    found = []
    for recorded in filter(PATHS_OF_CAS[path].fullmatch, names(folder, ISSUED, CERTIFICATE_ENDING)):
        each = certificates.read_at(folder / recorded)
        if each and each.public_key != ca.public_key and each.not_before <= ca.not_before:
            found.append(each)
    return max(found, key=lambda each: each.not_before, default=None)
