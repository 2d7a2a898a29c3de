"""What lies in the place of a certificate or key is told by its content, by each command alike."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import certs
from certs import NOW
from checking import check
from conftest import Factory
from support import openssl, run, tls_scaffold
from tls_scaffold.commands.bundle import make as make_bundles
from tls_scaffold.commands.status import status
from tls_scaffold.errors import ScaffoldError

pytestmark = pytest.mark.needs("make", "openssl")

PEM, KEY = "certs/alice.pem", "certs/alice-key.pem"
MARK = b"\xef\xbb\xbf"
Content = Callable[[Path], bytes]


@pytest.fixture
def sound(folder: Factory) -> Path:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "alice")
    certs.ca(path)
    certs.member(path)
    certs.leaf(path, "alice")
    return path


def read(name: str) -> Content:
    return lambda folder: (folder / name).read_bytes()


def by_openssl(*words: str) -> Content:
    """Return what openssl makes of the user's files, which `{0}` stands for."""

    def content(folder: Path) -> bytes:
        into = folder.parent / "made"
        given = [word.format(folder / "certs/alice") for word in words]
        openssl(*given, "-out", str(into))
        return into.read_bytes()

    return content


def openssh_key(folder: Path) -> bytes:
    key = folder.parent / "ssh"
    key.write_bytes((folder / KEY).read_bytes())
    key.chmod(0o600)
    run("ssh-keygen", "-p", "-N", "", "-f", str(key))
    return key.read_bytes()


KEYS: dict[str, tuple[Content, str]] = {
    "empty": (lambda _: b"", "is empty"),
    "blank lines": (lambda _: b"\n \n", "is empty"),
    "zeros, as a crash leaves them": (lambda _: b"\0" * 288, "is empty"),
    "cut off": (lambda folder: read(KEY)(folder)[:100], "is cut off or damaged: Go finds no whole"),
    "a byte order mark": (lambda folder: MARK + read(KEY)(folder), "begins with a byte order mark"),
    "indented": (lambda folder: b"  " + read(KEY)(folder), "has blanks before its `-----BEGIN`"),
    "DER": (lambda folder: certs.der(folder / KEY), "is in DER, and Go reads PEM alone"),
    "base64": (
        lambda folder: b64encode(certs.der(folder / KEY)),
        "is in base64, and Go reads PEM alone",
    ),
    "its certificate": (read(PEM), "holds a certificate, not a private key"),
    "a CSR": (
        by_openssl("req", "-new", "-key", "{0}-key.pem", "-subj", "/CN=x"),
        "holds a CSR, not a private key",
    ),
    "a public key": (
        by_openssl("pkey", "-in", "{0}-key.pem", "-pubout"),
        "holds a public key, not a private key",
    ),
    "encrypted": (
        by_openssl("ec", "-in", "{0}-key.pem", "-aes256", "-passout", "pass:x"),
        "is encrypted, and etcd and its clients take no password",
    ),
    "encrypted PKCS #8": (
        by_openssl("pkcs8", "-topk8", "-in", "{0}-key.pem", "-passout", "pass:x"),
        "is encrypted, and etcd and its clients take no password",
    ),
    "PKCS #12": (
        by_openssl(
            *("pkcs12", "-export", "-inkey", "{0}-key.pem", "-in", "{0}.pem"),
            *("-passout", "pass:x"),
        ),
        "holds a PKCS #12 file, not a private key",
    ),
    "a pointer of LFS": (
        lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 227\n",
        "holds a pointer of Git LFS (`git lfs pull`), not a private key",
    ),
    "locked by git-crypt": (
        lambda _: b"\0GITCRYPT\0\x01\x02",
        "holds what git-crypt has locked (`git-crypt unlock`), not a private key",
    ),
    "another's": (read("certs/etcd1-key.pem"), "is not its key"),
    "an RSA key": (
        by_openssl("genpkey", "-algorithm", "RSA", "-quiet"),
        "is not its key: it is of the type rsa-2048, and that has ecdsa-384",
    ),
    "any text": (lambda _: b"to be filled in\n", "holds no private key in PEM"),
}


@pytest.mark.parametrize("case", KEYS)
def test_in_a_key_s_place(sound: Path, case: str) -> None:
    make, reason = KEYS[case]
    (sound / KEY).write_bytes(make(sound))
    in_check = reason.replace("is not its key", f"is not the key of `{PEM}`")
    assert_told_alike(sound, f"mismatched: `{KEY}` {reason}", KEY, in_check)


