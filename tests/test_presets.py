"""What the well-known users need, and how a misspelt preset is told."""

import re
from dataclasses import replace

import pytest

from tls_scaffold.inventory import presets
from tls_scaffold.inventory.clusterparts import Permission, User
from tls_scaffold.inventory.presetparts import PASSWORD
from tls_scaffold.inventory.presets import PRESETS

pytestmark = pytest.mark.fast

VERSION = re.compile(r"[0-9]+\.[0-9]+|August 2026")

R = "/calico/resources/v3/projectcalico.org/"
TIERS = f"{R}tiers/"
TABLE = {
    "root": ((), ()),
    "backup": ((), ()),
    "monitoring": ((), ()),
    "kube-apiserver": (("/registry/",), ()),
    "kube-apiserver-restricted": (("/registry/",), ()),
    "k3s": (("/registry/", "/bootstrap"), ()),
    "calico": (("/calico/",), ()),
    "calico-node": (
        (
            "/calico/felix/v1/",
            "/calico/felix/v2/",
            "/calico/ipam/v2/",
            f"{R}felixconfigurations/",
            f"{R}nodes/",
            f"{R}workloadendpoints/",
            f"{R}clusterinformations/",
            f"{R}ippools/",
            TIERS,
            f"{R}bgpconfigurations/",
            f"{R}ipamconfigurations/",
            f"{R}caliconodestatuses/",
        ),
        (R,),
    ),
    "felix": (("/calico/felix/v1/", "/calico/felix/v2/", f"{R}nodes/"), (R, "/calico/ipam/v2/")),
    "typha": ((), (R, "/calico/ipam/v2/")),
    "calico-cni": (
        ("/calico/ipam/v2/", f"{R}workloadendpoints/", f"{R}profiles/"),
        (
            f"{R}ippools/",
            f"{R}clusterinformations/",
            f"{R}nodes/",
            f"{R}ipreservations/",
            f"{R}blockaffinities/",
            f"{R}ipamconfigurations/",
        ),
    ),
    "calico-kube-controllers": (
        (
            "/calico/ipam/v2/",
            f"{R}profiles/",
            f"{R}networkpolicies/",
            f"{R}nodes/",
            f"{R}clusterinformations/",
            f"{R}hostendpoints/",
            f"{R}kubecontrollersconfigurations/",
            f"{R}workloadendpoints/",
            TIERS,
        ),
        (R,),
    ),
    "calicoctl-read-only": ((), ("/calico/ipam/v2/", R)),
    "calicoctl-policy": (
        (
            f"{R}globalnetworkpolicies/",
            f"{R}globalnetworksets/",
            f"{R}networkpolicies/",
            f"{R}networksets/",
            f"{R}profiles/",
            f"{R}stagedglobalnetworkpolicies/",
            f"{R}stagednetworkpolicies/",
            f"{R}stagedkubernetesnetworkpolicies/",
        ),
        ("/calico/ipam/v2/", R),
    ),
    "calicoctl": (("/calico/ipam/v2/", R), ()),
    "openstack": (
        (
            f"{R}workloadendpoints/",
            f"{R}networkpolicies/",
            f"{R}profiles/",
            f"{R}livemigrations/",
            f"{R}clusterinformations/",
            f"{R}felixconfigurations/",
            "/calico/dhcp/",
            "/calico/openstack/",
        ),
        ("/calico/felix/v2/",),
    ),
    "coredns": ((), ("/skydns/",)),
    "external-dns": (("/skydns/",), ()),
    "flannel": (("/coreos.com/network/subnets",), ()),
    "cilium": (("cilium/",), ()),
    "traefik": ((), ("traefik",)),
    "vault": (("/vault/",), ()),
    "patroni": (("/service/",), ()),
    "apisix": (("/apisix",), ()),
    "gateway": ((), ()),
}
KEYS = {"coredns": ("/skydns",), "flannel": ("/coreos.com/network/config",)}


def test_each_preset_has_the_permissions_of_its_source_and_nothing_else() -> None:
    expected = {
        name: {
            *(Permission(path, "readwrite") for path in both),
            *(Permission(path, "read") for path in read),
            *(Permission(key, "read", prefix=False) for key in KEYS.get(name, ())),
        }
        for name, (both, read) in TABLE.items()
    }

    assert {preset.name: {*preset.permissions} for preset in PRESETS} == expected


def test_who_holds_the_role_root_is_few_and_none_takes_it_unasked() -> None:
    assert {preset.name: preset.by_name for preset in PRESETS if preset.root} == {
        "root": True,
        "backup": False,
        "kube-apiserver": True,
        "k3s": False,
    }


def test_only_those_who_come_through_the_gateway_have_a_password() -> None:
    assert {preset.name for preset in PRESETS if preset.login == PASSWORD} == {
        "patroni",
        "apisix",
        "openstack",
        "gateway",
    }


@pytest.mark.parametrize("user", [User("backup", "b"), User("gateway", "g"), User("k3s", "k")])
def test_a_name_alone_gives_no_role_root_and_takes_no_cn(user: User) -> None:
    assert presets.preset_of(user) is None
    assert presets.preset_of(replace(user, role=user.name)) == presets.find_preset(user.name)


def test_each_preset_says_where_it_is_from_and_each_permission_why() -> None:
    for preset in PRESETS:
        assert preset.source
        assert VERSION.search(preset.version), preset.name
        assert all(reason.why for reason in preset.reasons)


def test_a_misspelt_preset_is_met_with_the_one_that_was_meant() -> None:
    assert presets.preset_problem("calico") == ""
    assert (
        presets.preset_problem("calico-nod")
        == "`calico-nod` is not a preset; did you mean `calico-node`?"
    )
    assert presets.preset_problem("zzz") == "`zzz` is not a preset; `tls-scaffold roles` lists them"
