"""Rules over the hosts of the requests: what becomes a subject alternative name."""

import re
from collections.abc import Iterable, Iterator

from tls_scaffold.cfssl import sans
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import LOOPBACKS, MEMBERS_CN
from tls_scaffold.spelling import canonical_host
from tls_scaffold.state.entries import Entry

URLS = ("http://", "https://")
LEADING_ZEROS = re.compile(r"(?<![\w.-])0+(?=\d)|(?<=\d\.)0+(?=\d)")


@Rule(
    pain=(
        "cfssl signs a mistyped address such as `10.0.0.999` as a DNS name, and every client "
        "refuses the member"
    ),
    fix="write the address or the name alone, without scheme, port, network or blanks",
)
def bad_host(view: View) -> Iterator[Problem]:
    """Every host of a request is an IP address or a host name."""
    for place, host in _placed(view):
        problem = sans.problem(host) or _of_another_kind(host)
        if host and problem:
            yield Problem(place, problem)


def _placed(view: View) -> Iterator[tuple[Place, str]]:
    """Yield every host with its place, those of requests and those that lines give instead."""
    for path, request in view.requests.items():
        hosts = Place(path, key="hosts")
        yield from ((hosts.item(index), host) for index, host in enumerate(request.hosts or ()))
    for entry in view.components:
        if entry.signing and entry.signing.hostname:
            yield from (
                (view.lines_of(entry)[0], host) for host in entry.signing.hostname.split(",")
            )


def _of_another_kind(host: str) -> str:
    is_url = sans.classify_host(host)[0] == "uri" and host.lower().startswith(URLS)
    return f"`{host}` is a URL, neither an IP address nor a host name" if is_url else ""


@Rule(
    level=WARNING,
    pain=(
        "etcd and its clients look at no such name, and cfssl 1.2 signs a URI as a DNS name; it "
        "hinders nobody"
    ),
    fix="take it out, unless another program reads it",
)
def other_name(view: View) -> Iterator[Problem]:
    """No host is an e-mail address or a URI: etcd knows addresses and host names."""
    words = {"email": "an e-mail address", "uri": "a URI"}
    for place, host in _placed(view):
        kind = sans.classify_host(host)[0]
        if kind in words and not (sans.problem(host) or _of_another_kind(host)):
            yield Problem(place, f"`{host}` becomes {words[kind]} in the certificate")


@Rule(
    pain=(
        'cfssl signs `"hosts": [""]` as an empty DNS name, and Go 1.25.2 refuses such a certificate'
    ),
    fix='write `"hosts": []` for a user',
)
def empty_host(view: View) -> Iterator[Problem]:
    """No host of a request is empty."""
    for place, host in _placed(view):
        if not host:
            yield Problem(place, "the host is empty: cfssl signs an empty DNS name")


@Rule(
    of_missing=True,
    pain="clients and peers that reach the member at this host refuse its certificate",
    fix="add the host to `hosts` of the request, then sign again",
)
def missing_address(view: View) -> Iterator[Problem]:
    """Every host that the inventory gives a component stands in its request."""
    bare: dict[str, list[str]] = {}
    for component in view.asked_components.values():
        request = view.requests.get(component.request)
        if request is None:
            continue
        if component.hosts and not request.hosts:
            bare.setdefault(component.request, []).extend(component.hosts)
            continue
        named = {canonical_host(host) for host in request.hosts or ()}
        malformed = _malformed_hosts(request)
        for host in component.hosts:
            if canonical_host(host) not in named and not _stands_in_any(malformed, host):
                message = f"`{host}` of {component.kind} `{component.name}` is missing"
                yield Problem(Place(component.request, key="hosts"), message)
    for path, hosts in bare.items():
        listed = ", ".join(f"`{host}`" for host in dict.fromkeys(hosts))
        yield Problem(Place(path, key="hosts"), f"it names no host, and should name {listed}")


def _malformed_hosts(request: Request) -> list[str]:
    """Return the hosts of a request of which `bad_host` speaks."""
    return [host for host in request.hosts or () if sans.problem(host) or _of_another_kind(host)]


def _stands_in_any(malformed: Iterable[str], host: str) -> bool:
    """Tell a host that is there with a port or the like, of which `bad_host` speaks."""
    alone = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])")
    return any(alone.search(_without_leading_zeros(each)) for each in malformed)


def _without_leading_zeros(host: str) -> str:
    """Return a text with the numbers in it as an address has them: `010.0.0.1` is meant as one."""
    return LEADING_ZEROS.sub("", host)


@Rule(
    level=WARNING,
    of_missing=True,
    pain=(
        "etcd's gateway and `etcdctl` on the machine itself reach the member at `127.0.0.1`, and "
        "refuse it"
    ),
    fix='add `"localhost"` and `"127.0.0.1"` to `hosts`, then sign again',
)
def no_loopback(view: View) -> Iterator[Problem]:
    """Every request of a member names `localhost` or a loopback address."""
    for entry in view.servers:
        if not entry.request or not entry.signing or not _is_member(entry, entry.request, view):
            continue
        if view.inventory and not entry.request.hosts:
            continue  # it names nothing at all, which `missing_address` tells
        malformed = _malformed_hosts(entry.request)
        if any(_stands_in_any(malformed, host) for host in LOOPBACKS):
            continue
        if not {canonical_host(host) for host in entry.request.hosts or ()} & LOOPBACKS:
            place = (
                Place(entry.signing.request, key="hosts")
                if not entry.signing.hostname
                else view.lines_of(entry)[0]
            )
            yield Problem(place, "names neither `localhost` nor a loopback address")


def _is_member(entry: Entry, request: Request, view: View) -> bool:
    """Tell an etcd member from another server that the same CA serves, where no inventory does."""
    listed = entry.signing is not None and entry.signing.output in view.outputs_of_inventory
    return entry.kind == "member" and (listed if view.inventory else request.cn == MEMBERS_CN)


RULES = (bad_host, other_name, empty_host, missing_address, no_loopback)
