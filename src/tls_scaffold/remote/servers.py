"""A list of servers, asked in order until one of them gives a certificate, as cfssl does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.remote.protocol import AnswerError, Ask, certificate_of

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Answer:
    """A certificate in PEM as a server gave it, unchecked, and the server's URL."""

    server: str
    certificate: str


@dataclass
class Servers:
    """The servers of a run; one that was down is asked last from then on.

    `context` says how those with https are verified, and `seconds` how long each may take.
    """

    urls: Sequence[str]
    seconds: float
    context: "ssl.SSLContext | None" = None
    _down: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def ask(self, ask: Ask, what: str) -> Answer:
        """Return the first certificate that a server gives.

        As with cfssl any failure, a refusal too, lets the next one be asked: of two servers one may
        have a newer configuration. Raises ScaffoldError with what each of them said; `what` is what
        was asked for, for its summary.
        """
        problems: list[str] = []
        for url in self._in_order():
            certificate = self._certificate(url, ask, problems)
            if certificate:
                return Answer(url, certificate)
        raise ScaffoldError(f"no server gave {what}", problems)

    def _certificate(self, url: str, ask: Ask, problems: list[str]) -> str:
        """Return what one server gives; empty for nothing, of which `problems` gets the reason."""
        from tls_scaffold.remote.wire import ServerError, post  # only where a server is asked

        try:
            status, body = post(url, ask, self.seconds, self.context)
            return certificate_of(status, body)
        except ServerError as error:
            with self._lock:
                self._down.add(url)
            problems.append(f"`{url}`: {error}")
        except AnswerError as error:
            problems.append(f"`{url}`: {error}")
        return ""

    def _in_order(self) -> list[str]:
        with self._lock:
            return sorted(dict.fromkeys(self.urls), key=lambda url: url in self._down)
