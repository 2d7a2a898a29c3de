"""URIs as Go's net/url reads and writes them (url.ParseRequestURI and URL.String of Go 1.24)."""

import re
from urllib.parse import quote, unquote_to_bytes

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)")
BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
HOST = re.compile(r"[^\x00-\x20\x7f#/?@\\^`{|}]*")
ASCII_ESCAPE = re.compile(
    r"%(?!25)[0-7]"
)  # RFC 6874: in a host only the zone's percent sign may be escaped
PORT = re.compile(r"(:[0-9]*)?", re.ASCII)
PATH_SAFE = "$&+,/:;=@"
RAW_PATH = re.compile(r"[A-Za-z0-9._~$&+,/:;=@!'()*\[\]%-]*")
HOST_SAFE = "!$&'()*+,;=:[]<>\""
USER_SAFE = "$&+,;="
LABEL = re.compile(r"[!-~]+")


def written(text: str) -> str | None:
    """Return the URI that Go writes for the one it reads in `text`; None if it reads none there."""
    if CONTROL.search(text) or not text:
        return None
    if text == "*":
        return text
    scheme, rest = _scheme(text)
    rest, mark, query = rest.partition("?")
    before = f"{scheme}:" if scheme else ""
    if not rest.startswith("/"):
        return f"{before}{rest}{mark}{query}" if scheme else None
    authority = ""
    if scheme and rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
    place, path = _authority(authority), _path(rest)
    if place is None or path is None:
        return None
    slashes = "//" if authority or (scheme and rest and text.startswith("//", len(before))) else ""
    return f"{before}{slashes}{place}{path}{mark}{query}"


def host(text: str) -> str:
    """Return host and port of a URI that `written` gave; empty if it has none."""
    _, rest = _scheme(text)
    authority = rest[2:].partition("/")[0].partition("?")[0] if rest.startswith("//") else ""
    return unquote_to_bytes(authority.rpartition("@")[2]).decode(errors="replace")


def host_is_a_name(text: str) -> bool:
    """Whether Go's crypto/x509 reads a URI with this host: it consists of labels of printable ASCII."""
    return not text or all(map(LABEL.fullmatch, text.split(".")))


def _scheme(text: str) -> tuple[str, str]:
    found = SCHEME.fullmatch(text)
    return (found[1].lower(), found[2]) if found else ("", text)


def _authority(text: str) -> str | None:
    user, at, name = text.rpartition("@")
    if BAD_ESCAPE.search(text) or not (USER.fullmatch(user) and _is_host(name)):
        return None
    words = (quote(unquote_to_bytes(word), safe=USER_SAFE) for word in user.split(":", 1))
    return ":".join(words) + at + quote(unquote_to_bytes(name), safe=HOST_SAFE)


def _is_host(text: str) -> bool:
    if ASCII_ESCAPE.search(text) or not HOST.fullmatch(text):
        return False
    if text.startswith("["):
        return "]" in text and bool(PORT.fullmatch(text.rpartition("]")[2]))
    colon = text.rfind(":")
    return colon < 0 or bool(PORT.fullmatch(text[colon:]))


def _path(text: str) -> str | None:
    if BAD_ESCAPE.search(text):
        return None
    return text if RAW_PATH.fullmatch(text) else quote(unquote_to_bytes(text), safe=PATH_SAFE)
