"""Signing by servers of cfssl: the key and its CSR are made here, the certificate comes from there.

Nothing is written here, and no answer is given on unchecked.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.remotes import Remote
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.remote.protocol import ask_for_info, ask_to_sign
from tls_scaffold.remote.servers import Servers
from tls_scaffold.signing import certificates, csrs, signer
from tls_scaffold.signing.answers import Asked, checked_answer
from tls_scaffold.signing.authkeys import read_auth_key
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.extensions import Names
from tls_scaffold.signing.signer import Signed
from tls_scaffold.spelling import whole_number

if TYPE_CHECKING:
    import ssl

SECONDS = 20.0
SECONDS_VARIABLE = "TLS_SCAFFOLD_REMOTE_SECONDS"


def seconds_allowed() -> float:
    """Return how long a server may take for an answer; ScaffoldError for what is no number."""
    text = os.environ.get(SECONDS_VARIABLE, "")
    if not text:
        return SECONDS
    if not 0 < (whole_number(text) or 0) <= 3600:  # noqa: PLR2004 - an hour
        raise ScaffoldError(f"{SECONDS_VARIABLE} takes a number of seconds, up to 3600")
    return float(text)


def read_tls_context(path: str, folder: Path) -> "ssl.SSLContext | None":
    """Return how https servers are verified: by the CAs in the file at a path, seen from `folder`.

    None where no file is named, for those of the system. Raises ScaffoldError where it can't be
    read.
    """
    from tls_scaffold.remote.wire import tls_context  # only where a server is asked

    if not path:
        return None
    with telling(path, "read"):
        content = plain(folder / path, path)
    try:
        return tls_context(content)
    except ValueError as error:
        raise ScaffoldError(f"`{path}` {error}") from None


@dataclass(frozen=True)
class FetchedCA:
    """The certificate that a server says its CA has, and the server's URL."""

    certificate: Certificate
    server: str


def fetch_ca(servers: Sequence[str], label: str, context: "ssl.SSLContext | None") -> FetchedCA:
    """Return the certificate that servers say the CA with a label has.

    Nothing vouches for it: somebody has to compare its fingerprint. Raises ScaffoldError where no
    server gives one, or what it gives is no CA's.
    """
    asked = f"the certificate of the CA `{label}`" if label else "the certificate of its CA"
    answer = Servers(servers, seconds_allowed(), context).ask(ask_for_info(label), asked)
    place = f"what {answer.server} gives"
    ca = certificates.read(answer.certificate.encode("ascii", "replace"), place)
    if not ca.may_sign:
        raise ScaffoldError(f"`{answer.server}` gives a certificate that is not a CA's")
    return FetchedCA(ca, answer.server)


@dataclass
class RemoteSigner:
    """Has certificates signed by the servers that their profiles name, as the CA `certificate`.

    Without that nobody knows who should have signed an answer. `label` chooses the CA of a server
    that has several, `context` says how https is verified, and paths of keys are seen from
    `folder`. `chain` is what stands behind each certificate.
    """

    certificate: Certificate | None
    folder: Path
    label: str = ""
    context: "ssl.SSLContext | None" = None
    seconds: float = SECONDS
    chain: bytes = b""
    _servers: dict[tuple[str, ...], Servers] = field(default_factory=dict)
    _keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    def prepare(self, remote: Remote) -> None:
        """Find the key for servers, before anything is made; ScaffoldError where there is none."""
        if remote.auth_key and remote.auth_key not in self._keys:
            self._keys[remote.auth_key] = read_auth_key(remote.auth_key, self.folder)
        self._servers.setdefault(
            remote.servers, Servers(remote.servers, self.seconds, self.context)
        )

    def sign(self, request: Request, profile: Profile, now: datetime, path: str = "") -> Signed:
        """Make a key and its CSR, and have it signed; several threads may do so at once.

        `path` is that of the certificate, for messages. Raises ScaffoldError as `signer.new_csr`,
        where no server signs, and where an answer is not what was asked for.
        """
        made = signer.new_csr(request)
        csr = csrs.read(made.csr, "the CSR")
        pem = self.sign_csr(csr, csr.names, profile, now, path)
        return Signed(pem + self.chain, made.csr, made.key)

    def sign_csr(
        self, csr: CSR, names: Names, profile: Profile, now: datetime, what: str = "", **more: Any
    ) -> bytes:
        """Have a CSR signed for `names`; `more` is what cfssl sends besides. Returns PEM.

        `what` it is called in messages is its CN where nothing is said.
        """
        remote = profile.remote
        if remote is None:
            raise ValueError(profile.name)
        self.prepare(remote)
        ask = ask_to_sign(
            csr.pem, profile.name, self.label, self._keys.get(remote.auth_key), **more
        )
        what = what or csr.cn
        answer = self._servers[remote.servers].ask(ask, f"a certificate for `{what}`")
        asked = Asked(what, csr, names, profile, self.certificate, now)
        return checked_answer(answer.certificate, asked, answer.server)
