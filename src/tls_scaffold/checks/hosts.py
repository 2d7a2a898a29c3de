"""Rules over the hosts of the requests: what becomes a subject alternative name."""

from collections.abc import Iterator

from tls_scaffold import sans
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.inventory import LOOPBACK
from tls_scaffold.words import canonical_address, canonical_host

LOOPBACKS = {*LOOPBACK, "::1"}


class WellFormedHosts(Rule):
    """Every host of a request is an IP address or a host name."""

    id = "bad-host"
    pain = "cfssl signs a mistyped address such as `10.0.0.999` as a DNS name, and every client refuses the member"
    fix = "write the address or the name alone, without scheme, port, network or blanks"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each host that is neither."""
        for path, request in view.requests.items():
            for index, host in enumerate(request.hosts or ()):
                problem = sans.problem(host) or _of_another_kind(host)
                if host and problem:
                    yield f"{path}: hosts[{index}]", problem


def _of_another_kind(host: str) -> str:
    kind, _ = sans.classified(host)
    words = {"email": "an e-mail address", "uri": "a URI"}
    return f"`{host}` is {words[kind]}, neither an IP address nor a host name" if kind in words else ""


class NoEmptyHost(Rule):
    """No host of a request is empty."""

    id = "empty-host"
    pain = 'cfssl signs `"hosts": [""]` as an empty DNS name, and Go 1.25.2 refuses such a certificate'
    fix = 'write `"hosts": []` for a user'

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each empty host."""
        for path, request in view.requests.items():
            for index, host in enumerate(request.hosts or ()):
                if not host:
                    yield f"{path}: hosts[{index}]", "the host is empty: cfssl signs an empty DNS name"


class MemberHosts(Rule):
    """The request of a member or proxy names every host that the inventory gives it."""

    id = "missing-address"
    pain = "clients and peers that reach the member at this host refuse its certificate"
    fix = "add the host to `hosts` of the request (`tls-scaffold sync` does), then sign again"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each host of the inventory that is missing from the request."""
        for component in view.inventory.components if view.inventory else ():
            request = view.requests.get(component.request)
            if request is None:
                continue
            named = {canonical_host(host) for host in request.hosts or ()}
            for host in component.hosts:
                if canonical_host(host) not in named:
                    yield f"{component.request}: hosts", f"`{host}` of {component.kind} `{component.name}` is missing"


class Loopback(Rule):
    """The request of a member names `localhost` or a loopback address."""

    id = "no-loopback"
    level = WARNING
    pain = "etcd's gateway and `etcdctl` on the machine itself reach the member at `127.0.0.1`, and refuse it"
    fix = 'add `"localhost"` and `"127.0.0.1"` to `hosts`, then sign again'

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each request of a member without loopback."""
        for entry in view.servers:
            if entry.kind == "member" and entry.signing and entry.request:
                hosts = {canonical_address(host) or host.lower() for host in entry.request.hosts or ()}
                if not hosts & LOOPBACKS:
                    yield f"{entry.signing.request}: hosts", "names neither `localhost` nor a loopback address"


RULES = (WellFormedHosts, NoEmptyHost, MemberHosts, Loopback)
