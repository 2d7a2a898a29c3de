"""What is said of PEM files is what Go, and so etcd, reads in them."""

import random
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

import gopeer
from certs import NOW
from support import openssl
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates, matching, signer
from tls_scaffold.spelling import Key

pytestmark = pytest.mark.needs("go", "openssl")

Change = Callable[[bytes], bytes]
FILES = ("certificate", "key", "cas")
CHANGES: dict[str, Change] = {
    "nothing": lambda pem: pem,
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "byte order mark and a line": lambda pem: b"\xef\xbb\xbf\n" + pem,
    "every line indented": lambda pem: b"".join(
        b"  " + line for line in pem.splitlines(keepends=True)
    ),
    "first line indented": lambda pem: b" " + pem,
    "first line behind a tab": lambda pem: b"\t" + pem,
    "last line indented": lambda pem: pem.replace(b"-----END", b" -----END"),
    "body indented": lambda pem: pem.replace(b"\nM", b"\n  M"),
    "CRLF": lambda pem: pem.replace(b"\n", b"\r\n"),
    "CR alone": lambda pem: pem.replace(b"\n", b"\r"),
    "CRCRLF": lambda pem: pem.replace(b"\n", b"\r\r\n"),
    "blanks at the ends": lambda pem: pem.replace(b"\n", b" \t\n"),
    "blanks before CRLF": lambda pem: pem.replace(b"\n", b"  \r\n"),
    "form feeds at the ends": lambda pem: pem.replace(b"\n", b"\f\n"),
    "text before": lambda pem: b"subject=CN = x\n\n" + pem,
    "text after": lambda pem: pem + b"that is all\n",
    "text right before": lambda pem: b"x" + pem,
    "text right after": lambda pem: pem.rstrip() + b"x\n",
    "no last line end": lambda pem: pem.rstrip(),
    "blanks behind the last line": lambda pem: pem.rstrip() + b" \t ",
    "empty lines": lambda pem: pem.replace(b"\n", b"\n\n"),
    "a header": lambda pem: pem.replace(b"-----\n", b"-----\nComment: x\n\n", 1),
    "a header and no empty line": lambda pem: pem.replace(b"-----\n", b"-----\nComment: x\n", 1),
    "headers to the end": lambda pem: pem.replace(b"-----\n", b"-----\nComment: x\n" * 2, 1),
    "a colon in the body": lambda pem: pem[: len(pem) // 2] + b":" + pem[len(pem) // 2 :],
    "a header of encryption": lambda pem: pem.replace(
        b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\n\n", 1
    ),
    "no beginning": lambda pem: pem.partition(b"\n")[2],
    "no end": lambda pem: pem.partition(b"-----END")[0],
    "four dashes": lambda pem: pem.replace(b"-----BEGIN", b"----BEGIN"),
    "four dashes at the end": lambda pem: pem.rstrip()[:-1] + b"\n",
    "six dashes": lambda pem: pem.replace(b"-----BEGIN", b"------BEGIN"),
    "small letters": lambda pem: pem.replace(b"BEGIN", b"begin"),
    "another label at the end": lambda pem: pem.replace(b"-----END ", b"-----END X"),
    "another label": lambda pem: pem.replace(b"BEGIN ", b"BEGIN X").replace(b"END ", b"END X"),
    "the beginning twice": lambda pem: pem.partition(b"\n")[0] + b"\n" + pem,
    "another beginning before": lambda pem: b"-----BEGIN X-----\n" + pem,
    "another end before": lambda pem: b"-----END X-----\n" + pem,
    "a whole block before": lambda pem: b"-----BEGIN X-----\nQUJD\n-----END X-----\n" + pem,
    "a broken block before": lambda pem: b"-----BEGIN X-----\nQUJ\n-----END X-----\n" + pem,
    "a broken block after": lambda pem: pem + b"-----BEGIN X-----\nQUJ\n-----END X-----\n",
    "twice": lambda pem: pem + pem,
    "in one line": lambda pem: pem.replace(b"\n", b""),
    "body in one line": lambda pem: (
        pem.replace(b"\n", b"").replace(b"-----M", b"-----\nM").replace(b"-----END", b"\n-----END")
    ),
    "blanks in the body": lambda pem: pem.replace(b"A", b"A "),
    "no padding": lambda pem: pem.replace(b"=", b""),
    "a letter less": lambda pem: pem.replace(b"A", b"", 1),
    "a strange letter": lambda pem: pem.replace(b"A\n", b"*\n"),
    "letters of URLs": lambda pem: pem.replace(b"+", b"-").replace(b"/", b"_"),
    "padding too early": lambda pem: pem.replace(b"\nM", b"\n==M"),
    "NUL at the end": lambda pem: pem + b"\0",
    "NUL in the body": lambda pem: pem.replace(b"\nM", b"\n\0M", 1),
    "UTF-16": lambda pem: pem.decode("latin-1").encode("utf-16"),
    "cut in the middle": lambda pem: pem[: len(pem) // 2],
    "cut at the last dash": lambda pem: pem.rstrip()[:-1],
    "nothing left": lambda _: b"",
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gopeer.build(tmp_path_factory.mktemp("go"))


def pair(key: Key) -> tuple[bytes, bytes]:
    """Return certificate and key of a CA, which a pair may be too."""
    signed = signer.new_ca(Request(cn="x", hosts=(), key=key), NOW)
    return signed.certificate, signed.key


def reads_pair(certificate: bytes, key: bytes) -> bool:
    try:
        return not matching.key_trouble(certificates.read(certificate, "x.pem"), key)
    except ScaffoldError:
        return False


def reads_cas(pem: bytes) -> bool:
    try:
        return bool(certificates.read_all(pem, "x.pem"))
    except ScaffoldError:
        return False


def changed(rng: random.Random, number: int) -> dict[str, Change]:
    """Return changes that are two or three of the others, one after another."""
    found: dict[str, Change] = {}
    while len(found) < number:
        names = rng.choices(list(CHANGES), k=rng.choice((2, 2, 3)))

        def apply(pem: bytes, names: list[str] = names) -> bytes:
            for name in names:
                pem = CHANGES[name](pem)
            return pem

        found[", then ".join(names)] = apply
    return found


KEYS = (
    Key("ecdsa", 256),
    Key("ecdsa", 384),
    Key("ecdsa", 521),
    Key("rsa", 2048),
    Key("ed25519", 0),
)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key, id=str(key), marks=[pytest.mark.long] if key.algo == "rsa" else [])
        for key in KEYS
    ],
)
def test_however_a_file_is_mutilated_it_is_readable_where_go_reads_it(key: Key, peer: Path) -> None:
    certificate, private = pair(key)
    changes = CHANGES | changed(random.Random(str(key)), 400)  # noqa: S311 - for changes, not for keys
    files = [
        each
        for change in changes.values()
        for each in (
            (change(certificate), private, change(certificate)),
            (certificate, change(private), change(certificate + certificate)),
        )
    ]
    for name, found, (of_pair, of_cas) in zip(
        [name for name in changes for _ in range(2)], files, gopeer.ask(peer, files), strict=True
    ):
        assert reads_pair(*found[:2]) == (of_pair == "-"), (name, of_pair)
        # A CA that is cut off is passed over in silence by Go; here it is told.
        if reads_cas(found[2]):
            assert of_cas == "-", (name, of_cas)
        elif of_cas == "-":
            assert is_partly_read(found[2]), name


