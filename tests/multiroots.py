"""Real signing services by cfssl: both versions of multirootca, and their protocol by hand."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from clusters import SYSTEM
from peers import build as peers
from runningmembers import free_ports
from support import Done, environment, run, wait_for
from tls_scaffold.cli import cli

PATHS = {"1.2.0": SYSTEM, "1.6.5": str(peers.folder("cfssl"))}
SERVERS = tuple(
    pytest.param(version, id=version, marks=pytest.mark.needs("multirootca", within=path))
    for version, path in PATHS.items()
)
CLIENTS = tuple(
    pytest.param(version, id=version, marks=pytest.mark.needs("cfssl", "cfssljson", within=path))
    for version, path in PATHS.items()
)
PEERS = peers.folder("cfssl")
KEY, ROOT_KEY = "00112233445566778899AABBCCDDEEFF", "A0B1C2D3E4F5A0B1C2D3E4F5A0B1C2D3"
KEYS: dict[str, Any] = {"CFSSL_AUTH": KEY, "CFSSL_AUTH_ROOT": ROOT_KEY}
LABEL = "etcd"
BOTH = ["signing", "key encipherment", "server auth", "client auth"]
CLIENT = ["signing", "key encipherment", "client auth"]
P256 = ("--key", "ecdsa-256", "--proxies", "0")


def program(name: str, version: str) -> str:
    found = shutil.which(name, path=PATHS[version])
    assert found, name
    return found


def free_port() -> int:
    (port,) = free_ports(1)
    return port


def is_answering(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class Server:
    """A program that answers on a port of loopback, and its log."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return what it answers, `{"refused": CODE, …}` where it does not do it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", f"/api/v1/cfssl/{path}", json.dumps(document))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            return {"refused": answer.status, "text": text}
        return dict(json.loads(text))

    def sign(self, key: bytes, **request: Any) -> x509.Certificate | str:
        """Ask for a certificate as whoever holds a key can; return it, or why it is refused."""
        text = json.dumps(request).encode()
        token = hmac.new(key, text, hashlib.sha256).digest()
        parts = {"token": token, "request": text}
        answer = self.post(
            "authsign", {name: base64.b64encode(part).decode() for name, part in parts.items()}
        )
        if "refused" in answer:
            return str(answer["text"])
        return x509.load_pem_x509_certificate(answer["result"]["certificate"].encode())


@contextmanager
def serving(into: Path, *words: str, port: int = 0, **variables: str) -> Iterator[Server]:
    """Run a program of cfssl's that serves; `PORT` in its words stands for a port, a free one."""
    port = port or free_port()
    log = into / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            # What runs the tests may have SIGHUP ignored, and programs of Go keep that.
            ["env", "--default-signal=HUP", *(word.replace("PORT", str(port)) for word in words)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(**variables),
        )
    try:
        wait_for(lambda: is_answering(port) or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        yield Server(process, port, log)
    finally:
        process.kill()
        process.wait()


def multirootca(
    into: Path, version: str, roots: Path, *more: str, port: int = 0, **variables: str
) -> AbstractContextManager[Server]:
    """Run multirootca; a context with the Server."""
    words = (program("multirootca", version), "-a", "127.0.0.1:PORT", "-roots", str(roots))
    return serving(into, *words, *more, port=port, **variables)


@contextmanager
def signing_service(
    folder: Path,
    roots: "Mapping[str, CA]",
    config: Mapping[str, Any] | None = None,
    *,
    port: int = 0,
    tls: "CA | None" = None,
) -> Iterator[str]:
    """Run the newest multirootca with a configuration for all labels; gives its URL."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "config.json").write_text(json.dumps(config or policy()))
    (folder / "roots.ini").write_text(
        "".join(
            f"[ {label} ]\nprivate = file://{ca.key}\ncertificate = {ca.certificate}\n"
            f"config = {folder}/config.json\n"
            for label, ca in roots.items()
        )
    )
    more = ("-tls-cert", str(tls.certificate), "-tls-key", str(tls.key)) if tls else ()
    with multirootca(folder, "1.6.5", folder / "roots.ini", *more, port=port) as server:
        yield server.url.replace("http:", "https:") if tls else server.url


def policy(**changed: Any) -> dict[str, Any]:
    """Return a server's configuration for one folder: its key, and another one for root."""
    profile = {"expiry": "8760h", "auth_key": "folder"}
    profiles = {
        "client": {**profile, "usages": CLIENT},
        "root": {**profile, "usages": CLIENT, "auth_key": "root", "name_whitelist": "^(root)$"},
    }
    keys = {"folder": KEY, "root": ROOT_KEY}
    return {
        "signing": {"default": {**profile, "usages": BOTH}, "profiles": profiles},
        "auth_keys": {name: {"type": "standard", "key": key} for name, key in keys.items()},
        **changed,
    }


def csr(cn: str, *sans: x509.GeneralName, o: str = "", is_ca: bool = False) -> str:
    names = [(NameOID.ORGANIZATION_NAME, o), (NameOID.COMMON_NAME, cn)]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names if text])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    if is_ca:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
    key = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@dataclass(frozen=True)
