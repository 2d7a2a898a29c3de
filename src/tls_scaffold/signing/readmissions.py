"""Who was revoked and gets a certificate again: that has another number, and members take it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tls_scaffold.inventory.values import PEER
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import PEER_CA
from tls_scaffold.signing.copies import name_of
from tls_scaffold.signing.crlfile import is_shown, serials_in
from tls_scaffold.signing.revocations import SUPERSEDED, Revocation, known_revocations


def readmitted(folder: Path, signings: Iterable[Signing], shelf: str = "") -> Iterator[str]:
    """Say of each that is to be signed, and is shut out, that its next certificate is not.

    What it replaces is in `certs/`, or below a shelf of the archive.
    """
    revoked = known_revocations(folder)
    for each in signings if revoked else ():
        path = each.certificate_path
        if _is_shut_out(folder, (Path(shelf) / path).as_posix(), revoked):
            # A member's second pair goes with the member.
            name = each.name.removeprefix(PEER) if each.ca == PEER_CA else each.name
            yield (
                f"`{path}` was revoked, and members take the new one: if it is to stay out, "
                f"`tls-scaffold remove --revoke {name}`"
            )


def _is_shut_out(folder: Path, path: str, revoked: Mapping[int, Revocation]) -> bool:
    """Tell whether what lies at a path is revoked; where nothing does, what had its name.

    Who got a new pair in exchange was not shut out.
    """
    if serials_in(folder, path):
        return is_shown(folder, path, revoked)
    shut_out = {each.name for each in revoked.values() if each.reason != SUPERSEDED}
    return name_of(path) in shut_out
