"""`tls-scaffold backup` and `restore`: the state of a folder in a file of age's, and back."""

import fcntl
import hashlib
import io
import json
import os
import pty
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import backup_kills
import certs
from conftest import Factory
from keeping import edit
from promises.test_secrecy import SLOWLY, watching
from promises.tracing import traced
from rights import as_somebody
from rotating import rotate
from support import BIN, SMALL, contents, environment, faults, make, modes, run
from tls_scaffold.cli import cli
from tls_scaffold.commands.restoreplan import plan_restore
from tls_scaffold.disk import tarballs
from tls_scaffold.disk.tarballs import Form
from tls_scaffold.errors import ScaffoldError

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
PROGRAM = str(BIN / "tls-scaffold")
WORDS = (*SMALL, "--key", "ecdsa-256")
PASSPHRASE = "correct horse battery staple"
NOTE = "archive/.backups"
MANIFEST = "tls-scaffold-backup.json"


class Place:
    """A directory with a signed folder, a private key of age's, and a backup for it."""

    def __init__(self, top: Path, folder: Path) -> None:
        self.top, self.folder = top, folder
        identity = pyrage.x25519.Identity.generate()
        self.identity, self.recipient = identity, str(identity.to_public())
        self.key = top / "key.txt"
        self.key.write_text(f"# created for a test\n{identity}\n")
        self.file = top / "etcd.age"

    def ours(self, *words: str, code: int = 0) -> Result:
        """Run a command of ours in this process, as many times as there is bad input."""
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert done.exit_code == code, done.stdout + done.stderr
        return done

    def backup(self, *words: str, code: int = 0) -> Result:
        to = words or ("--to", self.recipient)
        return self.ours("-C", str(self.folder), "backup", str(self.file), *to, code=code)

    def restore(self, *words: str, code: int = 0) -> Result:
        return self.ours("restore", str(self.file), *words, "--identity", str(self.key), code=code)

    def sealed(self, *entries: tuple[tarfile.TarInfo, bytes]) -> None:
        """Put a backup with these beside what belongs to one in the place of the real one."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for entry, content in entries:
                entry.size = len(content) if entry.isreg() and not entry.size else entry.size
                archive.addfile(entry, io.BytesIO(content))
        sealed = pyrage.encrypt(buffer.getvalue(), [self.identity.to_public()])
        self.file.write_bytes(sealed)


def state(folder: Path) -> dict[str, bytes | str]:
    """Return what a folder holds but for what is about a copy of it alone."""
    return {name: text for name, text in contents(folder).items() if name != NOTE}


def opened(place: Place) -> dict[str, bytes]:
    raw = pyrage.decrypt(place.file.read_bytes(), [place.identity])
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]


@pytest.fixture
def place(signed: Factory, monkeypatch: pytest.MonkeyPatch) -> Place:
    folder = signed(*WORDS)
    monkeypatch.chdir(folder.parent)
    return Place(folder.parent, folder)


def cloned(place: Place) -> Path:
    """Return what git has of the folder, in another directory."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place.folder))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        assert run(*git, *words).returncode == 0
    clone = place.top / "clone"
    assert run("git", "clone", "-q", str(place.folder), str(clone)).returncode == 0
    shutil.rmtree(clone / ".git")
    assert not (clone / "certs").exists()
    return clone


@pytest.mark.needs("age", "age-keygen", "tar")
def test_age_opens_it_and_tar_lists_it_without_us(place: Place) -> None:
    key = place.top / "other.txt"
    assert run("age-keygen", "-o", str(key)).returncode == 0
    public = run("age-keygen", "-y", str(key)).stdout.strip()
    (place.top / "keys.txt").write_text(f"# ops\n\n{public}\n{place.recipient}\n")

    place.backup("--to", str(place.top / "keys.txt"))
    unpacked = place.top / "unpacked"
    unpacked.mkdir()
    for path in (key, place.key):
        done = run("sh", "-c", f"age -d -i {path} {place.file} | tar -xC {unpacked}")
        assert (done.returncode, done.stderr) == (0, "")

    (unpacked / MANIFEST).unlink()
    assert state(unpacked) == state(place.folder)
    # git takes no key out of it, however it came there.
    assert (unpacked / "certs/.gitignore").read_text() == "*\n"
    assert modes(unpacked / "certs")["ca-key.pem"] == "0o600"


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_new_folder_is_what_the_old_one_was(place: Place, signer: str) -> None:
    (place.folder / "team.mk").write_text("TEAM = infra\n")
    (place.folder / "config/notes.txt").write_text("ours")
    (place.folder / "dist/etcd1").mkdir(parents=True)
    (place.folder / "data/etcd1").mkdir(parents=True)
    for path in ("dist/etcd1/etcd1-key.pem", "data/etcd1/db"):
        (place.folder / path).write_text("a copy")
    make(place.folder, "regenerate", SIGNER=signer)
    place.backup()

    told = place.restore("new/clusters/one").stderr

    new = place.top / "new/clusters/one"
    expected = {name: text for name, text in state(place.folder).items() if name[:4] not in BESIDE}
    assert state(new) == expected
    assert "into `new/clusters/one`\n" in told
    assert modes(new / "certs") == modes(place.folder / "certs")
    assert oct((new / "certs").stat().st_mode & 0o777) == "0o700"
    assert oct((new / "archive").stat().st_mode & 0o777) == "0o700"
    keys = list(new.rglob("*-key.pem"))
    assert len(keys) == 6
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    done = make(new, SIGNER=signer)
    assert "nothing to sign" in done.stdout + done.stderr
    assert faults(new) == []
    assert run(PROGRAM, "-C", str(new), "status").returncode == 0
    # Once more is nothing.
    before = contents(new)
    assert place.restore("new/clusters/one").stderr.endswith("has it all\n")
    assert contents(new) == before


