"""`tls-scaffold bundle` in further forms: PKCS #8 and #12, as openssl and Java read them."""

import base64
import io
import json
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from clusters import P256
from conftest import Factory
from multiroots import free_port
from rights import as_somebody
from support import BIN, Done, contents, laid_out, make, openssl, run, wait_for
from tls_scaffold.commands.bundleoptions import PASSWORD, BundleOptions, read_password
from tls_scaffold.errors import ScaffoldError

PASSWORD_TEXT = "ge heim; $(x) \"1'"
SMALL = ("--members", "10.0.0.1", "--users", "calico,kube-apiserver,Alice_B", *P256)
ALL_FORMS = ("--key-form", "pkcs8", "--kubernetes", "--kubeadm")
OTHER_KEYS = ("ecdsa-256", "ecdsa-521", "rsa-2048")
KEYS = ("ecdsa-384", "ed25519", *OTHER_KEYS)
JAVA_CLIENT = """\
import java.net.URI;
import java.net.http.*;
import java.time.Duration;

class Client {
    public static void main(String[] words) throws Exception {
        var limit = Duration.ofSeconds(30);
        var request = HttpRequest.newBuilder(URI.create(words[0])).timeout(limit).build();
        var response = HttpResponse.BodyHandlers.ofString();
        System.out.println(HttpClient.newHttpClient().send(request, response).body());
    }
}
"""

pytestmark = pytest.mark.needs("make", "openssl")


def bundle(
    folder: Path, *words: str, code: int = 0, umask: int = -1, password: str = "", **variables: str
) -> Done:
    given = {PASSWORD: password} if password else {}
    words = (str(BIN / "tls-scaffold"), "-C", str(folder), "bundle", *words)
    done = run(*words, umask=umask, **given, **variables)  # type: ignore[arg-type]
    assert done.returncode == code, done.stderr
    return done


def stores(folder: Path, *words: str, password: str = PASSWORD_TEXT) -> Path:
    """Make bundles with PKCS #12 stores and return the file of their password."""
    file = folder.parent / "password"
    file.write_text(f"{password}\n")
    bundle(folder, *words, "--p12", "--p12-password-file", str(file))
    return file


@pytest.fixture
def own(folder: Factory) -> Factory:
    """Return a factory of folders that our own signer signed: Debian's cfssl knows no ed25519."""

    def new(*words: str, name: str = "tls-setup") -> Path:
        path = folder(*words, name=name)
        make(path, SIGNER="tls-scaffold")
        return path

    return new


def public_of_key(pem: bytes) -> str:
    """Return the public half of a private key as openssl reads it."""
    words = ("openssl", "pkey", "-pubout")
    return subprocess.run(words, input=pem, capture_output=True, check=True).stdout.decode()


def public_of(certificate: Path) -> str:
    return openssl("x509", "-noout", "-pubkey", "-in", str(certificate))


