"""Who takes which files, and what is to do after they were signed again: rows of COMPONENTS.md."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tls_scaffold.bundles.consumers import FLAGS
from tls_scaffold.bundles.memberflags import FOR_CLIENTS, FOR_PEERS, tls_flags
from tls_scaffold.bundles.settings import (
    CALICO,
    ETCDCTL,
    FELIX,
    KUBE_APISERVER,
    TYPHA,
    further_settings,
    paths_in,
)
from tls_scaffold.inventory.rbac import preset_names
from tls_scaffold.inventory.terms import CLIENT_AUTH
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import TRUST

# etcd's transport.TLSInfo reads certificate and key at every handshake, for clients too, and the
# trusted CAs at the start. `sign.sh` prints such a text after it has signed, so none has a `|`.
NOTHING = "nothing has to be restarted"
MEMBER_READS = f"etcd reads it at each new connection: {NOTHING}"
PROXY_READS = f"etcd grpc-proxy reads it at each new connection: {NOTHING}"
AT_START = "its client reads it when it starts: restart the client"
SERVES = "its server reads it at its start: restart that"
NO_CN = "none: it has a password, for etcd's HTTP gateway"
AT_CONNECTIONS = f"reads it at each new connection to etcd: {NOTHING}"
# Those that read it so have etcd's own TLSInfo (kube-apiserver, libcalico-go, Vault) or a reader of
# their own (Cilium: getClientCertificateReloader). CoreDNS, external-dns, flannel and Traefik load
# it when they start, and Calico's pods copy theirs to the host then, for the CNI plugin.
CLIENTS = (
    ("kube-apiserver", KUBE_APISERVER, f"kube-apiserver {AT_CONNECTIONS}"),
    ("felix", FELIX, f"Felix {AT_CONNECTIONS}"),
    ("typha", TYPHA, f"Typha {AT_CONNECTIONS}"),
    ("vault", ETCDCTL, f"Vault {AT_CONNECTIONS}"),
    ("cilium", ETCDCTL, f"Cilium {AT_CONNECTIONS}"),
    ("calicoctl", CALICO, f"calicoctl reads it at each call: {NOTHING}"),
    ("calico", CALICO, "renew its Secret in Kubernetes, then restart Calico's pods"),
    ("root", ETCDCTL, f"etcdctl reads it at each call: {NOTHING}"),
    ("backup", ETCDCTL, f"etcdctl reads it at each call: {NOTHING}"),
    *((preset, names, AT_START) for preset, (_, names, _) in FLAGS.items()),
    ("", ETCDCTL, AT_START),
)
"""How presets begin, what their clients call their settings, and what is to do; the first fits."""


@dataclass(frozen=True)
class Row:
    """A component as COMPONENTS.md shows it: what takes its files, and what is to do then."""

    name: str
    kind: str
    cn: str
    takes: str
    again: str


def needs_nothing(again: str) -> bool:
    """Tell whether nobody has to do anything then, by the text of a row."""
    return again.endswith(NOTHING)


def rows(inventory: Inventory) -> tuple[Row, ...]:
    """Return a row for each component: a member's second certificate has one of its own."""
    return tuple(_rows(inventory))


def _rows(inventory: Inventory) -> Iterator[Row]:
    presets = preset_names(inventory)
    for own, peer in inventory.member_pairs:
        if own == peer:
            takes = f"{_pair_flags(own, FOR_CLIENTS)} {_pair_flags(own, FOR_PEERS)}"
            yield _row(own, takes, MEMBER_READS)
        else:
            yield _row(own, _pair_flags(own, FOR_CLIENTS), MEMBER_READS)
            yield _row(peer, _pair_flags(peer, FOR_PEERS), MEMBER_READS)
    for each in inventory.components:
        if each.kind == "proxy":
            takes = f"{_pair_flags(each, FOR_CLIENTS)} --trusted-ca-file={TRUST}"
            yield _row(each, takes, PROXY_READS)
        elif each.kind == "user":
            yield _user_row(each, presets.get(each.name, ""))


def _user_row(user: Component, preset: str) -> Row:
    paths = paths_in("", user.output, TRUST)
    if CLIENT_AUTH not in user.usages:
        # As kube-apiserver and the kubelet call them.
        flags = {"tls-cert-file": paths.certificate, "tls-private-key-file": paths.key}
        takes = " ".join(f"--{name}={path}" for name, path in flags.items())
        return _row(user, takes, SERVES)
    _, names, again = next(row for row in CLIENTS if preset.startswith(row[0]))
    files = zip(names[1:], (paths.ca, paths.certificate, paths.key), strict=True)
    words = [f"{name}={value}" for name, value in (*files, *further_settings(preset).items())]
    row = _row(user, " ".join(words), again)
    return row if user.cn else replace(row, cn=NO_CN)


def _row(component: Component, takes: str, again: str) -> Row:
    return Row(component.name, component.kind, component.cn, takes, again)


def _pair_flags(server: Component, side: str) -> str:
    flags = tls_flags(side, paths_in("", server.output))
    return " ".join(f"--{name}={flags[name]}" for name in (f"{side}cert-file", f"{side}key-file"))
