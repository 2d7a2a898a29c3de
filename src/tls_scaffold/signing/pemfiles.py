"""PEM files taken apart as etcd does it: the blocks that Go's encoding/pem finds in them."""

import re
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass, field

BEGIN, END, DASHES = b"-----BEGIN ", b"\n-----END ", b"-----"
KEY_MARK = b"PRIVATE KEY-----"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LABEL = re.compile(rb"-----BEGIN ([A-Za-z0-9 ]+)-----")
# Go's base64.StdEncoding, to which encoding/pem gives the body without its blanks.
BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
LINE_END = re.compile(rb"[ \t]*(?:\r?\n|\Z)")


@dataclass(frozen=True)
class Block:
    """One PEM block: its label, such as `CERTIFICATE`, its headers by name, and what it holds.

    `begin` and `end` are where it stands in its file, in bytes.
    """

    label: bytes
    der: bytes = field(repr=False)
    headers: dict[bytes, bytes]
    begin: int
    end: int

    @property
    def is_encrypted(self) -> bool:
        """Whether a password is needed for it, of the older form (RFC 1421) or of PKCS #8."""
        is_older_form = b"ENCRYPTED" in self.headers.get(b"Proc-Type", b"")
        return is_older_form or self.label == b"ENCRYPTED PRIVATE KEY"


class _UnendedError(Exception):
    """Lines that look like headers go on beyond the end of a block: Go reads nothing after it."""


def seems_key(content: bytes) -> bool:
    """Tell whether a file may hold a private key, however damaged or badly laid out it is."""
    return KEY_MARK in content


def blocks(pem: bytes) -> tuple[Block, ...]:
    """Return the PEM blocks of a file, those that Go 1.26 finds and no others.

    A block begins at the beginning of a line and ends at the end of one; text may stand around it,
    blanks at the ends of its lines, and headers (`Name: value`) before its body. Where a block has
    a mistake the search goes on behind it.
    """
    return tuple(_blocks(pem))


def _blocks(pem: bytes) -> Iterator[Block]:
    start = 0
    # Go looks for the first end, then for the last beginning before it.
    while (end := pem.find(END, start)) >= 0:
        begin = pem.rfind(BEGIN, start, end)
        is_at_line_start = begin == start or pem[begin - 1 : begin] == b"\n"
        start_of_next = end + len(END)
        if begin >= 0 and is_at_line_start:
            try:
                block = _block_at(pem, begin, end)
            except _UnendedError:
                return
            if block:
                start_of_next = block.end
                yield block
        start = start_of_next


def _block_at(pem: bytes, begin: int, end: int) -> Block | None:
    """Return the block between a beginning and the line break before an end; None if it is none."""
    first_line, body = _line(pem, begin)
    if not first_line.endswith(DASHES):
        return None
    label = first_line[len(BEGIN) : -len(DASHES)]
    headers, body = _headers(pem, body)
    behind_end = end + len(END)
    if body > behind_end:
        raise _UnendedError
    if headers and body > end:
        return None
    last_line = label + DASHES
    after = behind_end + len(last_line)
    blank = LINE_END.match(pem, after)
    if pem[behind_end:after] != last_line or not blank:
        return None
    text = pem[body:end].translate(None, b" \t\r\n")
    if not BASE64.fullmatch(text):
        return None
    return Block(label, a2b_base64(text), headers, begin, blank.end())


def _headers(pem: bytes, start: int) -> tuple[dict[bytes, bytes], int]:
    """Return the headers from a place on, and where the body begins: at a line without a colon."""
    headers: dict[bytes, bytes] = {}
    while True:
        line, following = _line(pem, start)
        name, colon, value = line.partition(b":")
        if not colon:
            return headers, start
        headers[name.strip()] = value.strip()
        start = following


def _line(pem: bytes, start: int) -> tuple[bytes, int]:
    """Return the line from a place on without the blanks at its end, and where the next begins."""
    feed = pem.find(b"\n", start)
    if feed < 0:
        return pem[start:].rstrip(b" \t"), len(pem)
    line = pem[start:feed]
    return line.removesuffix(b"\r").rstrip(b" \t"), feed + 1


def certificate_ders(pem: bytes) -> tuple[bytes, ...]:
    """Return the DER of each block of a PEM file that is called a certificate."""
    return tuple(each.der for each in _blocks(pem) if each.label == b"CERTIFICATE")


def text_of(pem: bytes, block: Block) -> bytes:
    """Return a block of a PEM file alone, with one line feed at its end."""
    return pem[block.begin : block.end].rstrip() + b"\n"


def labels(pem: bytes) -> frozenset[bytes]:
    """Return the labels of the PEM blocks that begin anywhere in a file, such as `CERTIFICATE`."""
    return frozenset(LABEL.findall(pem))


def begun(pem: bytes, label: bytes) -> int:
    """Return how many PEM blocks of a label begin anywhere in a file, whole or not."""
    return LABEL.findall(pem).count(label)


def tidied(pem: bytes) -> bytes:
    """Return a PEM file as its author meant it: no byte order mark, no blanks around its lines.

    Go does not read it before, OpenSSL does, and a key in it is as secret.
    """
    lines = pem.removeprefix(BYTE_ORDER_MARK).lstrip().splitlines()
    return b"\n".join(line.strip(b" \t") for line in lines)


def stands_alone(pem: bytes) -> bool:
    """Tell whether nothing but its first certificate is in a PEM file; text may stand before it.

    cfssl takes no other file for a CA's: "the PEM file should contain only one object".
    """
    first = next(_blocks(pem), None)
    return bool(first and first.label == b"CERTIFICATE" and not pem[first.end :].strip())