BESIDE = ("dist", "data")


def test_a_clone_gets_what_git_does_not_have(place: Place) -> None:
    clone = cloned(place)
    place.backup()
    edit(clone / "Makefile", "#RENEW_DAYS = 30", "RENEW_DAYS = 60")
    (clone / "COMPONENTS.md").unlink()
    next((clone / "issued").glob("calico-*")).unlink()

    shown = place.restore("clone", "--dry-run")
    assert not (clone / "certs").exists()
    document = json.loads(place.restore("clone", "--json").stdout)

    assert "  bring certs/ca-key.pem\n" in shown.stderr
    assert (document["command"], document["archived"], document["error"]) == ("restore", [], None)
    assert document["kept"] == ["Makefile"]
    left = {"Makefile", "COMPONENTS.md"}
    found, expected = (
        {
            name: text
            for name, text in state(each).items()
            if name not in left and ".git/" not in name
        }
        for each in (clone, place.folder)
    )
    assert found == expected
    assert not (clone / "COMPONENTS.md").exists()
    assert "left out: COMPONENTS.md is for git to bring" in shown.stderr
    assert "nothing to sign" in make(clone).stdout


def test_of_what_keeps_itself_out_of_git_nobody_is_told_that_git_brings_it(place: Place) -> None:
    clone = cloned(place)
    rules = ".tls-scaffold/.gitignore"
    place.ours("-C", str(place.folder), "add", "dora")
    assert (place.folder / rules).exists()
    assert not (clone / rules).exists()
    place.backup()

    shown = place.restore("clone", "--dry-run")

    assert "left out: config/req-dora.json is for git to bring" in shown.stderr
    assert rules not in shown.stderr


def test_what_is_replaced_goes_to_the_archive_and_is_asked_for(place: Place) -> None:
    place.backup()
    saved = state(place.folder)
    make(place.folder, "req-calico")
    (place.folder / "certs/etcd1-key.pem").unlink()
    before = contents(place.folder)

    refused = place.restore("tls-setup", code=1)
    assert "there is no terminal to ask on: nothing was written" in refused.stderr
    assert "  certs/calico.pem\n  certs/calico.csr\n  certs/calico-key.pem\n" in refused.stderr
    place.restore("tls-setup", "--dry-run")
    assert contents(place.folder) == before
    document = json.loads(place.restore("tls-setup", "--json", "--yes").stdout)

    names = ["certs/calico-key.pem", "certs/calico.csr", "certs/calico.pem"]
    assert document["archived"] == names
    assert document["written"] == sorted([*names, "certs/etcd1-key.pem"])
    shelf = place.folder / document["archive"]
    assert {name: (shelf / name).read_bytes() for name in names} == {
        name: before[name] for name in names
    }
    after = state(place.folder)
    assert {name: after[name] for name in saved} == saved
    assert faults(place.folder) == []
    assert set(before.values()) <= set(after.values()) | {before[NOTE]}


def typed(place: Place, words: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal and type an answer behind each text that it shows."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(place.top)
        os.execve(PROGRAM, [PROGRAM, *words], environment())  # noqa: S606 - a shell is not asked
    shown = ""
    for text, answer in answers:
        while text not in shown:
            shown += os.read(terminal, 4096).decode()
        shown = shown[shown.index(text) + len(text) :]
        os.write(terminal, f"{answer}\n".encode())
    rest = shown
    while True:
        try:
            part = os.read(terminal, 4096).decode()
        except OSError:
            break
        if not part:
            break
        rest += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), rest


def test_a_passphrase_is_typed_twice_and_a_replacement_is_asked_for(place: Place) -> None:
    words = ["-C", str(place.folder), "backup", str(place.file)]
    code, rest = typed(
        place,
        words,
        [
            ("Passphrase: ", "short"),
            ("Repeat for confirmation: ", "short"),
            ("Passphrase: ", PASSPHRASE),
            ("Repeat for confirmation: ", PASSPHRASE),
        ],
    )
    assert code == 0, rest
    assert PASSPHRASE not in rest
    assert modes(place.top)["etcd.age"] == "0o600"
    make(place.folder, "req-calico")
    before = state(place.folder)

    back = ["restore", str(place.file), "tls-setup"]
    code, rest = typed(place, back, [("Passphrase: ", PASSPHRASE), ("Replace them? [y/N]: ", "n")])
    assert code == 1
    assert state(place.folder) == before
    code, rest = typed(place, back, [("Passphrase: ", PASSPHRASE), ("Replace them? [y/N]: ", "y")])
    assert code == 0
    assert state(place.folder) != before


def test_a_backup_replaces_an_older_one_of_the_folder_and_nothing_else(place: Place) -> None:
    place.backup()
    older = place.file.read_bytes()
    place.backup()
    assert place.file.read_bytes() != older
    assert opened(place)["certs/ca.pem"] == (place.folder / "certs/ca.pem").read_bytes()

    other = shutil.copytree(place.folder, place.top / "other")
    (other / NOTE).unlink()
    link = place.top / "link.age"
    link.symlink_to(place.file)
    mine = place.top / "mine"
    mine.write_text("a letter")
    for target, words in (
        (mine, "is no backup that was made of this folder here"),
        (link, "is no plain file"),
        (place.top / "x/y.age", "is not a folder"),
        (place.folder / "certs/x.age", "is in the folder that it would be a backup of"),
        (place.top, "is no plain file"),
    ):
        before = contents(place.top)
        done = place.ours(
            *("-C", str(place.folder), "backup", str(target), "--to", place.recipient), code=1
        )
        assert words in done.stderr
        assert contents(place.top) == before
    # Nor over another folder's, whose CA it may be the last copy of.
    done = place.ours("-C", "other", "backup", str(place.file), "--to", place.recipient, code=1)
    assert "is no backup that was made of this folder here" in done.stderr


