"""The forms in which consumers take their settings: names, paths, lines, variables, YAML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from tls_scaffold.inventory.presets import find_preset
from tls_scaffold.inventory.urls import endpoints
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.paths import CRL, KEY_ENDING

Names = tuple[str, str, str, str]
"""What a client of etcd calls the members' URLs, the CA's certificate, its own, and its key."""
ETCDCTL: Names = ("ETCDCTL_ENDPOINTS", "ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY")
KUBE_APISERVER: Names = ("--etcd-servers", "--etcd-cafile", "--etcd-certfile", "--etcd-keyfile")
CALICO: Names = ("ETCD_ENDPOINTS", "ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE")
EXTERNAL_DNS: Names = ("ETCD_URLS", "ETCD_CA_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE")
FELIX: Names = (
    "FELIX_ETCDENDPOINTS",
    "FELIX_ETCDCAFILE",
    "FELIX_ETCDCERTFILE",
    "FELIX_ETCDKEYFILE",
)
FLANNEL: Names = ("--etcd-endpoints", "--etcd-cafile", "--etcd-certfile", "--etcd-keyfile")
K3S: Names = (
    "--datastore-endpoint",
    "--datastore-cafile",
    "--datastore-certfile",
    "--datastore-keyfile",
)
TRAEFIK: Names = (
    "--providers.etcd.endpoints",
    "--providers.etcd.tls.ca",
    "--providers.etcd.tls.cert",
    "--providers.etcd.tls.key",
)
TYPHA: Names = (
    "TYPHA_ETCDENDPOINTS",
    "TYPHA_ETCDCAFILE",
    "TYPHA_ETCDCERTFILE",
    "TYPHA_ETCDKEYFILE",
)
PLAIN = re.compile(r"[A-Za-z0-9_./:=,@%+\[\]-]+", re.ASCII)
OUR_TRUST, PEER_TRUST = "ca.pem", "peer-ca.pem"
"""What a bundle calls the CAs that its owner trusts, and those that peers trust alone."""
LIST = PurePosixPath(CRL).name
"""And the list of what a member refuses."""
DIST = "dist"
TAR = ".tar.gz"
HOLDS_KEY = "# A private key is in this file: never commit it.\n"
WITH_CERTIFICATES = (
    *(".pem", ".p12", ".crt", ".key", ".der"),
    *(".secret.yaml", ".configmap.yaml", "calico-etcd-secrets.yaml"),
)
"""How the names of files end that hold keys, certificates or the list; others are settings."""


@dataclass(frozen=True)
class Pems:
    """The texts that a component holds: its certificate, its key, and the CA's certificate."""

    certificate: str
    key: str
    ca: str


@dataclass(frozen=True)
class Paths:
    """Where a consumer finds the three files: the CA's certificate, its own, and its key.

    A member may have a fourth, the list of what it refuses; empty without.
    """

    ca: str
    certificate: str
    key: str
    crl: str = ""


def holds_certificates(path: str) -> bool:
    """Tell whether a bundle's file holds keys, certificates or the list, and changes with them."""
    return path.endswith(WITH_CERTIFICATES)


def paths_in(home: str, name: str, trust: str = OUR_TRUST, crl: str = "") -> Paths:
    """Return the paths of a component's files in the folder `home`.

    Where that is empty the consumer is started there. `name` is that of the pair without `.pem`,
    `trust` that of the CA's certificate, `crl` that of the list where there is one.
    """
    files = (trust, f"{name}.pem", f"{name}{KEY_ENDING}", crl)
    return Paths(*(f"{home}/{file}" if home and file else file for file in files))


def joined_endpoints(inventory: Inventory) -> str:
    """Return the members' URLs as every consumer takes them."""
    return ",".join(endpoints(inventory))


def client_settings(names: Names, inventory: Inventory, paths: Paths) -> dict[str, str]:
    """Return what a client is told, under its own names."""
    values = (joined_endpoints(inventory), paths.ca, paths.certificate, paths.key)
    return dict(zip(names, values, strict=True))


def further_settings(preset: str) -> dict[str, str]:
    """Return what a preset's software has to be told besides, so that its permissions suffice."""
    found = find_preset(preset)
    return {setting.name: setting.value for setting in found.settings} if found else {}


def assignments(settings: Mapping[str, str]) -> str:
    """Return a line `name=value` for each setting."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def variables(values: Mapping[str, str]) -> str:
    """Return a line for each variable, which a shell and systemd's EnvironmentFile read alike."""
    return assignments({name: _quoted(value) for name, value in values.items()})


def _quoted(value: str) -> str:
    """Leave plain words as they are: docker's --env-file takes quotes for a part of the value."""
    if PLAIN.fullmatch(value):
        return value
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def to_yaml(document: Mapping[str, object]) -> str:
    """Return a document as YAML, in its own order; each text on one line, however long."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what PyYAML takes for text and others do not: `1e3`, `y`; lines stay lines."""

        def represent_text(self, text: str) -> yaml.ScalarNode:
            style = None
            if text in ("y", "n", "Y", "N") or text.startswith(tuple("+-.0123456789")):
                style = "'"
            if "\n" in text:
                style = "|"
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return str(
        yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))
    )