def keytool(store: Path, password: Path, *words: str, code: int = 0) -> str:
    done = run(
        "keytool", "-list", *words, "-keystore", str(store), "-storepass:file", str(password)
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def entries(store: Path, password: Path) -> dict[str, str]:
    """Return the kind of each entry of a store by its alias, as keytool lists them."""
    return dict(re.findall(r"^([^\s,]+), .*, (\w+Entry)", keytool(store, password), re.MULTILINE))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_bundle_is_pkcs8_where_that_is_asked_for(own: Factory, key: str) -> None:
    folder = own(
        "--members", "10.0.0.1", "--proxies", "0", "--users", "calico,kube-apiserver", "--key", key
    )
    before = contents(folder / "certs")

    bundle(folder, "--key-form", "pkcs8", "--kubernetes", "--kubeadm")

    dist = folder / "dist"
    for name in ("etcd1", "calico", "kube-apiserver"):
        pem = (dist / f"{name}/{name}-key.pem").read_bytes()
        assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert pem.count(b"-----BEGIN ") == 1
        assert public_of_key(pem) == public_of(folder / f"certs/{name}.pem")
        secret = yaml.safe_load((dist / f"{name}/{name}.secret.yaml").read_text())
        assert base64.b64decode(secret["data"]["tls.key"]) == pem
    calico = yaml.safe_load((dist / "calico/calico-etcd-secrets.yaml").read_text())
    assert (
        base64.b64decode(calico["data"]["etcd-key"])
        == (dist / "calico/calico-key.pem").read_bytes()
    )
    for path, name in (
        ("etcd1/pki/etcd/server.key", "etcd1"),
        ("etcd1/pki/etcd/peer.key", "etcd1"),
        ("kube-apiserver/pki/apiserver-etcd-client.key", "kube-apiserver"),
    ):
        assert (dist / path).read_bytes() == (dist / f"{name}/{name}-key.pem").read_bytes()
    assert contents(folder / "certs") == before


@pytest.mark.parametrize("words", [(), ("--key-form", "as-signed")])
def test_keys_are_as_signed_unless_another_form_is_asked_for(
    own: Factory, words: tuple[str, ...]
) -> None:
    folder = own("--members", "10.0.0.1", "--proxies", "0", "--users", "alice", "--key", "ed25519")

    bundle(folder, "alice", "--kubernetes", *words)

    key = (folder / "certs/alice-key.pem").read_bytes()
    assert key.startswith(b"-----BEGIN Ed25519 PRIVATE KEY-----")
    assert (folder / "dist/alice/alice-key.pem").read_bytes() == key
    secret = yaml.safe_load((folder / "dist/alice/alice.secret.yaml").read_text())
    assert base64.b64decode(secret["data"]["tls.key"]) == key


def test_a_form_of_keys_that_is_none_is_a_usage_error(own: Factory) -> None:
    folder = own("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")

    done = bundle(folder, "--key-form", "pkcs1", code=2)

    assert done.stderr == "error: --key-form: `pkcs1` is neither `as-signed` nor `pkcs8`\n"
    assert not (folder / "dist").exists()


@pytest.mark.parametrize("form", [(), ("--key-form", "pkcs8"), ("--p12",)])
def test_a_key_that_is_encrypted_is_handed_out_in_no_form(
    own: Factory, form: tuple[str, ...]
) -> None:
    """etcd and its clients take no password; a CA's is for the CA's key."""
    folder = own(*SMALL)
    key = folder / "certs/calico-key.pem"
    openssl("ec", "-aes256", "-passout", "pass:secret", "-in", str(key), "-out", str(key))

    given = PASSWORD_TEXT if "--p12" in form else ""
    done = bundle(folder, "calico", *form, code=1, password=given, CFSSL_CA_PK_PASSWORD="secret")

    told = "`certs/calico-key.pem` is encrypted, and etcd and its clients take no password"
    assert f"  `certs/calico.pem` is mismatched: {told}\n" in done.stderr
    assert not (folder / "dist").exists()


@pytest.mark.needs("keytool")
@pytest.mark.parametrize(
    "key",
    ["ed25519", *(pytest.param(key, marks=pytest.mark.long) for key in ("ecdsa-384", *OTHER_KEYS))],
)
def test_java_finds_the_pair_under_its_own_name_and_trusts_the_ca(own: Factory, key: str) -> None:
    folder = own("--members", "10.0.0.1", "--proxies", "0", "--users", "Alice_B", "--key", key)

    password = stores(folder, "Alice_B")

    made = folder / "dist/Alice_B"
    assert sorted(laid_out(made)) == [
        "Alice_B-key.pem",
        "Alice_B.p12",
        "Alice_B.pem",
        "ca.pem",
        "etcdctl.env",
        "truststore.p12",
    ]
    # keytool shows no capitals.
    assert entries(made / "Alice_B.p12", password) == {"alice_b": "PrivateKeyEntry"}
    assert entries(made / "truststore.p12", password) == {"ca": "trustedCertEntry"}
    chain = keytool(made / "Alice_B.p12", password, "-rfc")
    assert "Certificate chain length: 2\n" in chain
    pems = [(folder / f"certs/{name}.pem").read_text().strip() for name in ("Alice_B", "ca")]
    assert re.findall(r"-----BEGIN.*?END CERTIFICATE-----", chain, re.DOTALL) == pems
    assert pems[1] in keytool(made / "truststore.p12", password, "-rfc")
    password.write_text("another one")
    assert "password was incorrect" in keytool(made / "Alice_B.p12", password, code=1)
    assert "password was incorrect" in keytool(made / "truststore.p12", password, code=1)


@pytest.mark.needs("keytool")
def test_of_several_cas_all_are_trusted_and_the_chain_has_the_one_that_signed(own: Factory) -> None:
    folder, other = own(*SMALL), own(*SMALL, name="other")
    ca = folder / "certs/trust.pem"
    signer, older = ca.read_text(), (other / "certs/ca.pem").read_text()
    # They have one name: a chain by names alone would end in the first.
    ca.write_text(older + signer + older)

    password = stores(folder, "calico")

    made = folder / "dist/calico"
    assert entries(made / "truststore.p12", password) == {
        "ca": "trustedCertEntry",
        "ca-2": "trustedCertEntry",
    }
    chain = keytool(made / "calico.p12", password, "-rfc")
    assert signer.strip() in chain
    assert older.strip() not in chain
    assert "Certificate chain length: 2\n" in chain


@pytest.mark.needs("keytool")
def test_a_member_with_a_second_certificate_has_both_key_stores(tmp_path: Path) -> None:
    folder = with_peer(tmp_path)

    password = stores(folder, "m")

    made = folder / "dist/m"
    assert {path.name for path in made.glob("*.p12")} == {"m.p12", "peer-m.p12", "truststore.p12"}
    for name in ("m", "peer-m"):
        assert (folder / f"certs/{name}.pem").read_text().strip() in keytool(
            made / f"{name}.p12", password, "-rfc"
        )


def with_peer(tmp_path: Path) -> Path:
    """Return a signed folder with a member's second certificate, and a user's files elsewhere."""
    inventory = {
        "members": [
            {"name": "m", "hosts": ["10.0.0.1"], "peer": {}},
            {"name": "n", "hosts": ["10.0.0.2"]},
        ],
        "proxies": 0,
        "users": [{"name": "u", "cn": "u", "output": "old/x", "role": "kube-apiserver"}],
        "key": "ecdsa-256",
    }
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    folder = tmp_path / "with-peer"
    done = run(
        str(BIN / "tls-scaffold"), "new", str(folder), "--from", str(tmp_path / "inventory.json")
    )
    assert done.returncode == 0, done.stderr
    make(folder, SIGNER="tls-scaffold")
    return folder


@pytest.mark.needs("keytool")
def test_a_pair_that_lies_elsewhere_is_handed_out_by_its_component_s_name(tmp_path: Path) -> None:
    folder = with_peer(tmp_path)

    password = stores(folder, "u", "--key-form", "pkcs8")

    assert entries(folder / "dist/u/u.p12", password) == {"u": "PrivateKeyEntry"}
    key = (folder / "dist/u/u-key.pem").read_bytes()
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert public_of_key(key) == public_of(folder / "old/x.pem")


@pytest.mark.needs("java", "javac", "etcd", "etcdctl")
@pytest.mark.parametrize(
    "key",
    [
        "ecdsa-384",
        *(pytest.param(key, marks=pytest.mark.long) for key in ("rsa-2048", "ed25519")),
    ],
)
def test_etcd_runs_from_kubeadm_s_files_and_java_talks_to_it_with_the_stores_and_not_without(
    own: Factory, running: Callable[..., object], tmp_path: Path, key: str
) -> None:
    folder = own(
        "--members", "10.0.0.1", "--proxies", "0", "--users", "alice,kube-apiserver", "--key", key
    )
    password = stores(folder, "--kubeadm", password="signs:$x'and_letters").read_text().strip()
    made, api_server = folder / "dist/alice", folder / "dist/kube-apiserver/pki"
    (tmp_path / "Client.java").write_text(JAVA_CLIENT)
    url = f"https://127.0.0.1:{free_port()}"

    def is_healthy() -> bool:
        files = {
            "cacert": "etcd/ca.crt",
            "cert": "apiserver-etcd-client.crt",
            "key": "apiserver-etcd-client.key",
        }
        words = [f"--{name}={api_server / path}" for name, path in files.items()]
        return (
            run(
                "etcdctl", f"--endpoints={url}", *words, "endpoint", "health", ETCDCTL_API="3"
            ).returncode
            == 0
        )

    def java(*parts: str) -> Done:
        # A file of options, so that the password is in no process list.
        files = {"keyStore": made / "alice.p12", "trustStore": made / "truststore.p12"}
        settings = [
            f'"-Djavax.net.ssl.{part}{end}={text}"\n'
            for part in parts
            for end, text in (("", files[part]), ("Password", password), ("Type", "PKCS12"))
        ]
        (tmp_path / "options").write_text("".join(settings))
        return run(
            "java", f"@{tmp_path / 'options'}", str(tmp_path / "Client.java"), f"{url}/health"
        )

    pki = folder / "dist/etcd1/pki/etcd"
    running(
        # A pipe that nobody reads would fill and hold etcd up.
        *("sh", "-c", 'exec etcd "$@" >>log 2>&1', "-"),
        *(
            "--name=x",
            f"--data-dir={tmp_path / 'data'}",
            "--unsafe-no-fsync",
            "--client-cert-auth",
            "--peer-client-cert-auth",
        ),
        *(
            f"--cert-file={pki}/server.crt",
            f"--key-file={pki}/server.key",
            f"--trusted-ca-file={pki}/ca.crt",
        ),
        *(f"--peer-cert-file={pki}/peer.crt", f"--peer-key-file={pki}/peer.key"),
        *(
            f"--peer-trusted-ca-file={pki}/ca.crt",
            f"--listen-peer-urls=https://127.0.0.1:{free_port()}",
        ),
        *(f"--listen-client-urls={url}", f"--advertise-client-urls={url}"),
        cwd=tmp_path,
    )
    wait_for(is_healthy, 60)
    # etcd gives itself a second to find out, which a busy machine may not have.
    for _ in range(10):
        healthy, nobody = java("keyStore", "trustStore"), java("trustStore")
        if '"false"' not in healthy.stdout:
            break

    assert json.loads(healthy.stdout)["health"] == "true", healthy.stderr
    assert (nobody.returncode, nobody.stdout) == (1, "")
    # The connection may be reset before Java has told why it refused: it refuses each time.
    for _ in range(10):
        trusting_nobody = java("keyStore")
        assert (trusting_nobody.returncode, trusting_nobody.stdout) == (1, "")
        if "PKIX path building failed" in trusting_nobody.stderr:
            break
    assert "PKIX path building failed" in trusting_nobody.stderr


def test_without_a_password_both_ways_to_give_it_are_told(own: Factory) -> None:
    folder = own(*SMALL)

    for done in (
        bundle(folder, "--p12", code=2),
        bundle(folder, "--p12", code=2, TLS_SCAFFOLD_P12_PASSWORD=""),
    ):
        assert done.stderr == (
            "error: --p12 needs a password for the stores\n\n"
            "hint: `--p12-password-file FILE` names a file that holds it, or put it into the "
            "variable "
            "TLS_SCAFFOLD_P12_PASSWORD\n"
        )
    assert not (folder / "dist").exists()


def test_a_password_without_stores_is_a_usage_error_where_the_option_was_given(
    own: Factory, tmp_path: Path
) -> None:
    folder, file = own(*SMALL), str(tmp_path / "password")

    done = bundle(folder, "--p12-password-file", file, code=2)

    assert done.stderr == "error: --p12-password-file: the password is for `--p12` alone\n"
    assert not (folder / "dist").exists()
    # Set for other runs.
    bundle(folder, "calico", TLS_SCAFFOLD_P12_PASSWORD_FILE=file, password="x")
    assert not list((folder / "dist").rglob("*.p12"))


@pytest.mark.needs("keytool")
@pytest.mark.parametrize(
    "content",
    [
        b"secret\r\n",
        *(pytest.param(each, marks=pytest.mark.long) for each in (b"secret", b"secret\n")),
    ],
)
def test_the_password_is_the_first_line_of_a_file_without_its_end(
    own: Factory, tmp_path: Path, content: bytes
) -> None:
    folder, file, plain = own(*SMALL), tmp_path / "file", tmp_path / "plain"
    file.write_bytes(content)
    (tmp_path / "link").symlink_to(file)
    plain.write_text("secret")

    for name in ("file", "link"):
        bundle(
            folder,
            "calico",
            "--p12",
            "--p12-password-file",
            str(tmp_path / name),
            password="not this one",
        )
        assert entries(folder / "dist/calico/calico.p12", plain) == {"calico": "PrivateKeyEntry"}
    bundle(folder, "calico", "--p12", password="secret")
    assert entries(folder / "dist/calico/truststore.p12", plain) == {"ca": "trustedCertEntry"}


SHORT = "it is shorter than 6 characters: Java's keytool makes no store with less"
SIGNS = (
    "it has characters beyond letters, digits, blanks and signs of ASCII: Java opens no such store"
)
LINES = "it has more than one line"


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [SHORT]),
        (b"\n", [SHORT]),
        (b"12345\n", [SHORT]),
        (b"tab\tulator", [SIGNS]),
        (b"escape\x1b[2J", [SIGNS]),
        (b"null\x00null", [SIGNS]),
        (b"two\rlines", [SIGNS]),
        ("pässwörter".encode(), [SIGNS]),
        (b"\xef\xbb\xbfwith a mark", [SIGNS]),
        (b"secret\nmore\n", [LINES]),
        (b"secret\n\n", [LINES]),
        (b"\x07\nmore", [SHORT, SIGNS, LINES]),
    ],
)
def test_a_password_that_java_would_not_take_is_refused_unseen(
    own: Factory, tmp_path: Path, content: bytes, problems: list[str]
) -> None:
    folder, file = own(*SMALL), tmp_path / "password"
    file.write_bytes(content)

    done = bundle(folder, "--p12", "--p12-password-file", str(file), code=1)

    told = "".join(f"  {problem}\n" for problem in problems)
    assert done.stderr == f"error: the password in `{file}` can't be that of a key store\n{told}"
    assert not (folder / "dist").exists()