def test_the_backup_that_has_what_is_lost_is_not_written_over(place: Place) -> None:
    said = "has what is lost here: nothing is written over it"
    for lost in ("certs/ca-key.pem", "certs"):
        place.backup()
        before = place.file.read_bytes()
        elsewhere = shutil.move(place.folder / lost, place.top / "elsewhere")

        refused = place.backup(code=1).stderr

        assert f"error: `{place.file}` {said}" in refused
        assert "`certs/ca-key.pem` is in it, and not here" in refused
        assert f"hint: `tls-scaffold restore {place.file}` brings it back" in refused
        assert place.file.read_bytes() == before
        other = ("-C", str(place.folder), "backup", "other.age", "--to", place.recipient)
        missing = {"certs": "`certs/ca.pem`"}.get(lost, f"`{lost}`")
        for _ in range(2):  # of which none has more than the other
            assert f"warning: {missing} is not in it" in place.ours(*other).stderr
        shutil.move(elsewhere, place.folder / lost)
        place.backup()
    # Whose key is elsewhere by the inventory misses nothing.
    assert run("tls-scaffold", "sync", "--ca-offline", cwd=place.folder).returncode == 0
    assert "warning" not in place.backup().stderr


def secret_file(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def test_a_passphrase_that_everybody_may_read_is_none(place: Place) -> None:
    file = place.top / "phrase"
    secret_file(file, PASSPHRASE)
    file.chmod(0o644)

    told = place.backup("--passphrase-file", str(file), code=1).stderr

    assert f"the passphrase in `{file}` is open to everybody\n  its mode is 0644\n" in told
    assert PASSPHRASE not in told
    assert not place.file.exists()
    file.chmod(0o640)  # a group is somebody that was chosen
    place.backup("--passphrase-file", str(file))


def test_a_backup_in_the_folder_is_told_and_is_in_no_later_one(place: Place) -> None:
    place.file = place.folder / "etcd.age"
    done = place.backup()
    place.backup()

    assert "is in the folder itself: copy it to where that is not lost with it" in done.stderr
    assert "etcd.age" not in opened(place)


def test_who_may_open_it_has_to_be_said(place: Place) -> None:
    secret = place.key.read_text().splitlines()[1]
    secret_file(place.top / "short", "short\n")
    secret_file(place.top / "two", "two lines are\nno passphrase\n")
    secret_file(place.top / "marked", "\ufefflong enough by itself\n")
    (place.top / "empty").write_text("# nobody\n")
    for words, code, told in (
        (["--to", secret], 1, "it is a private key"),
        (["--to", str(place.key)], 1, "key.txt:2: it is a private key"),
        (["--to", "age1nobody"], 1, "`age1nobody` is no public key that age takes"),
        (["--to", "nobody.txt"], 1, "`nobody.txt` can't be read"),
        (["--to", str(place.top / "empty")], 1, "it is empty"),
        (["--passphrase-file", "short"], 1, "it is shorter than 8 characters"),
        (["--passphrase-file", "two"], 1, "it has more than one line"),
        (["--passphrase-file", "marked"], 1, "it begins with a byte order mark"),
        (["--passphrase-file", "two", "--to", place.recipient], 2, "exclude each other"),
        (["--to="], 1, "can't be read"),
    ):
        done = place.backup(*words, code=code)
        assert told in done.stderr
        assert secret not in done.stdout + done.stderr
        assert not place.file.exists()
    done = place.ours("-C", str(place.folder), "backup", str(place.file), code=2)
    assert "hint: say who may open it: `--to age1…`" in done.stderr


def test_ssh_keys_open_it_too(place: Place) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("not installed: ssh-keygen")
    place.key = place.top / "id"
    assert run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place.key)).returncode == 0
    place.backup("--to", f"{place.key}.pub")
    place.restore("new")
    assert state(place.top / "new") == state(place.folder)


def test_an_encrypted_key_of_the_ca_stays_encrypted(place: Place) -> None:
    key = place.folder / "certs/ca-key.pem"
    words = ("openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", str(key))
    assert run(*words, "-out", str(place.top / "locked")).returncode == 0
    key.write_bytes((place.top / "locked").read_bytes())
    place.backup()

    done = place.restore("new")
    assert "`certs/ca-key.pem` is encrypted, and stays so" in done.stderr
    assert (place.top / "new/certs/ca-key.pem").read_bytes() == key.read_bytes()
    assert b"Proc-Type: 4,ENCRYPTED" in key.read_bytes()


