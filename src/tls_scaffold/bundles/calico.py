"""What Calico's components and calicoctl read."""

import base64
import json
from collections.abc import Mapping

from tls_scaffold.bundles.settings import (
    CALICO,
    HOLDS_KEY,
    Paths,
    Pems,
    assignments,
    client_settings,
    further_settings,
    joined_endpoints,
    to_yaml,
)
from tls_scaffold.inventory.values import Inventory

SECRET = "calico-etcd-secrets.yaml"  # noqa: S105 - a file's name
SECRET_FOLDER = "/calico-secrets"  # noqa: S105  (where Calico's manifests mount the Secret)
CALICOCTL = ("etcdEndpoints", "etcdCACertFile", "etcdCertFile", "etcdKeyFile")
CNI = ("etcd_endpoints", "etcd_ca_cert_file", "etcd_cert_file", "etcd_key_file")


def calico_files(
    inventory: Inventory, preset: str, pems: Pems, here: Paths, there: Paths
) -> dict[str, str]:
    """Return what the consumer of a Calico preset reads.

    `here` is the bundle, `there` its usual place on a host.
    """
    further = further_settings(preset)
    variables = {**client_settings(CALICO, inventory, there), **further}
    made = {"calico.env": assignments(variables)}
    if preset == "calico" or preset.startswith("calicoctl"):
        made["calicoctl.cfg"] = to_yaml(_calicoctl(inventory, here))
    if not preset.startswith("calicoctl"):
        made[SECRET] = HOLDS_KEY + to_yaml(_secret(pems))
        made["calico-config.patch.yaml"] = to_yaml({"data": _config_map(inventory)})
    if further:
        made["calico-kube-controllers.patch.yaml"] = to_yaml(_deployment(further))
    if preset in ("calico", "calico-cni"):
        made["cni.json"] = json.dumps(client_settings(CNI, inventory, there), indent=2) + "\n"
    return made


def _calicoctl(inventory: Inventory, paths: Paths) -> dict[str, object]:
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "CalicoAPIConfig",
        "metadata": {},
        "spec": {"datastoreType": "etcdv3", **client_settings(CALICOCTL, inventory, paths)},
    }


def _secret(pems: Pems) -> dict[str, object]:
    texts = {"etcd-ca": pems.ca, "etcd-cert": pems.certificate, "etcd-key": pems.key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "calico-etcd-secrets", "namespace": "kube-system"},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()},
    }


def _deployment(variables: Mapping[str, str]) -> dict[str, object]:
    """Return a patch for `kubectl -n kube-system patch deployment calico-kube-controllers`."""
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    container = {"name": "calico-kube-controllers", "env": environment}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def _config_map(inventory: Inventory) -> dict[str, str]:
    return {
        "etcd_endpoints": joined_endpoints(inventory),
        "etcd_ca": f"{SECRET_FOLDER}/etcd-ca",
        "etcd_cert": f"{SECRET_FOLDER}/etcd-cert",
        "etcd_key": f"{SECRET_FOLDER}/etcd-key",
    }