def is_partly_read(pem: bytes) -> bool:
    """Tell a file in which something is that Go passes over, or takes under another label."""
    return pem.count(b"BEGIN") > 1 or b"BEGIN CERTIFICATE-----" not in pem


def private_bytes(key: object, form: PrivateFormat, password: bytes = b"") -> bytes:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, hidden)  # type: ignore[attr-defined,no-any-return]


def every_form(folder: Path, key: bytes, certificate: bytes) -> dict[str, bytes]:
    """Return a private key in each form that a file may hold it in, by a name."""
    private = load_pem_private_key(key, None)
    (folder / "k").write_bytes(key)
    (folder / "c").write_bytes(certificate)
    words = ("-in", str(folder / "k"))
    pkcs8 = private_bytes(private, PrivateFormat.PKCS8)
    parameters = openssl("ecparam", "-name", "prime256v1").encode()
    csr = openssl("req", "-new", "-key", str(folder / "k"), "-subj", "/CN=x").encode()
    store = folder / "store"
    openssl(
        *("pkcs12", "-export", "-inkey", str(folder / "k"), "-in", str(folder / "c")),
        *("-passout", "pass:x", "-out", str(store)),
    )
    old = openssl("ec", *words, "-aes256", "-passout", "pass:x").encode()
    return {
        "as it is": key,
        "PKCS #8": pkcs8,
        "behind parameters": parameters + key,
        "before parameters": key + parameters,
        "behind its certificate": certificate + key,
        "before its certificate": key + certificate,
        "cfssl's label": pkcs8.replace(b" PRIVATE KEY", b" Ed25519 PRIVATE KEY"),
        "any label": pkcs8.replace(b" PRIVATE KEY", b" X PRIVATE KEY"),
        "no blank before the label": pkcs8.replace(b" PRIVATE KEY", b" XPRIVATE KEY"),
        "encrypted as PKCS #8": private_bytes(private, PrivateFormat.PKCS8, b"x"),
        "encrypted in the old form": old,
        "OpenSSH": private_bytes(private, PrivateFormat.OpenSSH),
        "another before it": pair(KEYS[0])[1] + key,
        "its public key": private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "its certificate": certificate,
        "its CSR": csr,
        "a store": store.read_bytes(),
        "DER": private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "base64": b64encode(
            private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        ),
        "a certificate under its label": certificate.replace(b"CERTIFICATE", b"PRIVATE KEY"),
    }


