"""Who takes which files of the folder, and what is to do after they were signed again: the rows of COMPONENTS.md."""

from collections.abc import Iterator
from dataclasses import dataclass

from tls_scaffold.inventory.rbac import consumers
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import KEY_ENDING, TRUST

# etcd's transport.TLSInfo reads certificate and key at every handshake, for clients too, the trusted CAs at the start.
# `sign.sh` prints such a text after it has signed, so none has a `|`.
READS_AGAIN = {
    "member": "etcd reads it at each new connection: nothing has to be restarted",
    "proxy": "etcd grpc-proxy reads it at each new connection: nothing has to be restarted",
    "kube-apiserver": "kube-apiserver reads it at each new connection to etcd: nothing has to be restarted",
    "calico": "renew its Secret in Kubernetes, then restart Calico's pods",
    "calicoctl": "calicoctl reads it at each call: nothing has to be restarted",
    "root": "etcdctl reads it at each call: nothing has to be restarted",
    "user": "its client reads it at its start: restart that",
}


@dataclass(frozen=True)
class Row:
    """A component as COMPONENTS.md shows it: what takes its files, and who has to take them again."""

    name: str
    kind: str
    cn: str
    takes: str
    again: str


def rows(inventory: Inventory) -> tuple[Row, ...]:
    """Return a row for each component: a member's second certificate has one of its own."""
    return tuple(_rows(inventory))


def _rows(inventory: Inventory) -> Iterator[Row]:
    presets = consumers(inventory)
    for own, peer in inventory.member_pairs:
        if own == peer:
            yield _row(own, f"{_flags(own, '')} {_flags(own, 'peer-')}", "member")
        else:
            yield _row(own, _flags(own, ""), "member")
            yield _row(peer, _flags(peer, "peer-"), "member")
    for each in inventory.components:
        if each.kind == "proxy":
            yield _row(each, f"{_flags(each, '')} --trusted-ca-file={TRUST}", "proxy")
        elif each.kind == "user":
            preset = presets.get(each.name, "")
            yield _row(each, _client_settings(each, preset), _reader(preset))


def _row(component: Component, takes: str, reader: str) -> Row:
    return Row(component.name, component.kind, component.cn, takes, READS_AGAIN[reader])


def _flags(server: Component, side: str) -> str:
    return f"--{side}cert-file={server.output}.pem --{side}key-file={server.output}{KEY_ENDING}"


def _client_settings(user: Component, preset: str) -> str:
    if preset == "kube-apiserver":
        names = ("--etcd-cafile", "--etcd-certfile", "--etcd-keyfile")
    elif preset.startswith("calico"):
        names = ("ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE")
    else:
        names = ("ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY")
    paths = (TRUST, f"{user.output}.pem", f"{user.output}{KEY_ENDING}")
    return " ".join(f"{name}={path}" for name, path in zip(names, paths, strict=True))


def _reader(preset: str) -> str:
    if preset.startswith("calicoctl"):
        return "calicoctl"
    if preset.startswith("calico"):
        return "calico"
    return preset if preset in READS_AGAIN else "user"
