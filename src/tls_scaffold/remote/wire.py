"""One request to one server over http or https, within a time, and nowhere else.

No proxy is asked and no redirect followed: only the servers that the folder names hear of it.
`http.client` of the standard library does just that; clients that do more would have to be kept
from it.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer
from urllib.parse import urlsplit

from tls_scaffold.remote.protocol import Ask

PATH = "/api/v1/cfssl/"
LARGEST_ANSWER = 1024 * 1024  # a certificate has a few KiB
SHORTEST_WAIT = 0.01  # seconds; a socket takes 0 for "do not wait at all"
PORTS = {"http": 80, "https": 443}


class ServerError(Exception):
    """A server could not be asked, or did not answer in time: the next one may."""


def tls_context(authorities: bytes | None) -> ssl.SSLContext:
    """Return how servers are verified: by CAs in PEM, or by those that the system trusts.

    Raises ValueError where the PEM holds none.
    """
    context = ssl.create_default_context()
    if authorities is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=authorities.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"holds no certificates of CAs ({error})") from None
    return context


def post(url: str, ask: Ask, seconds: float, context: ssl.SSLContext | None) -> tuple[int, bytes]:
    """Ask the server at a base URL; return the status and the body of its answer.

    Raises ServerError, with the reason, where none comes within `seconds`.
    """
    is_late = Event()
    try:
        with _connected(url, seconds, context, is_late) as connection:
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", PATH + ask.endpoint, ask.body, headers)
            response = connection.getresponse()
            body = response.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServerError(_reason(error, seconds, is_late=is_late.is_set())) from None
    if is_late.is_set():  # what came till then may look whole
        raise ServerError(_reason(TimeoutError(), seconds, is_late=True))
    if len(body) > LARGEST_ANSWER:
        raise ServerError(f"its answer is longer than {LARGEST_ANSWER // 1024} KiB")
    return response.status, body


@contextmanager
def _connected(
    url: str, seconds: float, context: ssl.SSLContext | None, is_late: Event
) -> Iterator[http.client.HTTPConnection]:
    """Connect to a server; when the time is over all waiting ends, and `is_late` is set.

    A time limit of a socket is for each piece alone: an answer may come drop by drop for ever.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    end = time.monotonic() + seconds
    try:
        sock = _connect(host, port, end)
        if parts.scheme == "https":
            sock = _in_tls(sock, host, context or tls_context(None))
    except UnicodeError:
        raise ServerError("its name is none that can be looked up") from None

    def stop() -> None:
        is_late.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(max(end - time.monotonic(), 0), stop)
    timer.daemon = True
    timer.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
        connection.sock = sock
        yield connection
    finally:
        timer.cancel()
        sock.close()


def _connect(host: str, port: int, end: float) -> socket.socket:
    """Connect to the first address of a host that answers, all within one time.

    Each address may take its part of what is left of that: one that is silent leaves the next ones
    theirs. Raises OSError of the last one.
    """
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for index, (family, kind, protocol, _, address) in enumerate(places):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left / (len(places) - index))
            sock.connect(address)
            sock.settimeout(max(end - time.monotonic(), SHORTEST_WAIT))
        except OSError:
            sock.close()
            if index == len(places) - 1:
                raise
        else:
            return sock
    raise TimeoutError  # a host has an address, or getaddrinfo says why not


def _in_tls(sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection on which TLS is to be spoken; closed, where it can't be."""
    try:
        return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except OSError:
        sock.close()
        raise
    except ValueError as error:  # of the name, such as one that is too long for TLS
        sock.close()
        raise ServerError(f"its name can't be asked for by TLS: {error}") from None


def _reason(error: Exception, seconds: float, *, is_late: bool) -> str:
    if is_late or isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"it does not speak TLS as it should: {error.reason or error}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
        return error.strerror or str(error)
    return f"it does not speak HTTP ({type(error).__name__})"
