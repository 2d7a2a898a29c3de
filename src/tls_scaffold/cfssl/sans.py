"""What a request's hosts become in a certificate: DNS names, e-mail and IP addresses, URIs."""

import re
from collections.abc import Iterable
from functools import lru_cache

from tls_scaffold.cfssl import gourl
from tls_scaffold.spelling import canonical_address

ATOM = r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+"
QUOTED = r'"(?:[^"\\\r\n]|\\.)*"'
LITERAL = r"\[[0-9A-Fa-f:.]+\]"
ADDRESS = rf'(?:{ATOM}(?:\.{ATOM})*|(?!""){QUOTED})@(?:{ATOM}(?:\.{ATOM})*|{LITERAL})'
PHRASE = rf'(?:[^\x00-\x08\x0a-\x1f\x7f()<>\[\]:;@\\,"]|{QUOTED})*'
ESCAPED = re.compile(r"\\(.)")
EMAIL = re.compile(rf"[ \t]*(?:({ADDRESS})|{PHRASE}<({ADDRESS})>)[ \t]*")
DNS_LIKE = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*)(\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
KINDS = ("dns", "email", "ip", "uri")


@lru_cache(maxsize=4096)  # a fleet's folders, and each look at one, ask for the same again
def classify_host(host: str) -> tuple[str, str]:
    """Return what cfssl 1.6.5 takes a host for (one of KINDS) and the value that it signs.

    It asks Go's net.ParseIP, net/mail.ParseAddress and net/url.ParseRequestURI in turn; what none
    of them takes is a DNS name, unchecked.
    """
    address = canonical_address(host)
    if address:
        return "ip", address
    mail = _email_address(host)
    if mail:
        return "email", mail
    uri = gourl.canonical_uri(host)
    return ("dns", host) if uri is None else ("uri", uri)


def _email_address(host: str) -> str:
    """Return the e-mail address in a host as Go takes it out of its quotes; empty if none."""
    found = EMAIL.fullmatch(host)
    local, _, domain = (found[1] or found[2] if found else "").rpartition("@")
    if domain.startswith("[") and not canonical_address(domain[1:-1]):
        return ""
    if local.startswith('"'):
        local = ESCAPED.sub(r"\1", local[1:-1])
    return f"{local}@{domain}" if domain else ""


def alternative_names(
    hosts: tuple[str, ...], *, is_ca: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return kind and value of each SAN, in cfssl's order; a CA keeps only IP addresses."""
    return kept_names(map(classify_host, hosts), is_ca=is_ca)


def kept_names(names: Iterable[tuple[str, str]], *, is_ca: bool) -> tuple[tuple[str, str], ...]:
    """Return kinds and values that a certificate keeps, in cfssl's order; a CA only addresses."""
    kept = (name for name in names if name[0] == "ip" or not is_ca)
    return tuple(sorted(kept, key=lambda name: KINDS.index(name[0])))


def refusal(host: str) -> str:
    """Say why cfssl refuses to sign a host; empty if it does not."""
    kind, name = classify_host(host)
    if not name.isascii():
        return f"`{host}` is not ASCII"
    if kind == "uri" and not gourl.is_readable_host(gourl.host_of(name)):
        return f"`{host}` is a URI with a malformed host"
    return ""


def problem(host: str) -> str:
    """Say what cfssl signs in silence in place of a host that is malformed; empty if it is not."""
    kind, _ = classify_host(host)
    if not host:
        return "is empty: cfssl signs an empty DNS name"
    if kind == "uri" and "://" not in host:
        return f"`{host}` is not a host: cfssl signs it as a URI"
    if kind == "dns" and not _looks_like_dns(host):
        return f"`{host}` is neither an IP address nor a DNS name: cfssl signs it as a DNS name"
    if kind == "dns" and host.endswith("."):
        return f"`{host}` ends in a dot: in a certificate that is another name, for nobody"
    return ""


def _looks_like_dns(host: str) -> bool:
    return bool(DNS_LIKE.fullmatch(host)) and not host.rstrip(".").rpartition(".")[2].isdigit()