def test_a_password_of_another_folder_is_no_reason_to_refuse_a_backup(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = place.folder / "certs/ca-key.pem"
    words = ("openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", str(key))
    assert run(*words, "-out", str(place.top / "locked")).returncode == 0
    key.write_bytes((place.top / "locked").read_bytes())
    place.backup()
    locked = "`certs/ca-key.pem` is encrypted, and stays so"
    other = "another-key.pem"
    assert run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
               str(place.top / other)).returncode == 0  # fmt: skip

    monkeypatch.setenv("CFSSL_CA_PK_PASSWORD", "another folder's")
    done = place.restore("new")
    assert f"{locked}; it is not opened by the password in CFSSL_CA_PK_PASSWORD" in done.stderr
    assert (place.top / "new/certs/ca-key.pem").read_bytes() == key.read_bytes()
    monkeypatch.setenv("CFSSL_CA_PK_PASSWORD", "secret")
    assert locked in place.restore("opened").stderr

    # So is a file of it that is not there; nor is that a traceback elsewhere.
    monkeypatch.delenv("CFSSL_CA_PK_PASSWORD")
    monkeypatch.setenv("CFSSL_CA_PK_PASSWORD_FILE", "gone.txt")
    done = place.restore("again")
    assert f"{locked}; it is encrypted: `gone.txt` can't be read: No such file" in done.stderr
    done = place.ours("-C", "again", "status", code=1)
    assert "`certs/ca-key.pem` is encrypted: `gone.txt` can't be read" in done.stdout

    # With its own password another CA's key is known for what it is.
    words = ("openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", str(place.top / other))
    assert run(*words, "-out", str(key)).returncode == 0
    place.backup()
    monkeypatch.setenv("CFSSL_CA_PK_PASSWORD", "secret")
    assert "`certs/ca-key.pem` is not the CA's key" in place.restore("third", code=1).stderr


def test_what_is_of_another_ca_is_refused(place: Place, signed: Factory) -> None:
    place.backup()
    clone = cloned(place)
    make(place.folder, "regenerate")

    def refused(target: Path, words: str) -> None:
        before = contents(target)
        done = place.restore(str(target), "--yes", code=1)
        assert words in done.stderr
        assert contents(target) == before

    # A newer CA is on record: the old one comes into no place of its.
    refused(place.folder, "the CA in this backup is an older one of this folder")
    stranger = signed(*SMALL, name="stranger")
    refused(stranger, "the CA in this backup is none that this folder ever had")
    shutil.rmtree(stranger / "issued")
    refused(stranger, "`certs/ca-key.pem`".replace("`certs", f"`{stranger}/certs"))
    # A key of another CA, alone, where the record knows none better.
    (clone / "certs").mkdir()
    shutil.copy(stranger / "certs/ca-key.pem", clone / "certs")
    refused(clone, "is another CA's than the backup's")
    (clone / "certs/ca-key.pem").write_text("no key")
    refused(clone, "is another CA's than the backup's, or can't be read")
    (clone / "certs/ca-key.pem").unlink()
    shutil.copy(stranger / "certs/ca.pem", clone / "certs")
    refused(clone, "is another CA's than the backup's")


def test_a_clone_without_the_record_takes_the_ca_that_it_pins_alone(
    place: Place, signed: Factory
) -> None:
    for folder in (place.folder, signed(*SMALL, name="stranger")):
        place.ours("-C", str(folder), "sync", "--ca", str(folder / "certs/ca.pem"))
    clone = cloned(place)
    shutil.rmtree(clone / "issued")
    place.ours("-C", "stranger", "backup", str(place.file), "--to", place.recipient)
    before = contents(clone)

    done = place.restore("clone", "--yes", code=1)
    assert "the CA in this backup is not the one of this folder: nothing was written" in done.stderr
    assert (
        "`certs/ca.pem` is not the CA that `tls-scaffold.json` pins: its SHA-256 is" in done.stderr
    )
    assert contents(clone) == before

    place.file.unlink()
    place.backup()
    place.restore("clone", "--yes")
    assert (clone / "certs/ca.pem").read_bytes() == (place.folder / "certs/ca.pem").read_bytes()


def test_a_ca_that_was_renewed_keeps_its_newest_certificate(place: Place) -> None:
    place.backup()
    certs = place.folder / "certs"
    old = (certs / "ca.pem").read_bytes()
    renewed = place.top / "renewed.pem"
    words = ("openssl", "x509", "-in", str(certs / "ca.pem"), "-signkey", str(certs / "ca-key.pem"))
    done = run(*words, "-days", "5000", "-out", str(renewed))
    assert done.returncode == 0, done.stderr
    # What else stands in the file, as a clone may bring it, is no CA's certificate of this folder.
    both = renewed.read_bytes() + next(certs.glob("etcd*[0-9].pem")).read_bytes()
    name = hashlib.sha256(both).hexdigest()[:10]
    (place.folder / f"issued/ca-{name}.pem").write_bytes(both)
    shutil.rmtree(certs)

    place.restore("tls-setup", "--yes")

    assert (certs / "ca.pem").read_bytes() == renewed.read_bytes() != old
    assert (certs / "ca-key.pem").exists()


def test_a_certificate_with_the_ca_s_public_key_alone_is_not_its_next(place: Place) -> None:
    place.backup()
    ca = x509.load_pem_x509_certificate((place.folder / "certs/ca.pem").read_bytes())
    begin = ca.not_valid_before_utc + certs.DAY
    builder = x509.CertificateBuilder(
        ca.subject, ca.subject, ca.public_key(), 7, begin, begin + certs.DAY, list(ca.extensions)
    )
    forged = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = forged.public_bytes(Encoding.PEM)
    name = hashlib.sha256(pem).hexdigest()[:10]
    (place.folder / f"issued/ca-{name}.pem").write_bytes(pem)
    before = state(place.folder)
    shutil.rmtree(place.folder / "certs")

    place.restore("tls-setup", "--yes")

    assert state(place.folder) == before


