"""A signing server that answers whatever an attacker would, and what it may lie about."""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

from multiroots import CA


@dataclass
class Answer:
    """What a lying server signs: what it was asked for, but for what a lie changes in it."""

    csr: x509.CertificateSigningRequest
    usages: list[x509.ObjectIdentifier]
    ca: CA
    subject: x509.Name = field(init=False)
    names: list[x509.GeneralName] = field(init=False)
    key: Any = field(init=False)
    begin: datetime = field(init=False)
    end: datetime = field(init=False)
    is_ca: bool = False
    signs: bool = True
    revokes: bool = False
    more: list[tuple[x509.ExtensionType, bool]] = field(default_factory=list)
    signing_key: ec.EllipticCurvePrivateKey | None = None

    def __post_init__(self) -> None:
        now = datetime.now(timezone.utc).replace(microsecond=0)
        self.begin = now - timedelta(minutes=5)
        self.end = self.begin + timedelta(days=365)  # as long as was asked for
        self.subject, self.key = self.csr.subject, self.csr.public_key()
        found = [
            each.value
            for each in self.csr.extensions
            if isinstance(each.value, x509.SubjectAlternativeName)
        ]
        self.names = [name for each in found for name in each]

    def pem(self) -> str:
        issuer = x509.load_pem_x509_certificate(self.ca.certificate.read_bytes())
        key = self.signing_key or load_pem_private_key(self.ca.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        builder = x509.CertificateBuilder(
            issuer.subject,
            self.subject,
            self.key,
            x509.random_serial_number(),
            self.begin,
            self.end,
        )
        bits = (self.signs, 0, 1, 0, 0, self.is_ca, self.revokes, 0, 0)
        usage = x509.KeyUsage(*map(bool, bits))
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (usage, True),
            *([(x509.ExtendedKeyUsage(self.usages), False)] if self.usages else []),
            (x509.BasicConstraints(self.is_ca, None), True),
            *self.more,
        ]
        if self.names:
            extensions.append((x509.SubjectAlternativeName(self.names), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _renamed(answer: Answer) -> None:
    others = [each for each in answer.subject if each.oid != NameOID.COMMON_NAME]
    answer.subject = x509.Name([*others, x509.NameAttribute(NameOID.COMMON_NAME, "root")])


def _grouped(answer: Answer) -> None:
    more = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")
    answer.subject = x509.Name([*answer.subject, more])


def _longer(answer: Answer) -> None:
    answer.end += timedelta(days=30)


def _ended(answer: Answer) -> None:
    answer.begin -= timedelta(days=400)
    answer.end = datetime.now(timezone.utc) - timedelta(days=1)


def _ending(answer: Answer) -> None:
    answer.end = datetime.now(timezone.utc) + timedelta(hours=2)


def _to_come(answer: Answer) -> None:
    answer.begin = datetime.now(timezone.utc) + timedelta(days=2)


def _as_ca(answer: Answer) -> None:
    answer.is_ca = True


def _alone(answer: Answer) -> None:
    answer.usages = [ExtendedKeyUsageOID.CODE_SIGNING]


def _wider(answer: Answer) -> None:
    answer.usages = [*answer.usages, ExtendedKeyUsageOID.EMAIL_PROTECTION]


def _for_anything(answer: Answer) -> None:
    answer.usages = []


def _for_lists(answer: Answer) -> None:
    answer.revokes = True


def _weaker(answer: Answer) -> None:
    answer.signs = False


def _another_key(answer: Answer) -> None:
    answer.key = ec.generate_private_key(ec.SECP256R1()).public_key()


def _more_hosts(answer: Answer) -> None:
    answer.names = [*answer.names, x509.DNSName("evil.example")]


def _joined_hosts(answer: Answer) -> None:
    """Print as two names, and be one: that is what a reader of texts would be fooled by."""
    texts = [str(each.value) for each in answer.names]
    joined = ", ".join([texts[0], *(f"IP Address:{each}" for each in texts[1:])])
    answer.names = [x509.DNSName(joined)]


def _as_name(answer: Answer) -> None:
    """Have an address as a DNS name: a reader of texts would be fooled by that too."""
    answer.names = [x509.DNSName(str(each.value)) for each in answer.names]


def _another_kind(answer: Answer) -> None:
    answer.names = [*answer.names, x509.RegisteredID(x509.ObjectIdentifier("1.3.6.1.4.1.9"))]


def _fewer_hosts(answer: Answer) -> None:
    answer.names = answer.names[1:]


def _critical(answer: Answer) -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.7")
    answer.more = [(x509.UnrecognizedExtension(oid, b"\x05\x00"), True)]


def _nameless(answer: Answer) -> None:
    answer.subject = x509.Name([])


def _by_a_namesake(answer: Answer) -> None:
    answer.signing_key = ec.generate_private_key(ec.SECP256R1())


def _with_lists(answer: Answer) -> None:
    at = [x509.UniformResourceIdentifier("http://evil.example/crl")]
    point = x509.DistributionPoint(at, None, None, None)
    answer.more = [(x509.CRLDistributionPoints([point]), False)]


def _with_ocsp(answer: Answer) -> None:
    at = x509.UniformResourceIdentifier("http://evil.example/ocsp")
    way = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, at)
    answer.more = [(x509.AuthorityInformationAccess([way]), False)]


def _in_another_order(answer: Answer) -> None:
    answer.names = answer.names[::-1]


def _doubled(answer: Answer) -> None:
    answer.names = [answer.names[0], *answer.names]


def _noted(answer: Answer) -> None:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.8")
    answer.more = [(x509.UnrecognizedExtension(oid, b"\x05\x00"), False)]


LIES: dict[str, tuple[Callable[[Answer], None], str]] = {
    # what the server changes: the word of the message that tells
    "another CN": (_renamed, "subject"),
    "another organization besides": (_grouped, "subject"),
    "more hosts": (_more_hosts, "hosts"),
    "fewer hosts": (_fewer_hosts, "hosts"),
    "hosts that read the same": (_joined_hosts, "hosts"),
    "another key": (_another_key, "key"),
    "a usage besides": (_wider, "usages"),
    "another usage": (_alone, "usages"),
    "a key usage less": (_weaker, "usages"),
    "a CA": (_as_ca, "CA"),
    "a longer life": (_longer, "life"),
    "a life that is over": (_ended, "life"),
    "a life of two hours": (_ending, "life"),
    "a life that begins later": (_to_come, ""),
    "a critical extension": (_critical, "extensions"),
    "no subject": (_nameless, "subject"),
    "addresses as names": (_as_name, "hosts"),
    "a name of another kind": (_another_kind, "hosts"),
    "no extended usage": (_for_anything, "usages"),
    "a key usage besides": (_for_lists, "usages"),
    "signed by a namesake": (_by_a_namesake, "issuer"),
    "a place of revocation lists": (_with_lists, "extensions"),
    "a server that tells of revocation": (_with_ocsp, "extensions"),
}
HARMLESS: dict[str, Callable[[Answer], None]] = {
    "hosts in another order": _in_another_order,
    "a host twice": _doubled,
    "an extension that nobody has to know": _noted,
}
"""What is otherwise than was asked for, and does no harm: whoever checks an answer takes it."""


@dataclass
class Liar:
    """An http server that answers what it is told to, and keeps what it was asked."""

    url: str
    answer: Callable[[dict[str, Any]], Any]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def always(self, answer: Any) -> None:
        self.answer = lambda _: answer

    def lies(self, ca: CA, lie: Callable[[Answer], None] = lambda _: None) -> None:
        """Sign what is asked for with a CA, changed by a lie."""

        def signed(request: dict[str, Any]) -> Any:
            csr = x509.load_pem_x509_csr(request["certificate_request"].encode())
            usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
            if not request["profile"]:
                usages = [ExtendedKeyUsageOID.SERVER_AUTH, *usages]
            answer = Answer(csr, usages, ca)
            lie(answer)
            return certificate(answer.pem())

        self.answer = signed


def certificate(text: str) -> dict[str, Any]:
    return {"success": True, "result": {"certificate": text}, "errors": [], "messages": []}


def refusal(text: str) -> dict[str, Any]:
    errors = [{"code": 1, "message": text}]
    return {"success": False, "result": None, "errors": errors, "messages": []}


@contextmanager
def liar() -> Iterator[Liar]:
    """Run such a server; an answer is a document, or the whole HTTP answer in bytes.

    A list of bytes comes piece by piece, ten a second.
    """
    state = Liar("", lambda _: refusal("nothing"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "request" in body:
                body = json.loads(b64decode(body["request"]))
            state.asked.append((self.path, body))
            answer = state.answer(body)
            with suppress(OSError):
                if isinstance(answer, (bytes, list)):
                    for piece in [answer] if isinstance(answer, bytes) else answer:
                        self.wfile.write(piece)
                        time.sleep(0.1 if isinstance(answer, list) else 0)
                    return
                text = json.dumps(answer).encode()
                self.send_response(200 if answer.get("success") else 400)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        do_GET = do_POST  # noqa: N815 - as the library calls it

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