@pytest.mark.needs("ssh-keygen")
def test_an_openssh_key_in_a_key_s_place(sound: Path) -> None:
    (sound / KEY).write_bytes(openssh_key(sound))
    reason = "holds an OpenSSH private key, which etcd and cfssl do not read"
    assert_told_alike(sound, f"mismatched: `{KEY}` {reason}", KEY, reason)


CERTIFICATES: dict[str, tuple[Content, str]] = {
    "empty": (lambda _: b"", "is empty"),
    "cut off": (lambda folder: read(PEM)(folder)[:300], "is cut off or damaged: Go finds no whole"),
    "a byte order mark": (lambda folder: MARK + read(PEM)(folder), "begins with a byte order mark"),
    "indented": (lambda folder: b"\t" + read(PEM)(folder), "has blanks before its `-----BEGIN`"),
    "DER": (lambda folder: certs.der(folder / PEM), "is in DER, and Go reads PEM alone"),
    "base64": (
        lambda folder: b64encode(certs.der(folder / PEM)),
        "is in base64, and Go reads PEM alone",
    ),
    "its key": (read(KEY), "holds a private key, not a certificate"),
    "a CSR": (
        by_openssl("req", "-new", "-key", "{0}-key.pem", "-subj", "/CN=x"),
        "holds a CSR, not a certificate",
    ),
    "PKCS #7": (
        by_openssl("crl2pkcs7", "-nocrl", "-certfile", "{0}.pem"),
        "holds a PKCS #7 file, not a certificate",
    ),
    "OpenSSL's own form": (
        by_openssl("x509", "-in", "{0}.pem", "-trustout", "-addtrust", "clientAuth"),
        "holds an OpenSSL trusted certificate, not a certificate",
    ),
    "a key under its label": (
        lambda folder: certs.in_pem(certs.der(folder / KEY)),
        "holds a private key under the label of a certificate",
    ),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_in_a_certificate_s_place(sound: Path, case: str) -> None:
    make, reason = CERTIFICATES[case]
    (sound / PEM).write_bytes(make(sound))
    (sound / PEM).chmod(0o600)
    assert_told_alike(sound, f"missing: {PEM}: it {reason}", PEM, reason)


def assert_told_alike(folder: Path, in_status: str, place: str, in_check: str) -> None:
    """Compare what `status`, `check` and `bundle` say of the user's pair, and of nothing else."""
    rows = {row.name: row for row in status(folder, timedelta(days=30), NOW).rows}
    (reason,) = rows["alice"].reasons
    assert reason.startswith(in_status)
    (finding,) = check(folder, NOW).findings
    assert (finding.level, finding.where) == ("error", place)
    assert finding.message.startswith(f"it {in_check}")
    with pytest.raises(ScaffoldError) as caught:
        make_bundles(folder, ["alice"])
    (problem,) = map(str, caught.value.problems)
    assert problem in (f"`{PEM}` is {reason}", reason.removeprefix("missing: "))
    make_bundles(folder, ["etcd1"])


@pytest.mark.parametrize("forged", ["self-signed", "in the CA's name", "a bit of it flipped"])
def test_what_the_ca_did_not_sign_is_told_and_signed_again(sound: Path, forged: str) -> None:
    path = sound / PEM
    if forged == "self-signed":
        words = ("-key", str(sound / KEY), "-clrext", "-out", str(path))
        openssl("x509", "-in", str(path), *words)
    elif forged == "in the CA's name":
        other = sound.parent / "other"
        certs.ca(other)
        certs.leaf(other, "alice")
        for name in (PEM, KEY):
            (sound / name).write_bytes((other / name).read_bytes())
    else:
        der = certs.der(path)
        path.write_bytes(certs.in_pem(der[:-1] + bytes([der[-1] ^ 1])))
    before = path.read_bytes()
    reason = "another CA than `certs/ca.pem` signed it"
    if forged == "self-signed":
        reason = "it is self-signed, and not signed by `certs/ca.pem`"

    rows = {row.name: row for row in status(sound, timedelta(days=30), NOW).rows}
    assert rows["alice"].reasons[0] == f"mismatched: {reason}"
    assert reason in [each.message for each in check(sound, NOW).findings]
    with pytest.raises(ScaffoldError, match="no bundle is made"):
        make_bundles(sound, ["alice"])

    done = tls_scaffold("-C", str(sound), "sign")
    assert "signed by another CA" in done.stdout + done.stderr
    assert path.read_bytes() != before
    openssl("verify", "-CAfile", str(sound / "certs/ca.pem"), str(path))
