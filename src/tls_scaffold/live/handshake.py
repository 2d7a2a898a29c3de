"""One TLS handshake with a port: what it serves, which CAs it asks for, how it refuses.

Python's own ssl does not tell which CAs a server asks for; OpenSSL does, through pyOpenSSL, in 3 ms
where `openssl s_client` takes 30 to 70 and prints in a form of each version's own.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from OpenSSL import SSL, crypto

from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.shakes import HUNG_UP, SILENT, CaName, Pair, Shake
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.keys import usable_key
from tls_scaffold.spelling import canonical_address

BLOCK = 65536
REQUEST = b"certificate request"  # in OpenSSL's name of the step that reads one
ALERT = "alert "  # in OpenSSL's words of what the other side has sent
NO_PORT = "connection refused"


def shake_hands(host: str, port: int, seconds: float, pair: Pair | None = None) -> Shake:
    """Shake hands with a port, without a certificate or with one, and hang up.

    Nothing is verified: that is for whoever looks at what was served. Raises ScaffoldError where
    OpenSSL does not take the pair.
    """
    caller = _Caller(host, seconds, pair)
    try:
        with socket.create_connection((host, port), timeout=seconds) as line:
            return caller.talk(line)
    except ConnectionRefusedError:
        return Shake(unreachable=NO_PORT)
    except TimeoutError:
        return Shake(unreachable=f"{SILENT} within {seconds:g} s")
    except socket.gaierror as error:
        return Shake(unreachable=f"the name `{host}` is not known here: {error.strerror}")
    except OSError as error:
        return Shake(unreachable=(error.strerror or str(error)).lower())


class _Caller:
    """One side of a connection: OpenSSL works in memory, and this carries bytes until the end."""

    def __init__(self, host: str, seconds: float, pair: Pair | None) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._asked = self._is_done = False
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE)
        context.set_info_callback(self._note)
        if pair:
            _load(context, pair)
        self._tls = SSL.Connection(context, None)
        self._tls.set_connect_state()
        if not canonical_address(host):
            self._tls.set_tlsext_host_name(host.encode())

    def _note(self, tls: SSL.Connection, where: int, _code: int) -> None:
        self._asked = self._asked or REQUEST in tls.get_state_string()
        self._is_done = self._is_done or bool(where & SSL.SSL_CB_HANDSHAKE_DONE)

    def talk(self, line: socket.socket) -> Shake:
        """Shake hands and wait for what may follow: in TLS 1.3 a refusal comes after that."""
        trouble = self._carry(line, self._tls.do_handshake)
        if self._is_done and not trouble:
            if self._asked:
                # Somebody who has let us in waits for our first word.
                self._end = min(self._end, time.monotonic() + self._seconds / 5)
                trouble = self._carry(line, lambda: self._tls.recv(1))
                trouble = "" if trouble.startswith(SILENT) else trouble
            with suppress(SSL.Error):
                self._tls.shutdown()
            with suppress(OSError):
                self._send(line)
        alert = trouble.rpartition(ALERT)[2] if ALERT in trouble else ""
        chain = self._tls.get_peer_cert_chain() or ()
        served = tuple(
            Certificate(crypto.dump_certificate(crypto.FILETYPE_ASN1, each)) for each in chain
        )
        return Shake(
            served,
            tuple(CaName(each.der(), _text(each)) for each in self._tls.get_client_ca_list()),
            self._asked,
            self._tls.get_protocol_version_name() if served else "",
            failure="" if alert else trouble,
            alert=alert,
        )

    def _carry(self, line: socket.socket, step: Callable[[], object]) -> str:
        """Carry bytes until a step has ended; return what went wrong, empty if nothing."""
        while True:
            try:
                step()
            except SSL.WantReadError:
                pass
            except SSL.ZeroReturnError:
                return HUNG_UP
            except SSL.Error as error:
                with suppress(OSError):
                    self._send(line)
                return _words(error)
            else:
                with suppress(OSError):
                    self._send(line)
                return ""
            try:
                self._send(line)
                line.settimeout(max(0.001, self._end - time.monotonic()))
                data = line.recv(BLOCK)
            except TimeoutError:
                return f"{SILENT} within {self._seconds:g} s"
            except OSError as error:
                return (error.strerror or str(error)).lower()
            if not data:
                return HUNG_UP
            self._tls.bio_write(data)

    def _send(self, line: socket.socket) -> None:
        with suppress(SSL.WantReadError):
            while True:
                line.sendall(self._tls.bio_read(BLOCK))


def _load(context: SSL.Context, pair: Pair) -> None:
    try:
        plain(pair.certificate, str(pair.certificate))  # OpenSSL would read a giant to its end
        context.use_certificate_chain_file(str(pair.certificate))
        context.use_privatekey(usable_key(plain(pair.key, str(pair.key))))
        context.check_privatekey()
    except ValueError as error:
        raise ScaffoldError(f"`{pair.key}` {error}") from None
    except (SSL.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else _words(error)
        raise ScaffoldError(
            f"`{pair.certificate}` and its key can't be used", [f"OpenSSL: {reason}"]
        ) from error


def _text(name: crypto.X509Name) -> str:
    """Return a name as people write it, the CN first."""
    parts = [(word.decode(), text.decode(errors="replace")) for word, text in name.get_components()]
    parts.sort(key=lambda part: part[0] != "CN")
    return ", ".join(f"{word}={text}" for word, text in parts)


def _words(error: Exception) -> str:
    """Return OpenSSL's own words of what went wrong."""
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else ()
    said = [each[-1] for each in reasons if each and each[-1]]
    return said[-1] if said else str(error) or type(error).__name__
