"""What Kubernetes and kubeadm read, text by text, without a folder or a certificate."""

import base64
import re
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tls_scaffold.bundles import kubeadm, kubernetes
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.inventory.clusterparts import Member, Peer, Proxy, User
from tls_scaffold.inventory.membersettings import MemberSettings
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.spelling import NAME_LENGTH, name_problem

pytestmark = pytest.mark.fast

# Kubernetes' own expression for names: apimachinery's pkg/util/validation/validation.go.
LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
SUBDOMAIN_LENGTH = 253
CA = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n"
PEMS = Pems("a certificate\n", "a key\n", CA)
NAMES = st.text("ABZabz019._-", min_size=1, max_size=NAME_LENGTH).filter(
    lambda name: not name_problem(name)
)
INVENTORY = Inventory(
    members=(Member("a", ("a.example", "FD00::1"), peer=Peer()), Member("b", ("10.0.0.2",))),
    proxies=(Proxy("gw", ()),),
    users=(User("api", "api", role="kube-apiserver"), User("u", "u")),
)
CERTIFICATE, KEY, CA_BYTES = (
    base64.b64encode(each.encode()).decode() for each in ("a certificate\n", "a key\n", CA)
)
SECRET = f"""\
# A private key is in this file: never commit it.
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: etcd-alice-b
data:
  tls.crt: {CERTIFICATE}
  tls.key: {KEY}
  ca.crt: {CA_BYTES}
"""
CA_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: etcd-ca
data:
  ca.crt: |
    -----BEGIN CERTIFICATE-----
    Q0E=
    -----END CERTIFICATE-----
"""
KUBEADM = """\
# Take `etcd` over into the ClusterConfiguration of your own that `kubeadm init --config` reads: \
there can be one only.
# pki/ of this bundle belongs into {0}/pki.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
etcd:
  external:
    endpoints:
    - https://a.example:2379
    - https://10.0.0.2:2379
    caFile: {0}/pki/etcd/ca.crt
    certFile: {0}/pki/apiserver-etcd-client.crt
    keyFile: {0}/pki/apiserver-etcd-client.key
"""
LOCAL = """\
# Take `etcd` over into the ClusterConfiguration of your own that `kubeadm init --config` reads: \
there can be one only.
# pki/ of this bundle belongs into /etc/kubernetes/pki.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
etcd:
  local:
    extraArgs:
    - name: peer-cert-allowed-cn
      value: etcd
    - name: auto-compaction-mode
      value: periodic
    - name: auto-compaction-retention
      value: '1h'
