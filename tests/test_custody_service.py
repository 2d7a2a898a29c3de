"""A signing service that `signer-config` described, run by both versions of multirootca.

What it signs, what it refuses, and each thing that cfssl is said not to check.
"""

import ipaddress
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from multiroots import (
    CLIENTS,
    P256,
    SERVERS,
    Server,
    client_config,
    configured,
    csr,
    make_ca,
    make_key,
    make_remote,
    multirootca,
    program,
    serving,
)
from support import Done, openssl, read, run, tls_scaffold, wait_for
from tls_scaffold.inventory import intake
from tls_scaffold.multiroot import notes
from tls_scaffold.multiroot.policies import profile_of

NAMES = ("default", "client", "client-720h", "root")
REFUSAL = "does not match policy whitelist"
ODD = r"a.b+c (x|y) [z]* \d$ {2}^?"


@dataclass(frozen=True)
class Service:
    """Two folders of one CA, the service's folder, and the keys; a server of each version runs."""

    at: Path
    servers: dict[str, Server]
    keys: dict[str, bytes]
    wishes: Mapping[str, object] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.at / "prod"

    def gencert(
        self, client: str, server: str, profile: str, request: Path, key: str = "prod", **more: str
    ) -> Done:
        """Ask as a folder of label `prod` does, with a key; the pair goes to `work/`."""
        path = self.at / f"client-{client}-{server}.json"
        config = client_config(path, self.servers[server].url, NAMES, **self.wishes)
        cfssl, cfssljson = program("cfssl", client), program("cfssljson", client)
        flags = f"-config {config} -profile '{profile}' -label prod"
        (self.at / "work").mkdir(exist_ok=True)
        asked = f"{cfssl} gencert {flags} '{request}' >work/a.json"
        words = f"{asked} && {cfssljson} -f work/a.json -bare work/a"
        root = self.keys["prod-root"].hex()
        variables = {"CFSSL_AUTH": self.keys[key].hex(), "CFSSL_AUTH_ROOT": root}
        for made in (self.at / "work").glob("a*"):
            made.unlink()
        given: dict[str, Any] = {**variables, **more}
        return run("sh", "-c", words, cwd=self.at, **given)

    @property
    def made(self) -> Path:
        return self.at / "work/a.pem"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    at = tmp_path_factory.mktemp("service")
    pin = make_ca(at / "server/ca").pin
    for label in ("prod", "stage"):
        words = ("--members", "10.0.0.1,etcd2.example", "--users", f"alice,root,only-{label}")
        done = tls_scaffold("new", label, *words, *P256, "--set", "alice:expiry=30d", cwd=at)
        assert done.returncode == 0, done.stderr
    document = json.loads((at / "prod/tls-scaffold.json").read_text())
    users = [
        *document["users"],
        {"name": "odd", "cn": ODD},
        {"name": "web", "hosts": ["*.web.example", "10.0.0.7"]},
        {"name": "gateway", "role": "patroni"},
    ]
    # Before the CA is elsewhere: no server is up yet, and `sync` would ask for its certificate.
    (at / "prod/tls-scaffold.json").write_text(json.dumps({**document, "users": users}))
    assert tls_scaffold("sync", cwd=at / "prod").returncode == 0
    make_remote(at / "prod", "prod", pin, users=users)
    make_remote(at / "stage", "stage", pin)
    # One CA for all: the labels keep their names apart.
    files = at / "server/ca"
    ca = ("--certificate", str(files / "ca.pem"), "--private", str(files / "ca-key.pem"))
    configured("--all", ".", "--into", "server", *ca, cwd=at)
    names = ("prod", "prod-root", "stage", "stage-root")
    keys = {name: make_key(at / f"server/keys/{name}.key") for name in names}
    with ExitStack() as running:
        servers = {
            version: running.enter_context(multirootca(at, version, at / "server/roots.ini"))
            for version in ("1.2.0", "1.6.5")
        }
        yield Service(at, servers, keys)