def test_the_ca_s_key_stays_encrypted_or_away_where_the_folder_has_it_so(place: Place) -> None:
    place.backup()
    saved = place.top / "saved.age"
    shutil.copy(place.file, saved)
    back = ("restore", str(saved), "tls-setup", "--identity", str(place.key), "--yes")
    sync = ("tls-scaffold", "sync", "--encrypt-ca-key")
    assert run(*sync, cwd=place.folder, CFSSL_CA_PK_PASSWORD="geheimgeheim").returncode == 0
    before = state(place.folder)

    done = place.ours(*back)

    assert "stays: certs/ca-key.pem differs from the backup's" in done.stderr
    assert state(place.folder) == before
    assert "ENCRYPTED" in (place.folder / "certs/ca-key.pem").read_text()

    place.ours("-C", "tls-setup", "sync", "--ca-offline")
    shutil.rmtree(place.folder / "certs")
    told = place.ours(*back).stderr
    assert "`certs/ca-key.pem` stays in the backup" in told
    assert not (place.folder / "certs/ca-key.pem").exists()
    assert (place.folder / "certs/calico-key.pem").exists()


def test_what_is_revoked_takes_no_other_s_place_and_what_is_older_is_told(place: Place) -> None:
    place.backup()
    make(place.folder, "req-calico", SIGNER="tls-scaffold")
    calico = place.folder / "certs/calico.pem"
    old = opened(place)["certs/calico.pem"]
    assert calico.read_bytes() != old
    before = state(place.folder)
    for name in ("etcd1", "calico"):
        place.ours("-C", "tls-setup", "revoke", "--sign-again", name)
    valid = contents(place.folder / "certs")

    done = place.restore("tls-setup", "--yes")

    assert "stays: certs/etcd1.pem differs from the backup's" in done.stderr
    assert contents(place.folder / "certs") == valid
    # One that is only older comes, and is told.
    (place.folder / "revoked.tsv").unlink()
    later = x509.load_pem_x509_certificate(old).not_valid_before_utc + certs.DAY
    certs.leaf(place.folder, "calico", begin=later)
    done = place.restore("tls-setup", "--yes")
    assert "warning: `certs/calico.pem` takes the place of a newer one" in done.stderr
    assert calico.read_bytes() == old
    assert before["certs/ca.pem"] == (place.folder / "certs/ca.pem").read_bytes()


