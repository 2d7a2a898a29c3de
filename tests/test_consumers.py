"""The files of a bundle, text by text, without a folder or a certificate."""

import base64

import pytest

from tls_scaffold.bundles.consumers import bundle_files, bundled_components
from tls_scaffold.bundles.settings import Pems, paths_in, to_yaml
from tls_scaffold.inventory.clusterparts import Member, Peer, Proxy, User
from tls_scaffold.inventory.values import Inventory

pytestmark = pytest.mark.fast

INVENTORY = Inventory(
    members=(
        Member("a", ("a.example", "10.0.0.1", "FD00::1"), peer=Peer()),
        Member("b", ("b.example",)),
    ),
    proxies=(Proxy("gw", ()),),
    users=(User("u", "u"), User("k", "k")),
)
URLS = "https://a.example:2379,https://b.example:2379"
PEMS = {
    each.name: Pems(f"{each.name}'s", f"{each.name}'s key", "CA") for each in INVENTORY.components
}
UNIT = """\
# For /etc/systemd/system/etcd.service.d; the rest of the bundle is for
# {0}, and belongs to the unit's user, who is often called etcd.
# Of the unit's variables it replaces those that etcd.env names. Take their flags out of its
# ExecStart, etcd refuses both, and --config-file, beside which it reads no variable.
[Service]
{1}EnvironmentFile={0}/etcd.env
UnsetEnvironment=ETCD_CONFIG_FILE
"""
MEMBER = """\
# What etcd runs with on a: each variable is the flag of its name.
# By hand, in this folder: (set -a; . ./etcd.env; exec etcd)
# No ETCD_DATA_DIR: the unit's own counts. Where that names none, etcd begins with an empty
# a.etcd in its working directory; `tls-scaffold bundle --data-dir` names one.
ETCD_NAME=a
ETCD_LISTEN_CLIENT_URLS=https://10.0.0.1:2379,https://[fd00::1]:2379,https://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=https://a.example:2379
ETCD_LISTEN_PEER_URLS=https://10.0.0.1:2380,https://[fd00::1]:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://a.example:2380
ETCD_INITIAL_CLUSTER=a=https://a.example:2380,b=https://b.example:2380
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_CERT_FILE={0}a.pem
ETCD_KEY_FILE={0}a-key.pem
ETCD_CLIENT_CERT_AUTH=true
ETCD_TRUSTED_CA_FILE={0}ca.pem
ETCD_PEER_CERT_FILE={0}peer-a.pem
ETCD_PEER_KEY_FILE={0}peer-a-key.pem
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE={0}ca.pem
ETCD_PEER_CERT_ALLOWED_CN=etcd
ETCD_AUTO_COMPACTION_MODE=periodic
ETCD_AUTO_COMPACTION_RETENTION=1h
"""
PROXY = f"""\
--endpoints={URLS}
--cert-file={{0}}gw.pem
--key-file={{0}}gw-key.pem
--trusted-ca-file={{0}}ca.pem
--cacert={{0}}ca.pem
--cert=a-client-certificate-without-a-cn.pem
--key=a-client-certificate-without-a-cn-key.pem
"""
ETCDCTL = f"""\
ETCDCTL_ENDPOINTS={URLS}
ETCDCTL_CACERT={{0}}ca.pem
ETCDCTL_CERT={{0}}u.pem
ETCDCTL_KEY={{0}}u-key.pem
"""
API_SERVER = f"""\
--etcd-servers={URLS}
--etcd-cafile={{0}}ca.pem
--etcd-certfile={{0}}u.pem
--etcd-keyfile={{0}}u-key.pem
--etcd-prefix=/registry
"""
CALICO = f"""\
ETCD_ENDPOINTS={URLS}
ETCD_CA_CERT_FILE={{0}}ca.pem
ETCD_CERT_FILE={{0}}u.pem
ETCD_KEY_FILE={{0}}u-key.pem
"""
CALICOCTL = f"""\
apiVersion: projectcalico.org/v3
kind: CalicoAPIConfig
metadata: {{{{}}}}
spec:
  datastoreType: etcdv3
  etcdEndpoints: {URLS}
  etcdCACertFile: {{0}}ca.pem
  etcdCertFile: {{0}}u.pem
  etcdKeyFile: {{0}}u-key.pem
"""
SECRET = f"""\
# A private key is in this file: never commit it.
apiVersion: v1
kind: Secret
type: Opaque
metadata:
  name: calico-etcd-secrets
  namespace: kube-system
data:
  etcd-ca: {base64.b64encode(b"CA").decode()}
  etcd-cert: {base64.b64encode(b"u's").decode()}
  etcd-key: {base64.b64encode(b"u's key").decode()}
"""
PATCH = f"""\
data:
  etcd_endpoints: {URLS}
  etcd_ca: /calico-secrets/etcd-ca
  etcd_cert: /calico-secrets/etcd-cert
  etcd_key: /calico-secrets/etcd-key
"""
CNI = f"""\
{{{{
  "etcd_endpoints": "{URLS}",
  "etcd_ca_cert_file": "{{0}}ca.pem",
  "etcd_cert_file": "{{0}}u.pem",
  "etcd_key_file": "{{0}}u-key.pem"
}}}}
"""
OFF = "COMPACTION_PERIOD=0\n"
CONTROLLERS = "calico-kube-controllers.patch.yaml"
DEPLOYMENT = """\
spec:
  template:
    spec:
      containers:
      - name: calico-kube-controllers
        env:
        - name: COMPACTION_PERIOD
          value: '0'
"""
FLANNEL = f"""\
--etcd-endpoints={URLS}
--etcd-cafile={{0}}ca.pem
--etcd-certfile={{0}}u.pem
--etcd-keyfile={{0}}u-key.pem
"""
TYPHA = f"""\
TYPHA_ETCDENDPOINTS={URLS}
TYPHA_ETCDCAFILE={{0}}ca.pem
TYPHA_ETCDCERTFILE={{0}}u.pem
TYPHA_ETCDKEYFILE={{0}}u-key.pem
"""
SECRETS = {"calico-etcd-secrets.yaml": SECRET, "calico-config.patch.yaml": PATCH}
API_FOLDER, CALICO_FOLDER = "/etc/kubernetes/pki/etcd/", "/etc/calico/certs/"


