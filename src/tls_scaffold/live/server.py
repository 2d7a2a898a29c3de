"""What an etcd tells whoever has a certificate: its version, and if authentication is on.

Over HTTP, which every etcd from 3.4 on speaks on its port for clients, unless that is switched off.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.etcd.versions import HOLES, Hole
from tls_scaffold.live.shakes import Pair

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection

ON, OFF = "on", "off"
# etcd looks at no certificate here, and names nobody: only where all may read is it answered.
# Of a certificate with a CN etcd says so first.
NOBODY = ("user name is empty", "CommonName of client sending a request against gateway")
# The range counts what is no more than one key, and asks no other member.
QUESTION = json.dumps(
    {"key": base64.b64encode(b"\0").decode(), "count_only": True, "serializable": True}
)
LARGEST = 1 << 16
LONGEST = 200  # of what is told


@dataclass(frozen=True)
class Server:
    """What an etcd told: its version, and authentication ON or OFF; what it did not is empty.

    `trouble` says why it told nothing.
    """

    version: str = ""
    authentication: str = ""
    trouble: str = ""

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What this version lets through that later ones do not."""
        return tuple(each for each in HOLES if self.version and each.is_open(self.version))


def asking(ca: Path, pair: Pair) -> Callable[[str, int, float], Server]:
    """Return what asks an etcd as the owner of a pair, which trusts the CAs in `ca`.

    Raises ScaffoldError where OpenSSL does not take these files.
    """
    # Not before somebody asks: `status` without a look is to begin at once.
    import socket
    import ssl
    from http.client import HTTPException

    from tls_scaffold.etcd import tls

    context = tls.client_context(ca, pair.certificate, pair.key)

    def ask(host: str, port: int, seconds: float) -> Server:
        try:
            with (
                socket.create_connection((host, port), timeout=seconds) as plain,
                context.wrap_socket(plain, server_hostname=host) as channel,
            ):
                return _ask(channel, host)
        except ssl.SSLCertVerificationError as error:
            return Server(trouble=f"its certificate does not verify: {error.verify_message}")
        except ssl.SSLError as error:
            return Server(trouble=f"TLS: {error.reason or error}".lower().replace("_", " "))
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            # Of a server that is none of etcd's it may hold whatever that wrote.
            return Server(trouble=str(error)[:LONGEST] or type(error).__name__)

    return ask


def _ask(channel: "ssl.SSLSocket", host: str) -> Server:
    from http.client import HTTPConnection

    connection = HTTPConnection(host)
    connection.sock = channel
    _, text = _reply(connection, "GET", "/version", "")
    told = json.loads(text)
    version = str(told.get("etcdserver", "")) if isinstance(told, dict) else ""
    status, text = _reply(connection, "POST", "/v3/kv/range", QUESTION)
    authentication = ""
    if status == 200:  # noqa: PLR2004 - HTTP's
        authentication = OFF
    elif any(words in text for words in NOBODY):
        authentication = ON
    return Server(version, authentication)


def _reply(connection: "HTTPConnection", method: str, path: str, body: str) -> tuple[int, str]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read(LARGEST).decode(errors="replace")
