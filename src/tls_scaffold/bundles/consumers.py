"""What each consumer of a certificate reads: its folder's files as {path: text}."""

from collections.abc import Mapping

from tls_scaffold.bundles import calico, members
from tls_scaffold.bundles.memberflags import trust_of
from tls_scaffold.bundles.settings import (
    ETCDCTL,
    EXTERNAL_DNS,
    FELIX,
    FLANNEL,
    K3S,
    KUBE_APISERVER,
    TRAEFIK,
    TYPHA,
    Paths,
    Pems,
    assignments,
    client_settings,
    further_settings,
    joined_endpoints,
    paths_in,
)
from tls_scaffold.inventory.terms import CLIENT_AUTH
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import KEY_ENDING

API_SERVER_HOME, CALICO_HOME = "/etc/kubernetes/pki/etcd", "/etc/calico/certs"
FLAGS = {
    "kube-apiserver": ("kube-apiserver.flags", KUBE_APISERVER, API_SERVER_HOME),
    "kube-apiserver-restricted": ("kube-apiserver.flags", KUBE_APISERVER, API_SERVER_HOME),
    "k3s": ("k3s.flags", K3S, "/etc/rancher/k3s"),
    "felix": ("felix.env", FELIX, CALICO_HOME),
    "typha": ("typha.env", TYPHA, CALICO_HOME),
    "external-dns": ("external-dns.env", EXTERNAL_DNS, "/etc/external-dns"),
    "flannel": ("flannel.flags", FLANNEL, "/etc/flannel"),
    "traefik": ("traefik.flags", TRAEFIK, "/etc/traefik"),
}
"""What consumers read that take their settings one a line: file, names, and the usual folder."""


def bundle_files(
    inventory: Inventory,
    component: Component,
    preset: str,
    pems: Mapping[str, Pems],
    home: str = "",
) -> dict[str, str]:
    """Return the text of each file of a component's bundle, its second certificate's among them.

    `preset` is the user's, or empty; it says which consumer reads the bundle. `pems` are what it
    holds, by name. `home` is the folder that the consumer will have it in; if empty, the consumer's
    usual one, and the bundle itself for what is read in place (`etcd.env`, etcdctl, calicoctl).
    Every member of the inventory has a host.
    """
    pairs = {}
    for part in bundled_components(inventory, component):
        pairs[f"{part.name}.pem"] = pems[part.name].certificate
        pairs[f"{part.name}{KEY_ENDING}"] = pems[part.name].key
        pairs[trust_of(part)] = pems[part.name].ca
    own = pems[component.name]
    return {**pairs, **_settings(inventory, component, preset, own, home)}


def bundled_components(inventory: Inventory, component: Component) -> tuple[Component, ...]:
    """Return the components whose files a bundle holds: a member may have a second one."""
    second = [peer for own, peer in inventory.member_pairs if own == component]
    return tuple(dict.fromkeys((component, *second)))


def _settings(
    inventory: Inventory, component: Component, preset: str, pems: Pems, home: str
) -> dict[str, str]:
    here = paths_in(home, component.name)
    if member := inventory.member(component.name):
        return members.member_files(inventory, member, home)
    if component.kind == "proxy":
        return {"grpc-proxy.flags": _proxy_flags(inventory, here)}
    if CLIENT_AUTH not in component.usages:
        return {}  # it speaks to no member
    made = {"etcdctl.env": assignments(client_settings(ETCDCTL, inventory, here))}
    if preset in FLAGS:
        file, names, usual = FLAGS[preset]
        flags = client_settings(names, inventory, paths_in(home or usual, component.name))
        prefix = {"--etcd-prefix": "/registry"} if names == KUBE_APISERVER else {}
        made[file] = assignments({**flags, **prefix, **further_settings(preset)})
    if preset.startswith("calico"):
        there = paths_in(home or CALICO_HOME, component.name)
        made |= calico.calico_files(inventory, preset, pems, here, there)
    return made


def _proxy_flags(inventory: Inventory, paths: Paths) -> str:
    return assignments(
        {
            "--endpoints": joined_endpoints(inventory),
            "--cert-file": paths.certificate,
            "--key-file": paths.key,
            "--trusted-ca-file": paths.ca,
            "--cacert": paths.ca,
            # What the proxy shows to the members. etcd refuses one with a CN: all clients would be
            # that one user.
            "--cert": "a-client-certificate-without-a-cn.pem",
            "--key": "a-client-certificate-without-a-cn-key.pem",
        }
    )