def made(name: str, preset: str = "", home: str = "") -> dict[str, str]:
    """Return the files of a bundle beside its certificates, which are what they should be."""
    (component,) = (each for each in INVENTORY.components if each.name == name)
    found = bundle_files(INVENTORY, component, preset, PEMS, home)
    assert found.pop("ca.pem") == "CA"
    for each in bundled_components(INVENTORY, component):
        assert found.pop(f"{each.name}.pem") == f"{each.name}'s"
        assert found.pop(f"{each.name}-key.pem") == f"{each.name}'s key"
    return found


def test_a_member_s_bundle_has_its_second_certificate_too() -> None:
    assert made("a") == {
        "etcd.env": MEMBER.format(""),
        "etcd.service.d/tls-scaffold.conf": UNIT.format(
            "/var/lib/etcd", "WorkingDirectory=/var/lib/etcd\n"
        ),
    }
    assert made("a", home="/srv") == {
        "etcd.env": MEMBER.format("/srv/"),
        "etcd.service.d/tls-scaffold.conf": UNIT.format("/srv", ""),
    }
    names = [
        [part.name for part in bundled_components(INVENTORY, each)] for each in INVENTORY.components
    ]
    assert names == [["a", "peer-a"], ["peer-a"], ["b"], ["gw"], ["u"], ["k"]]


@pytest.mark.parametrize("home", ["", "/srv"])
def test_a_proxy_is_told_where_the_members_are(home: str) -> None:
    assert made("gw", home=home) == {"grpc-proxy.flags": PROXY.format(f"{home}/" if home else "")}


@pytest.mark.parametrize("home", ["", "/srv"])
@pytest.mark.parametrize(
    ("preset", "usual", "here", "there"),
    [
        ("", "", {}, {}),
        ("root", "", {}, {}),
        ("kube-apiserver", API_FOLDER, {}, {"kube-apiserver.flags": API_SERVER}),
        (
            "calico",
            CALICO_FOLDER,
            {"calicoctl.cfg": CALICOCTL},
            {"calico.env": CALICO + OFF, "cni.json": CNI, CONTROLLERS: DEPLOYMENT, **SECRETS},
        ),
        ("calico-cni", CALICO_FOLDER, {}, {"calico.env": CALICO, "cni.json": CNI, **SECRETS}),
        ("calico-node", CALICO_FOLDER, {}, {"calico.env": CALICO, **SECRETS}),
        (
            "calico-kube-controllers",
            CALICO_FOLDER,
            {},
            {"calico.env": CALICO + OFF, CONTROLLERS: DEPLOYMENT, **SECRETS},
        ),
        (
            "kube-apiserver-restricted",
            API_FOLDER,
            {},
            {"kube-apiserver.flags": API_SERVER + "--etcd-compaction-interval=0\n"},
        ),
        ("flannel", "/etc/flannel/", {}, {"flannel.flags": FLANNEL}),
        ("typha", CALICO_FOLDER, {}, {"typha.env": TYPHA}),
        ("calicoctl-policy", CALICO_FOLDER, {"calicoctl.cfg": CALICOCTL}, {"calico.env": CALICO}),
    ],
)
def test_each_consumer_gets_the_files_that_it_reads_in_its_own_words(
    preset: str, usual: str, here: dict[str, str], there: dict[str, str], home: str
) -> None:
    in_place = f"{home}/" if home else ""
    assert made("u", preset, home) == {
        "etcdctl.env": ETCDCTL.format(in_place),
        **{name: text.format(in_place) for name, text in here.items()},
        **{name: text.format(in_place or usual) for name, text in there.items()},
    }


def test_paths_are_those_of_the_folder_or_of_the_file_alone() -> None:
    assert [
        (each.ca, each.certificate, each.key) for each in (paths_in("", "x"), paths_in("/y", "x"))
    ] == [
        ("ca.pem", "x.pem", "x-key.pem"),
        ("/y/ca.pem", "/y/x.pem", "/y/x-key.pem"),
    ]


def test_yaml_quotes_whatever_another_reader_may_take_for_a_number_and_breaks_no_line() -> None:
    texts = {
        "z": "1e3",
        "b": "-x",
        "c": ".5",
        "d": "+1",
        "e": "",
        "f": "ü " * 200 + "x",
        "g": "a1",
        "h": "X1",
    }
    assert to_yaml(texts) == (
        f"z: '1e3'\nb: '-x'\nc: '.5'\nd: '+1'\ne: ''\nf: {texts['f']}\ng: a1\nh: X1\n"
    )


def test_yaml_quotes_the_letters_that_older_readers_take_for_yes_and_no() -> None:
    assert (
        to_yaml({"a": "y", "b": "n", "c": "Y", "d": "N", "e": "x"})
        == "a: 'y'\nb: 'n'\nc: 'Y'\nd: 'N'\ne: x\n"
    )
