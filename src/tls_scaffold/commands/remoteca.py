"""A remote CA asked for its certificate, once, before it is pinned."""

from pathlib import Path

from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.custody import Custody
from tls_scaffold.paths import CA, CHAIN, TRUST
from tls_scaffold.signing import broughtca, certificates, matching, signer
from tls_scaffold.signing.broughtca import BroughtCA
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.remotesigner import fetch_ca, read_tls_context
from tls_scaffold.spelling import MINUTE


class UnconfirmedCAError(ScaffoldError):
    """A server gives a certificate for the CA, and nobody has said that it is the right one.

    `sha256` is its sum: the same command with that takes it.
    """

    def __init__(self, server: str, ca: Certificate, sha256: str) -> None:
        super().__init__(
            f"`{server}` gives a certificate for the CA that nobody has confirmed",
            [
                f"subject: {ca.subject_text}",
                f"end: {ca.not_after:{MINUTE}}",
                f"SHA-256 fingerprint: {sha256}",
            ],
            "compare it with what whoever has the CA's key says: the same command with"
            f" `--ca-sha256 {sha256}` takes it, `--ca FILE` brings it",
        )
        self.sha256 = sha256


def fetch_certificate(custody: Custody, folder: Path) -> BroughtCA:
    """Return the CA of which the servers of a custody have the key, as one of them gives it.

    `folder` is where paths are seen from. One below another CA has to be there, with those above
    it, which no server gives. Raises ScaffoldError with what each of them said where none does,
    UnconfirmedCAError where it is not pinned, and where it can be no CA of etcd's.
    """
    context = read_tls_context(custody.remote_ca, folder)
    found = fetch_ca(custody.remotes, custody.label, context)
    pin = found.certificate.sum
    if custody.pins_another(pin):
        raise ScaffoldError(
            f"`{found.server}` gives a certificate of another CA than is pinned",
            [f"its SHA-256 is {pin}, and {custody.sha256} is pinned"],
            "see what that server is, and who is on the way to it",
        )
    pem, chain, trust = (plain_or_empty(folder / path) for path in (CA, CHAIN, TRUST))
    there = BroughtCA(pem, chain, trust)
    known = certificates.read_or_none(there.certificate)
    if known and known.sum == pin and there.chain and there.trust:
        return there
    if not matching.signs_itself(found.certificate):
        raise ScaffoldError(
            f"`{found.server}` gives the certificate of a CA below another, and not the root, which"
            " everybody has to trust",
            [
                f"subject: {found.certificate.subject_text}",
                f"signed by: {certificates.text_of_name(found.certificate.issuer)}",
                f"SHA-256 fingerprint: {pin}",
            ],
            "`--ca FILE` brings it: a file with that certificate, those above it, and the root",
        )
    if not custody.sha256:
        raise UnconfirmedCAError(found.server, found.certificate, pin)
    # That one alone: of others in the answer one below it would be the one that signs.
    return broughtca.take_apart(found.certificate.pem, b"", signer.utc_now(), found.server)
