"""What the well-known users need, and how a misspelt preset is told."""

from tls_scaffold.inventory import presets
from tls_scaffold.inventory.clusterparts import Permission
from tls_scaffold.inventory.presets import PRESETS

R = "/calico/resources/v3/projectcalico.org/"
TABLE = {
    "root": ((), ()),
    "kube-apiserver": (("/registry/",), ()),
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
        ),
        (R,),
    ),
    "calico-cni": (
        ("/calico/ipam/v2/", f"{R}workloadendpoints/"),
        (f"{R}ippools/", f"{R}clusterinformations/", f"{R}nodes/", f"{R}ipreservations/"),
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
        ),
        ("/calico/ipam/v2/", R),
    ),
    "calicoctl": (("/calico/ipam/v2/", R), ()),
}


def test_each_preset_has_the_permissions_of_its_source_and_nothing_else() -> None:
    expected = {
        name: (
            *(Permission(path, "readwrite") for path in both),
            *(Permission(path, "read") for path in read),
        )
        for name, (both, read) in TABLE.items()
    }

    assert {preset.name: preset.permissions for preset in PRESETS} == expected


def test_root_and_the_one_who_compacts_hold_the_role_root() -> None:
    assert [preset.name for preset in PRESETS if preset.root] == ["root", "kube-apiserver"]


def test_each_preset_says_where_it_is_from_and_each_permission_why() -> None:
    for preset in PRESETS:
        assert preset.source
        assert preset.version
        assert all(reason.why for reason in preset.reasons)


def test_a_misspelt_preset_is_met_with_the_one_that_was_meant() -> None:
    assert presets.preset_problem("calico") == ""
    assert (
        presets.preset_problem("calico-nod")
        == "`calico-nod` is not a preset; did you mean `calico-node`?"
    )
    assert presets.preset_problem("zzz") == (
        "`zzz` is not a preset; there are `root`, `kube-apiserver`, `calico`, `calico-node`, "
        "`calico-cni`, "
        "`calico-kube-controllers`, `calicoctl-read-only`, `calicoctl-policy`, `calicoctl`"
    )
