"""Presets for other well-known clients of etcd, by the prefixes that they have by default."""

from tls_scaffold.inventory.presetparts import PASSWORD, Preset, both, read, read_key

PRESETS = (
    Preset(
        "coredns",
        "CoreDNS: plugin/etcd/etcd.go",
        "CoreDNS 1.14.7",
        (
            read("/skydns/", "the records, under `path` of the Corefile"),
            read_key("/skydns", "a record of the zone `.` itself"),
        ),
    ),
    Preset(
        "external-dns",
        "external-dns: provider/coredns/coredns.go",
        "external-dns 0.22.0",
        (both("/skydns/", "the records that CoreDNS reads, under `--coredns-prefix`"),),
    ),
    Preset(
        "flannel",
        "flannel: pkg/subnet/etcd/registry.go",
        "flannel 0.28.9",
        (
            read_key("/coreos.com/network/config", "the network that subnets are cut from"),
            both(
                "/coreos.com/network/subnets", "the subnet of each host, with a lease: listed bare"
            ),
        ),
    ),
    Preset(
        "cilium",
        "Cilium: pkg/kvstore/kvstore.go, pkg/kvstore/etcd.go",
        "Cilium 1.20.2",
        (both("cilium/", "identities, nodes, services, locks and the heartbeat"),),
        asks_status=True,
    ),
    Preset(
        "traefik",
        "Traefik: pkg/provider/kv/kv.go, kvtools/etcdv3: etcd.go",
        "Traefik 3.7.9",
        (read("traefik", "the configuration, under `rootKey`: it is listed and watched bare"),),
    ),
    Preset(
        "vault",
        "Vault: physical/etcd/etcd3.go",
        "Vault 1.21.4",
        (both("/vault/", "everything that Vault stores, and its lock"),),
    ),
    Preset(
        "patroni",
        "Patroni: patroni/dcs/etcd3.py",
        "Patroni 4.1.5",
        (both("/service/", "each cluster's leader, members and history, under `namespace`"),),
        login=PASSWORD,
    ),
    Preset(
        "apisix",
        "APISIX: apisix/core/config_etcd.lua, apisix/core/etcd.lua, apisix/cli/etcd.lua",
        "APISIX 3.18.0",
        (both("/apisix", "routes, services and consumers, under `prefix`: it is read bare"),),
        login=PASSWORD,
    ),
    Preset(
        "gateway",
        "etcd: server/embed/serve.go, the HTTP gateway below `/v3`",
        "etcd 3.4 to 3.7",
        login=PASSWORD,
        by_name=False,
    ),
)
