"""What Calico's components and calicoctl read."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from tls_scaffold.bundles.settings import HOLDS_KEY, Paths, Pems, joined, lines, to_yaml
from tls_scaffold.inventory.values import Inventory

SECRET = "calico-etcd-secrets.yaml"  # noqa: S105 - a file's name
SECRET_FOLDER = "/calico-secrets"  # noqa: S105  (where Calico's manifests mount the Secret)


def files(
    inventory: Inventory, preset: str, pems: Pems, here: Paths, there: Paths
) -> dict[str, str]:
    """Return what the consumer of a Calico preset reads; `here` is the bundle, `there` its usual place on a host."""
    made = {
        "calico.env": lines(
            f"ETCD_ENDPOINTS={joined(inventory)}",
            f"ETCD_CA_CERT_FILE={there.ca}",
            f"ETCD_CERT_FILE={there.certificate}",
            f"ETCD_KEY_FILE={there.key}",
        )
    }
    if preset == "calico" or preset.startswith("calicoctl"):
        made["calicoctl.cfg"] = to_yaml(_calicoctl(inventory, here))
    if not preset.startswith("calicoctl"):
        made[SECRET] = HOLDS_KEY + to_yaml(_secret(pems))
        made["calico-config.patch.yaml"] = to_yaml({"data": _config_map(inventory)})
    if preset in ("calico", "calico-cni"):
        made["cni.json"] = json.dumps(_cni(inventory, there), indent=2) + "\n"
    return made


def _calicoctl(inventory: Inventory, paths: Paths) -> dict[str, Any]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "CalicoAPIConfig",
        "metadata": {},
        "spec": {
            "datastoreType": "etcdv3",
            "etcdEndpoints": joined(inventory),
            "etcdCACertFile": paths.ca,
            "etcdCertFile": paths.certificate,
            "etcdKeyFile": paths.key,
        },
    }


def _secret(pems: Pems) -> dict[str, Any]:
    texts: Mapping[str, str] = {
        "etcd-ca": pems.ca,
        "etcd-cert": pems.certificate,
        "etcd-key": pems.key,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "calico-etcd-secrets", "namespace": "kube-system"},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()},
    }


def _config_map(inventory: Inventory) -> dict[str, str]:
    return {
        "etcd_endpoints": joined(inventory),
        "etcd_ca": f"{SECRET_FOLDER}/etcd-ca",
        "etcd_cert": f"{SECRET_FOLDER}/etcd-cert",
        "etcd_key": f"{SECRET_FOLDER}/etcd-key",
    }


def _cni(inventory: Inventory, paths: Paths) -> dict[str, str]:
    return {
        "etcd_endpoints": joined(inventory),
        "etcd_ca_cert_file": paths.ca,
        "etcd_cert_file": paths.certificate,
        "etcd_key_file": paths.key,
    }
