"""Faults planted on real members, with what both ends say of each: etcd's log, and etcdctl."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

import certs
from runningmembers import HOST, Running, Started, member
from support import Done, make, run, tls_scaffold

WORDS = (
    *("--members", f"etcd1={HOST}", "--proxies", "0", "--key", "ecdsa-256"),
    *("--users", "root,alice,stranger", "--grant", "alice=/alice/"),
)
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Seen:
    """What a member's log and a client said, and with whose pair the client came."""

    member: str
    client: str
    came: tuple[Path, Path] | tuple[()] = ()

    @property
    def visitor(self) -> tuple[str, ...]:
        return ("--cert", str(self.came[0]), "--key", str(self.came[1])) if self.came else ()


@dataclass
class Lab:
    """A folder, certificates that are wrong in one way each, and a member that is well."""

    folder: Path
    into: Path
    version: str
    noted: Started
    well: Running

    @property
    def trust(self) -> Path:
        return self.folder / "certs/trust.pem"

    def pair(self, name: str, of: str = "forged") -> tuple[Path, Path]:
        certificates = self.into / of / "certs"
        return certificates / f"{name}.pem", certificates / f"{name}-key.pem"

    def own(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"certs/{name}.pem", self.folder / f"certs/{name}-key.pem"

    def come(
        self,
        *words: str,
        came: tuple[Path, Path] | tuple[()] = (),
        to: Running | None = None,
        ca: Path | None = None,
        scheme: str = "https",
        wait: str = "1s",
        logs: bool = True,
    ) -> Seen:
        """Let etcdctl come to a member, and note what both say.

        Of a member that should have logged it and has not the machine was too busy: it comes again.
        """
        at = to or self.well
        files: Sequence[Path] = (ca or self.trust, *came) if scheme == "https" else ()
        url = f"{scheme}://{HOST}:{at.client}"
        for each in (wait, "10s", "60s"):
            at.said()
            done = at.ctl(*(words or ("get", "x")), files=files, url=url, wait=each)
            seen = Seen(at.said(), done.stdout + done.stderr, came)
            if seen.member or not logs:
                break
        return seen

    @contextmanager
    def serving(self, pair: tuple[Path, Path]) -> Iterator[None]:
        """Let the member that is well serve another pair for a while."""
        self.well.lay_out(*pair)
        try:
            yield
        finally:
            self.well.lay_out(*self.own("etcd1"))

    def explain(self, text: str, *words: str, at: Running | None = None) -> dict[str, Any]:
        """Return what `explain` makes of lines, with a member to look at, and its exit code."""
        where = at or self.well
        look = () if where.client == 0 else ("--endpoints", where.endpoint)
        (self.into / "lines").write_text(text)
        done = tls_scaffold(
            *("explain", "--json", "--timeout", "10", "--file", str(self.into / "lines")),
            *look,
            *words,
            cwd=self.folder,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found, "code": done.returncode, "told": done.stdout + done.stderr}

    def explain_port(self, *words: str) -> dict[str, Any]:
        """Return what `explain` says of the port of the member that is well."""
        at = f"{HOST}:{self.well.client}"
        done = tls_scaffold("explain", "--json", "--timeout", "10", at, *words, cwd=self.folder)
        return {**json.loads(done.stdout), "code": done.returncode}

    def other(self, trust: bytes, *, pair: str = "etcd1", with_client_auth: bool = True) -> Running:
        """Start a further member, which reads another trust file."""
        one = member(
            self.noted, self.into, "etcd1", self.version, with_client_auth=with_client_auth
        )
        one.lay_out(*self.own(pair))
        one.trust(trust)
        one.start()
        return one


def new_lab(into: Path, version: str, noted: Started) -> Lab:
    folder = into / "tls-setup"
    assert tls_scaffold("new", str(folder), *WORDS).returncode == 0
    make(folder)
    _forge(folder, into)
    well = member(*(noted, into, "etcd1", version), f"--client-crl-file={into / 'crl.der'}")
    lab = Lab(folder, into, version, noted, well)
    well.lay_out(*lab.own("etcd1"))
    well.trust(lab.trust.read_bytes())
    well.start()
    for words in (
        ("user", "add", "root", "--no-password"),
        ("role", "add", "root"),
        ("user", "grant-role", "root", "root"),
        ("user", "add", "alice", "--no-password"),
        ("role", "add", "alice"),
        ("role", "grant-permission", "alice", "readwrite", "--prefix=true", "/alice/"),
        ("user", "grant-role", "alice", "alice"),
        ("auth", "enable"),
    ):
        done = well.ctl(*words, files=(lab.trust, *lab.own("root")), wait="60s")
        assert done.returncode == 0, done.stderr
    return lab


def _forge(folder: Path, into: Path) -> None:
    """Sign with the folder's CA, and with two others, what is wrong in one way each."""
    forged = into / "forged"
    (forged / "certs").mkdir(parents=True)
    for name in ("ca.pem", "ca-key.pem"):
        shutil.copy(folder / "certs" / name, forged / "certs")
    day = certs.DAY
    certs.leaf(forged, "ended", begin=certs.NOW - 3 * day, life=day)
    certs.leaf(forged, "early", begin=certs.NOW + 3 * day)
    certs.leaf(forged, "server", usages=(certs.SERVER,))
    certs.leaf(forged, "revoked")
    certs.member(forged, "s-ended", hosts=(HOST,), begin=certs.NOW - 3 * day, life=day)
    certs.member(forged, "s-host", hosts=("10.0.0.1",))
    certs.member(forged, "s-usage", hosts=(HOST,), usages=(certs.CLIENT,))
    for place, cn in (("namesake", "Autogenerated CA"), ("stranger", "Another CA")):
        with ca_called(cn):
            certs.ca(into / place)
            certs.leaf(into / place, "alice")
            certs.member(into / place, hosts=(HOST,))
    certs.ca(into / "servers", extensions=[x509.ExtendedKeyUsage([certs.SERVER])])
    certs.member(into / "servers", hosts=(HOST,))
    certs.leaf(into / "servers", "alice")
    _revoke(forged, into / "crl.der", "revoked")


@contextmanager
def ca_called(name: str) -> Iterator[None]:
    """Let the CAs that are made, and those who name them, have another CN than is usual."""
    usual = certs.subject

    def named(cn: str) -> x509.Name:
        return usual(name if cn == "Autogenerated CA" else cn)

    certs.subject = named
    try:
        yield
    finally:
        certs.subject = usual


def _revoke(forged: Path, crl: Path, name: str) -> None:
    ca = x509.load_pem_x509_certificate((forged / "certs/ca.pem").read_bytes())
    leaf = x509.load_pem_x509_certificate((forged / f"certs/{name}.pem").read_bytes())
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(leaf.serial_number)
        .revocation_date(certs.NOW - certs.DAY)
        .build()
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(certs.NOW - certs.DAY)
        .next_update(certs.NOW + certs.YEAR)
        .add_revoked_certificate(revoked)
    )
    signed = builder.sign(certs.ca_key(forged), hashes.SHA256())
    crl.write_bytes(signed.public_bytes(Encoding.DER))


