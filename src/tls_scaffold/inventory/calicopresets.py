"""Presets for Calico's components: each by what its code reads and writes."""

from tls_scaffold.inventory.presetparts import PASSWORD, Preset, Setting, both, read

RESOURCES = "/calico/resources/v3/projectcalico.org/"
IPAM = "/calico/ipam/v2/"
GUIDE = "docs.tigera.io/calico/latest/reference/etcd-rbac"
PATHS = f"{GUIDE}/calico-etcdv3-paths"
VERSIONS = "Calico 3.25 to 3.32 and main of August 2026"
NO_COMPACTION = Setting(
    "COMPACTION_PERIOD",
    "0",
    "kube-controllers can't compact without root; etcd's members do",
    "`etcdV3CompactionPeriod: 0s` in a KubeControllersConfiguration",
)
TIERS = both(
    f"{RESOURCES}tiers/",
    "since 3.29 the default tiers are made at each start; etcd refuses it even where they exist",
)
PRESETS = (
    Preset(
        "calico",
        f"{GUIDE}/kubernetes",
        VERSIONS,
        (both("/calico/", "one user for all of Calico: everything that it keeps"),),
        settings=(NO_COMPACTION,),
    ),
    Preset(
        "calico-node",
        f"{PATHS}; node/pkg/lifecycle/startup, node/pkg/status, clientv3/client.go",
        VERSIONS,
        (
            both("/calico/felix/v1/", "status reports of Felix"),
            both("/calico/felix/v2/", "status reports of Felix for each region"),
            both(IPAM, "addresses of the node's tunnels are taken and given back"),
            both(
                f"{RESOURCES}felixconfigurations/",
                "the default configuration is made where there is none",
            ),
            both(f"{RESOURCES}nodes/", "the node registers itself"),
            both(f"{RESOURCES}workloadendpoints/", "endpoints of the node's workloads are kept up"),
            both(
                f"{RESOURCES}clusterinformations/",
                "the cluster's information is made where there is none",
            ),
            both(f"{RESOURCES}ippools/", "the default address pools are made where there are none"),
            TIERS,
            both(
                f"{RESOURCES}bgpconfigurations/",
                "since 3.32 the default BGP configuration is made at each start",
            ),
            both(
                f"{RESOURCES}ipamconfigurations/",
                "after 3.32 the default IPAM configuration is made at each start",
            ),
            both(
                f"{RESOURCES}caliconodestatuses/",
                "the node's status is written where such a resource asks for it",
            ),
            read(
                RESOURCES, "Felix and confd follow policies, profiles, endpoints and BGP settings"
            ),
        ),
    ),
    Preset(
        "felix",
        "felix/config, libcalico-go: lib/backend/syncersv1/felixsyncer; felix/statusrep",
        VERSIONS,
        (
            both("/calico/felix/v1/", "its status reports"),
            both("/calico/felix/v2/", "its status reports for each region"),
            both(f"{RESOURCES}nodes/", "the WireGuard key of its node"),
            read(RESOURCES, "it follows policies, profiles, endpoints and configuration"),
            read(IPAM, "it follows the blocks of addresses, for their routes"),
        ),
    ),
    Preset(
        "typha",
        "libcalico-go: lib/backend/syncersv1 (felix, bgp, tunnelip, nodestatus)",
        VERSIONS,
        (
            read(RESOURCES, "it follows all resources for the nodes that it serves"),
            read(IPAM, "it follows the blocks of addresses, for their routes"),
        ),
    ),
    Preset(
        "calico-cni",
        f"{PATHS}; cni-plugin/pkg/ipamplugin, cni-plugin/pkg/plugin",
        VERSIONS,
        (
            both(IPAM, "an address is taken for each workload and given back"),
            both(
                f"{RESOURCES}workloadendpoints/",
                "the endpoint of each workload is made and removed",
            ),
            both(
                f"{RESOURCES}profiles/",
                "a profile for each network, where its configuration has no policy type `k8s`",
            ),
            read(f"{RESOURCES}ippools/", "the pools that addresses are taken from"),
            read(f"{RESOURCES}clusterinformations/", "whether the datastore is ready"),
            read(f"{RESOURCES}nodes/", "the node that the workload runs on"),
            read(f"{RESOURCES}ipreservations/", "since 3.22 addresses that are not to be given"),
            read(
                f"{RESOURCES}blockaffinities/",
                "since 3.31 they are listed before the first address is given",
            ),
            read(
                f"{RESOURCES}ipamconfigurations/",
                "since 3.32; where it is refused the setting is silently ignored",
            ),
        ),
    ),
    Preset(
        "calico-kube-controllers",
        f"{PATHS}; kube-controllers/cmd, clientv3/client.go",
        VERSIONS,
        (
            both(IPAM, "addresses of nodes that are gone are given back"),
            both(f"{RESOURCES}profiles/", "a profile for each namespace and service account"),
            both(f"{RESOURCES}networkpolicies/", "Kubernetes' network policies are copied"),
            both(
                f"{RESOURCES}nodes/", "labels of nodes are copied, nodes that are gone are removed"
            ),
            both(f"{RESOURCES}clusterinformations/", "the cluster's information is kept up"),
            both(f"{RESOURCES}hostendpoints/", "a host endpoint for each node, where asked for"),
            both(f"{RESOURCES}kubecontrollersconfigurations/", "its own configuration and status"),
            both(f"{RESOURCES}workloadendpoints/", "labels of workloads are kept up"),
            TIERS,
            read(RESOURCES, "everything else that it compares with Kubernetes"),
        ),
        settings=(NO_COMPACTION,),
    ),
    Preset(
        "calicoctl-read-only",
        PATHS,
        VERSIONS,
        (
            read(IPAM, "`calicoctl ipam show`"),
            read(RESOURCES, "`calicoctl get` of every resource"),
        ),
    ),
    Preset(
        "calicoctl-policy",
        f"{PATHS}; libcalico-go: lib/backend/model/resource.go",
        VERSIONS,
        (
            both(f"{RESOURCES}globalnetworkpolicies/", "policies of the whole cluster are edited"),
            both(f"{RESOURCES}globalnetworksets/", "sets of networks that these policies name"),
            both(f"{RESOURCES}networkpolicies/", "policies of a namespace are edited"),
            both(f"{RESOURCES}networksets/", "sets of networks that these policies name"),
            both(f"{RESOURCES}profiles/", "profiles are edited"),
            both(
                f"{RESOURCES}stagedglobalnetworkpolicies/",
                "since 3.30 policies are tried out before they count",
            ),
            both(f"{RESOURCES}stagednetworkpolicies/", "the same for a namespace"),
            both(f"{RESOURCES}stagedkubernetesnetworkpolicies/", "the same for Kubernetes' own"),
            read(IPAM, "`calicoctl ipam show`"),
            read(RESOURCES, "`calicoctl get` of every resource, tiers among them"),
        ),
    ),
    Preset(
        "calicoctl",
        PATHS,
        VERSIONS,
        (
            both(IPAM, "`calicoctl ipam` shows, releases and checks addresses"),
            both(RESOURCES, "every resource is read and edited"),
        ),
    ),
    Preset(
        "openstack",
        "networking-calico: networking_calico/datamodel_v1.py to v3.py, etcdv3.py",
        "Calico main of August 2026",
        (
            both(f"{RESOURCES}workloadendpoints/", "an endpoint for each port"),
            both(f"{RESOURCES}networkpolicies/", "a policy for each security group"),
            both(f"{RESOURCES}profiles/", "profiles of older versions are cleared away"),
            both(f"{RESOURCES}livemigrations/", "ports that move to another host"),
            both(f"{RESOURCES}clusterinformations/", "the cluster's information is kept up"),
            both(f"{RESOURCES}felixconfigurations/", "the default configuration is kept up"),
            both("/calico/dhcp/", "subnets for the DHCP agents"),
            both("/calico/openstack/", "which of several Neutron servers is the first"),
            read("/calico/felix/v2/", "the status of ports and of agents"),
        ),
        settings=(
            Setting(
                "etcd_compaction_period_mins",
                "0",
                "in `[calico]` of `neutron.conf`: it can't compact without root; etcd's members do",
            ),
        ),
        asks_status=True,
        login=PASSWORD,
        by_name=False,
    ),
)
