"""What each consumer of a certificate reads: its folder's files as {path: text}."""

from collections.abc import Iterable
from typing import Any

from tls_scaffold.bundles import calico
from tls_scaffold.bundles.settings import Paths, Pems, joined, lines, to_yaml
from tls_scaffold.inventory.rbac import CLIENT_PORT, bracketed, first_host
from tls_scaffold.inventory.values import MEMBERS_CN, Component, Inventory
from tls_scaffold.words import canonical_address

PEER_PORT = 2380
UNIT_FOLDER = "/var/lib/etcd"
HOMES = {"kube-apiserver": "/etc/kubernetes/pki/etcd", "calico": "/etc/calico/certs"}


def files(inventory: Inventory, component: Component, preset: str, pems: Pems, home: str = "") -> dict[str, str]:
    """Return the text of each file of a component's bundle.

    `preset` is the user's, or empty; it says which consumer reads the bundle. `home` is the folder
    that the consumer will have it in; if empty, the consumer's usual one, and the bundle itself for
    what is read in place (`etcd.conf.yml`, etcdctl, calicoctl).
    """
    name = component.name
    return {
        f"{name}.pem": pems.certificate,
        f"{name}-key.pem": pems.key,
        "ca.pem": pems.ca,
        **_settings(inventory, component, preset, pems, home),
    }


def _settings(inventory: Inventory, component: Component, preset: str, pems: Pems, home: str) -> dict[str, str]:
    here = Paths(component.name, home)
    if component.kind == "member":
        return _member(inventory, component, here)
    if component.kind == "proxy":
        return {"grpc-proxy.flags": _proxy(inventory, here)}
    made = {"etcdctl.env": _etcdctl(inventory, here)}
    if preset == "kube-apiserver":
        made["kube-apiserver.flags"] = _kube_apiserver(inventory, Paths(component.name, home or HOMES[preset]))
    if preset.startswith("calico"):
        made |= calico.files(inventory, preset, pems, here, Paths(component.name, home or HOMES["calico"]))
    return made


def _member(inventory: Inventory, component: Component, paths: Paths) -> dict[str, str]:
    return {
        "etcd.conf.yml": to_yaml(_member_settings(inventory, component, paths)),
        "etcd.service.d/tls-scaffold.conf": lines(
            f"# The bundle lies in {paths.home or UNIT_FOLDER}; this file in /etc/systemd/system/etcd.service.d",
            "[Service]",
            f"WorkingDirectory={paths.home or UNIT_FOLDER}",
            "ExecStart=",
            "ExecStart=/usr/bin/etcd --config-file=etcd.conf.yml",
        ),
    }


def _member_settings(inventory: Inventory, component: Component, paths: Paths) -> dict[str, Any]:
    listening = [host for host in component.hosts if canonical_address(host)] or ["0.0.0.0"]  # noqa: S104
    own = first_host(component.hosts)
    everybody = (f"{member.name}={_url(first_host(member.hosts), PEER_PORT)}" for member in inventory.members)
    security = {"cert-file": paths.certificate, "key-file": paths.key, "client-cert-auth": True}
    return {
        "name": component.name,
        "data-dir": f"{UNIT_FOLDER}/{component.name}.etcd" if paths.home else f"{component.name}.etcd",
        "listen-client-urls": _urls(listening, CLIENT_PORT),
        "advertise-client-urls": _url(own, CLIENT_PORT),
        "listen-peer-urls": _urls(listening, PEER_PORT),
        "initial-advertise-peer-urls": _url(own, PEER_PORT),
        "initial-cluster": ",".join(everybody),
        "initial-cluster-state": "new",
        "client-transport-security": {**security, "trusted-ca-file": paths.ca},
        "peer-transport-security": {**security, "trusted-ca-file": paths.ca, "allowed-cn": MEMBERS_CN},
    }


def _proxy(inventory: Inventory, paths: Paths) -> str:
    return lines(
        f"--endpoints={joined(inventory)}",
        f"--cert-file={paths.certificate}",
        f"--key-file={paths.key}",
        f"--trusted-ca-file={paths.ca}",
        f"--cacert={paths.ca}",
    )


def _etcdctl(inventory: Inventory, paths: Paths) -> str:
    return lines(
        "ETCDCTL_API=3",
        f"ETCDCTL_ENDPOINTS={joined(inventory)}",
        f"ETCDCTL_CACERT={paths.ca}",
        f"ETCDCTL_CERT={paths.certificate}",
        f"ETCDCTL_KEY={paths.key}",
    )


def _kube_apiserver(inventory: Inventory, paths: Paths) -> str:
    return lines(
        f"--etcd-servers={joined(inventory)}",
        f"--etcd-cafile={paths.ca}",
        f"--etcd-certfile={paths.certificate}",
        f"--etcd-keyfile={paths.key}",
        "--etcd-prefix=/registry",
    )


def _url(host: str, port: int) -> str:
    return f"https://{bracketed(host)}:{port}"


def _urls(hosts: Iterable[str], port: int) -> str:
    return ",".join(_url(host, port) for host in hosts)
