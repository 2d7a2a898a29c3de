"""What kubeadm looks for below /etc/kubernetes: etcd's certificates, and its `etcd.external`."""

from collections.abc import Mapping, Sequence

from tls_scaffold.bundles import settings
from tls_scaffold.bundles.memberflags import COMPACTION, CRLS, PEER_CNS, flags_on_host
from tls_scaffold.bundles.settings import Pems, further_settings, to_yaml
from tls_scaffold.inventory.clusterparts import Member
from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Component, Inventory

HOME = "/etc/kubernetes"
API_SERVER = "kube-apiserver"  # the preset of the user that it is for
API_SERVERS = (API_SERVER, "kube-apiserver-restricted")
# The names of kubeadm's cmd/kubeadm/app/constants/constants.go, below its certificatesDir.
PKI = "pki"
CA, PEER_CA = "pki/etcd/ca.crt", "pki/etcd/peer-ca.crt"
SERVER = "pki/etcd/server"
PEER = "pki/etcd/peer"
LIST = f"pki/etcd/{settings.LIST}"
CLIENT = "pki/apiserver-etcd-client"
CONFIGURATION = "kubeadm-etcd.yaml"
PEER_TRUST = "peer-trusted-ca-file"
# What kubeadm does not give its own etcd: without the first every user opens the peer port.
OWN_FLAGS = (PEER_CNS, *COMPACTION)
NOTE = (
    "# Take {1} over into the ClusterConfiguration of your own "
    "that `kubeadm init --config` reads: there can be one only.\n"
    "# pki/ of this bundle belongs into {0}/pki.\n"
)


def has_place(component: Component, preset: str) -> bool:
    """Tell whether kubeadm has a place for a component's files: a member's, or its API servers'."""
    return component.kind == "member" or preset in API_SERVERS


def kubeadm_files(
    inventory: Inventory, component: Component, preset: str, pairs: Sequence[Pems], home: str = ""
) -> dict[str, str]:
    """Return a component's files by kubeadm's names; none for one that kubeadm has no place for.

    `pairs` holds its certificate and, last, the one that its peers see. `home` is the folder that
    pki/ will lie in, /etc/kubernetes if empty.
    """
    if not has_place(component, preset):
        return {}
    own, peer = pairs[0], pairs[-1]
    home = home or HOME
    if member := inventory.member(component.name):
        return {
            CA: own.ca,
            **({PEER_CA: peer.ca} if inventory.peer_ca else {}),
            **_pair(SERVER, own),
            **_pair(PEER, peer),
            CONFIGURATION: _local(inventory, member, home),
        }
    external = {
        "endpoints": list(endpoints(inventory)),
        "caFile": f"{home}/{CA}",
        "certFile": f"{home}/{CLIENT}.crt",
        "keyFile": f"{home}/{CLIENT}.key",
    }
    return {
        CA: own.ca,
        **_pair(CLIENT, own),
        CONFIGURATION: _configuration({"external": external}, home, _api_server(preset)),
    }


def _api_server(preset: str) -> dict[str, object]:
    """Return what the API server has to be told besides."""
    further = further_settings(preset).items()
    arguments = [{"name": name.lstrip("-"), "value": value} for name, value in further]
    return {"apiServer": {"extraArgs": arguments}} if arguments else {}


def _local(inventory: Inventory, member: Member, home: str) -> str:
    """Return what kubeadm has to know of its own etcd, and to add to its flags.

    It looks for an etcd's certificates in its `certificatesDir` alone, and makes others where it
    finds none.
    """
    flags = flags_on_host(inventory, member)
    own = {name: flags[name] for name in OWN_FLAGS if name in flags}
    if inventory.peer_ca:  # in place of the one that kubeadm gives for clients and for peers
        own = {PEER_TRUST: f"{home}/{PEER_CA}", **own}
    if inventory.crl:  # the folder is mounted where etcd runs
        own |= dict.fromkeys(CRLS.values(), f"{home}/{LIST}")
    arguments = [{"name": name, "value": value} for name, value in own.items()]
    data_dir = inventory.settings(member).data_dir
    local = {**({"dataDir": data_dir} if data_dir else {}), "extraArgs": arguments}
    elsewhere = {} if home == HOME else {"certificatesDir": f"{home}/{PKI}"}
    return _configuration({"local": local}, home, elsewhere)


def _configuration(etcd: Mapping[str, object], home: str, further: Mapping[str, object]) -> str:
    taken = {"etcd": etcd, **further}
    document = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        **taken,
    }
    words = " and ".join(f"`{name}`" for name in taken)
    return NOTE.format(home, words) + to_yaml(document)


def _pair(base: str, pems: Pems) -> dict[str, str]:
    return {f"{base}.crt": pems.certificate, f"{base}.key": pems.key}
