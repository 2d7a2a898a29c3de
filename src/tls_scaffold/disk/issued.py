"""How the files of the record `issued/` are called: by the sums of what they stand for."""

import hashlib
import re

from tls_scaffold.paths import CA, CERTIFICATE_ENDING, ISSUED, PEER_CA

DIGITS = 10
PATHS_OF_CAS = {
    CA: re.compile(rf"{ISSUED}/ca-[0-9a-f]{{{DIGITS}}}\.pem"),
    PEER_CA: re.compile(rf"{ISSUED}/peer-ca-[0-9a-f]{{{DIGITS}}}\.pem"),
}


def digits(*contents: bytes) -> str:
    """Return the first ten digits of the sum of each of these, in a row."""
    return "".join(hashlib.sha256(content).hexdigest()[:DIGITS] for content in contents)


def ca_path(certificate: bytes, ca: str = CA) -> str:
    """Return the path in a folder at which the record has a CA, ours or that of peers."""
    name = ca.rpartition("/")[2].removesuffix(CERTIFICATE_ENDING)
    return f"{ISSUED}/{name}-{digits(certificate)}.pem"
