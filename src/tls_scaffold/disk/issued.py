"""How the files of the record `issued/` are called: by the sums of what they stand for."""

import hashlib

from tls_scaffold.paths import CA, CERTIFICATE_ENDING, ISSUED

DIGITS = 10


def digits(*contents: bytes) -> str:
    """Return the first ten digits of the sum of each of these, in a row."""
    return "".join(hashlib.sha256(content).hexdigest()[:DIGITS] for content in contents)


def ca_path(certificate: bytes, ca: str = CA) -> str:
    """Return the path in a folder at which the record has a CA, ours or that of peers."""
    name = ca.rpartition("/")[2].removesuffix(CERTIFICATE_ENDING)
    return f"{ISSUED}/{name}-{digits(certificate)}.pem"
