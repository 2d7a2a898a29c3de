"""What the tests of `revoke` share: lists as openssl reads them, and numbers of certificates."""

import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from certs import DAY, NOW
from support import Done, openssl, tls_scaffold

CRL, REVOKED = "certs/crl.der", "revoked.tsv"
WORDS = ("--members", "127.0.0.1,127.0.0.2", "--users", "root,alice,bob", "--proxies", "0")
FOLDER = (*WORDS, "--key", "ecdsa-256")
ENTRY = re.compile(
    r"Serial Number: (?P<serial>[0-9A-F]+)\n\s*Revocation Date: (?P<date>.*)\n"
    r"(?:\s*CRL entry extensions:\n\s*X509v3 CRL Reason Code: *\n\s*(?P<reason>.*)\n)?"
)


def serial(path: Path) -> str:
    """Return a certificate's serial number as etcd's log has it."""
    text = openssl("x509", "-in", str(path), "-noout", "-serial").strip()
    return text.removeprefix("serial=").lower()


def listed(folder: Path, path: str = CRL) -> dict[str, str]:
    """Return the serial numbers that a list names, each with its reason, as openssl reads it."""
    text = openssl("crl", "-inform", "DER", "-in", str(folder / path), "-noout", "-text")
    return {each["serial"].lower(): (each["reason"] or "").strip() for each in ENTRY.finditer(text)}


def rows(folder: Path) -> list[list[str]]:
    """Return the columns of each line of `revoked.tsv`."""
    lines = (folder / REVOKED).read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def revoke(folder: Path, *words: str, code: int = 0) -> Done:
    done = tls_scaffold("-C", str(folder), "revoke", *words)
    assert done.returncode == code, f"{done.stdout}{done.stderr}"
    return done


def crl_of(
    folder: Path, *serials: str, life: int = 1, begin: int = 0
) -> x509.CertificateRevocationList:
    """Return a list by the folder's CA, which lives for some days, as another tool makes it."""
    ca = x509.load_pem_x509_certificate((folder / "certs/ca.pem").read_bytes())
    key = load_pem_private_key((folder / "certs/ca-key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    builder = builder.last_update(NOW + begin * DAY).next_update(NOW + (begin + life) * DAY)
    for each in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(int(each, 16)).revocation_date(NOW)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, SHA256())


def put_crl(folder: Path, *serials: str, form: Encoding = Encoding.DER, **how: int) -> None:
    (folder / CRL).write_bytes(crl_of(folder, *serials, **how).public_bytes(form))


def version_1(folder: Path, work: Path) -> bytes:
    """Return what `openssl ca -gencrl` makes where nobody asks it for extensions."""
    work.mkdir(exist_ok=True)
    (work / "index").touch()
    (work / "config").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={work}/index\n")
    pair = ("-cert", str(folder / "certs/ca.pem"), "-keyfile", str(folder / "certs/ca-key.pem"))
    words = ("-config", str(work / "config"), *pair, "-md", "sha256", "-crldays", "9")
    openssl("ca", "-gencrl", *words, "-out", str(work / "pem"))
    openssl("crl", "-in", str(work / "pem"), "-outform", "DER", "-out", str(work / "der"))
    return (work / "der").read_bytes()
