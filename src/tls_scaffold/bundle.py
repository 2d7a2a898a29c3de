"""What each consumer of a certificate reads: its folder's files as {path: text}."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tls_scaffold.inventory import MEMBERS_CN, Component, Inventory
from tls_scaffold.rbac import CLIENT_PORT, bracketed, endpoints, first_host
from tls_scaffold.words import canonical_address

PEER_PORT = 2380
SECRET_FOLDER = "/calico-secrets"  # noqa: S105  (where Calico's manifests mount the Secret)
UNIT_FOLDER = "/var/lib/etcd"
HOMES = {"kube-apiserver": "/etc/kubernetes/pki/etcd", "calico": "/etc/calico/certs"}


@dataclass(frozen=True)
class Pems:
    """The texts that a component holds: its certificate, its key, and the CA's certificate."""

    certificate: str
    key: str
    ca: str


@dataclass(frozen=True)
class Paths:
    """Where a consumer finds the three files; a folder that is empty leaves them relative to their own."""

    name: str
    home: str = ""

    def __call__(self, file: str) -> str:
        """Return the path of one of the files."""
        return f"{self.home}/{file}" if self.home else file

    @property
    def ca(self) -> str:
        """The CA's certificate."""
        return self("ca.pem")

    @property
    def certificate(self) -> str:
        """The component's own certificate."""
        return self(f"{self.name}.pem")

    @property
    def key(self) -> str:
        """The key of that certificate."""
        return self(f"{self.name}-key.pem")


def files(inventory: Inventory, component: Component, preset: str, pems: Pems, home: str = "") -> dict[str, str]:
    """Return the text of each file of a component's bundle.

    `preset` is the user's, or empty; it says which consumer reads the bundle. `home` is the folder
    that the consumer will have it in; if empty, the consumer's usual one, and the bundle itself for
    what is read in place (`etcd.conf.yml`, etcdctl, calicoctl).
    """
    name = component.name
    return {
        f"{name}.pem": pems.certificate,
        f"{name}-key.pem": pems.key,
        "ca.pem": pems.ca,
        **_settings(inventory, component, preset, pems, home),
    }


def _settings(inventory: Inventory, component: Component, preset: str, pems: Pems, home: str) -> dict[str, str]:
    here = Paths(component.name, home)
    if component.kind == "member":
        return _member(inventory, component, here)
    if component.kind == "proxy":
        return {"grpc-proxy.flags": _proxy(inventory, here)}
    made = {"etcdctl.env": _etcdctl(inventory, here)}
    if preset == "kube-apiserver":
        made["kube-apiserver.flags"] = _kube_apiserver(inventory, Paths(component.name, home or HOMES[preset]))
    if preset.startswith("calico"):
        made |= _calico(inventory, preset, pems, here, Paths(component.name, home or HOMES["calico"]))
    return made


def _member(inventory: Inventory, component: Component, paths: Paths) -> dict[str, str]:
    return {
        "etcd.conf.yml": _yaml(_member_settings(inventory, component, paths)),
        "etcd.service.d/tls-scaffold.conf": _lines(
            f"# The bundle lies in {paths.home or UNIT_FOLDER}; this file in /etc/systemd/system/etcd.service.d",
            "[Service]",
            f"WorkingDirectory={paths.home or UNIT_FOLDER}",
            "ExecStart=",
            "ExecStart=/usr/bin/etcd --config-file=etcd.conf.yml",
        ),
    }


def _member_settings(inventory: Inventory, component: Component, paths: Paths) -> dict[str, Any]:
    listening = [host for host in component.hosts if canonical_address(host)] or ["0.0.0.0"]  # noqa: S104
    own = first_host(component.hosts)
    everybody = (f"{member.name}={_url(first_host(member.hosts), PEER_PORT)}" for member in inventory.members)
    security = {"cert-file": paths.certificate, "key-file": paths.key, "client-cert-auth": True}
    return {
        "name": component.name,
        "data-dir": f"{UNIT_FOLDER}/{component.name}.etcd" if paths.home else f"{component.name}.etcd",
        "listen-client-urls": _urls(listening, CLIENT_PORT),
        "advertise-client-urls": _url(own, CLIENT_PORT),
        "listen-peer-urls": _urls(listening, PEER_PORT),
        "initial-advertise-peer-urls": _url(own, PEER_PORT),
        "initial-cluster": ",".join(everybody),
        "initial-cluster-state": "new",
        "client-transport-security": {**security, "trusted-ca-file": paths.ca},
        "peer-transport-security": {**security, "trusted-ca-file": paths.ca, "allowed-cn": MEMBERS_CN},
    }


