import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Factory
from keeping import kept, kept_contents
from support import make, openssl, read, run

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")

SIGNS = "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
SERVES, ASKS = "serverAuth", "clientAuth"
EASYRSA = Path("/usr/share/easy-rsa")


def make_ca(pki: Path, name: str, *words: str, usages: str = SIGNS) -> None:
    """Make a CA as kubeadm does; words go to openssl."""
    path = pki / name
    path.parent.mkdir(parents=True, exist_ok=True)
    words = words or ("-nodes",)
    files = ("-keyout", f"{path}.key", "-out", f"{path}.crt")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    subject = ("-subj", f"/CN={path.name}-{pki.name}", "-addext", usages)
    openssl("req", "-x509", *curve, *words, "-days", "3650", *subject, *files)


def issue(
    pki: Path, name: str, ca: str, subject: str, *usages: str, hosts: str = "", days: int = 365
) -> None:
    """Sign a certificate with a CA of the folder."""
    path = pki / name
    names = f"subjectAltName={hosts}\n" if hosts else ""
    extensions = pki.parent / "extensions"
    extensions.write_text(
        "keyUsage=critical,digitalSignature,keyEncipherment\n"
        f"extendedKeyUsage={','.join(usages)}\n{names}"
    )
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    files = ("-keyout", f"{path}.key", "-out", f"{path}.csr")
    openssl("req", "-new", *curve, "-subj", subject, *files)
    signer = ("-CA", f"{pki / ca}.crt", "-CAkey", f"{pki / ca}.key", "-CAcreateserial")
    times = ("-days", str(days), "-extfile", str(extensions))
    openssl("x509", "-req", "-in", f"{path}.csr", "-out", f"{path}.crt", *signer, *times)
    path.with_suffix(".csr").unlink()


def kubeadm(parent: Path) -> Path:
    """Make what kubeadm leaves in /etc/kubernetes/pki."""
    pki = parent / "pki"
    for name in ("ca", "front-proxy-ca", "etcd/ca"):
        make_ca(pki, name)
    hosts = "DNS:node1,DNS:localhost,IP:192.0.2.1,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1"
    for name in ("etcd/server", "etcd/peer"):
        issue(pki, name, "etcd/ca", "/CN=node1", SERVES, ASKS, hosts=hosts)
    issue(pki, "etcd/healthcheck-client", "etcd/ca", "/O=masters/CN=kube-health", ASKS)
    issue(pki, "apiserver-etcd-client", "etcd/ca", "/O=a/O=b/CN=apiserver", ASKS, days=90)
    issue(pki, "apiserver", "ca", "/CN=kube-apiserver", SERVES, hosts="DNS:kubernetes")
    issue(pki, "front-proxy-client", "front-proxy-ca", "/CN=front-proxy-client", ASKS)
    openssl("genrsa", "-out", str(pki / "sa.key"), "2048")
    openssl("rsa", "-in", str(pki / "sa.key"), "-pubout", "-out", str(pki / "sa.pub"))
    return pki


def said_of(path: Path) -> tuple[object, ...]:
    """Return what is to stay the same when a certificate is signed again."""
    text = openssl("x509", "-noout", "-text", "-in", str(path))
    subject = openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", str(path))
    dates = openssl("x509", "-noout", "-dates", "-in", str(path)).split("\n")
    key = text.partition("Public-Key: ")[2].split()[0]
    parts = frozenset(subject.strip().removeprefix("subject=").replace("+", ",").split(","))
    found = read(path)
    return parts, set(found.sans), found.usages, found.extended, key, _hours(dates)


def _hours(dates: list[str]) -> int:
    def seconds(text: str) -> float:
        return float(run("date", "-d", text.partition("=")[2], "+%s").stdout)

    return round((seconds(dates[1]) - seconds(dates[0])) / 3600)


def states(folder: Path) -> dict[str, str]:
    lines = [line for line in kept(folder, "status").stdout.splitlines()[1:] if line[0] != " "]
    return {line.split()[0]: line.split()[-1] for line in lines}


def check_adopted(pki: Path, folder: Path, taken: dict[str, str]) -> str:
    """Adopt certificates, sync, and sign them again; return what adopting said.

    `taken` has the path of each in the folder of others, by the name of its component.
    """
    before = kept_contents(pki)
    folder.mkdir()
    said = kept(folder, "adopt", "--pki", str(pki)).stderr
    assert kept_contents(pki) == before
    there = {name: (folder / f"certs/{name}.pem").read_bytes() for name in ("ca", *taken)}
    kept(folder, "sync")
    assert states(folder) == dict.fromkeys(there, "valid")
    make(folder, SIGNER="cfssl")
    for name, content in there.items():
        assert (folder / f"certs/{name}.pem").read_bytes() == content
        assert (folder / f"certs/{name}-key.pem").stat().st_mode & 0o777 == 0o600
    for name in taken:
        (folder / f"certs/{name}.pem").unlink()
    make(folder, SIGNER="cfssl")
    assert {name: said_of(folder / f"certs/{name}.pem") for name in taken} == {
        name: said_of(pki / path) for name, path in taken.items()
    }
    assert (folder / "certs/ca.pem").read_bytes() == there["ca"]
    return said