def test_a_password_of_the_environment_keeps_the_same_rules(own: Factory) -> None:
    folder = own(*SMALL)

    done = bundle(folder, "--p12", code=1, password="a\nb")

    place = "error: the password in `TLS_SCAFFOLD_P12_PASSWORD` can't be that of a key store"
    assert done.stderr == f"{place}\n  {SHORT}\n  {LINES}\n"
    assert not (folder / "dist").exists()


def test_a_password_file_that_is_none_is_told_and_waited_for_by_nobody(
    own: Factory, tmp_path: Path
) -> None:
    folder = own(*SMALL)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(2 * 1024**3)

    for path, why in (
        ("/dev/zero", "is not a plain file"),
        (tmp_path / "pipe", "is not a plain file"),
        (tmp_path, "is not a plain file"),
        (tmp_path / "huge", "is larger than 64 MiB"),
        (tmp_path / "missing", "can't be read: No such file or directory"),
    ):
        done = bundle(folder, "--p12", "--p12-password-file", str(path), code=1)
        assert done.stderr == f"error: `{path}` {why}\n"
    assert not (folder / "dist").exists()


def test_a_password_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0)

    with (
        as_somebody(tmp_path) as theirs,
        pytest.raises(ScaffoldError, match="can't be read: Permission denied"),
    ):
        read_password(BundleOptions(p12=True, password_file=str(theirs / "password")))


