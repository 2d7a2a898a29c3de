"""What each consumer of a certificate reads: its folder's files as {path: text}."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from tls_scaffold.bundles import calico
from tls_scaffold.bundles.settings import Paths, Pems, joined, lines, to_yaml
from tls_scaffold.inventory.rbac import CLIENT_PORT, bracketed
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.words import canonical_address

PEER_PORT = 2380
UNIT_FOLDER = "/var/lib/etcd"
HOMES = {"kube-apiserver": "/etc/kubernetes/pki/etcd", "calico": "/etc/calico/certs"}


def files(
    inventory: Inventory, component: Component, preset: str, pems: Mapping[str, Pems], home: str = ""
) -> dict[str, str]:
    """Return the text of each file of a component's bundle; its second certificate for peers is a part of it.

    `preset` is the user's, or empty; it says which consumer reads the bundle. `pems` are what it holds, by
    name, every member of the inventory has a host. `home` is the folder
    that the consumer will have it in; if empty, the consumer's usual one, and the bundle itself for
    what is read in place (`etcd.conf.yml`, etcdctl, calicoctl).
    """
    pairs = {
        f"{each.name}{ending}": text
        for each in parts(inventory, component)
        for ending, text in ((".pem", pems[each.name].certificate), ("-key.pem", pems[each.name].key))
    }
    own = pems[component.name]
    return {**pairs, "ca.pem": own.ca, **_settings(inventory, component, preset, own, home)}


def parts(inventory: Inventory, component: Component) -> tuple[Component, ...]:
    """Return the components whose files a bundle holds: its own, and a member's second certificate."""
    return tuple(dict.fromkeys((component, *(peer for own, peer in inventory.member_pairs if own == component))))


def _settings(inventory: Inventory, component: Component, preset: str, pems: Pems, home: str) -> dict[str, str]:
    here = Paths(component.name, home)
    if component.kind == "member":
        return _member(inventory, component, home)
    if component.kind == "proxy":
        return {"grpc-proxy.flags": _proxy(inventory, here)}
    made = {"etcdctl.env": _etcdctl(inventory, here)}
    if preset == "kube-apiserver":
        made["kube-apiserver.flags"] = _kube_apiserver(inventory, Paths(component.name, home or HOMES[preset]))
    if preset.startswith("calico"):
        made |= calico.files(inventory, preset, pems, here, Paths(component.name, home or HOMES["calico"]))
    return made


def _member(inventory: Inventory, component: Component, home: str) -> dict[str, str]:
    return {
        "etcd.conf.yml": to_yaml(_member_settings(inventory, component, home)),
        "etcd.service.d/tls-scaffold.conf": lines(
            f"# The bundle lies in {home or UNIT_FOLDER}, this file in /etc/systemd/system/etcd.service.d;",
            "# all of the bundle belongs to the unit's user, who is often called etcd.",
            "[Service]",
            f"WorkingDirectory={home or UNIT_FOLDER}",
            "ExecStart=",
            "ExecStart=/usr/bin/etcd --config-file=etcd.conf.yml",
        ),
    }


def _member_settings(inventory: Inventory, component: Component, home: str) -> dict[str, Any]:
    listening = [host for host in component.hosts if canonical_address(host)] or ["0.0.0.0"]  # noqa: S104
    own = component.hosts[0]
    everybody = (f"{member.name}={_url(member.hosts[0], PEER_PORT)}" for member in inventory.members)
    peer_cn = {"allowed-cn": inventory.peer_cn} if inventory.peer_cn else {}
    return {
        "name": component.name,
        "data-dir": f"{UNIT_FOLDER}/{component.name}.etcd" if home else f"{component.name}.etcd",
        "listen-client-urls": _urls([*listening, *_loopback(listening)], CLIENT_PORT),
        "advertise-client-urls": _url(own, CLIENT_PORT),
        "listen-peer-urls": _urls(listening, PEER_PORT),
        "initial-advertise-peer-urls": _url(own, PEER_PORT),
        "initial-cluster": ",".join(everybody),
        "initial-cluster-state": "new",
        "client-transport-security": _security(Paths(component.name, home)),
        "peer-transport-security": {**_security(Paths(parts(inventory, component)[-1].name, home)), **peer_cn},
    }


def _security(paths: Paths) -> dict[str, Any]:
    return {
        "cert-file": paths.certificate,
        "key-file": paths.key,
        "client-cert-auth": True,
        "trusted-ca-file": paths.ca,
    }


def _loopback(listening: Iterable[str]) -> list[str]:
    """Return loopback for those on the machine itself, unless what is listened on has it already."""
    addresses = [ip_address(host) for host in listening]
    return [] if any(each.is_loopback or each.is_unspecified for each in addresses) else ["127.0.0.1"]


def _proxy(inventory: Inventory, paths: Paths) -> str:
    return lines(
        f"--endpoints={joined(inventory)}",
        f"--cert-file={paths.certificate}",
        f"--key-file={paths.key}",
        f"--trusted-ca-file={paths.ca}",
        f"--cacert={paths.ca}",
        # What the proxy shows to the members. etcd refuses one with a CN: all clients would be that one user.
        "--cert=a-client-certificate-without-a-cn.pem",
        "--key=a-client-certificate-without-a-cn-key.pem",
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
