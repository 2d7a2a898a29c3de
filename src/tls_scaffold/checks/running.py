"""Rules over running members, where `--live` has looked, and over what was laid out for them."""

from collections.abc import Iterator

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.values import FILE
from tls_scaffold.live.endpoints import CLIENT
from tls_scaffold.live.served import REPLACE, RESTART, UNREACHABLE, LiveRow
from tls_scaffold.live.server import OFF
from tls_scaffold.state.bundleages import stale_bundles


@Rule(
    pain="whoever reads it from there runs with what was signed before, until that ends",
    fix="`tls-scaffold bundle` makes the bundles anew; then lay them out",
    level=WARNING,
)
def bundle_is_current(view: View) -> Iterator[Problem]:
    """Every bundle in `dist/` holds the certificates, and the list, that `certs/` has."""
    for name in stale_bundles(view.folder, view.inventory) if view.inventory else ():
        yield Problem(Place(f"{DIST}/{name}"), "it holds other files than `certs/`")


@Rule(
    pain="a member that can't be looked at may serve anything, or nothing",
    fix="is it running, and does a firewall let this machine in? `tls-scaffold explain` with its "
    "log says more",
)
def live_reachable(view: View) -> Iterator[Problem]:
    """Every member that `--live` looks at speaks TLS on its ports."""
    yield from _of_state(view, UNREACHABLE)


@Rule(
    pain="clients and peers see yesterday's certificate, until it ends and nobody is let in",
    fix="lay out its bundle: etcd reads a pair at each handshake. Is it laid out already, then a "
    "single file is mounted, or systemd's `LoadCredential=` holds a copy: restart it",
)
def live_pair(view: View) -> Iterator[Problem]:
    """Every port that `--live` looks at serves the pair that `certs/` has for it."""
    yield from _of_state(view, REPLACE)


@Rule(
    pain="what it trusts is what it read at its start: new clients are refused, old ones let in",
    fix="lay out what it is to trust (`ca.pem` of its bundle, and `peer-ca.pem` where peers have a "
    "CA of their own), then restart the members one after another",
)
def live_trust(view: View) -> Iterator[Problem]:
    """Every member that `--live` looks at has loaded the CAs that its port is to trust."""
    yield from _of_state(view, RESTART)


@Rule(
    pain="whoever has a certificate of the CA reads and writes all keys",
    fix="`make rbac`, then `make rbac-enable`",
    level=WARNING,
)
def live_authentication(view: View) -> Iterator[Problem]:
    """Every etcd that `--live --user` has asked has authentication switched on."""
    for row in _rows(view):
        if row.server.authentication == OFF:
            yield Problem(_place(row), f"{_port(row)}: authentication is off")


@Rule(
    pain="roles and certificates keep out less than they say",
    fix="update etcd: `docs/etcd-versions.md` says which release closes what",
    level=WARNING,
)
def live_version(view: View) -> Iterator[Problem]:
    """No etcd that `--live --user` has asked has a known hole in roles or certificates."""
    for row in _rows(view):
        for hole in row.server.holes:
            told = f"{_port(row)}: etcd {row.server.version} has {hole.name}: {hole.sentence}"
            yield Problem(_place(row), told)


def _of_state(view: View, state: str) -> Iterator[Problem]:
    for row in _rows(view):
        for reason in row.reasons:
            if reason.state == state:
                yield Problem(_place(row), f"{_port(row)}: {reason.why}")


def _rows(view: View) -> tuple[LiveRow, ...]:
    return view.live.rows if view.live else ()


def _port(row: LiveRow) -> str:
    side = "clients" if row.port.side == CLIENT else "peers"
    return f"`{row.member}`, port for {side} ({row.port.address or 'no host'})"


def _place(row: LiveRow) -> Place:
    """Return the folder's certificate for a port, or the member in the inventory."""
    return Place(row.output or FILE)


RULES = (
    bundle_is_current,
    live_reachable,
    live_pair,
    live_trust,
    live_authentication,
    live_version,
)