def test_every_reason_why_bundles_can_not_have_their_forms_is_told_at_once(own: Factory) -> None:
    folder = own("--members", "10.0.0.1", "--users", "TrustStore,a_b,a-b", *P256)

    done = bundle(folder, "--p12", "--kubernetes", code=1, password=PASSWORD_TEXT)

    assert done.stderr == (
        "error: no bundle is made in these forms\n"
        "  `a_b` and `a-b` would have one Secret, `etcd-a-b`\n"
        "  the key store of `TrustStore` would be `truststore.p12`\n\n"
        "hint: make such bundles in runs of their own, for namespaces of their own; "
        "Java's stores are for components of other names\n"
    )
    assert not (folder / "dist").exists()
    bundle(folder, "a-b", "--p12", "--kubernetes", password=PASSWORD_TEXT)
    bundle(folder, "TrustStore", "--kubernetes")


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_every_file_is_0600_and_every_folder_0700_in_every_form(own: Factory, umask: int) -> None:
    folder = own(*SMALL)

    bundle(folder, "--tar", "--p12", *ALL_FORMS, umask=umask, password=PASSWORD_TEXT)

    dist = folder / "dist"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (dist, *dist.rglob("*"))}
    assert (dist / "etcd1/pki/etcd").resolve() in modes
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}


