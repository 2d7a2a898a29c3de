"""What well-known users really ask of etcd, from their code: each step, and what etcd must say.

The functions are the transactions of Calico's client (libcalico-go/lib/backend/etcdv3), of etcd's
own lock (client/v3/concurrency), and of the others' code that a preset names as its source.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

Version = tuple[int, ...]
Verdict = Callable[[Version], bool]
LEASE, REVISION = "{lease}", "{revision}"  # stand for what etcd gave last
R = "/calico/resources/v3/projectcalico.org/"
COMPACTOR = "compact_rev_key"


def always(_version: Version) -> bool:
    return True


def never(_version: Version) -> bool:
    return False


def before_root_alone_compacts(version: Version) -> bool:
    """Tell whether everybody may compact: up to CVE-2026-33413."""
    fixed: dict[Version, Version] = {(3, 4): (3, 4, 42), (3, 5): (3, 5, 28), (3, 6): (3, 6, 9)}
    return version < fixed.get(version[:2], (3, 7))


def where_status_is_open(version: Version) -> bool:
    """Tell whether everybody may ask a member for its Status."""
    closed: tuple[tuple[Version, Version], ...] = (
        ((3, 4, 42), (3, 5)),
        ((3, 5, 28), (3, 5, 32)),
        ((3, 6, 0), (3, 6, 12)),
    )
    return not any(first <= version < opened for first, opened in closed)


@dataclass(frozen=True)
class Step:
    """A command of etcdctl, what it reads, and on which versions etcd lets it through."""

    words: tuple[str, ...]
    text: str = ""
    allowed: Verdict = always

    @property
    def is_watch(self) -> bool:
        """Whether it goes on until it is ended."""
        return self.words[0] == "watch"


def refused(*steps: Step) -> tuple[Step, ...]:
    """Return the steps as those that etcd must refuse on every version."""
    return tuple(replace(step, allowed=never) for step in steps)


def get(key: str) -> Step:
    return Step(("get", "--", key))


def listed(prefix: str) -> Step:
    return Step(("get", "--prefix", "--", prefix))


def put(key: str) -> Step:
    return Step(("put", "--", key, "v"))


def leased(key: str) -> Step:
    return Step(("put", f"--lease={LEASE}", "--", key, "v"))


def delete(key: str) -> Step:
    return Step(("del", "--", key))


def delete_all(prefix: str) -> Step:
    return Step(("del", "--prefix", "--", prefix))


def watch(key: str) -> Step:
    return Step(("watch", "--rev=1", key))


def watch_all(prefix: str) -> Step:
    return Step(("watch", "--prefix", "--prev-kv", "--rev=1", prefix))


def txn(condition: str, then: str, otherwise: str = "") -> Step:
    return Step(("txn",), f"{condition}\n\n{then}\n\n{otherwise}\n\n")


def create(key: str) -> Step:
    """Return Calico's Create: also where the key exists etcd asks for the right to write it."""
    return txn(f'ver("{key}") = "0"', f"put {key} v", f"get {key}")


def update(key: str) -> Step:
    """Return Calico's Update, and that of kube-apiserver and kine."""
    return txn(f'mod("{key}") = "{REVISION}"', f"put {key} v", f"get {key}")


def remove(key: str) -> Step:
    """Return Calico's Delete."""
    return txn(f'mod("{key}") = "{REVISION}"', f"del {key} --prev-kv", f"get {key}")


def compact() -> tuple[Step, ...]:
    """Return what kube-apiserver's compactor does, which Calico's kube-controllers have too."""
    return (
        txn(f'ver("{COMPACTOR}") = "0"', f"put {COMPACTOR} 0", f"get {COMPACTOR}"),
        get(COMPACTOR),
        watch(COMPACTOR),
        Step(("compaction", "1")),
    )


def may_not_compact() -> tuple[Step, ...]:
    first, *_, last = compact()
    return (*refused(first), replace(last, allowed=before_root_alone_compacts))


def lock(path: str) -> tuple[Step, ...]:
    """Return what etcd's own lock does: a session, a key of its lease, the wait, and the end."""
    key = f"{path}/1"
    return (
        grant(),
        txn(
            f'c("{key}") = "0"', f"put {key} v --lease={LEASE}\nget --prefix {path}/", f"get {key}"
        ),
        watch_all(key),
        keep_alive(),
        delete(key),
        revoke(),
    )