def test_etcds_certificates_of_kubeadm_are_taken_and_signed_again_alike(tmp_path: Path) -> None:
    pki = kubeadm(tmp_path)
    taken = {
        "server": "etcd/server.crt",
        "peer-server": "etcd/peer.crt",
        "healthcheck-client": "etcd/healthcheck-client.crt",
        "apiserver-etcd-client": "apiserver-etcd-client.crt",
    }
    said = check_adopted(pki, tmp_path / "tls", taken)
    assert "copied etcd/ca.crt to certs/ca.pem\n" in said
    left = said.partition("note: not taken\n")[2].partition("next:")[0].splitlines()
    assert [line.strip() for line in left] == [
        "apiserver.crt: another CA signed it",
        "ca.crt: another CA of the folder",
        "front-proxy-ca.crt: another CA of the folder",
        "front-proxy-client.crt: another CA signed it",
        "sa.key: a key without a certificate",
        "sa.pub: holds a public key",
    ]
    document = json.loads((tmp_path / "tls/tls-scaffold.json").read_text())
    (member,) = document["members"]
    assert (member["name"], member["hosts"][:2], "peer" in member) == (
        "server",
        ["node1", "192.0.2.1"],
        True,
    )


def test_another_ca_of_the_folder_is_taken_where_it_is_named(tmp_path: Path) -> None:
    pki, path = kubeadm(tmp_path), tmp_path / "tls"
    path.mkdir()
    kept(path, "adopt", "--pki", str(pki), "--ca", "front-proxy-ca.crt")
    kept(path, "sync")
    assert states(path) == {"ca": "valid", "front-proxy-client": "valid"}

    shutil.rmtree(pki / "etcd")
    (tmp_path / "other").mkdir()
    refused = kept(tmp_path / "other", "adopt", "--pki", str(pki), code=1).stderr
    assert "there are 2 (`ca.crt`, `front-proxy-ca.crt`)\n\nhint: `--ca FILE` names one" in refused
    assert not any((tmp_path / "other").iterdir())


