"""What each consumer of a certificate reads: its folder's files as {path: text}."""

from collections.abc import Mapping

from tls_scaffold.bundles import calico, members
from tls_scaffold.bundles.settings import Paths, Pems, joined, lines
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import KEY_ENDING

HOMES = {"kube-apiserver": "/etc/kubernetes/pki/etcd", "calico": "/etc/calico/certs"}


def files(
    inventory: Inventory,
    component: Component,
    preset: str,
    pems: Mapping[str, Pems],
    home: str = "",
) -> dict[str, str]:
    """Return the text of each file of a component's bundle; its second certificate for peers is a part of it.

    `preset` is the user's, or empty; it says which consumer reads the bundle. `pems` are what it holds, by name.
    `home` is the folder that the consumer will have it in; if empty, the consumer's usual one, and the bundle
    itself for what is read in place (`etcd.env`, etcdctl, calicoctl). Every member of the inventory has a host.
    """
    pairs = {
        f"{each.name}{ending}": text
        for each in parts(inventory, component)
        for ending, text in (
            (".pem", pems[each.name].certificate),
            (KEY_ENDING, pems[each.name].key),
        )
    }
    own = pems[component.name]
    return {**pairs, "ca.pem": own.ca, **_settings(inventory, component, preset, own, home)}


def parts(inventory: Inventory, component: Component) -> tuple[Component, ...]:
    """Return the components whose files a bundle holds: its own, and a member's second certificate."""
    return tuple(
        dict.fromkeys(
            (component, *(peer for own, peer in inventory.member_pairs if own == component))
        )
    )


def _settings(
    inventory: Inventory, component: Component, preset: str, pems: Pems, home: str
) -> dict[str, str]:
    here = Paths(component.name, home)
    if member := inventory.member(component.name):
        return members.files(inventory, member, home)
    if component.kind == "proxy":
        return {"grpc-proxy.flags": _proxy(inventory, here)}
    made = {"etcdctl.env": _etcdctl(inventory, here)}
    if preset == "kube-apiserver":
        made["kube-apiserver.flags"] = _kube_apiserver(
            inventory, Paths(component.name, home or HOMES[preset])
        )
    if preset.startswith("calico"):
        made |= calico.files(
            inventory, preset, pems, here, Paths(component.name, home or HOMES["calico"])
        )
    return made


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