def grant() -> Step:
    return Step(("lease", "grant", "600"))


def keep_alive() -> Step:
    return Step(("lease", "keep-alive", "--once", LEASE))


def time_to_live() -> Step:
    return Step(("lease", "timetolive", LEASE))


def revoke() -> Step:
    return Step(("lease", "revoke", LEASE))


STATUS = Step(("endpoint", "status"), allowed=where_status_is_open)
MEMBERS = Step(("member", "list"))


def ensure_initialized() -> tuple[Step, ...]:
    """Return Calico's EnsureInitialized (libcalico-go/lib/clientv3/client.go)."""
    tiers = ("default", "kube-admin", "kube-baseline")
    return (
        get(f"{R}clusterinformations/default"),
        create(f"{R}clusterinformations/default"),
        update(f"{R}clusterinformations/default"),
        *(create(f"{R}tiers/{tier}") for tier in tiers),
    )


def assign_address() -> tuple[Step, ...]:
    """Return what Calico's IPAM does for one address (libcalico-go/lib/ipam)."""
    block = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26"
    affinity = "/calico/ipam/v2/host/node1/ipv4/block/10.0.0.0-26"
    handle = "/calico/ipam/v2/handle/one"
    return (
        get("/calico/ipam/v2/config/"),
        listed(f"{R}ippools/"),
        listed(f"{R}ipreservations/"),
        listed("/calico/ipam/v2/host/node1/ipv4/block/"),
        create(affinity),
        create(block),
        update(affinity),
        create(handle),
        update(block),
        remove(handle),
    )


def follow(*prefixes: str) -> tuple[Step, ...]:
    """Return how a syncer of Calico follows resources: a list, then a watch."""
    return tuple(step(prefix) for prefix in prefixes for step in (listed, watch_all))


def edit(key: str) -> tuple[Step, ...]:
    """Return what Calico's client does to one resource in its life."""
    return (create(key), get(key), update(key), remove(key))


NODE_FOLLOWS = follow(
    *(
        f"{R}{kind}/"
        for kind in (
            "bgppeers",
            "bgpconfigurations",
            "bgpfilters",
            "globalnetworkpolicies",
            "hostendpoints",
            "networksets",
            "nodes",
            "profiles",
            "tiers",
            "workloadendpoints",
        )
    ),
    "/calico/ipam/v2/assignment/",
)
KUBERNETES = (
    get("/registry/health"),
    Step(("get", "--prefix", "--keys-only", "--limit=500", "--", "/registry/pods/")),
    create("/registry/pods/default/a"),
    update("/registry/pods/default/a"),
    watch_all("/registry/pods/"),
    grant(),
    leased("/registry/events/default/a"),
    txn(
        'mod("/registry/masterleases/10.0.0.1") = "0"',
        f"put /registry/masterleases/10.0.0.1 v --lease={LEASE}",
        "get /registry/masterleases/10.0.0.1",
    ),
    remove("/registry/pods/default/a"),
)
FOREIGN = refused(get("/foreign"), listed("/"), put("/foreign"), watch_all("/"))