TROUBLES = {
    "as it is": "",
    "PKCS #8": "",
    "behind parameters": "",
    "before parameters": "",
    "behind its certificate": "",
    "before its certificate": "",
    "cfssl's label": "",
    "any label": "",
    "no blank before the label": "holds `XPRIVATE KEY`, not a private key",
    "encrypted as PKCS #8": "is encrypted, and etcd and its clients take no password",
    "encrypted in the old form": "is encrypted, and etcd and its clients take no password",
    "OpenSSH": "holds an OpenSSH private key, which etcd and cfssl do not read",
    "another before it": "is not its key",
    "its public key": "holds a public key, not a private key",
    "its certificate": "holds a certificate, not a private key",
    "its CSR": "holds a CSR, not a private key",
    "a store": "holds a PKCS #12 file, not a private key",
    "DER": "is in DER, and Go reads PEM alone",
    "base64": "is in base64, and Go reads PEM alone",
    "a certificate under its label": "holds a certificate under the label of a private key",
}


def test_each_form_of_a_key_is_told_by_what_it_is_and_taken_where_go_takes_it(
    tmp_path: Path, peer: Path
) -> None:
    certificate, key = pair(KEYS[0])
    forms = every_form(tmp_path, key, certificate)
    answers = gopeer.ask(peer, [(certificate, form, b"") for form in forms.values()])
    read = certificates.read(certificate, "x.pem")
    found = {name: matching.key_trouble(read, form) for name, form in forms.items()}
    assert found == TROUBLES
    assert {name for name, trouble in found.items() if not trouble} == {
        name for name, (pair, _) in zip(forms, answers, strict=True) if pair == "-"
    }


STRANGERS: dict[str, tuple[Callable[[], object], str]] = {
    "rsa": (
        lambda: rsa.generate_private_key(65537, 2048),
        "is not its key: it is of the type rsa-2048, and that has ecdsa-256",
    ),
    "P-384": (
        lambda: ec.generate_private_key(ec.SECP384R1()),
        "is not its key: it is of the type ecdsa-384, and that has ecdsa-256",
    ),
    "P-224": (
        lambda: ec.generate_private_key(ec.SECP224R1()),
        "is not its key: it is of the type ecdsa-224, and that has ecdsa-256",
    ),
    "P-256": (lambda: ec.generate_private_key(ec.SECP256R1()), "is not its key"),
    "ed25519": (
        ed25519.Ed25519PrivateKey.generate,
        "is not its key: it is of the type ed25519, and that has ecdsa-256",
    ),
    "secp256k1": (
        lambda: ec.generate_private_key(ec.SECP256K1()),
        "is a key on the curve secp256k1, which Go does not know",
    ),
    "ed448": (
        ed448.Ed448PrivateKey.generate,
        "is a private key of a kind that signs no certificate (Ed448)",
    ),
    "x25519": (
        x25519.X25519PrivateKey.generate,
        "is a private key of a kind that signs no certificate (X25519)",
    ),
    "dsa": (
        lambda: dsa.generate_private_key(2048),
        "is a private key of a kind that signs no certificate (DSA)",
    ),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_key_of_another_is_told_with_its_type(name: str, peer: Path) -> None:
    make, trouble = STRANGERS[name]
    certificate, _ = pair(KEYS[0])
    stranger = private_bytes(make(), PrivateFormat.PKCS8)
    assert matching.key_trouble(certificates.read(certificate, "x"), stranger) == trouble
    assert gopeer.ask(peer, [(certificate, stranger, b"")])[0][0] != "-"


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_whatever_byte_of_a_key_is_changed_it_fits_where_go_says_so(
    form: PrivateFormat, peer: Path
) -> None:
    certificate, key = pair(KEYS[0])
    private = load_pem_private_key(key, None)
    der = private.private_bytes(Encoding.DER, form, NoEncryption())
    label = b"EC PRIVATE KEY" if form == PrivateFormat.TraditionalOpenSSL else b"PRIVATE KEY"

    def in_pem(content: bytes) -> bytes:
        return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, b64encode(content), label)

    forms = [
        in_pem(der[:place] + bytes([der[place] ^ mask]) + der[place + 1 :])
        for place in range(len(der))
        for mask in (1, 0x80)
    ]
    answers = gopeer.ask(peer, [(certificate, each, b"") for each in forms])
    read = certificates.read(certificate, "x")
    # Where the two differ ours is the stricter one: nobody is told that a key is good and is not.
    wrong = [
        index
        for index, (each, (pair_, _)) in enumerate(zip(forms, answers, strict=True))
        if not matching.key_trouble(read, each) and pair_ != "-"
    ]
    assert wrong == []
