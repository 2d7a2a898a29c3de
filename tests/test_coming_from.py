"""The pages of docs/coming-from/: real folders of others are taken over, block by block."""

import shutil
from pathlib import Path

import pytest

from keeping import foreign
from pages import DOCS, Reader, blocks_of
from support import contents, make, openssl, run
from test_adopt_pki import EASYRSA, kubeadm
from test_adopt_scripts import run_script, scripted

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "git")


def pems(folder: Path) -> dict[str, bytes]:
    """Return the certificates and keys of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.pem"))}


def test_tls_setup(tmp_path: Path) -> None:
    adopted, looked, back = blocks_of("coming-from/tls-setup.md", "test_tls_setup")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "cfssl-json").symlink_to(shutil.which("cfssljson") or "")
    folder = foreign("2015", tmp_path)
    ann = Reader(folder, variables={"HOME": str(tmp_path)})
    ann.types(
        "$ git init -q && git add -A\n"
        "$ git -c user.name=x -c user.email=x@example.com commit -qm 'by hand'\n"
    )
    make(folder, "ca", "req")
    before = {name: text for name, text in contents(folder).items() if name[:5] != ".git/"}

    ann.types(adopted)
    assert (
        pems(folder / "certs").items()
        >= {Path(name).name: text for name, text in before.items() if name.endswith(".pem")}.items()
    )
    # An old folder has its certs/ as wide as the umask let it.
    (folder / "certs").chmod(0o755)
    ann.types(looked)

    left, again = back.splitlines(keepends=True)
    ann.types(left)
    there = {
        name: text
        for name, text in contents(folder).items()
        if not name.startswith(("archive/", ".git/"))
    }
    added = {name for name in there if name not in before}
    assert added <= {"certs/.gitignore", "certs/trust.pem"}
    assert {name: text for name, text in there.items() if name in before} == before
    ann.types(again)
    assert (folder / "certs/ca.pem").read_bytes() != before["certs/ca.pem"]


def test_shell_script(tmp_path: Path) -> None:
    adopted, looked = blocks_of("coming-from/shell-script.md", "test_shell_script")
    folder = scripted("heredocs", tmp_path / "tls")
    run_script(folder)
    before = contents(folder)
    ann = Reader(folder)
    ann.types(adopted + looked)
    after = contents(folder)
    kept = [name for name in before if name.endswith((".pem", ".sh"))]
    assert len(kept) > 3
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def easy_rsa(parent: Path) -> Path:
    """Make a PKI with the real easy-rsa: a member, a client, and one that was revoked."""
    made = shutil.copytree(EASYRSA, parent / "easy-rsa")
    hosts = "--subject-alt-name=DNS:etcd1.example.com,IP:10.0.0.1"
    for words in (
        ("init-pki",),
        ("build-ca", "nopass"),
        (hosts, "build-serverClient-full", "etcd1", "nopass"),
        ("build-client-full", "alice", "nopass"),
        ("build-client-full", "gone", "nopass"),
        ("revoke", "gone"),
    ):
        done = run("./easyrsa", "--batch", "--use-algo=ec", "--curve=prime256v1", *words, cwd=made)
        assert done.returncode == 0, done.stdout + done.stderr
    return made / "pki"


@pytest.mark.needs("easyrsa", within=str(EASYRSA))
def test_easy_rsa(tmp_path: Path) -> None:
    adopted, with_password = blocks_of("coming-from/easy-rsa.md", "test_easy_rsa")
    pki = easy_rsa(tmp_path)
    before = contents(pki)

    Reader(tmp_path).types(adopted)

    assert contents(pki) == before
    certs = tmp_path / "etcd/certs"
    for name, path in {"ca": "ca.crt", "etcd1": "issued/etcd1.crt"}.items():
        shown = ("x509", "-fingerprint", "-noout", "-in")
        assert openssl(*shown, str(certs / f"{name}.pem")) == openssl(*shown, str(pki / path))

    shutil.rmtree(tmp_path / "etcd")
    key = pki / "private/ca.key"
    locked = ("ec", "-in", str(key), "-aes256", "-passout", "pass:a password", "-out", f"{key}.new")
    openssl(*locked)
    Path(f"{key}.new").rename(key)
    # Nobody is here to be asked: what a person would answer comes otherwise.
    ann = Reader(tmp_path, {"openssl pkey": "openssl pkey -passin 'pass:a password'"})
    ann.variables["CFSSL_CA_PK_PASSWORD"] = "another, made by a machine"

    ann.types(with_password)

    assert "ENCRYPTED" in (certs / "ca-key.pem").read_text()
    assert not (tmp_path / "plain").exists()


def test_kubeadm(tmp_path: Path) -> None:
    adopted, added, allowed = blocks_of("coming-from/kubeadm.md", "test_kubeadm")
    pki = kubeadm(tmp_path / "kubernetes")
    before = contents(pki)
    ann = Reader(tmp_path, {"/etc/kubernetes/pki": str(pki)})
    ann.types(adopted + added + allowed)
    assert contents(pki) == before
    current = tmp_path / "etcd/dist/server/current/pki/etcd"
    for name in ("ca.crt", "server.crt", "peer.crt"):
        shown = ("x509", "-fingerprint", "-noout", "-in")
        assert openssl(*shown, str(current / name)) == openssl(*shown, str(pki / "etcd" / name))


def test_the_pages_are_short_and_tell_the_same_things() -> None:
    pages = [each for each in sorted((DOCS / "coming-from").glob("*.md")) if each.stem != "index"]
    assert len(pages) == 4
    for page in pages:
        headings = [line for line in page.read_text("utf-8").splitlines() if line.startswith("## ")]
        told = ("have", "to type", "have afterwards", "go back", "is not taken over")
        assert [word for word in told if not any(line.endswith(word) for line in headings)] == [], (
            page
        )