def test_both_cas_come_back_with_their_newest_certificates(
    folder: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(*WORDS, "--peer-ca")
    other = folder(*WORDS, name="other")
    certs.ca(other, cn="peers of Autogenerated CA", begin=certs.NOW - 30 * certs.DAY)
    certs.ca(path, begin=certs.NOW - 30 * certs.DAY)
    for ending in (".pem", "-key.pem"):
        shutil.copy(other / f"certs/ca{ending}", path / f"certs/peer-ca{ending}")
    make(path, SIGNER="tls-scaffold")
    monkeypatch.chdir(path.parent)
    kept = Place(path.parent, path)
    kept.backup()
    make(path, "renew-ca", SIGNER="tls-scaffold")
    before = contents(path)
    shutil.rmtree(path / "certs")

    kept.restore("tls-setup", "--yes")

    after = contents(path)
    assert {name for name in before if before[name] != after.get(name)} == set()
    for signer in ("cfssl", "tls-scaffold"):
        done = make(path, SIGNER=signer)
        assert "nothing to sign" in done.stdout + done.stderr
    # Another CA of peers than the record had last is refused, as another CA is.
    shutil.rmtree(path / "certs")
    shutil.rmtree(path / "issued")
    make(path, SIGNER="tls-scaffold")
    shutil.rmtree(path / "certs")
    ours = [each for each in (path / "issued").iterdir() if each.name.startswith("ca-")]
    for each in ours:
        each.unlink()
    told = kept.restore("tls-setup", "--yes", code=1).stderr
    assert "the CA in this backup is none that this folder ever had" in told
    assert "issued/peer-ca-" in told
    assert not (path / "certs").exists()


def test_a_rotation_comes_back_as_far_as_it_was(place: Place) -> None:
    rotate(place.folder, "start")
    clone = cloned(place)
    told = place.backup().stderr + place.restore(str(clone)).stderr
    assert "was not signed by" not in told
    assert "is not on the record" not in told
    names = ("certs/old-ca.pem", "certs/old-ca-key.pem", "certs/chain.pem", "certs/trust.pem")
    for name in names:
        assert (clone / name).read_bytes() == (place.folder / name).read_bytes()
    assert (clone / "certs/old-ca-key.pem").stat().st_mode & 0o777 == 0o600
    assert make(clone).stdout == "nothing to sign: all is as asked for\n"
    for step in ("trust", "finish"):
        rotate(clone, step)
    assert faults(clone) == []


def test_the_ca_after_one_that_was_given_up_is_the_newest(place: Place) -> None:
    for step in ("start", "abort"):
        rotate(place.folder, step)
    clone = cloned(place)
    place.backup()
    place.restore(str(clone))
    assert faults(clone) == []
    assert make(clone).stdout == "nothing to sign: all is as asked for\n"


def test_what_comes_last_is_what_the_others_are_known_by(place: Place) -> None:
    """A kill leaves no certificate without its key, no CA that no record has, no half folder."""
    files = [
        tarballs.Packed(path, (place.folder / path).read_bytes())
        for path in sorted(state(place.folder), reverse=True)
    ]
    for target in (place.top / "new", cloned(place)):
        paths = [each.path for each in plan_restore(target, files).files]
        for output in ("certs/ca", "certs/etcd1", "certs/calico"):
            endings = [paths.index(f"{output}{each}") for each in ("-key.pem", ".csr", ".pem")]
            assert endings == sorted(endings)
        assert paths.index("certs/ca-key.pem") < paths.index("certs/etcd1-key.pem")
    made = [each.path for each in plan_restore(place.top / "new", files).files]
    assert made[-2:] == ["Makefile", "tls-scaffold.json"]
    recorded = [made.index(path) for path in made if path.startswith("issued/")]
    assert max(recorded) < made.index("certs/ca-key.pem")


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def test_what_is_no_backup_of_a_folder_is_refused_and_nothing_is_written(place: Place) -> None:
    good = {
        name: (place.folder / name).read_bytes()
        for name in ("tls-scaffold.json", "certs/ca.pem", "certs/ca-key.pem")
    }
    whole = [(entry(name), content) for name, content in good.items()]
    other = pyrage.x25519.Identity.generate()
    (place.top / "other.txt").write_text(f"{other}\n")
    strange = [
        ([(entry("../evil"), b"x")], "`../evil` is no path below a folder"),
        ([(entry("certs/../../evil"), b"x")], "is no path below a folder"),
        ([(entry("/etc/evil"), b"x")], "`/etc/evil` is no path below a folder"),
        ([(entry("certs//x"), b"x")], "is no plain path"),
        ([(entry("certs/x", tarfile.SYMTYPE, linkname="/etc/passwd"), b"")], "`certs/x` is a link"),
        ([(entry("certs/x", tarfile.LNKTYPE, linkname="certs/ca.pem"), b"")], "is a link"),
        ([(entry("certs/x", tarfile.CHRTYPE), b"")], "is a device"),
        ([(entry("certs/x", tarfile.FIFOTYPE), b"")], "is a named pipe"),
        ([(entry("certs", tarfile.REGTYPE), b"x")], "lies in a file"),
        ([(entry("certs/ca.pem"), b"x")], "`certs/ca.pem` is in it twice"),
        ([(entry(".git/hooks/post-checkout"), b"x")], "is no file of a folder of ours"),
        ([(entry(".git"), b"gitdir: elsewhere")], "`.git` is no file of a folder of ours"),
        ([(entry("config/.GIT/config"), b"x")], "is no file of a folder of ours"),
        ([(entry("certs/.new/ca-key.pem"), b"x")], "is no file of a folder of ours"),
        ([(entry("src/main.c"), b"x")], "is no file of a folder of ours"),
        ([(entry(".tls-scaffold/pending.json"), b"x")], "is no file of a folder of ours"),
        ([(entry("a" * 2000), b"x")], "is no plain path"),
    ]
    target = place.top / "new"
    for entries, told in strange:
        place.sealed(*whole, *entries)
        done = place.restore("new", code=1)
        assert told in done.stderr
        assert done.stderr.startswith("error: ")
        assert not target.exists()
        assert not (place.top.parent / "evil").exists()
    place.sealed(*whole[1:])
    assert "`tls-scaffold.json` is not in it" in place.restore("new", code=1).stderr
    another = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
        capture_output=True,
        check=True,
    ).stdout
    place.sealed(*whole[:2], (entry("certs/ca-key.pem"), another))
    assert "`certs/ca-key.pem` is not the CA's key" in place.restore("new", code=1).stderr
    place.sealed(whole[0], whole[2])
    assert "whose certificate is missing" in place.restore("new", code=1).stderr

    place.file.unlink()
    place.backup()
    raw = place.file.read_bytes()
    middle = len(raw) // 2
    for damaged in (
        b"",
        b"a letter",
        raw[:-1],
        raw[:middle],
        raw[:100],
        raw + b"x",
        raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
    ):
        place.file.write_bytes(damaged)
        done = place.restore("new", code=1)
        assert done.stderr.count("error:") == 1
        assert not target.exists()
    place.file.write_bytes(raw)
    wrong = place.ours("restore", str(place.file), "new", "--identity", "other.txt", code=1)
    assert "`No matching" not in wrong.stderr
    assert "can't be opened" in wrong.stderr
    assert "opened by a private key" in place.ours("restore", str(place.file), code=2).stderr
    secret_file(place.top / "phrase", PASSPHRASE)
    place.backup("--passphrase-file", str(place.top / "phrase"))
    secret_file(place.top / "phrase", "another passphrase")
    words = ("restore", str(place.file), "new", "--passphrase-file", "phrase")
    assert "the passphrase is another one" in place.ours(*words, code=1).stderr
    assert "by a passphrase, not by a key" in place.restore("new", code=2).stderr
    assert "can't be read" in place.ours("restore", "nowhere.age", code=1).stderr
    assert not target.exists()


def test_a_place_that_is_taken_stays_as_it_is(place: Place) -> None:
    place.backup()
    home, git, taken = (place.top / name for name in ("home", "git", "taken"))
    (home / "letters").mkdir(parents=True)
    (git / ".git").mkdir(parents=True)
    (git / "README.md").write_text("Our clusters\n")
    (taken / "certs").mkdir(parents=True)
    (taken / "certs/ca-key.pem").write_text("another's")
    for path, told in ((home, "`letters` is in the way"), (taken, "`certs/ca-key.pem` is in the")):
        before = contents(path)
        assert told in place.restore(str(path), "--yes", code=1).stderr
        assert contents(path) == before
        assert list(path.iterdir()) == [path / ("letters" if path == home else "certs")]
    place.restore("git")
    assert (git / "README.md").read_text() == "Our clusters\n"
    assert (git / "certs/ca-key.pem").exists()
    link = place.top / "tied"
    shutil.copytree(place.folder, link)
    shutil.rmtree(link / "certs")
    (link / "certs").symlink_to(home)
    assert "is a link" in place.restore("tied", "--yes", code=1).stderr
    assert list(home.iterdir()) == [home / "letters"]


