"""The address of a signing server as cfssl reads it: a URL, or a host with or without a port."""

import re
from urllib.parse import urlsplit

DEFAULT_PORT = 8888
SCHEMES = ("http", "https")
LOOPBACKS = ("localhost", "127.0.0.1", "::1")
# A sheltered shell and a JSON string hold these as they are.
PLAIN = re.compile(r"[A-Za-z0-9._~:/\[\]-]+", re.ASCII)
BARE = re.compile(r"(?P<host>[^:/\[\]]+)(:(?P<port>[0-9]+))?", re.ASCII)


def server_url(text: str) -> str:
    """Return the base URL of a signing server, as cfssl makes it of what it is given.

    Without a scheme it is http, and without that and a port the port is 8888. Raises ValueError
    with the reason where cfssl or a shell would not read it.
    """
    if not PLAIN.fullmatch(text):
        raise ValueError(f"`{text}` is no address of a server, such as `http://10.0.0.9:8888`")
    bare = BARE.fullmatch(text)
    if bare:
        if re.fullmatch(r"[0-9.]+", bare["host"]) and bare["port"]:
            raise ValueError(f"`{text}` needs `http://` in front: cfssl reads no bare IP address")
        text = f"http://{bare['host']}:{bare['port'] or DEFAULT_PORT}"
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"`{text}` has no port between 1 and 65535") from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        raise ValueError(f"`{text}` is no address of a server, such as `http://10.0.0.9:8888`")
    if parts.path.strip("/"):
        raise ValueError(f"`{text}`: leave out the path: `{parts.scheme}://{parts.netloc}`")
    return f"{parts.scheme}://{parts.netloc}"


def is_readable_by_others(url: str) -> bool:
    """Tell whether what goes to a server can be read, and changed, on its way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and host not in LOOPBACKS and not host.startswith("127.")