"""


def component(name: str) -> Component:
    (found,) = (each for each in INVENTORY.components if each.name == name)
    return found


def test_a_pair_is_a_secret_and_its_ca_a_config_map() -> None:
    assert kubernetes.kubernetes_files("Alice_B", PEMS, "etcd-ca") == {
        "Alice_B.secret.yaml": SECRET,
        "etcd-ca.configmap.yaml": CA_MAP,
    }


@pytest.mark.parametrize(
    "ca",
    ["\ufefftext\r\nin front\r\n" + CA, "no end", " blank\n", "# x\n\n\n" + CA + "\n\n", "\t\n"],
)
def test_the_ca_s_text_comes_out_of_the_config_map_as_it_is(ca: str) -> None:
    manifest = kubernetes.kubernetes_files("x", Pems("", "", ca), "c")["c.configmap.yaml"]
    assert yaml.safe_load(manifest)["data"] == {"ca.crt": ca}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("calico", "etcd-calico"),
        ("Alice_B", "etcd-alice-b"),
        ("a.b", "etcd-a.b"),
        ("a_.-b", "etcd-a.b"),
        ("a..b.", "etcd-a.b"),
        ("A-__-", "etcd-a"),
        ("0", "etcd-0"),
        ("x" * NAME_LENGTH, "etcd-" + "x" * NAME_LENGTH),
    ],
)
def test_an_object_is_named_after_its_component(name: str, expected: str) -> None:
    assert kubernetes.object_name(name) == expected


@given(NAMES)
def test_every_name_of_a_component_gives_one_that_kubernetes_takes(name: str) -> None:
    made = kubernetes.object_name(name)

    assert SUBDOMAIN.fullmatch(made)
    assert len(made) <= SUBDOMAIN_LENGTH


def test_every_two_that_would_have_one_secret_are_told() -> None:
    assert kubernetes.name_problems(["a_b", "x", "A-b", "y.z", "a-b", "x", "Y.z-"]) == [
        "`a_b` and `A-b` and `a-b` would have one Secret, `etcd-a-b`",
        "`y.z` and `Y.z-` would have one Secret, `etcd-y.z`",
    ]
    assert kubernetes.name_problems(["a_b", "ab", "a.b", "a_b"]) == []


@pytest.mark.parametrize(("home", "below"), [("", "/etc/kubernetes"), ("/srv", "/srv")])
def test_the_api_servers_user_has_kubeadm_s_names_and_configuration(home: str, below: str) -> None:
    assert kubeadm.kubeadm_files(INVENTORY, component("api"), "kube-apiserver", [PEMS], home) == {
        "pki/etcd/ca.crt": CA,
        "pki/apiserver-etcd-client.crt": "a certificate\n",
        "pki/apiserver-etcd-client.key": "a key\n",
        "kubeadm-etcd.yaml": KUBEADM.format(below),
    }


def test_an_api_server_without_root_is_told_not_to_compact() -> None:
    made = kubeadm.kubeadm_files(INVENTORY, component("api"), "kube-apiserver-restricted", [PEMS])

    told = made["kubeadm-etcd.yaml"]
    assert told.startswith("# Take `etcd` and `apiServer` over into the ClusterConfiguration ")
    assert yaml.safe_load(told)["apiServer"] == {
        "extraArgs": [{"name": "etcd-compaction-interval", "value": "0"}]
    }


def test_a_member_shows_its_second_certificate_to_its_peers_or_the_same() -> None:
    peer = Pems("another\n", "another key\n", CA)
    own = {
        "pki/etcd/ca.crt": CA,
        "pki/etcd/server.crt": "a certificate\n",
        "pki/etcd/server.key": "a key\n",
    }

    assert kubeadm.kubeadm_files(INVENTORY, component("a"), "", [PEMS, peer]) == {
        **own,
        "pki/etcd/peer.crt": "another\n",
        "pki/etcd/peer.key": "another key\n",
        "kubeadm-etcd.yaml": LOCAL,
    }
    assert kubeadm.kubeadm_files(INVENTORY, component("b"), "", [PEMS]) == {
        **own,
        "pki/etcd/peer.crt": "a certificate\n",
        "pki/etcd/peer.key": "a key\n",
        "kubeadm-etcd.yaml": LOCAL,
    }


def test_kubeadm_is_told_where_a_member_s_files_and_data_lie_if_not_where_it_looks() -> None:
    settings = MemberSettings(data_dir="/srv/data")
    members = tuple(replace(each, etcd=settings) for each in INVENTORY.members)
    inventory = replace(INVENTORY, members=members)

    made = kubeadm.kubeadm_files(inventory, component("b"), "", [PEMS], "/srv/k8s")

    told = made["kubeadm-etcd.yaml"]
    assert told.startswith("# Take `etcd` and `certificatesDir` over into the ")
    assert "# pki/ of this bundle belongs into /srv/k8s/pki.\n" in told
    document = yaml.safe_load(told)
    assert document["certificatesDir"] == "/srv/k8s/pki"
    assert document["etcd"]["local"]["dataDir"] == "/srv/data"
    # Where it looks anyway, and keeps its data anyway, nothing is said.
    usual = kubeadm.kubeadm_files(INVENTORY, component("b"), "", [PEMS], "/etc/kubernetes")
    assert usual["kubeadm-etcd.yaml"] == LOCAL


@pytest.mark.parametrize(
    ("name", "preset"), [("gw", ""), ("u", ""), ("u", "root"), ("u", "calico")]
)
def test_kubeadm_has_no_place_for_others(name: str, preset: str) -> None:
    assert not kubeadm.has_place(component(name), preset)
    assert kubeadm.kubeadm_files(INVENTORY, component(name), preset, [PEMS]) == {}
