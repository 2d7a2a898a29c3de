"""Presets for etcd's own administration, and for what Kubernetes keeps there."""

from tls_scaffold.inventory.presetparts import NOBODY, Preset, Setting, both

KUBERNETES = "Kubernetes 1.35 to 1.37"
API_SERVER = "k8s.io/apiserver: pkg/storage/etcd3/compact.go, pkg/storage/storagebackend/factory"
REGISTRY = both("/registry/", "every object of the Kubernetes API is kept here")
COMPACTION = (
    "compaction: `compact_rev_key` lies outside `/registry/`, "
    "and from etcd 3.4.42, 3.5.28 and 3.6.9 on (CVE-2026-33413) Compact itself needs root; "
    "if nobody compacts, etcd fills its quota and goes read-only"
)
RESTRICTED = "kube-apiserver-restricted"
PRESETS = (
    Preset(
        "root",
        "etcd.io/docs/latest/op-guide/authentication/rbac",
        "etcd 3.4 to 3.7",
        root="etcd's own administrator: manages users and roles, and may do everything",
    ),
    Preset(
        "backup",
        "etcd: server/etcdserver/api/v3rpc/maintenance.go",
        "etcd 3.4 to 3.7",
        root="Snapshot and Defragment are for root alone: whoever has its key may do everything",
        by_name=False,
    ),
    Preset(
        "monitoring",
        "etcd: server/etcdserver/api/etcdhttp",
        "etcd 3.4 to 3.7",
        login=NOBODY,
    ),
    Preset("kube-apiserver", API_SERVER, KUBERNETES, (REGISTRY,), COMPACTION, RESTRICTED),
    Preset(
        RESTRICTED,
        API_SERVER,
        KUBERNETES,
        (REGISTRY,),
        settings=(
            Setting(
                "--etcd-compaction-interval",
                "0",
                "it can't compact without root; etcd's members do",
            ),
        ),
        asks_status=True,
    ),
    Preset(
        "k3s",
        "k3s: pkg/cluster/storage.go, kine: pkg/client/client.go",
        "kine 0.17.5, with which k3s speaks to etcd",
        (
            REGISTRY,
            both("/bootstrap", "CAs and keys of the cluster, under `/bootstrap/`: listed bare"),
        ),
        root=COMPACTION,
        by_name=False,
    ),
)