def test_giants_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarballs, "MOST_FILES", 3)
    form = Form("no backup", 1024, has_folders=True)
    few = tarballs.packed(tarballs.Packed(str(each), b"x") for each in range(3))
    many = tarballs.packed(tarballs.Packed(str(each), b"x") for each in range(4))
    large = tarballs.packed([tarballs.Packed("x", b"x" * 1025)])
    assert len(tarballs.unpacked(few, "b", form)) == 3
    with pytest.raises(ScaffoldError, match="holds more than 3 files"):
        tarballs.unpacked(many, "b", form)
    with pytest.raises(ScaffoldError, match="`b` is no backup\n  `x` is larger than 0 MiB"):
        tarballs.unpacked(large, "b", form)
    for cut in (few[: 2 * 1024], few[: 2 * 1024 + 512]):  # behind a file, and in the next one
        with pytest.raises(ScaffoldError, match="is not a plain tar, or was cut off"):
            tarballs.unpacked(cut, "b", form)


def test_no_bytes_end_in_a_traceback() -> None:
    import random

    chance = random.Random("tar")  # noqa: S311
    good = tarballs.packed(
        tarballs.Packed(f"{'d' * each}/{each}", b"x" * each, 0o644, 5) for each in range(1, 150, 40)
    )
    refused = 0
    for _ in range(1500):
        raw = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            cut = raw[: chance.choice((len(raw), chance.randrange(len(raw))))]
            form = Form("no backup", 1024, has_folders=chance.random() < 0.5)
            tarballs.unpacked(bytes(cut), "b", form)
        except ScaffoldError:
            refused += 1
    assert refused > 100


def test_status_notes_that_the_ca_of_today_is_in_no_backup(place: Place) -> None:
    def noted() -> bool:
        return "has another CA than `certs/ca.pem`" in place.ours("status", "tls-setup").stderr

    assert not noted()
    place.backup()
    make(place.folder, "req-calico")
    assert not noted()
    make(place.folder, "regenerate")
    assert noted()
    (place.folder / NOTE).write_text('{"backups": [{"sha256": 5}]}')
    assert not noted()


def test_keys_that_the_inventory_has_elsewhere_are_in_it(place: Place) -> None:
    document = json.loads((place.folder / "tls-scaffold.json").read_text())
    document["users"][0] |= {"output": "clients/calico", "request": "clients/calico.json"}
    (place.folder / "clients").mkdir()
    for name in ("calico.pem", "calico-key.pem", "calico.csr"):
        (place.folder / f"certs/{name}").rename(place.folder / f"clients/{name}")
    (place.folder / "clients/other.pem").write_text("nobody's")
    (place.folder / "config/req-calico.json").rename(place.folder / "clients/calico.json")
    (place.folder / "tls-scaffold.json").write_text(json.dumps(document))
    (place.folder / "clients/link").symlink_to("other.pem")
    (place.folder / "certs/link.pem").symlink_to("ca.pem")

    assert place.backup().stderr.startswith("warning: `certs/link.pem` is left out: it is a link")
    place.restore("new")
    clients = place.top / "new/clients"
    assert sorted(path.name for path in clients.iterdir()) == [
        *("calico-key.pem", "calico.csr", "calico.json", "calico.pem"),
    ]
    assert modes(clients)["calico-key.pem"] == "0o600"

    (place.folder / "tls-scaffold.json").write_text("{")
    assert "`tls-scaffold.json` has mistakes" in place.backup().stderr
    assert not [name for name in opened(place) if name.startswith("clients/")]


def test_keys_that_a_line_of_the_team_s_has_elsewhere_are_in_it(place: Place) -> None:
    line = "req-{0} {1}.pem: {2} ; $(sign) -profile client $<\n"
    with (place.folder / "Makefile").open("a") as makefile:
        makefile.write(line.format("x", "./other/x", "own/x.json"))
        makefile.write(line.format("y", "y", "config/req-y.json"))
    (place.folder / "own").mkdir()
    for path, cn in (("own/x.json", "x"), ("config/req-y.json", "y")):
        (place.folder / path).write_text(json.dumps({"CN": cn}))
    make(place.folder)
    (place.folder / "other/more.txt").write_text("nobody's")
    there = state(place.folder)
    clone = cloned(place)
    for key in ("other/x-key.pem", "y-key.pem"):
        (clone / key).unlink(missing_ok=True)
    place.backup()

    place.restore("new")
    place.restore("clone", "--yes")

    assert there == {**state(place.top / "new"), "other/more.txt": b"nobody's"}
    for path in ("other/x-key.pem", "y-key.pem"):
        assert (clone / path).read_bytes() == there[path]
    assert place.ours("-C", "new", "status").exit_code == 0


def test_a_line_whose_pair_can_not_be_put_back_is_named(place: Place) -> None:
    with (place.folder / "Makefile").open("a") as makefile:
        makefile.write("req-x pki/x@y.pem: config/req-x.json ; $(sign) $<\n")
    assert "warning: `pki/x@y.pem` of the Makefile is not in it" in place.backup().stderr