@pytest.mark.skipif(not EASYRSA.is_dir(), reason="easy-rsa is not installed")
def test_the_certificates_of_easy_rsa_are_taken_but_for_what_was_revoked(tmp_path: Path) -> None:
    rsa = shutil.copytree(EASYRSA, tmp_path / "rsa")
    sans = "--subject-alt-name=DNS:one.example.com,IP:192.0.2.7"
    for words in (
        ("init-pki",),
        ("build-ca", "nopass"),
        (sans, "build-serverClient-full", "one", "nopass"),
        ("build-client-full", "alice", "nopass"),
        ("build-client-full", "gone", "nopass"),
        ("revoke", "gone"),
        ("build-client-full", "late", "nopass"),
    ):
        done = run("./easyrsa", "--batch", "--use-algo=ec", "--curve=secp384r1", *words, cwd=rsa)
        assert done.returncode == 0, done.stderr
    key = rsa / "pki/private/late.key"
    openssl("ec", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", f"{key}.new")
    Path(f"{key}.new").rename(key)
    taken = {"one": "issued/one.crt", "alice": "issued/alice.crt"}
    said = check_adopted(rsa / "pki", tmp_path / "tls", taken)
    assert ".crt: it was revoked\n" in said
    assert "issued/late.crt: its key is not there, or can't be used\n" in said
    assert "private/late.key: the key is encrypted" in said


def _encrypt_key(pki: Path) -> None:
    make_ca(pki, "ca", "-passout", "pass:x")


def _leave_out_key(pki: Path) -> None:
    (pki / "ca.key").unlink()


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "no CA": (lambda pki: (pki / "ca.crt").unlink(), "which CA is meant can't be told"),
    "no key": (_leave_out_key, "the key of the CA `ca.crt` is not there, or can't be used"),
    "an encrypted key": (_encrypt_key, "ca.key: the key is encrypted"),
    "the way out": (
        _encrypt_key,
        "put it beside the CA in a copy of the folder, without a password",
    ),
    "nothing signed": (
        lambda pki: (pki / "m.crt").unlink(),
        "has signed nothing that can be taken",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_folder_whose_ca_can_not_sign_is_refused_and_nothing_is_written(
    case: str, tmp_path: Path
) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca")
    issue(pki, "m", "ca", "/CN=etcd", SERVES, ASKS, hosts="DNS:m")
    spoil, message = REFUSED[case]
    spoil(pki)
    path.mkdir()
    for words in ((), ("--ca", "ca.crt")):
        assert message in kept(path, "adopt", "--pki", str(pki), *words, code=1).stderr
    assert not any(path.iterdir())


def test_a_ca_of_an_openssl_script_is_valid_and_what_is_no_pem_is_told(tmp_path: Path) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca", "-nodes", usages="subjectKeyIdentifier=hash")
    issue(pki, "m", "ca", "/CN=etcd", SERVES, ASKS, hosts="DNS:m")
    openssl("x509", "-in", f"{pki}/m.crt", "-outform", "der", "-out", f"{pki}/n.der")
    openssl("ec", "-in", f"{pki}/m.key", "-outform", "der", "-out", f"{pki}/n.key")
    (pki / "p.pem").write_text("none")
    told = check_adopted(pki, path, {"m": "m.crt"})
    for name, held in (
        ("n.der", "a certificate in DER, and PEM alone is read"),
        ("n.key", "a private key in DER, and PEM alone is read"),
        ("p.pem", "no certificate and no key in PEM"),
    ):
        assert f"{name}: holds {held}\n" in told


def test_of_copies_of_a_certificate_one_is_taken_that_has_a_name(tmp_path: Path) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca")
    issue(pki, "m", "ca", "/CN=etcd", SERVES, ASKS, hosts="DNS:m")
    shutil.copy(pki / "m.crt", pki / "-first of all.crt")
    path.mkdir()
    kept(path, "adopt", "--pki", str(pki))
    assert (path / "certs/m.pem").read_text() == (pki / "m.crt").read_text()


def test_what_would_be_called_like_another_is_left_and_told(tmp_path: Path) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca")
    for name in ("a/b", "c/b", "x/A-b"):
        (pki / name).parent.mkdir()
        issue(pki, name, "ca", f"/CN={name[0]}", SERVES, ASKS, hosts=f"DNS:{name[0]}")
    path.mkdir()
    assert "missing: " not in kept(path, "adopt", "--pki", str(pki), "--dry-run").stderr
    told = kept(path, "adopt", "--pki", str(pki)).stderr
    assert [line.split()[:3] for line in told.splitlines()[:4]] == [
        ["NAME", "KIND", "CN"],
        ["ca", "ca", "ca-pki"],
        ["a-b", "member", "a"],
        ["c-b", "member", "c"],
    ]
    assert "x/A-b.crt: it would be called `A-b`, as `a/b.crt` is" in told
    assert (path / "certs/a-b.pem").read_text() == (pki / "a/b.crt").read_text()
    assert not (path / "certs/A-b.pem").exists()


def test_no_ca_and_no_key_is_written_over(tmp_path: Path, signed: Factory) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca")
    issue(pki, "m", "ca", "/CN=etcd", SERVES, ASKS, hosts="DNS:m")
    (path / "certs").mkdir(parents=True)
    (path / "certs/ca-key.pem").write_text("mine")
    before = kept_contents(path)
    refused = kept(path, "adopt", "--pki", str(pki), code=1).stderr
    assert "`certs/ca.pem` or its key is there, and is another one" in refused
    assert kept_contents(path) == before

    ours = signed()
    before = kept_contents(ours)
    assert "the folder has its inventory" in kept(ours, "adopt", "--pki", str(pki), code=1).stderr
    assert kept_contents(ours) == before


def test_a_dry_run_writes_nothing_and_what_a_killed_run_has_copied_is_no_matter(
    tmp_path: Path,
) -> None:
    pki, path = tmp_path / "pki", tmp_path / "tls"
    make_ca(pki, "ca")
    issue(pki, "m", "ca", "/CN=etcd", SERVES, ASKS, hosts="DNS:m")
    (pki / "link.crt").symlink_to(pki / "m.crt")
    path.mkdir()
    said = kept(path, "adopt", "--pki", str(pki), "--dry-run")
    assert "+++ b/tls-scaffold.json\n" in said.stdout
    assert "would copy m.crt to certs/m.pem\n" in said.stderr
    assert "link.crt: `link.crt` is a link" in said.stderr
    assert not any(path.iterdir())

    kept(path, "adopt", "--pki", str(pki))
    (path / "tls-scaffold.json").unlink()
    shutil.rmtree(path / ".tls-scaffold")
    (path / "certs/m.pem").unlink()
    kept(path, "adopt", "--pki", str(pki))
    kept(path, "sync")
    assert states(path) == {"ca": "valid", "m": "valid"}