SCRIPTS: dict[str, tuple[Step, ...]] = {
    "root": (put("/foreign"), listed("/"), *compact(), Step(("user", "list"))),
    "kube-apiserver": (*KUBERNETES, *compact(), Step(("endpoint", "status"))),
    "kube-apiserver-restricted": (*KUBERNETES, STATUS, *may_not_compact(), *FOREIGN),
    "k3s": (
        *KUBERNETES,
        *compact(),
        listed("/bootstrap"),
        txn('mod("/bootstrap/0123") = "0"', "put /bootstrap/0123 v"),
        update("/bootstrap/0123"),
        remove("/bootstrap/0123"),
    ),
    "backup": (
        Step(("snapshot", "save", "{scratch}")),
        Step(("defrag",)),
        Step(("endpoint", "status")),
    ),
    "monitoring": FOREIGN,
    "calico": (
        *ensure_initialized(),
        *assign_address(),
        *edit(f"{R}networkpolicies/default/one"),
        *follow(R),
        *may_not_compact(),
        *FOREIGN,
    ),
    "calico-node": (
        *ensure_initialized(),
        *edit(f"{R}nodes/node1"),
        create(f"{R}felixconfigurations/default"),
        create(f"{R}ippools/default-ipv4-ippool"),
        create(f"{R}bgpconfigurations/default"),
        create(f"{R}ipamconfigurations/default"),
        get(f"{R}caliconodestatuses/one"),
        update(f"{R}caliconodestatuses/one"),
        *assign_address(),
        *edit(f"{R}workloadendpoints/default/one"),
        *NODE_FOLLOWS,
        grant(),
        leased("/calico/felix/v1/host/node1/status"),
        leased("/calico/felix/v2/no-region/host/node1/workload/k8s/one/endpoint/eth0"),
        delete_all("/calico/felix/v2/no-region/host/node1/"),
        *refused(
            create(f"{R}globalnetworkpolicies/one"),
            create(f"{R}networkpolicies/default/one"),
            create(f"{R}profiles/one"),
            create(f"{R}hostendpoints/one"),
        ),
        *FOREIGN,
    ),
    "felix": (
        get(f"{R}clusterinformations/default"),
        *follow(R, "/calico/ipam/v2/"),
        update(f"{R}nodes/node1"),
        grant(),
        leased("/calico/felix/v1/host/node1/status"),
        put("/calico/felix/v1/host/node1/last_reported_status"),
        leased("/calico/felix/v2/no-region/host/node1/workload/k8s/one/endpoint/eth0"),
        listed("/calico/felix/v2/no-region/host/node1/"),
        *refused(create(f"{R}tiers/default"), put("/calico/ipam/v2/handle/one")),
        *FOREIGN,
    ),
    "typha": (
        get(f"{R}clusterinformations/default"),
        *follow(R, "/calico/ipam/v2/"),
        *NODE_FOLLOWS,
        *refused(update(f"{R}nodes/node1"), put("/calico/ipam/v2/handle/one")),
        *FOREIGN,
    ),
    "calico-cni": (
        get(f"{R}clusterinformations/default"),
        get(f"{R}nodes/node1"),
        listed(f"{R}blockaffinities/"),  # UpgradeHost
        get(f"{R}ipamconfigurations/default"),
        *assign_address(),
        *edit(f"{R}workloadendpoints/default/one"),
        *edit(f"{R}profiles/one"),
        *refused(
            update(f"{R}nodes/node1"),
            create(f"{R}tiers/default"),
            create(f"{R}ippools/one"),
            get(f"{R}networkpolicies/default/one"),
        ),
        *FOREIGN,
    ),
    "calico-kube-controllers": (
        *ensure_initialized(),
        *follow(R, "/calico/ipam/v2/"),
        *edit(f"{R}profiles/kns.default"),
        *edit(f"{R}networkpolicies/default/knp.default.one"),
        *edit(f"{R}nodes/node1"),
        *edit(f"{R}hostendpoints/node1-auto-hep"),
        create(f"{R}kubecontrollersconfigurations/default"),
        update(f"{R}workloadendpoints/default/one"),
        remove("/calico/ipam/v2/handle/one"),
        *may_not_compact(),
        *refused(create(f"{R}globalnetworkpolicies/one"), put("/calico/felix/v1/one")),
        *FOREIGN,
    ),
    "calicoctl-read-only": (
        *follow(R),
        listed("/calico/ipam/v2/"),
        *refused(create(f"{R}tiers/default"), put("/calico/ipam/v2/handle/one")),
        *FOREIGN,
    ),
    "calicoctl-policy": (
        *(
            step
            for kind in ("", "staged")
            for name in ("globalnetworkpolicies/one", "networkpolicies/default/one")
            for step in edit(f"{R}{kind}{name}")
        ),
        *edit(f"{R}stagedkubernetesnetworkpolicies/default/one"),
        *edit(f"{R}globalnetworksets/one"),
        *edit(f"{R}networksets/default/one"),
        *edit(f"{R}profiles/one"),
        get(f"{R}tiers/default"),
        listed("/calico/ipam/v2/"),
        *refused(create(f"{R}tiers/mine"), update(f"{R}nodes/node1")),
        *FOREIGN,
    ),
    "calicoctl": (
        *edit(f"{R}tiers/mine"),
        *edit(f"{R}nodes/node1"),
        *assign_address(),
        *refused(put("/calico/felix/v1/one")),
        *FOREIGN,
    ),
    "coredns": (
        listed("/skydns/com/example/"),
        get("/skydns/com/example"),
        listed("/skydns/"),
        get("/skydns"),
        *refused(put("/skydns/com/example/a"), listed("/skydns")),
        *FOREIGN,
    ),
    "external-dns": (
        listed("/skydns/"),
        get("/skydns/com/example/a"),
        put("/skydns/com/example/a"),
        delete_all("/skydns/com/example/a"),
        delete("/skydns/com/example/a"),
        *FOREIGN,
    ),
    "flannel": (
        get("/coreos.com/network/config"),
        listed("/coreos.com/network/subnets"),
        grant(),
        txn(
            'ver("/coreos.com/network/subnets/10.1.1.0-24") = "0"',
            f"put /coreos.com/network/subnets/10.1.1.0-24 v --lease={LEASE}",
        ),
        leased("/coreos.com/network/subnets/10.1.1.0-24"),
        time_to_live(),
        watch_all("/coreos.com/network/subnets"),
        watch_all("/coreos.com/network/subnets/10.1.1.0-24"),
        delete("/coreos.com/network/subnets/10.1.1.0-24"),
        revoke(),
        *refused(put("/coreos.com/network/config")),
        *FOREIGN,
    ),
    "cilium": (
        *lock("cilium/.initlock/7f"),
        STATUS,
        listed("cilium/.heartbeat"),
        watch_all("cilium/.heartbeat"),
        grant(),
        leased("cilium/state/nodes/v1/default/node1"),
        txn(
            'ver("cilium/state/identities/v1/id/1000") = "0"',
            f"put cilium/state/identities/v1/id/1000 v --lease={LEASE}",
            "get cilium/state/identities/v1/id/1000",
        ),
        watch_all("cilium/state/nodes/v1/"),
        put("cilium/cluster-config/default"),
        delete_all("cilium/state/services/v1/"),
        *FOREIGN,
    ),
    "traefik": (
        get("traefik/qmslkjdfmqlskdjfmqlksjazcueznbvbwzlkajzebvkwjdcqmlsfj"),
        listed("traefik"),
        watch_all("traefik"),
        *refused(put("traefik/http/routers/a/rule")),
        *FOREIGN,
    ),
    "vault": (
        MEMBERS,
        listed("/vault/"),
        put("/vault/core/seal-config"),
        get("/vault/core/seal-config"),
        listed("/vault/sys/"),
        *lock("/vault/core/lock"),
        grant(),
        leased("/vault/core/lock/1"),
        listed("/vault/core/lock"),
        delete("/vault/core/seal-config"),
        *FOREIGN,
    ),
    "patroni": (
        MEMBERS,
        listed("/service/batman/"),
        grant(),
        keep_alive(),
        txn(
            'c("/service/batman/leader") = "0"',
            f"put /service/batman/leader v --lease={LEASE}",
        ),
        leased("/service/batman/members/one"),
        watch_all("/service/batman/"),
        txn('mod("/service/batman/leader") = "1"', "del /service/batman/leader"),
        delete_all("/service/batman/"),
        *FOREIGN,
    ),
    "apisix": (
        put("/apisix/routes/"),
        listed("/apisix"),
        listed("/apisix/routes/"),
        get("/apisix/"),
        watch_all("/apisix/"),
        grant(),
        leased("/apisix/data_plane/server_info/one"),
        keep_alive(),
        txn('mod("/apisix/routes/1") = "0"', "put /apisix/routes/1 v"),
        delete("/apisix/routes/1"),
        *FOREIGN,
    ),
    "openstack": (
        STATUS,
        replace(compact()[-1], allowed=before_root_alone_compacts),
        get(f"{R}clusterinformations/default"),
        put(f"{R}clusterinformations/default"),
        put(f"{R}felixconfigurations/default"),
        listed(f"{R}workloadendpoints/"),
        put(f"{R}workloadendpoints/openstack-region-one/one"),
        txn(
            f'mod("{R}workloadendpoints/openstack-region-one/one") = "1"',
            f"del {R}workloadendpoints/openstack-region-one/one",
        ),
        put(f"{R}networkpolicies/openstack-region-one/ossg.default.one"),
        put(f"{R}livemigrations/openstack-region-one/one"),
        delete_all(f"{R}profiles/openstack-sg-"),
        put("/calico/dhcp/v2/region-one/subnet/one"),
        grant(),
        leased("/calico/openstack/v2/region-one/neutron_election"),
        watch_all("/calico/felix/v2/region-one/host/"),
        *refused(put("/calico/felix/v2/region-one/host/one"), get(f"{R}nodes/node1")),
        *FOREIGN,
    ),
    "gateway": FOREIGN,
}
