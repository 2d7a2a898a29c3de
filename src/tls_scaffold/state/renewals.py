"""CAs that were signed again with the same key: until when those who run hold the one before."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.signing.foldercas import earlier_certificates
from tls_scaffold.spelling import MINUTE
from tls_scaffold.state.entries import CA_KIND, Contents


@dataclass(frozen=True)
class EarlierCertificate:
    """A certificate that a CA had before, by its path in the record, and when it ends.

    `ca` is the path of the CA's own; `is_below` says that both are below a root, which is trusted.
    """

    ca: str
    path: str
    not_after: datetime
    is_below: bool = False

    @property
    def sentence(self) -> str:
        """What has to be done until then."""
        todo = (
            "each member and client has to get the new one and to be restarted; which of them has "
            "can't be seen from outside"
        )
        if self.is_below:
            todo = (
                "the pairs have to be laid out with their new chain, as after `make renew`; no "
                "member has to restart"
            )
        return (
            f"`{self.ca}` was signed again: until {self.not_after:{MINUTE}}, when the one before "
            f"ends, {todo}"
        )


def still_held(folder: Path, contents: Contents, now: datetime) -> tuple[EarlierCertificate, ...]:
    """Return the earlier certificates of a folder's CAs that have not ended.

    What has ended holds nobody up any more.
    """
    found = (
        EarlierCertificate(
            ca.path,
            recorded,
            earlier.not_after,
            is_below=ca.above is not None and not earlier.names_itself,
        )
        for ca in contents.entries
        if ca.kind == CA_KIND and ca.certificate
        for recorded, earlier in earlier_certificates(folder, ca.certificate)
        if not earlier.has_ended(now)
    )
    return tuple(sorted(found, key=lambda each: (each.not_after, each.path)))