def _proxy(inventory: Inventory, paths: Paths) -> str:
    return _lines(
        f"--endpoints={_joined(inventory)}",
        f"--cert-file={paths.certificate}",
        f"--key-file={paths.key}",
        f"--trusted-ca-file={paths.ca}",
        f"--cacert={paths.ca}",
    )


def _etcdctl(inventory: Inventory, paths: Paths) -> str:
    return _lines(
        "ETCDCTL_API=3",
        f"ETCDCTL_ENDPOINTS={_joined(inventory)}",
        f"ETCDCTL_CACERT={paths.ca}",
        f"ETCDCTL_CERT={paths.certificate}",
        f"ETCDCTL_KEY={paths.key}",
    )


def _kube_apiserver(inventory: Inventory, paths: Paths) -> str:
    return _lines(
        f"--etcd-servers={_joined(inventory)}",
        f"--etcd-cafile={paths.ca}",
        f"--etcd-certfile={paths.certificate}",
        f"--etcd-keyfile={paths.key}",
        "--etcd-prefix=/registry",
    )


def _calico(inventory: Inventory, preset: str, pems: Pems, here: Paths, there: Paths) -> dict[str, str]:
    made = {
        "calico.env": _lines(
            f"ETCD_ENDPOINTS={_joined(inventory)}",
            f"ETCD_CA_CERT_FILE={there.ca}",
            f"ETCD_CERT_FILE={there.certificate}",
            f"ETCD_KEY_FILE={there.key}",
        )
    }
    if preset == "calico" or preset.startswith("calicoctl"):
        made["calicoctl.cfg"] = _yaml(_calicoctl(inventory, here))
    if not preset.startswith("calicoctl"):
        made["calico-etcd-secrets.yaml"] = _yaml(_secret(pems))
        made["calico-config.patch.yaml"] = _yaml({"data": _config_map(inventory)})
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
            "etcdEndpoints": _joined(inventory),
            "etcdCACertFile": paths.ca,
            "etcdCertFile": paths.certificate,
            "etcdKeyFile": paths.key,
        },
    }


def _secret(pems: Pems) -> dict[str, Any]:
    texts: Mapping[str, str] = {"etcd-ca": pems.ca, "etcd-cert": pems.certificate, "etcd-key": pems.key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "calico-etcd-secrets", "namespace": "kube-system"},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()},
    }


def _config_map(inventory: Inventory) -> dict[str, str]:
    return {
        "etcd_endpoints": _joined(inventory),
        "etcd_ca": f"{SECRET_FOLDER}/etcd-ca",
        "etcd_cert": f"{SECRET_FOLDER}/etcd-cert",
        "etcd_key": f"{SECRET_FOLDER}/etcd-key",
    }


def _cni(inventory: Inventory, paths: Paths) -> dict[str, str]:
    return {
        "etcd_endpoints": _joined(inventory),
        "etcd_ca_cert_file": paths.ca,
        "etcd_cert_file": paths.certificate,
        "etcd_key_file": paths.key,
    }


def _joined(inventory: Inventory) -> str:
    return ",".join(endpoints(inventory))


def _url(host: str, port: int) -> str:
    return f"https://{bracketed(host)}:{port}"


def _urls(hosts: Iterable[str], port: int) -> str:
    return ",".join(_url(host, port) for host in hosts)


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _yaml(document: Mapping[str, Any]) -> str:
    import yaml

    # One line for each base64 text, however long.
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=float("inf")))
