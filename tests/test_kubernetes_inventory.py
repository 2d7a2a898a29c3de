"""docs/kubernetes.md: its inventory signs what kubeadm signs, read by openssl."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from checking import finds_nothing
from support import make, openssl, read, tls_scaffold, verify

DOCUMENT = (Path(__file__).parents[1] / "docs/kubernetes.md").read_text(encoding="utf-8")
SERVES, ASKS = "TLS Web Server Authentication", "TLS Web Client Authentication"
ADMINS, NODES = "O=kubeadm:cluster-admins", "O=system:nodes"
CLIENTS = {
    "admin": (ADMINS, "CN=kubernetes-admin"),
    "super-admin": ("O=system:masters", "CN=kubernetes-super-admin"),
    "controller-manager": ("CN=system:kube-controller-manager",),
    "scheduler": ("CN=system:kube-scheduler",),
    "kubelet-cp1": (NODES, "CN=system:node:cp1"),
    "kubelet-worker-1": (NODES, "CN=system:node:worker-1"),
    "apiserver-kubelet-client": (ADMINS, "CN=kube-apiserver-kubelet-client"),
    "apiserver-etcd-client": ("CN=kube-apiserver-etcd-client",),
    "healthcheck-client": ("CN=kube-etcd-healthcheck-client",),
}
API_SERVER = {
    *(f"DNS:kubernetes{end}" for end in ("", ".default", ".default.svc")),
    *("DNS:kubernetes.default.svc.cluster.local", "DNS:cp1"),
    *("IP Address:10.96.0.1", "IP Address:10.0.0.1"),
}
SERVERS = {
    "apiserver": (("CN=kube-apiserver",), API_SERVER, (SERVES,)),
    "kubelet-server-worker-1": (
        (NODES, "CN=system:node:worker-1"),
        {"DNS:worker-1", "IP Address:10.0.0.11"},
        (SERVES,),
    ),
    "etcd1": (
        ("CN=etcd",),
        {"DNS:localhost", "DNS:cp1", "IP Address:127.0.0.1", "IP Address:10.0.0.1"},
        (SERVES, ASKS),
    ),
}
pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")


def subject(certificate: Path) -> tuple[str, ...]:
    """Return the parts of a subject in their order, as openssl reads them."""
    words = ("-noout", "-subject", "-nameopt", "sep_multiline,utf8,sname", "-in", str(certificate))
    return tuple(line.strip() for line in openssl("x509", *words).splitlines()[1:])


def days(certificate: Path) -> int:
    dates = openssl("x509", "-noout", "-dates", "-in", str(certificate))
    begin, end = (
        datetime.strptime(line.partition("=")[2], "%b %d %H:%M:%S %Y %Z")  # noqa: DTZ007
        for line in dates.splitlines()
    )
    return (end - begin).days


def test_the_inventory_of_the_document_signs_what_kubeadm_signs(
    tmp_path: Path, either_signer: str
) -> None:
    block = re.search(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert block
    (tmp_path / "kubernetes.yaml").write_text(block[1])
    made = tls_scaffold("new", "--from", "kubernetes.yaml", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "tls-setup"
    make(folder, SIGNER=either_signer)

    certs = folder / "certs"
    assert subject(certs / "ca.pem") == ("CN=kubernetes",)
    for name, names in CLIENTS.items():
        certificate = read(certs / f"{name}.pem")
        assert subject(certs / f"{name}.pem") == names
        assert (certificate.sans, certificate.extended) == ((), (ASKS,)), name
    for name, (names, sans, extended) in SERVERS.items():
        certificate = read(certs / f"{name}.pem")
        assert subject(certs / f"{name}.pem") == names
        assert (set(certificate.sans), certificate.extended) == (sans, extended), name
    for name in (*CLIENTS, *SERVERS):
        verify(folder, f"certs/{name}.pem")
        assert days(certs / f"{name}.pem") == (90 if name == "super-admin" else 365), name
        text = openssl("x509", "-noout", "-text", "-in", str(certs / f"{name}.pem"))
        assert "Public-Key: (2048 bit)" in text
    assert tls_scaffold("status", cwd=folder).returncode == 0
    assert finds_nothing(tls_scaffold("check", cwd=folder))
