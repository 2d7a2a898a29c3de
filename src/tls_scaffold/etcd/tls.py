"""TLS as a client of etcd speaks it: OpenSSL's, which knows every key that etcd does."""

import os
import ssl
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError

# cfssl's label of such a key, which Go reads and OpenSSL does not; the content is PKCS #8.
ED25519_LABEL = b"Ed25519 PRIVATE KEY"


def client_context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a client with this certificate needs to talk to those whom `ca` signed.

    Raises ScaffoldError where OpenSSL does not take them.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        # As etcd does: what is trusted need not be self-signed.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        _load_pair(context, certificate, key)
    except ssl.SSLError as error:
        raise ScaffoldError(
            f"`{certificate}` and its key can't be used here", [f"OpenSSL: {error.reason or error}"]
        ) from error
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    with telling(key, "read"):
        plain(certificate, str(certificate))  # OpenSSL would read a giant to its end
        pem = plain(key, str(key))
    if ED25519_LABEL not in pem:
        context.load_cert_chain(certificate, key)
        return
    # Python takes a file alone. A pipe holds a key whole, and leaves none on a disk.
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "wb") as into:
        into.write(pem.replace(ED25519_LABEL, b"PRIVATE KEY"))
        into.close()
        context.load_cert_chain(certificate, f"/dev/fd/{reader}")
