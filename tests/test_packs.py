"""Packs that were changed, are another's, or never were packs: one message, and nothing written."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from clusters import P256
from handwork import Machine, changed, exported, files_of, imported, machine, ours, packed, remade
from liars import HARMLESS, LIES, Answer
from multiroots import CA
from support import contents, make, openssl, run, tls_scaffold
from tls_scaffold.cli import cli

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
CLUSTER = ("--members", "127.0.0.1", "--users", "root,alice", *P256, "--ca-offline")
BOMB = 3 * 1024 * 1024


@dataclass(frozen=True)
class Desk:
    """Two machines, and a pack of `alice` that is on its way; the other users are signed."""

    place: Path
    hand: Machine
    folder: Path
    pack: Path
    signed: Path

    def import_(self, pack: Path, *words: str) -> tuple[int, str]:
        return invoke("-C", str(self.folder), "requests", "import", str(pack), *words)

    def sign(self, pack: Path, *words: str, ca: str = "ca.pem") -> tuple[int, str]:
        given = ("--ca", str(self.hand.place / ca), "--ca-key", str(self.hand.key), "--yes")
        record = ("--record", str(self.place / "record"))
        return invoke("requests", "sign", str(pack), *given, *record, *words)


def invoke(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said of errors."""
    result = CliRunner().invoke(cli, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


@pytest.fixture(scope="module")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    place = tmp_path_factory.mktemp("desk")
    hand = machine(place / "ca")
    folder = place / "tls-setup"
    done = tls_scaffold("new", str(folder), *CLUSTER)
    assert done.returncode == 0, done.stderr
    make(folder, "csr", SIGNER="tls-scaffold")
    old = exported(folder, place / "old.tar")
    imported(folder, hand.signed(old, "--record", str(place / "record")), "--ca-sha256", hand.pin)
    make(folder, "req-alice", SIGNER="tls-scaffold")
    pack = exported(folder, place / "alice.tar")
    signed = hand.signed(pack, "--record", str(place / "record"))
    return Desk(place, hand, folder, pack, signed)


@pytest.fixture
def desk(first_desk: Desk, tmp_path: Path) -> Desk:
    """Return a copy of the desk, whose folder tests may change."""
    place = shutil.copytree(first_desk.place, tmp_path / "desk", symlinks=True)
    return Desk(
        place,
        Machine(place / "ca"),
        place / "tls-setup",
        place / "alice.tar",
        place / "alice-signed.tar",
    )


def told_once(code: int, told: str) -> str:
    """Return what was said of an error, which is one message."""
    assert code == 1
    assert told.startswith("error: ")
    assert told.count("error:") == 1
    assert "Traceback" not in told
    return told


def tar_of(target: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(target, "w") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return target


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: Any) -> Any:
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, len(content)
    for field, value in more.items():
        setattr(found, field, value)
    return found, content


def with_entry(pack: Path, target: Path, *added: Any) -> Path:
    """Write a pack with more entries, of whatever kind."""
    files = files_of(pack)
    return tar_of(target, *(entry(name, text) for name, text in files.items()), *added)


TRICKS: dict[str, tuple[Any, str]] = {
    "a path above": (entry("../alice.pem", b"x"), "is not a plain name"),
    "an absolute path": (entry("/etc/alice.pem", b"x"), "is not a plain name"),
    "a folder": (entry("certs", kind=tarfile.DIRTYPE), "is a folder"),
    "a file in a folder": (entry("certs/alice.pem", b"x"), "is not a plain name"),
    "a symbolic link": (
        entry("x.pem", kind=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "`x.pem` is a link",
    ),
    "a hard link": (
        entry("x.pem", kind=tarfile.LNKTYPE, linkname="alice.csr"),
        "`x.pem` is a link",
    ),
    "a device": (entry("x.pem", kind=tarfile.CHRTYPE), "`x.pem` is a device"),
    "a named pipe": (entry("x.pem", kind=tarfile.FIFOTYPE), "`x.pem` is a named pipe"),
    "a hidden file": (entry(".bashrc", b"x"), "is not a plain name"),
    "a huge file": (entry("alice.pem", b"\0" * BOMB), "is larger than 1 MiB"),
    "twice the same": (entry("alice.csr", b"x"), "`alice.csr` is in it twice"),
    "twice by another spelling": (entry("./alice.csr", b"x"), "`alice.csr` is in it twice"),
    "what is no part of it": (entry("notes.txt", b"x"), "`notes.txt` belongs to no request"),
    "another's certificate": (entry("etcd1.pem", b"x"), "`etcd1.pem` belongs to no request"),
}


@pytest.mark.parametrize("name", TRICKS)
def test_tricks_in_a_tar_are_told_and_nothing_is_written(
    first_desk: Desk, tmp_path: Path, name: str
) -> None:
    added, told = TRICKS[name]
    before = contents(first_desk.place)
    for pack, use in ((first_desk.signed, "import"), (first_desk.pack, "sign")):
        bad = with_entry(pack, tmp_path / f"{use}.tar", added)
        code, said = first_desk.import_(bad) if use == "import" else first_desk.sign(bad)
        assert told in told_once(code, said)
    assert contents(first_desk.place) == before
    assert sorted(tmp_path.iterdir()) == [tmp_path / "import.tar", tmp_path / "sign.tar"]


@pytest.mark.parametrize("form", ["gnu", "posix"])
def test_a_sparse_giant_is_not_read(first_desk: Desk, tmp_path: Path, form: str) -> None:
    (tmp_path / "ca.pem").touch()
    with (tmp_path / "ca.pem").open("r+b") as file:
        file.truncate(10 * 1024**3)
    words = ("tar", f"--format={form}", "--sparse", "-cf", "sparse.tar", "ca.pem")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "`ca.pem` is no plain file" in told_once(*first_desk.import_(tmp_path / "sparse.tar"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a plain tar"),
        (b"no tar at all\n" * 100, "is not a plain tar"),
        (b"\0" * 10240, "`manifest.json` is missing"),
    ],
)
def test_what_is_no_tar_is_told(
    first_desk: Desk, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    assert told in told_once(*first_desk.import_(tmp_path / "x.tar"))
    assert told in told_once(*first_desk.sign(tmp_path / "x.tar"))


def test_a_tar_that_is_cut_off_or_compressed_is_told(first_desk: Desk, tmp_path: Path) -> None:
    whole = first_desk.signed.read_bytes()
    for length in (600, 1500, len(whole) // 2):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        told_once(*first_desk.import_(tmp_path / "cut.tar"))
    run("gzip", "-k", str(shutil.copy(first_desk.signed, tmp_path / "x.tar")))
    said = told_once(*first_desk.import_(tmp_path / "x.tar.gz"))
    assert "is not a plain tar" in said
    assert "tar -cf FILE manifest.json" in said


def test_a_private_key_in_a_pack_is_told_at_once(first_desk: Desk, tmp_path: Path) -> None:
    key = first_desk.hand.key.read_bytes()
    bad = changed(
        first_desk.signed, tmp_path / "x.tar", ca__pem=first_desk.hand.ca.read_bytes() + key
    )
    said = told_once(*first_desk.import_(bad))
    assert "holds a private key: keys never travel\n  `ca.pem` is one" in said
    bad = packed(tmp_path / "y.tar", {**files_of(first_desk.pack), "ca-key.pem": key})
    assert "`ca-key.pem` is one" in told_once(*first_desk.sign(bad))


def set_to(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["requests"][0].update(fields)


def twice(manifest: dict[str, Any]) -> None:
    manifest["requests"].append({**manifest["requests"][0], "name": "ALICE"})


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another name": (set_to(name="bob"), "bob: `bob.csr` is missing"),
    "a name that leads elsewhere": (set_to(name="../x"), "requests[0].name: `../x` is not a name"),
    "the CA's name": (set_to(name="ca"), "`ca` is taken by the CA's own files"),
    "a wider profile": (set_to(profile=""), "disagrees with `alice.csr`: `usages`"),
    "a profile that there is not": (set_to(profile="x"), "has no profile `x`"),
    "more usages": (set_to(usages=["server auth"]), "disagrees with `alice.csr`: `usages`"),
    "a longer life": (set_to(expiry="87600h"), "disagrees with `alice.csr`: `expiry`"),
    "another subject": (set_to(subject=["CN=root"]), "disagrees with `alice.csr`: `subject`"),
    "other hosts": (set_to(hosts=["IP:10.0.0.9"]), "disagrees with `alice.csr`: `hosts`"),
    "another key": (set_to(key_sha256="0" * 64), "disagrees with `alice.csr`: `key_sha256`"),
    "another CSR": (set_to(csr_sha256="0" * 64), "disagrees with `alice.csr`: `csr_sha256`"),
    "a sum that is none": (set_to(csr_sha256="x"), "is no SHA-256 in 64 hexadecimal digits"),
    "a number for a name": (set_to(name=1), "requests[0].name: `1` is not text"),
    "twice the same name": (twice, "requests[1].name: `ALICE` stands here twice"),
    "no requests": (lambda it: it.pop("requests"), "requests: is missing"),
    "more than is known": (lambda it: it.update(more=1), "more: no such field"),
    "a newer format": (lambda it: it.update(format=2), "is of another format"),
    "another configuration": (
        lambda it: it.update(config_sha256="0" * 64),
        "`ca-config.json` is not the one that `manifest.json` names",
    ),
    "no time": (lambda it: it.update(time="now"), "is no time such as"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_was_changed_is_told_on_both_machines(
    first_desk: Desk, tmp_path: Path, name: str
) -> None:
    change, told = MANIFESTS[name]
    before = contents(first_desk.place)
    bad = remade(first_desk.signed, tmp_path / "signed.tar", change)
    assert told in told_once(*first_desk.import_(bad))
    bad = remade(first_desk.pack, tmp_path / "asked.tar", change)
    assert told in told_once(*first_desk.sign(bad))
    assert contents(first_desk.place) == before


def test_a_manifest_that_was_changed_so_that_it_agrees_is_told_by_the_folder(
    first_desk: Desk, tmp_path: Path
) -> None:
    usages = ["signing", "key encipherment", "server auth", "client auth"]
    change = set_to(profile="", usages=usages)
    assert first_desk.sign(remade(first_desk.pack, tmp_path / "bad.tar", change))[0] == 0
    said = told_once(*first_desk.import_(tmp_path / "bad-signed.tar"))
    assert "alice: the manifest is not what the folder asks for: `profile`, `usages`" in said
    assert "alice: usages: `server auth` not asked for" in said


def test_a_configuration_that_was_changed_with_its_sum_is_told_by_the_folder(
    first_desk: Desk, tmp_path: Path
) -> None:
    files = files_of(first_desk.pack)
    files["ca-config.json"] = files["ca-config.json"].replace(b"8760h", b"17520h")
    manifest = json.loads(files["manifest.json"])
    manifest["config_sha256"] = hashlib.sha256(files["ca-config.json"]).hexdigest()
    manifest["requests"][0]["expiry"] = "17520h"
    files["manifest.json"] = json.dumps(manifest).encode()
    bad = packed(tmp_path / "bad.tar", files)
    assert first_desk.sign(bad)[0] == 0  # who signs sees what it asks for
    said = told_once(*first_desk.import_(tmp_path / "bad-signed.tar"))
    assert "alice: the manifest is not what the folder asks for: `expiry`" in said
    assert "alice: lifetime: `17520h`, asked `8760h`" in said


def test_a_csr_that_was_exchanged_is_told(first_desk: Desk, tmp_path: Path) -> None:
    words = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "/dev/null",
    )
    other = openssl("req", "-new", *words, "-subj", "/CN=root").encode()
    for pack, use in ((first_desk.pack, first_desk.sign), (first_desk.signed, first_desk.import_)):
        said = told_once(*use(changed(pack, tmp_path / "x.tar", alice__csr=other)))
        assert "the manifest disagrees with `alice.csr`" in said
        said = told_once(*use(changed(pack, tmp_path / "x.tar", alice__csr=b"x")))
        assert "alice: `alice.csr` is not a CSR" in said
        said = told_once(*use(changed(pack, tmp_path / "x.tar", alice__csr=None)))
        assert "alice: `alice.csr` is missing" in said


class Forger:
    """Signs the CSR of a pack with openssl as nobody should."""

    def __init__(self, desk: Desk, place: Path) -> None:
        self.desk, self.place = desk, place
        place.mkdir()
        (place / "alice.csr").write_bytes(files_of(desk.pack)["alice.csr"])

    def sign(  # noqa: PLR0913 - what stands in a certificate
        self,
        *,
        usages: str = "clientAuth",
        key_usage: str = "digitalSignature,keyEncipherment",
        subject: str = "",
        hosts: str = "",
        begin: timedelta = timedelta(minutes=-5),
        life: timedelta = timedelta(days=365),
        is_ca: bool = False,
        ca: Machine | None = None,
        digest: str = "sha256",
    ) -> bytes:
        hand = ca or self.desk.hand
        lines = [
            f"basicConstraints=critical,CA:{'TRUE' if is_ca else 'FALSE'}",
            f"keyUsage=critical,{key_usage}",
            f"extendedKeyUsage={usages}",
            *([f"subjectAltName={hosts}"] if hosts else []),
        ]
        (self.place / "ext").write_text("\n".join(lines) + "\n")
        (self.place / "index").write_text("")
        (self.place / "serial").write_text("01\n")
        fields = ("C", "ST", "L", "O", "OU", "CN")
        policy = "\n".join(f"{each}=optional" for each in fields)
        (self.place / "conf").write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase=index\nserial=serial\nnew_certs_dir=.\n"
            f"policy=p\ndefault_md={digest}\nunique_subject=no\n[p]\n{policy}\n"
        )
        now = datetime.now(timezone.utc).replace(microsecond=0) + begin
        times = [f"{each:%Y%m%d%H%M%SZ}" for each in (now, now + life)]
        words = (
            *("openssl", "ca", "-batch", "-config", "conf", "-in", "alice.csr", "-notext"),
            *("-cert", str(hand.ca), "-keyfile", str(hand.key), "-extfile", "ext"),
            *("-startdate", times[0], "-enddate", times[1], "-out", "alice.pem", "-preserveDN"),
            *(("-subj", subject) if subject else ()),
        )
        done = run(*words, cwd=self.place)
        assert done.returncode == 0, done.stderr
        return (self.place / "alice.pem").read_bytes()


FORGERIES: dict[str, tuple[dict[str, Any], str]] = {
    "another subject": ({"subject": "/CN=root"}, "CN: `root`, asked `alice`"),
    "a host": ({"hosts": "DNS:x.example"}, "hosts: `x.example` not asked for"),
    "server auth": ({"usages": "clientAuth,serverAuth"}, "usages: `server auth` not asked for"),
    "no client auth": ({"usages": "serverAuth"}, "usages: `client auth` missing"),
    "a short life": ({"life": timedelta(days=30)}, "lifetime: `720h`, asked `8760h`"),
    "a long life": ({"life": timedelta(days=3650)}, "lifetime: `87600h`, asked `8760h`"),
    "expired": ({"begin": timedelta(days=-366)}, "it ended "),
    "yet to come": ({"begin": timedelta(days=2)}, "it is not valid before "),
    "a CA": ({"is_ca": True, "key_usage": "keyCertSign"}, "CA: it is the certificate of a CA"),
    "SHA-1": ({"digest": "sha1"}, "signature: it is signed with SHA-1"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_certificate_that_is_not_what_was_asked_for_is_told(
    first_desk: Desk, tmp_path: Path, name: str
) -> None:
    given, told = FORGERIES[name]
    before = contents(first_desk.place)
    pem = Forger(first_desk, tmp_path / "forger").sign(**given)
    bad = changed(first_desk.signed, tmp_path / "x.tar", alice__pem=pem)
    said = told_once(*first_desk.import_(bad))
    assert said.splitlines()[0] == "error: nothing of the pack is put in place"
    assert f"alice: {told}" in said
    assert contents(first_desk.place) == before


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path, Path]:
    """Return the CA's machine, a folder whose requests wait for it, and the pack that it signed."""
    place = tmp_path_factory.mktemp("waiting")
    hand, folder = machine(place / "ca"), place / "tls-setup"
    given = ("--ca", str(hand.ca), "--ca-sha256", hand.pin)
    assert tls_scaffold("new", str(folder), *CLUSTER, *given[:2]).returncode == 0
    make(folder, "csr", SIGNER="tls-scaffold")
    return hand, folder, hand.signed(exported(folder, place / "all.tar"))


def lied(hand: Machine, signed: Path, target: Path, lie: Callable[[Answer], None]) -> Path:
    """Write a signed pack in which a member's certificate is another than was asked for."""
    csr = x509.load_pem_x509_csr(files_of(signed)["etcd1.csr"])
    answer = Answer(
        csr, [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], CA(hand.place)
    )
    lie(answer)
    return changed(signed, target, etcd1__pem=answer.pem().encode())


@pytest.mark.parametrize("lie", LIES)
def test_no_answer_is_taken_that_no_server_s_would_be(
    waiting: tuple[Machine, Path, Path], tmp_path: Path, lie: str
) -> None:
    hand, folder, signed = waiting
    before = contents(folder)
    bad = lied(hand, signed, tmp_path / "x.tar", LIES[lie][0])

    said = told_once(*invoke("-C", str(folder), "requests", "import", str(bad)))

    assert "\n  etcd1: " in said
    assert contents(folder) == before


@pytest.mark.parametrize("change", HARMLESS)
def test_what_does_no_harm_is_taken_from_a_pack_too(
    waiting: tuple[Machine, Path, Path], tmp_path: Path, change: str
) -> None:
    hand, _, signed = waiting
    folder = Path(shutil.copytree(waiting[1], tmp_path / "tls-setup", symlinks=True))
    pack = lied(hand, signed, tmp_path / "x.tar", HARMLESS[change])

    code, said = invoke("-C", str(folder), "requests", "import", str(pack))

    assert code == 0, said
    assert "etcd1" not in tls_scaffold("-C", str(folder), "status", "--failed").stdout


def test_a_certificate_by_openssl_that_is_right_is_taken(desk: Desk, tmp_path: Path) -> None:
    pem = Forger(desk, tmp_path / "forger").sign()
    assert desk.import_(changed(desk.signed, tmp_path / "x.tar", alice__pem=pem))[0] == 0
    assert (desk.folder / "certs/alice.pem").read_bytes() == pem


def test_answers_of_another_ca_or_of_another_key_are_told(first_desk: Desk, tmp_path: Path) -> None:
    before = contents(first_desk.place)
    other = machine(tmp_path / "other")
    pem = Forger(first_desk, tmp_path / "forger").sign(ca=other)
    bad = changed(first_desk.signed, tmp_path / "x.tar", alice__pem=pem)
    assert "alice: issuer: the CA that this folder pins did not sign it" in told_once(
        *first_desk.import_(bad)
    )
    bad = changed(bad, tmp_path / "y.tar", ca__pem=other.ca.read_bytes())
    said = told_once(*first_desk.import_(bad))
    assert "the answers are of another CA: nothing of the pack is put in place" in said
    assert f"its SHA-256 is {other.pin}" in said
    mine = (first_desk.folder / "certs/root.pem").read_bytes()
    bad = changed(first_desk.signed, tmp_path / "z.tar", alice__pem=mine)
    said = told_once(*first_desk.import_(bad))
    assert "alice: `alice-key.pem` of `awaiting` is not the key of `alice.pem`" in said
    assert "alice: CN: `root`, asked `alice`" in said
    bad = changed(first_desk.signed, tmp_path / "z.tar", alice__pem=b"x")
    assert "alice: `alice.pem` is not a certificate" in told_once(*first_desk.import_(bad))
    bad = changed(first_desk.signed, tmp_path / "z.tar", ca__pem=mine)
    assert "`ca.pem` of the pack is not the certificate of a CA" in told_once(
        *first_desk.import_(bad)
    )
    assert contents(first_desk.place) == before


def test_a_pack_that_was_answered_before_is_told(desk: Desk) -> None:
    before = contents(desk.place)
    said = told_once(*desk.import_(desk.place / "old-signed.tar"))
    assert "alice: another CSR waits for it now than the pack has" in said
    assert contents(desk.place) == before
    assert desk.import_(desk.signed)[0] == 0
    after = contents(desk.place)
    said = told_once(*desk.import_(desk.place / "old-signed.tar"))
    assert "alice: nothing waits for it: it was answered before" in said
    # What is in its place is no error: a killed run is ended so.
    code, said = desk.import_(desk.signed)
    assert (code, said) == (0, "in place already: `alice`\n")
    assert contents(desk.place) == after


def test_a_second_answer_to_the_same_pack_is_told(desk: Desk) -> None:
    assert desk.sign(desk.pack, "--out", str(desk.place / "second.tar"))[0] == 0
    assert desk.import_(desk.signed)[0] == 0
    before = contents(desk.place)
    said = told_once(*desk.import_(desk.place / "second.tar"))
    assert "alice: it was answered before: `certs/alice.pem` is the answer" in said
    assert contents(desk.place) == before


def test_a_pack_of_another_folder_is_told(desk: Desk) -> None:
    done = tls_scaffold("new", str(desk.place / "other"), *CLUSTER)
    assert done.returncode == 0, done.stderr
    make(desk.place / "other", "csr", SIGNER="tls-scaffold")
    exported(desk.place / "other", desk.place / "other.tar")
    before = contents(desk.place)
    code, said = invoke("-C", str(desk.place / "other"), "requests", "import", str(desk.signed))
    told = told_once(code, said)
    assert "is a pack of another folder: nothing of it is put in place" in told
    assert "it is of `tls-setup`, id " in told
    assert contents(desk.place) == before


def test_a_pack_that_nobody_has_signed_is_told(desk: Desk) -> None:
    before = contents(desk.place)
    said = told_once(*desk.import_(desk.pack))
    assert "holds no certificate: nobody has signed it yet" in said
    command = "`tls-scaffold requests sign FILE --ca ca.pem --ca-key ca-key.pem`"
    assert f"hint: {command} does, on the CA's machine" in said
    said = told_once(*desk.sign(desk.signed))
    assert "is signed already" in said
    assert contents(desk.place) == before


def test_a_request_that_was_edited_since_is_told(desk: Desk) -> None:
    request = desk.folder / "config/req-alice.json"
    request.write_text(request.read_text().replace("autogenerated", "others"))
    before = contents(desk.place)
    said = told_once(*desk.import_(desk.signed))
    assert "alice: `config/req-alice.json` has changed since: `make csr` makes another CSR" in said
    code, said = invoke("-C", str(desk.folder), "requests", "export", str(desk.place / "x.tar"))
    assert "alice: its request has changed since the CSR was made: `make csr`" in told_once(
        code, said
    )
    assert contents(desk.place) == before


def test_a_profile_that_was_changed_since_is_told(desk: Desk) -> None:
    inventory = desk.folder / "tls-scaffold.json"
    inventory.write_text(inventory.read_text().replace('"8760h"', '"720h"'))
    assert tls_scaffold("-C", str(desk.folder), "sync").returncode == 0
    said = told_once(*desk.import_(desk.signed))
    assert "alice: the manifest is not what the folder asks for: `expiry`" in said
    assert "alice: lifetime: `8760h`, asked `720h`" in said


def test_what_is_named_alone_is_taken(desk: Desk, tmp_path: Path) -> None:
    make(desk.folder, "req-root", "req-etcd1", SIGNER="tls-scaffold")
    pack = exported(desk.folder, tmp_path / "all.tar")
    assert desk.sign(pack)[0] == 0
    part = changed(tmp_path / "all-signed.tar", tmp_path / "part.tar", root__pem=None)
    before = contents(desk.folder)
    said = told_once(*desk.import_(part))
    assert "root: the pack has no certificate for it, `root.pem`" in said
    assert f"`tls-scaffold -C {desk.folder} requests import FILE etcd1 alice` takes" in said
    assert "bob: the pack does not ask for it" in told_once(*desk.import_(part, "bob"))
    assert contents(desk.folder) == before
    code, said = desk.import_(part, "etcd1", "alice")
    assert (code, said) == (0, "1 request waits still: `root`\n")
    after = contents(desk.folder)
    assert before["certs/root.pem"] == after["certs/root.pem"]
    assert before["certs/etcd1.pem"] != after["certs/etcd1.pem"]
    assert desk.import_(tmp_path / "all-signed.tar")[0] == 0


def test_export_packs_what_is_named_and_replaces_its_own_packs_alone(
    desk: Desk, tmp_path: Path
) -> None:
    target = tmp_path / "x.tar"
    make(desk.folder, "req-root", SIGNER="tls-scaffold")
    exported(desk.folder, target, "root")
    assert set(files_of(target)) == {"manifest.json", "ca-config.json", "root.csr"}
    exported(desk.folder, target)
    assert set(files_of(target)) >= {"root.csr", "alice.csr"}
    words = ("-C", str(desk.folder), "requests", "export")
    for name, content in {
        "notes.txt": b"mine",
        "signed.tar": desk.signed.read_bytes(),
        "ca.pem": desk.hand.ca.read_bytes(),
    }.items():
        (tmp_path / name).write_bytes(content)
        said = told_once(*invoke(*words, str(tmp_path / name)))
        assert "is there, and is not an older one of this pack: nothing is written" in said
        assert (tmp_path / name).read_bytes() == content
    (tmp_path / "link.tar").symlink_to(tmp_path / "elsewhere.tar")
    assert "is a link" in told_once(*invoke(*words, str(tmp_path / "link.tar")))
    assert not (tmp_path / "elsewhere.tar").exists()
    said = told_once(*invoke(*words, str(target), "bob", "etcd1"))
    assert "bob: there is no such component" in said
    assert "etcd1: nothing waits for it" in said
    assert "can't be written" in told_once(*invoke(*words, str(tmp_path / "no/x.tar")))


def test_nothing_to_export_is_told(desk: Desk) -> None:
    assert desk.import_(desk.signed)[0] == 0
    done = ours(desk.folder, "export", str(desk.place / "x.tar"))
    assert "error: nothing waits for a signature" in done.stderr
    assert f"hint: `make -C {desk.folder} csr`" in done.stderr
    assert not (desk.place / "x.tar").exists()