def through_the_gateway(lab: Lab) -> Seen:
    """Read a key over HTTP, with a certificate that has a CN."""
    certificate, key = lab.own("alice")
    lab.well.said()
    done = run(
        *("curl", "-s", "-d", '{"key": "eA=="}', "--cacert", str(lab.trust)),
        *("--cert", str(certificate), "--key", str(key)),
        f"https://{HOST}:{lab.well.client}/v3/kv/range",
    )
    return Seen(lab.well.said(), done.stdout)


def encrypted(lab: Lab) -> tuple[Path, Path]:
    certificate, key = lab.own("alice")
    locked = lab.into / "locked-key.pem"
    done: Done = run(
        *("openssl", "pkey", "-aes256", "-passout", "pass:x"),
        *("-in", str(key), "-out", str(locked)),
    )
    assert done.returncode == 0, done.stderr
    return certificate, locked


def with_bom(lab: Lab, which: int) -> tuple[Path, Path]:
    pair = list(lab.own("alice"))
    spoiled = lab.into / f"bom-{pair[which].name}"
    spoiled.write_bytes(BOM + pair[which].read_bytes())
    pair[which] = spoiled
    return pair[0], pair[1]


def end_of_start(lab: Lab, key: bytes) -> str:
    """Start a member with a key that is spoiled, and return what its log says."""
    one = member(lab.noted, lab.into, "etcd1", lab.version)
    shutil.copy(lab.own("etcd1")[0], one.place / "pair.pem")
    (one.place / "pair-key.pem").write_bytes(key)
    one.trust(lab.trust.read_bytes())
    one.start(wait=False)
    assert one.process
    try:
        one.process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        one.stop()
    return one.said()