def test_an_archive_holds_every_form_and_only_stores_differ_the_next_time(own: Factory) -> None:
    folder = own(*SMALL)
    archive = folder / "dist/etcd1.tar.gz"

    def packed(*words: str) -> bytes:
        bundle(folder, "etcd1", "--tar", *words, *ALL_FORMS, password=PASSWORD_TEXT)
        return archive.read_bytes()

    assert packed() == packed()
    unpacked = []
    for each in (packed("--p12"), packed("--p12")):
        with tarfile.open(fileobj=io.BytesIO(each)) as tar:
            found = tar.getmembers()
            unpacked.append(
                {entry.name: reader.read() for entry in found if (reader := tar.extractfile(entry))}
            )
        folders = [entry for entry in found if entry.isdir()]
        names = ["etcd1", "etcd1/etcd.service.d", "etcd1/pki", "etcd1/pki/etcd"]
        assert [entry.name for entry in folders] == names
        assert {entry.mode for entry in folders} == {0o700}
        assert {(entry.mode, entry.uid, entry.mtime) for entry in found if entry.isfile()} == {
            (0o600, 0, 0)
        }
    assert unpacked[1] == {
        f"etcd1/{path}": data for path, data in laid_out(folder / "dist/etcd1").items()
    }
    differing = {path for path, data in unpacked[0].items() if data != unpacked[1][path]}
    assert differing == {"etcd1/etcd1.p12", "etcd1/truststore.p12"}


def test_a_bundle_that_is_made_anew_has_only_the_forms_asked_for_now(own: Factory) -> None:
    folder = own(*SMALL)
    bundle(folder, "etcd1", "--p12", *ALL_FORMS, password=PASSWORD_TEXT)

    bundle(folder, "etcd1")

    assert not (folder / "dist/etcd1/pki").exists()
    assert not (folder / "dist/etcd1/etcd1.p12").exists()
