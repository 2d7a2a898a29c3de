"""The record of what was signed, `issued/`: each certificate a file of its own, which is never changed."""

import hashlib
from pathlib import Path

from tls_scaffold.disk.files import flush_directory, write
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CERTS, ISSUED

DIGITS = 10
LOST_HINT = "put its ca.pem and ca-key.pem back; `make regenerate` makes another CA"


def digits(*contents: bytes) -> str:
    """Return the first ten digits of the sum of each of these, in a row."""
    return "".join(hashlib.sha256(content).hexdigest()[:DIGITS] for content in contents)


def note(folder: Path, name: str, certificate: bytes) -> None:
    """Put a certificate into the record as `name`; one that is there stays as it is."""
    path = folder / ISSUED / f"{name}.pem"
    if not path.exists():
        if not path.parent.is_dir():
            path.parent.mkdir()
            path.parent.chmod(0o755)  # whatever the umask: the record is public, and git has it
            flush_directory(folder)
        write(path, certificate)


def ca_path(certificate: bytes) -> str:
    """Return the path in a folder at which the record has a CA."""
    return f"{ISSUED}/ca-{digits(certificate)}.pem"


def check_ca(folder: Path, certificate: bytes) -> None:
    """Raise ScaffoldError if the record has a CA, and this certificate is not one that it has."""
    recorded = sorted((folder / ISSUED).glob(f"ca-{'?' * DIGITS}.pem"))
    if recorded and folder / ISSUED / f"ca-{digits(certificate)}.pem" not in recorded:
        first = recorded[0].relative_to(folder)
        raise ScaffoldError(f"the CA of this folder is not in `{CERTS}`: `{first}` is its certificate", hint=LOST_HINT)
