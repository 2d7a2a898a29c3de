"""What well-known users of etcd need there: one preset each, every permission with its reason."""

from dataclasses import dataclass

from tls_scaffold.inventory.clusterparts import Permission
from tls_scaffold.spelling import did_you_mean

ROOT = "root"
RESOURCES = "/calico/resources/v3/projectcalico.org/"
GUIDE = "docs.tigera.io/calico/latest/reference/etcd-rbac"
KUBERNETES = f"{GUIDE}/kubernetes, `--etcd-prefix` of kube-apiserver, and CVE-2026-33413"
CALICO = f"{GUIDE}/calico-etcdv3-paths"
CORRECTED = f"{CALICO}, corrected from the code"
CALICO_VERSION = "Calico 3.32"


@dataclass(frozen=True)
class Reason:
    """A permission of a preset, and what it is needed for."""

    permission: Permission
    why: str


@dataclass(frozen=True)
class Preset:
    """A role with its permissions, and where they are written down.

    `root` says why the user holds etcd's role root besides; empty where it does not. `version` is
    what the permissions were compared with.
    """

    name: str
    source: str
    version: str
    reasons: tuple[Reason, ...] = ()
    root: str = ""

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The permissions alone."""
        return tuple(reason.permission for reason in self.reasons)


def find_preset(name: str) -> Preset | None:
    """Return the preset of that name, None if there is none."""
    return _BY_NAME.get(name)


def preset_problem(name: str) -> str:
    """Say that no preset is called `name`, and which was meant; empty if one is."""
    if name in _BY_NAME:
        return ""
    advice = (
        did_you_mean(name, _BY_NAME) or f"; there are {', '.join(f'`{each}`' for each in _BY_NAME)}"
    )
    return f"`{name}` is not a preset{advice}"


def _both(path: str, why: str) -> Reason:
    return Reason(Permission(path, "readwrite"), why)


def _read(path: str, why: str) -> Reason:
    return Reason(Permission(path, "read"), why)


PRESETS = (
    Preset(
        "root",
        "etcd.io/docs/latest/op-guide/authentication/rbac",
        "etcd 3.4 to 3.6",
        root="etcd's own administrator: manages users and roles, and may do everything",
    ),
    Preset(
        "kube-apiserver",
        KUBERNETES,
        f"Kubernetes 1.35, {CALICO_VERSION}",
        (_both("/registry/", "every object of the Kubernetes API is kept here"),),
        root="compaction: `compact_rev_key` lies outside `/registry/`, "
        "and from etcd 3.4.42, 3.5.28 and 3.6.9 on (CVE-2026-33413) Compact itself needs root; "
        "if nobody compacts, etcd fills its quota and goes read-only",
    ),
    Preset(
        "calico",
        f"{GUIDE}/kubernetes",
        CALICO_VERSION,
        (_both("/calico/", "one user for all of Calico: everything that it keeps"),),
    ),
    Preset(
        "calico-node",
        CALICO,
        CALICO_VERSION,
        (
            _both("/calico/felix/v1/", "status reports of Felix"),
            _both("/calico/felix/v2/", "status reports of Felix for each region"),
            _both("/calico/ipam/v2/", "addresses of the node's tunnels are taken and given back"),
            _both(
                f"{RESOURCES}felixconfigurations/",
                "the default configuration is made where there is none",
            ),
            _both(f"{RESOURCES}nodes/", "the node registers itself"),
            _both(
                f"{RESOURCES}workloadendpoints/", "endpoints of the node's workloads are kept up"
            ),
            _both(
                f"{RESOURCES}clusterinformations/",
                "the cluster's information is made where there is none",
            ),
            _both(
                f"{RESOURCES}ippools/", "the default address pools are made where there are none"
            ),
            _read(
                RESOURCES, "Felix and confd follow policies, profiles, endpoints and BGP settings"
            ),
        ),
    ),
    Preset(
        "calico-cni",
        CORRECTED,
        CALICO_VERSION,
        (
            _both("/calico/ipam/v2/", "an address is taken for each workload and given back"),
            _both(
                f"{RESOURCES}workloadendpoints/",
                "the endpoint of each workload is made and removed",
            ),
            _read(f"{RESOURCES}ippools/", "the pools that addresses are taken from"),
            _read(f"{RESOURCES}clusterinformations/", "whether the datastore is ready"),
            _read(f"{RESOURCES}nodes/", "the node that the workload runs on"),
            _read(
                f"{RESOURCES}ipreservations/",
                "addresses that are not to be given, since 3.22 (from the code)",
            ),
        ),
    ),
    Preset(
        "calico-kube-controllers",
        CORRECTED,
        CALICO_VERSION,
        (
            _both("/calico/ipam/v2/", "addresses of nodes that are gone are given back"),
            _both(f"{RESOURCES}profiles/", "a profile for each namespace and service account"),
            _both(f"{RESOURCES}networkpolicies/", "Kubernetes' network policies are copied"),
            _both(
                f"{RESOURCES}nodes/", "labels of nodes are copied, nodes that are gone are removed"
            ),
            _both(f"{RESOURCES}clusterinformations/", "the cluster's information is kept up"),
            _both(f"{RESOURCES}hostendpoints/", "a host endpoint for each node, where asked for"),
            _both(f"{RESOURCES}kubecontrollersconfigurations/", "its own configuration and status"),
            _both(
                f"{RESOURCES}workloadendpoints/", "labels of workloads are kept up (from the code)"
            ),
            _read(RESOURCES, "everything else that it compares with Kubernetes"),
        ),
    ),
    Preset(
        "calicoctl-read-only",
        CALICO,
        CALICO_VERSION,
        (
            _read("/calico/ipam/v2/", "`calicoctl ipam show`"),
            _read(RESOURCES, "`calicoctl get` of every resource"),
        ),
    ),
    Preset(
        "calicoctl-policy",
        CALICO,
        CALICO_VERSION,
        (
            _both(f"{RESOURCES}globalnetworkpolicies/", "policies of the whole cluster are edited"),
            _both(f"{RESOURCES}globalnetworksets/", "sets of networks that these policies name"),
            _both(f"{RESOURCES}networkpolicies/", "policies of a namespace are edited"),
            _both(f"{RESOURCES}networksets/", "sets of networks that these policies name"),
            _both(f"{RESOURCES}profiles/", "profiles are edited"),
            _read("/calico/ipam/v2/", "`calicoctl ipam show`"),
            _read(RESOURCES, "`calicoctl get` of every resource"),
        ),
    ),
    Preset(
        "calicoctl",
        CALICO,
        CALICO_VERSION,
        (
            _both("/calico/ipam/v2/", "`calicoctl ipam` shows, releases and checks addresses"),
            _both(RESOURCES, "every resource is read and edited"),
        ),
    ),
)
_BY_NAME = {preset.name: preset for preset in PRESETS}
