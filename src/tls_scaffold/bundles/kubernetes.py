"""What a workload in Kubernetes mounts: Secrets for pairs, ConfigMaps for the CA and the list."""

import base64
from collections import defaultdict
from collections.abc import Iterable

from tls_scaffold.bundles.settings import HOLDS_KEY, LIST, Pems, to_yaml

PREFIX = "etcd-"
CA_MAP, PEER_CA_MAP = "etcd-ca", "etcd-peer-ca"
LIST_MAP = "etcd-crl"


def kubernetes_files(name: str, pems: Pems, ca_map: str) -> dict[str, str]:
    """Return the manifests of a component's pair and of its CA, whose ConfigMap is `ca_map`.

    They name no namespace: `kubectl -n` does. The Secret is what `kubectl create secret tls` makes,
    and `ca.crt` as cert-manager and ingress controllers have it.
    """
    contents = {"tls.crt": pems.certificate, "tls.key": pems.key, "ca.crt": pems.ca}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": object_name(name)},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in contents.items()},
    }
    trusted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ca_map},
        "data": {"ca.crt": pems.ca},
    }
    return {
        f"{name}.secret.yaml": HOLDS_KEY + to_yaml(secret),
        f"{ca_map}.configmap.yaml": to_yaml(trusted),
    }


def list_files(der: bytes) -> dict[str, str]:
    """Return the manifest of the list of what members refuse.

    Where the whole ConfigMap is mounted, without `subPath`, the kubelet replaces it by one rename.
    """
    listed = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": LIST_MAP},
        "binaryData": {LIST: base64.b64encode(der).decode()},
    }
    return {f"{LIST_MAP}.configmap.yaml": to_yaml(listed)}


def object_name(name: str) -> str:
    """Return what a component's Secret is called: `etcd-` and its name as an RFC 1123 subdomain.

    Capitals become small letters and `_` becomes `-`; what a label can't begin or end with is left
    out.
    """
    labels = (label.strip("-") for label in name.lower().replace("_", "-").split("."))
    return PREFIX + ".".join(filter(None, labels))


def name_problems(names: Iterable[str]) -> list[str]:
    """Say which components would have Secrets of one name, a line each."""
    components = defaultdict(list)
    for name in dict.fromkeys(names):
        components[object_name(name)].append(f"`{name}`")
    return [
        f"{' and '.join(those)} would have one Secret, `{secret}`"
        for secret, those in components.items()
        if len(those) > 1
    ]
