"""`tls-scaffold bundle --kubernetes` and `--kubeadm`: what kubectl and openssl find in it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters import P256
from conftest import Factory
from support import laid_out, openssl, run
from test_bundle_forms import bundle, public_of, public_of_key, with_peer

USERS = "kube-apiserver,calico,Alice_B.x"

pytestmark = pytest.mark.needs("make", "openssl", "cfssl")


@pytest.fixture
def path(signed: Factory) -> Path:
    return signed("--members", "10.0.0.1", "--users", USERS, *P256)


def document(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.needs("kubectl")
@pytest.mark.parametrize(
    ("name", "called"),
    [("etcd1", "etcd-etcd1"), ("calico", "etcd-calico"), ("Alice_B.x", "etcd-alice-b.x")],
)
def test_a_secret_is_what_kubectl_makes_of_the_pair_and_the_ca_beside_it(
    path: Path, tmp_path: Path, name: str, called: str
) -> None:
    bundle(path, name, "--kubernetes")

    def kubectl(*words: str) -> Any:
        done = run("kubectl", *words, "-o", "json", HOME=str(tmp_path), KUBECONFIG="/dev/null")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made, certs = path / "dist" / name, path / "certs"
    pair = (f"--cert={certs / name}.pem", f"--key={certs / name}-key.pem")
    expected = kubectl("create", "secret", "tls", called, *pair, "--dry-run=client")
    from_file = (f"--from-file=ca.crt={certs / 'ca.pem'}", "--dry-run=client")
    expected_ca = kubectl("create", "configmap", "etcd-ca", *from_file)
    for each in (expected, expected_ca):
        each["metadata"].pop("creationTimestamp", None)
    secret = document(made / f"{name}.secret.yaml")
    ca = secret["data"].pop("ca.crt")
    assert secret == expected
    assert document(made / "etcd-ca.configmap.yaml") == expected_ca
    assert ca == kubectl("create", "secret", "generic", "x", *from_file)["data"]["ca.crt"]
    # kubectl reads the manifests by its own types: bytes in base64, texts that are texts.
    for file in (made / f"{name}.secret.yaml", made / "etcd-ca.configmap.yaml"):
        kubectl("label", "--local", "-f", str(file), "a=b")


def test_every_form_hands_out_what_others_trust_and_not_what_signs(
    signed: Factory, path: Path
) -> None:
    """While one CA follows another there are two of them in it."""
    other = signed("--members", "10.0.0.9", *P256, name="other")
    both = (other / "certs/ca.pem").read_text() + (path / "certs/ca.pem").read_text()
    (path / "certs/trust.pem").write_text(both)

    bundle(path, "calico", "kube-apiserver", "--kubernetes", "--kubeadm")

    dist = path / "dist"
    for name in ("calico", "kube-apiserver"):
        assert (dist / name / "ca.pem").read_text() == both
        assert document(dist / name / "etcd-ca.configmap.yaml")["data"]["ca.crt"] == both
        secret = document(dist / name / f"{name}.secret.yaml")
        assert base64.b64decode(secret["data"]["ca.crt"]).decode() == both
    assert (dist / "kube-apiserver/pki/etcd/ca.crt").read_text() == both
    secret = document(dist / "calico/calico-etcd-secrets.yaml")
    assert base64.b64decode(secret["data"]["etcd-ca"]).decode() == both


def test_each_manifest_with_a_key_begins_with_a_word_about_committing_it(path: Path) -> None:
    bundle(path, "--kubernetes", "--kubeadm")

    said = "# A private key is in this file: never commit it.\n"
    manifests = [
        file
        for file in (path / "dist").rglob("*.y*ml")
        if not file.is_symlink() and document(file).get("kind") == "Secret"
    ]
    assert sorted(file.name for file in manifests) == sorted(
        [
            "calico-etcd-secrets.yaml",
            *(f"{name}.secret.yaml" for name in ("etcd1", *USERS.split(","))),
        ]
    )
    assert all(file.read_text().startswith(said) for file in manifests)
    assert all(
        "namespace" not in document(file)["metadata"]
        for file in manifests
        if ".secret." in file.name
    )


def test_components_that_would_have_one_secret_are_all_told_and_nothing_is_made(
    signed: Factory,
) -> None:
    folder = signed("--members", "a-b=10.0.0.1", "--users", "a_b,x.y,x.y_", *P256)

    done = bundle(folder, "--kubernetes", code=1)

    assert done.stderr == (
        "error: no bundle is made in these forms\n"
        "  `a-b` and `a_b` would have one Secret, `etcd-a-b`\n"
        "  `x.y` and `x.y_` would have one Secret, `etcd-x.y`\n\n"
        "hint: make such bundles in runs of their own, for namespaces of their own\n"
    )
    assert not (folder / "dist").exists()
    bundle(folder, "a_b", "x.y_", "--kubernetes")
    bundle(folder)


def test_a_member_s_second_certificate_has_a_secret_and_kubeadm_s_name_for_peers(
    tmp_path: Path,
) -> None:
    folder = with_peer(tmp_path)

    bundle(folder, "--kubernetes", "--kubeadm")

    dist, certs = folder / "dist", folder / "certs"
    assert document(dist / "m/peer-m.secret.yaml")["metadata"] == {"name": "etcd-peer-m"}
    pairs = {
        "m/pki/etcd/server": "m",
        "m/pki/etcd/peer": "peer-m",
        "n/pki/etcd/server": "n",
        "n/pki/etcd/peer": "n",
    }
    for made, name in pairs.items():
        assert (dist / f"{made}.crt").read_bytes() == (certs / f"{name}.pem").read_bytes()
        assert (dist / f"{made}.key").read_bytes() == (certs / f"{name}-key.pem").read_bytes()
    # The user with the preset has a name of its own, and its files lie elsewhere.
    client = dist / "u/pki/apiserver-etcd-client"
    assert client.with_suffix(".crt").read_bytes() == (folder / "old/x.pem").read_bytes()
    assert public_of_key(client.with_suffix(".key").read_bytes()) == public_of(
        client.with_suffix(".crt")
    )
    for name in ("m", "n", "u"):
        assert (dist / f"{name}/pki/etcd/ca.crt").read_bytes() == (certs / "ca.pem").read_bytes()


def test_kubeadm_finds_what_its_configuration_names(path: Path) -> None:
    bundle(path, "kube-apiserver", "--kubeadm")

    made = path / "dist/kube-apiserver"
    settings = document(made / "kubeadm-etcd.yaml")
    external = settings["etcd"].pop("external")
    assert settings == {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "etcd": {},
    }
    assert external.pop("endpoints") == ["https://10.0.0.1:2379"]
    ca, certificate, key = (
        made / external[field].removeprefix("/etc/kubernetes/")
        for field in ("caFile", "certFile", "keyFile")
    )
    assert {str(file.relative_to(made)) for file in (ca, certificate, key)} == {
        path for path in laid_out(made) if path.startswith("pki/")
    }
    openssl("verify", "-CAfile", str(ca), "-purpose", "sslclient", str(certificate))
    assert public_of_key(key.read_bytes()) == public_of(certificate)


def test_kubeadm_for_those_alone_that_it_has_no_place_for_is_a_usage_error(path: Path) -> None:
    done = bundle(path, "calico", "Alice_B.x", "--kubeadm", code=2)

    assert done.stderr == (
        "error: --kubeadm: kubeadm has no place for the files of `calico`, `Alice_B.x`\n\n"
        "hint: it has one for members and for a user with the preset `kube-apiserver`\n"
    )
    assert not (path / "dist").exists()
    bundle(path, "calico", "etcd1", "--kubeadm")
    assert not (path / "dist/calico/pki").exists()
