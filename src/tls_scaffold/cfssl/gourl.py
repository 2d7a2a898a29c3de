"""URIs as Go's net/url reads and writes them (url.ParseRequestURI and URL.String of Go 1.24).

cfssl puts into a certificate what Go writes of a URI, not the text of the request. Without the same
rules a certificate that cfssl signed would never be what its request asks for.
"""

import re
from urllib.parse import quote, unquote_to_bytes

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
HOST = re.compile(r"[^\x00-\x20\x7f#/?@\\^`{|}]*")
# RFC 6874: of ASCII in a host only the percent sign before a zone may be escaped.
ASCII_ESCAPE = re.compile(r"%(?!25)[0-7]")
PORT = re.compile(r"(:[0-9]*)?", re.ASCII)
LABEL = re.compile(r"[!-~]+")
RAW_PATH = re.compile(r"[A-Za-z0-9._~$&+,/:;=@!'()*\[\]%-]*")
# What Go leaves unescaped in each part beside letters, digits, `-`, `.`, `_` and `~`.
PATH_SAFE = "$&+,/:;=@"
HOST_SAFE = "!$&'()*+,;=:[]<>\""
USER_SAFE = "$&+,;="


def canonical_uri(text: str) -> str | None:
    """Return the URI that Go writes for the one it reads in `text`; None if it reads none there."""
    if CONTROL.search(text) or not text:
        return None
    if text == "*":
        return text
    scheme, rest = _split_scheme(text)
    rest, mark, query = rest.partition("?")
    before = f"{scheme}:" if scheme else ""
    if not rest.startswith("/"):
        # Only behind a scheme may there be something else than a path: `urn:a:b`.
        return f"{before}{rest}{mark}{query}" if scheme else None
    authority, path, slashes = "", rest, ""
    if scheme and rest.startswith("//"):
        authority, slash, below = rest[2:].partition("/")
        path = slash + below
        # Go forgets the slashes of `h://`, which has neither host nor path.
        slashes = "//" if authority or path else ""
    place, path_written = _canonical_authority(authority), _canonical_path(path)
    if place is None or path_written is None:
        return None
    return f"{before}{slashes}{place}{path_written}{mark}{query}"


def host_of(uri: str) -> str:
    """Return host and port of a URI that `canonical_uri` gave; empty if it has none."""
    _, rest = _split_scheme(uri)
    authority = rest[2:].partition("/")[0].partition("?")[0] if rest.startswith("//") else ""
    return unquote_to_bytes(authority.rpartition("@")[2]).decode(errors="replace")


def is_readable_host(host: str) -> bool:
    """Tell whether Go's crypto/x509 reads a URI with this host: labels of printable ASCII."""
    return not host or all(LABEL.fullmatch(label) for label in host.split("."))


def is_read_in_certificates(text: str) -> bool:
    """Tell whether Go's crypto/x509 reads a URI as an alternative name: `url.Parse`, and its host.

    That takes more than `canonical_uri`, which has what cfssl takes: a fragment, and a path alone.
    """
    before, _, fragment = text.partition("#")
    if CONTROL.search(before) or BAD_ESCAPE.search(fragment) or before.startswith(":"):
        return False
    scheme, rest = _split_scheme(before)
    rest = rest.partition("?")[0]
    if not rest.startswith("/") and scheme:
        return True
    authority, path = "", rest
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, _, path = rest[2:].partition("/")
    elif ":" in rest.partition("/")[0]:
        return False
    if BAD_ESCAPE.search(path) or _canonical_authority(authority) is None:
        return False
    host = unquote_to_bytes(authority.rpartition("@")[2]).decode(errors="replace")
    return is_readable_host(host)


def _split_scheme(text: str) -> tuple[str, str]:
    found = SCHEME.fullmatch(text)
    return (found[1].lower(), found[2]) if found else ("", text)


def _canonical_authority(text: str) -> str | None:
    user, at, host = text.rpartition("@")
    if BAD_ESCAPE.search(text) or not (USER.fullmatch(user) and _is_host(host)):
        return None
    words = (quote(unquote_to_bytes(word), safe=USER_SAFE) for word in user.split(":", 1))
    return ":".join(words) + at + quote(unquote_to_bytes(host), safe=HOST_SAFE)


def _is_host(text: str) -> bool:
    if ASCII_ESCAPE.search(text) or not HOST.fullmatch(text):
        return False
    if text.startswith("["):  # an IPv6 address
        return "]" in text and bool(PORT.fullmatch(text.rpartition("]")[2]))
    colon = text.rfind(":")
    return colon < 0 or bool(PORT.fullmatch(text[colon:]))


def _canonical_path(text: str) -> str | None:
    if BAD_ESCAPE.search(text):
        return None
    # Go keeps the escapes of a path that holds nothing else to be escaped.
    return text if RAW_PATH.fullmatch(text) else quote(unquote_to_bytes(text), safe=PATH_SAFE)
