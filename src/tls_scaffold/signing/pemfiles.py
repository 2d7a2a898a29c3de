"""PEM files taken apart: their blocks, and what these hold (RFC 7468)."""

import re
from binascii import a2b_base64

LABEL = re.compile(rb"-----BEGIN ([A-Za-z0-9 ]+)-----")


def der_of(pem: bytes, label: bytes) -> bytes:
    """Return what the first PEM block of this label holds; ValueError if there is none."""
    _, begin, rest = pem.partition(b"-----BEGIN " + label + b"-----")
    body, end, _ = rest.partition(b"-----END " + label + b"-----")
    if not (begin and end):
        raise ValueError(
            "it is empty"
            if not pem.strip()
            else f"no `-----BEGIN {label.decode()}-----` and its end"
        )
    return a2b_base64(body)


def labels(pem: bytes) -> frozenset[bytes]:
    """Return the labels of the PEM blocks that begin in a file, such as `CERTIFICATE`."""
    return frozenset(LABEL.findall(pem))


def stands_alone(pem: bytes) -> bool:
    """Tell whether nothing but its first certificate is in a PEM file; text may stand before it.

    cfssl takes no other file for a CA's: "the PEM file should contain only one object".
    """
    before, _, rest = pem.partition(b"-----BEGIN CERTIFICATE-----")
    behind = rest.partition(b"-----END CERTIFICATE-----")[2]
    return b"-----BEGIN " not in before and not behind.strip()