def test_it_waits_for_whoever_works_on_the_folder(place: Place) -> None:
    with (place.folder / "archive/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = place.backup(code=1)
    assert "another run works on the folder" in done.stderr
    assert not place.file.exists()


def test_every_backup_beside_a_make_holds_whole_pairs(
    place: Place, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    process = running("sh", "-c", "while make -s req; do :; done", cwd=place.folder)
    seen = set()
    for number in range(20):
        place.file = place.top / f"{number}.age"
        words = ["-C", str(place.folder), "backup", str(place.file), "--to", place.recipient]
        done = CliRunner().invoke(cli, words)
        if done.exit_code:  # a busy machine may let make have it for all the time that we wait
            assert "another run works on the folder" in done.stderr
            assert not place.file.exists()
            continue
        place.restore(f"new{number}")
        assert faults(place.top / f"new{number}") == []
        seen.add((place.top / f"new{number}/certs/calico.pem").read_bytes())
        if len(seen) > 2:
            break
    assert process.poll() is None
    assert len(seen) > 1


@pytest.mark.needs("strace")
def test_neither_passphrase_nor_key_is_written_or_told_in_the_clear(place: Place) -> None:
    secret_file(place.top / "phrase", PASSPHRASE)
    words = ("-C", str(place.folder), "backup", str(place.file), "--passphrase-file", "phrase")
    watched = ("-e", "trace=execve,write,pwrite64,writev,openat,creat,sendto,rename")
    done, lines = traced((PROGRAM, *words), place.top, *watched)
    assert done.returncode == 0, done.stderr
    written = [line for line in lines if "write" in line]
    assert any("age-encryption.org" in line for line in written)
    body = (place.folder / "certs/ca-key.pem").read_text().splitlines()[1]
    for secret in (PASSPHRASE, "PRIVATE KEY", body):
        assert [line for line in lines if secret in line and "openat" not in line] == []
        assert secret not in done.stdout + done.stderr
    made = {line.split('"')[1] for line in lines if "O_CREAT" in line and "O_WRONLY" in line}
    assert {Path(path).name.split(".")[1] for path in made} <= {"backups", "gitignore", "etcd"}


@pytest.mark.needs("strace")
@pytest.mark.skipif(os.geteuid() != 0, reason="not root: nobody else can be asked to look")
def test_nobody_else_reads_a_key_or_the_backup_at_any_step(place: Place) -> None:
    with tempfile.TemporaryDirectory(prefix="tls-scaffold-open-") as name:
        top = Path(name)
        top.chmod(0o755)
        folder = shutil.copytree(place.folder, top / "tls-setup")
        shutil.rmtree(folder / "archive")
        watcher = watching(top, top / "stop")
        file = str(top / "etcd.age")
        backup = ("-C", str(folder), "backup", file, "--to", place.recipient)
        back = ("restore", file, "new", "--identity", str(place.key))
        for words in (backup, back):
            slowly = ("strace", "-f", "-o", "/dev/null", *SLOWLY, PROGRAM, *words)
            assert run(*slowly, cwd=top, umask=0).returncode == 0
        (top / "stop").touch()
        assert watcher.communicate(timeout=120)[0] == ""
        assert modes(top)["etcd.age"] == "0o600"
        assert modes(top)["new"] == "0o777"
        assert modes(top / "new/certs") == modes(folder / "certs")


def test_what_an_ordinary_user_may_not_read_or_write_is_told(place: Place) -> None:
    def asked(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
        return done.exit_code, done.stderr

    place.backup()
    words = ("restore", str(place.file), str(place.top / "w"), "--identity", str(place.key))
    assert asked(*words)[0] == 0  # all modules are loaded
    to = ("--to", place.recipient)
    assert asked("-C", str(place.folder), "backup", str(place.file), *to)[0] == 0
    with as_somebody(place.folder) as folder:
        target = folder.parent / "x.age"
        inside = ("-C", str(folder), "backup", str(target), *to)
        (folder / "certs/calico-key.pem").chmod(0)
        code, told = asked(*inside)
        assert code == 1
        assert "calico-key.pem` can't be read: Permission denied" in told
        (folder / "certs/calico-key.pem").chmod(0o600)
        if os.getuid() == 0:  # else the directory beside the folder is ours
            code, told = asked(*inside)
            assert (code, "can't be written: Permission denied" in told) == (1, True)
            assert [path for path in folder.parent.iterdir() if path != folder] == []


def test_without_the_library_it_says_how_to_get_it(place: Place) -> None:
    code = "import sys; sys.modules['pyrage'] = None; from tls_scaffold.cli import main; main()"
    for words in (("backup", "x.age"), ("restore", "x.age")):
        done = run(sys.executable, "-c", code, "-C", str(place.folder), *words, cwd=place.top)
        assert done.returncode == 1
        assert "hint: `pip install 'tls-scaffold[backup]'`" in done.stderr
    assert run(sys.executable, "-c", code, "-C", str(place.folder), "status").returncode == 0


@pytest.mark.parametrize("what", ["backup", "new", "clone", "replaced"])
def test_a_kill_at_any_write_is_healed_by_the_same_again(
    place: Place, what: str, pytestconfig: pytest.Config
) -> None:
    place.backup()
    if what == "clone":
        cloned(place)
    if what == "replaced":
        make(place.folder, "req-calico", "req-etcd1")
    every = 1 if pytestconfig.getoption("--long") else {"backup": 4}.get(what, 17)
    words = (sys.executable, str(Path(backup_kills.__file__)), str(place.top), what, str(every))
    done = subprocess.run(
        [*words, place.recipient],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["hits"] >= (5 if every > 1 else 20)