def request(at: Path, **document: object) -> Path:
    path = at / "request.json"
    path.write_text(json.dumps({"key": {"algo": "ecdsa", "size": 256}, **document}))
    return path


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_all_that_the_inventory_has_is_signed_with_the_key_that_is_meant_for_it(
    service: Service, client: str, server: str
) -> None:
    ca = service.at / "server/ca/ca.pem"
    inventory = intake.load(service.folder)
    for component in inventory.components:
        path = service.folder / component.request
        done = service.gencert(client, server, profile_of(component), path)
        assert done.returncode == 0, f"{component.name}: {done.stderr}"
        openssl("verify", "-x509_strict", "-CAfile", str(ca), str(service.made))
        found = x509.load_pem_x509_certificate(service.made.read_bytes())
        hours = component.terms.expiry or inventory.expiry
        life = found.not_valid_after_utc - found.not_valid_before_utc
        assert life.total_seconds() == hours * 3600
        extended = extension_of(service.made, "extendedKeyUsage")
        assert ("TLS Web Server Authentication" in extended) == (component.kind == "member")


def extension_of(certificate: Path, name: str) -> str:
    return openssl("x509", "-noout", "-ext", name, "-in", str(certificate))


OUTSIDE: dict[str, tuple[str, dict[str, object]]] = {
    "another user": ("client", {"CN": "mallory"}),
    "a longer name": ("client", {"CN": "xweb"}),
    "a name with more behind it": ("client", {"CN": "web2"}),
    "what a pattern would match": ("client", {"CN": ODD.replace(".", "x", 1)}),
    "a host below a wildcard": ("client", {"CN": "web", "hosts": ["a.web.example"]}),
    "a host of nobody": ("", {"CN": "etcd", "hosts": ["evil.example"]}),
    "an e-mail address": ("client", {"CN": "web", "hosts": ["me@evil.example"]}),
    "a user as a server": ("", {"CN": "web"}),
    "a user by another's profile": ("client-720h", {"CN": "web"}),
    "a user of the other folder": ("client", {"CN": "only-stage"}),
    "root by an ordinary profile": ("client", {"CN": "root"}),
    "root as a server": ("", {"CN": "root"}),
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_name_that_the_inventory_does_not_have_there_is_refused(
    service: Service, client: str, server: str
) -> None:
    for what, (profile, document) in OUTSIDE.items():
        done = service.gencert(client, server, profile, request(service.at, **document))
        assert done.returncode == 1, what
        assert "bad request" in done.stderr, (what, done.stderr)
        assert not service.made.exists(), what


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_root_is_signed_with_a_key_of_its_own_alone_and_each_label_with_its_own(
    service: Service, client: str, server: str
) -> None:
    root = request(service.at, CN="root")
    ordinary = service.keys["prod"].hex()
    done = service.gencert(client, server, "root", root, CFSSL_AUTH_ROOT=ordinary)
    assert done.returncode == 1
    assert "invalid token" in done.stderr
    # Nor does root's key sign anybody else, nor another folder's key for this one.
    for key in ("prod-root", "stage", "stage-root"):
        done = service.gencert(client, server, "client", request(service.at, CN="web"), key)
        assert done.returncode == 1
        assert "invalid token" in done.stderr
    done = service.gencert(client, server, "root", request(service.at, CN="root"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("server", SERVERS)
def test_no_ca_is_handed_out_whatever_is_asked(service: Service, server: str) -> None:
    key = service.keys["prod"]
    told = {"profile": "client", "label": "prod"}
    assert "bad request" in str(
        service.servers[server].sign(key, certificate_request=csr("web", is_ca=True), **told)
    )
    # id-ce-basicConstraints, CA:TRUE, by the protocol's own field.
    extension = {"id": "2.5.29.19", "critical": True, "value": "30030101ff"}
    asked = {"certificate_request": csr("web"), "extensions": [extension], **told}
    assert "bad request" in str(service.servers[server].sign(key, **asked))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_life_in_the_folder_s_own_configuration_lengthens_nothing(
    service: Service, client: str, server: str
) -> None:
    far = {"expiry": "262800h", "not_after": "2099-01-01T00:00:00Z", "usages": ["cert sign"]}
    longer = replace(service, wishes=far)
    done = longer.gencert(client, server, "client", request(service.at, CN="web"))
    assert done.returncode == 0, done.stderr
    found = x509.load_pem_x509_certificate(service.made.read_bytes())
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 365
    assert "Certificate Sign" not in str(read(service.made).usages)


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_said_of_a_whitelist_holds(service: Service, server: str) -> None:
    assert notes.NO_NAME in notes.NOT_CHECKED
    key, told = service.keys["prod"], {"profile": "client", "label": "prod"}
    ask = service.servers[server]
    # As it is said: an empty CN, any IP address and any O are signed.
    address = x509.IPAddress(ipaddress.ip_address("203.0.113.9"))
    found = ask.sign(key, certificate_request=csr("", address, o="system:masters"), **told)
    assert isinstance(found, x509.Certificate), found
    assert found.subject.rfc4514_string() == "O=system:masters"
    sans = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert str(sans.get_values_for_type(x509.IPAddress)) == "[IPv4Address('203.0.113.9')]"
    # And asked for are DNS names, e-mail addresses and, by 1.6.5, URIs, which 1.2.0 leaves out.
    for name in (x509.DNSName("evil"), x509.RFC822Name("me@evil.example")):
        assert "bad request" in str(ask.sign(key, certificate_request=csr("", name), **told))
    uri = x509.UniformResourceIdentifier("https://evil.example/")
    found = ask.sign(key, certificate_request=csr("", uri), **told)
    if server == "1.6.5":
        assert "bad request" in str(found)
    else:
        assert isinstance(found, x509.Certificate)
        with pytest.raises(x509.ExtensionNotFound):
            found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    # Whatever else the protocol takes for a subject and hosts is asked for as well.
    for more in ({"subject": {"CN": "root", "names": []}}, {"hosts": ["evil"]}):
        assert "bad request" in str(ask.sign(key, certificate_request=csr("web"), **told, **more))


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_said_of_a_life_holds(service: Service, server: str) -> None:
    assert notes.ANY_LIFE in notes.NOT_CHECKED
    told = {"profile": "client", "label": "prod"}
    wish = {"NotBefore": "2001-01-01T00:00:00Z", "NotAfter": "2099-01-01T00:00:00Z"}
    found = service.servers[server].sign(
        service.keys["prod"], certificate_request=csr("web"), **told, **wish
    )
    assert isinstance(found, x509.Certificate), found
    years = (found.not_valid_before_utc.year, found.not_valid_after_utc.year)
    assert (years == (2001, 2099)) == (server == "1.6.5")


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_said_of_an_empty_key_holds(service: Service, server: str, tmp_path: Path) -> None:
    assert notes.EMPTY_KEY in notes.NOT_CHECKED
    words = (
        *("--certificate", str(service.at / "server/ca/ca.pem")),
        *("--private", str(service.at / "server/ca/ca-key.pem")),
        *("--auth-key", "env:AUTH_{label}", "--root-auth-key", "env:AUTH_ROOT_{label}"),
    )
    configured(str(service.folder), "--into", "server", *words, cwd=tmp_path)
    asked = {"certificate_request": csr("web"), "profile": "client", "label": "prod"}
    roots = tmp_path / "server/roots.ini"
    with multirootca(tmp_path, server, roots) as ask:
        assert isinstance(ask.sign(b"", **asked), x509.Certificate)
    with multirootca(tmp_path, server, roots, AUTH_prod="11" * 32) as ask:
        assert "invalid token" in str(ask.sign(b"", **asked))
        assert isinstance(ask.sign(b"\x11" * 32, **asked), x509.Certificate)


@pytest.mark.parametrize("version", CLIENTS)
def test_what_is_said_of_cfssl_serve_holds(service: Service, version: str) -> None:
    assert notes.SERVE in notes.NOT_CHECKED
    ca = service.at / "server/ca"
    config = service.at / "server/prod.json"
    flags = ("-ca", str(ca / "ca.pem"), "-ca-key", str(ca / "ca-key.pem"), "-config", str(config))
    words = (program("cfssl", version), "serve", "-address", "127.0.0.1", "-port", "PORT", *flags)
    asked = {
        "request": {"CN": "root", "hosts": [], "key": {"algo": "ecdsa", "size": 256}, "names": []},
        "profile": "root",
    }
    with serving(service.at, *words) as server:
        # `sign` asks for a key, as the policy says; `newcert` does not.
        plain = {"certificate_request": csr("root"), "hostname": "", "profile": "root"}
        assert "refused" in server.post("sign", plain)
        answer = server.post("newcert", asked)
        assert "result" in answer, answer
        found = x509.load_pem_x509_certificate(answer["result"]["certificate"].encode())
        assert found.subject.rfc4514_string() == "CN=root"
    if version == "1.6.5":
        with serving(service.at, *words, "-disable", "newcert") as server:
            assert server.post("newcert", asked)["refused"] == 404


@pytest.mark.parametrize("version", SERVERS)
def test_what_is_said_of_a_restart_holds(service: Service, version: str, tmp_path: Path) -> None:
    assert "SIGHUP ends it" in notes.READ_AT_START
    with multirootca(tmp_path, version, service.at / "server/roots.ini") as server:
        os.kill(server.process.pid, signal.SIGHUP)
        wait_for(lambda: server.process.poll() is not None)
        assert server.process.returncode == -signal.SIGHUP


@pytest.mark.parametrize("version", SERVERS)
def test_requests_from_beyond_the_networks_are_refused(
    service: Service, version: str, tmp_path: Path
) -> None:
    keys = service.at / "server/keys"
    words = (
        *("--certificate", str(service.at / "server/ca/ca.pem")),
        *("--private", str(service.at / "server/ca/ca-key.pem")),
        *("--auth-key", f"file:{keys}/{{label}}.key"),
        *("--root-auth-key", f"file:{keys}/{{label}}-root.key"),
    )
    asked = {"certificate_request": csr("web"), "profile": "client", "label": "prod"}
    for nets, is_signed in (("10.0.0.0/8,2001:db8::/32", False), ("10.0.0.0/8,127.0.0.0/8", True)):
        given = ("--nets", nets, "--into", "server")
        configured(str(service.folder), *given, *words, cwd=tmp_path)
        with multirootca(tmp_path, version, tmp_path / "server/roots.ini") as server:
            found = server.sign(service.keys["prod"], **asked)
            assert isinstance(found, x509.Certificate) == is_signed, found


@pytest.mark.parametrize("version", SERVERS)
def test_a_label_gets_another_key_while_the_old_one_still_opens_it(
    service: Service, version: str, tmp_path: Path
) -> None:
    files = service.at / "server/ca"
    ca = ("--certificate", str(files / "ca.pem"), "--private", str(files / "ca-key.pem"))
    configured(str(service.folder), "--into", "server", *ca, cwd=tmp_path)
    names = ("prod", "prod-root", "new")
    keys = {name: make_key(tmp_path / f"server/keys/{name}.key") for name in names}
    path = tmp_path / "server/prod.json"
    document = json.loads(path.read_text())
    # As the page says: by hand, and it stays.
    document["auth_keys"]["last"] = dict(document["auth_keys"]["ordinary"])
    document["auth_keys"]["ordinary"]["key"] = f"file:{tmp_path}/server/keys/new.key"
    document["signing"]["profiles"]["client"]["prev_auth_key"] = "last"
    path.write_text(json.dumps(document))
    assert configured(str(service.folder), "--into", "server", cwd=tmp_path).stdout == ""
    asked = {"certificate_request": csr("web"), "profile": "client", "label": "prod"}
    with multirootca(tmp_path, version, tmp_path / "server/roots.ini") as server:
        assert isinstance(server.sign(keys["new"], **asked), x509.Certificate)
        assert "invalid token" in str(server.sign(keys["prod-root"], **asked))
        # 1.2.0 knows one key at a time.
        old = server.sign(keys["prod"], **asked)
        assert isinstance(old, x509.Certificate) == (version == "1.6.5"), old
        asked["certificate_request"] = csr("mallory")
        assert "bad request" in str(server.sign(keys["new"], **asked))
        assert REFUSAL in server.log.read_text()


@pytest.mark.parametrize("version", SERVERS)
def test_what_the_page_says_of_lists_keys_and_requests_that_are_heard_holds(
    service: Service, version: str, tmp_path: Path
) -> None:
    server = service.servers[version]
    # The same request again is signed again.
    asked = {"certificate_request": csr("web"), "profile": "client", "label": "prod"}
    found = [server.sign(service.keys["prod"], **asked) for _ in range(2)]
    serials = {each.serial_number for each in found if isinstance(each, x509.Certificate)}
    assert len(serials) == 2
    connection = HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    assert ('requests_total{operation="sign",signer="prod"}' in told) == (version == "1.6.5")
    # An encrypted key of a CA keeps all from starting, whether its password is there or not.
    key, encrypted = service.at / "server/ca/ca-key.pem", tmp_path / "ca-key.pem"
    openssl("ec", "-aes256", "-passout", "pass:secret", "-in", str(key), "-out", str(encrypted))
    roots = (service.at / "server/roots.ini").read_text().replace(str(key), str(encrypted))
    (tmp_path / "roots.ini").write_text(roots)
    words = (program("multirootca", version), "-roots", str(tmp_path / "roots.ini"))
    done = run("timeout", "120", *words, "-a", "127.0.0.1:0", CFSSL_CA_PK_PASSWORD="secret")
    assert done.returncode == 1
    assert "FATAL" in done.stderr