class CA:
    """A CA in a folder of its own."""

    folder: Path
    name: str = "ca"

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}-key.pem"

    @property
    def pin(self) -> str:
        """The SHA-256 of its certificate."""
        return pin_of(self.certificate)


def make_ca(into: Path, name: str = "ca", cn: str = "a company's CA") -> CA:
    """Make a CA with cfssl in a folder."""
    into.mkdir(exist_ok=True, parents=True)
    request = {"CN": cn, "key": {"algo": "ecdsa", "size": 256}, "ca": {"expiry": "87600h"}}
    (into / f"{name}.csr.json").write_text(json.dumps(request))
    words = f"{program('cfssl', '1.2.0')} gencert -initca {name}.csr.json | cfssljson -bare {name}"
    done = run("sh", "-c", words, cwd=into)
    assert (into / f"{name}.pem").exists(), done.stderr
    return CA(into, name)


def pin_of(certificate: Path) -> str:
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    return read.fingerprint(hashes.SHA256()).hex()


def make_remote(folder: Path, label: str, pin: str, **fields: Any) -> Path:
    """Let a folder's inventory say that its CA is remote."""
    path = folder / "tls-scaffold.json"
    document = json.loads(path.read_text())
    remote = {"key": "remote", "remotes": ["http://127.0.0.1:8888"], "label": label, "sha256": pin}
    document.update({"ca": remote, **fields})
    path.write_text(json.dumps(document))
    return folder


def make_key(path: Path) -> bytes:
    """Make a key as the printed command does, with openssl."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    key = run("openssl", "rand", "-hex", "32").stdout.strip()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, key.encode())
    os.close(descriptor)
    return bytes.fromhex(key)


def client_config(path: Path, remotes: str, profiles: tuple[str, ...], **wishes: Any) -> Path:
    """Write what a folder's own cfssl asks by: the form of `config/ca-config.json`.

    Of `wishes` each profile has some more, which are the server's to say.
    """

    def asked(key: str) -> dict[str, Any]:
        return {"auth_remote": {"remote": "ca", "auth_key": key}, **wishes}

    keys = {"ordinary": "env:CFSSL_AUTH", "root": "env:CFSSL_AUTH_ROOT"}
    document = {
        "signing": {
            "default": asked("ordinary"),
            "profiles": {
                name: asked("root" if name == "root" else "ordinary") for name in profiles if name
            },
        },
        "auth_keys": {
            name: {"type": "standard", "key": reference} for name, reference in keys.items()
        },
        "remotes": {"ca": remotes},
    }
    path.write_text(json.dumps(document))
    return path


def configured(*words: str, cwd: Path, code: int = 0) -> Done:
    """Run `tls-scaffold signer-config` in a folder, in this process; it must end with `code`."""
    before = Path.cwd()
    os.chdir(cwd)
    try:
        done = CliRunner().invoke(cli, ["signer-config", *words])
    finally:
        os.chdir(before)
    assert done.exit_code == code, done.output
    return Done(words, done.exit_code, done.stdout, done.stderr)
