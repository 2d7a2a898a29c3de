"""A CA whose key is encrypted: made so, opened, kept so, and never in the clear on the disk."""

import json
import os
import pty
import re
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from clusters import BUILT, live, tools
from conftest import Factory
from keeping import edit
from kept import same_pairs
from peers import build as peers
from promises.tracing import traced
from support import BIN, Done, contents, environment, make, names, openssl, run, verify
from test_questions import Terminal

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")

PASSWORD = """a b$c"'`;\\ü"""
VARIABLE, FILE_VARIABLE = "CFSSL_CA_PK_PASSWORD", "CFSSL_CA_PK_PASSWORD_FILE"
GIVEN: dict[str, Any] = {VARIABLE: PASSWORD}
SMALL = ("--members", "10.0.0.1", "--proxies", "0", "--users", "alice", "--key", "ecdsa-256")
ENCRYPTED = (*SMALL, "--encrypt-ca-key")
NEWEST: dict[str, Any] = {"PATH": f"{peers.folder('cfssl')}:{os.environ['PATH']}:{BIN}"}
SIGNERS: dict[str, dict[str, Any]] = {
    "cfssl 1.2": {"SIGNER": "cfssl"},
    "cfssl 1.6": {"SIGNER": "cfssl", **NEWEST},
    "own": {"SIGNER": "tls-scaffold"},
}
each_signer = pytest.mark.parametrize(
    "signer", ["cfssl 1.2", pytest.param("cfssl 1.6", marks=pytest.mark.long), "own"]
)
either = pytest.mark.parametrize("signer", ["cfssl 1.2", "own"])
Make = Callable[..., Done]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives a signed folder with an encrypted key, made once a signer."""
    folders: dict[str, Path] = {}

    def of(signer: str) -> Path:
        if signer not in folders:
            path = folders[signer] = tmp_path_factory.mktemp("made") / "tls-setup"
            done = run(str(BIN / "tls-scaffold"), "new", str(path), *ENCRYPTED)
            assert done.returncode == 0, done.stderr
            make(path, "-j2", **SIGNERS[signer], **GIVEN)
        return folders[signer]

    return of


@pytest.fixture
def encrypted(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return the same for copies of it."""
    return lambda signer: shutil.copytree(made(signer), tmp_path / "tls-setup", symlinks=True)


def _of(name: str, text: str) -> dict[str, Any]:
    """Return a variable of the environment by a name that is not known to the type checker."""
    return {name: text}


def check_key(folder: Path, password: str = PASSWORD, ca: str = "ca") -> None:
    """Check that a CA's key is encrypted, opened by the password and the CA's."""
    key = folder / f"certs/{ca}-key.pem"
    assert "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC," in key.read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    words = ("openssl", "pkey", "-pubout", "-in", str(key), "-passin", f"env:{VARIABLE}")
    public = run(*words, **_of(VARIABLE, password))
    assert public.returncode == 0, public.stderr
    assert public.stdout == openssl(
        "x509", "-noout", "-pubkey", "-in", str(folder / f"certs/{ca}.pem")
    )


def refused(folder: Path, *words: str, **variables: Any) -> str:
    """Return what one refused make says, which changes nothing in the folder."""
    before = contents(folder)
    done = run("make", *words, cwd=folder, **variables)
    assert done.returncode != 0
    assert contents(folder) == before
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@each_signer
def test_it_is_made_encrypted_opened_and_kept_so(
    encrypted: Callable[[str], Path], signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    check_key(path)
    for name in names(path):
        verify(path, f"certs/{name}.pem")
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert inventory["ca"] == {"key": "encrypted"}
    before = contents(path)
    assert "nothing to sign" in run("make", cwd=path, **how).stdout + make(path, **how).stderr
    assert contents(path) == before

    make(path, "req", **how, **GIVEN)
    assert not same_pairs(before, path)
    old = (path / "certs/ca.pem").read_bytes()
    make(path, "regenerate", **how, **GIVEN)
    assert (path / "certs/ca.pem").read_bytes() != old
    check_key(path)
    (shelf,) = path.glob("archive/*/certs/ca-key.pem")
    assert "ENCRYPTED" in shelf.read_text()
    for name in names(path):
        verify(path, f"certs/{name}.pem")


@either
def test_a_password_that_does_not_open_the_key_that_was_is_told_before_the_next_key_gets_it(
    encrypted: Callable[[str], Path], signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    told = f"warning: the password in {VARIABLE} does not open `certs/ca-key.pem`: the next CA's"
    assert "does not open" not in make(path, "regenerate", **how, **GIVEN).stderr
    assert told in refused(path, "regenerate", **{**how, VARIABLE: "another", "YES": ""})

    done = make(path, "regenerate", **{**how, VARIABLE: "another"})

    assert done.stderr.count(told) == 1
    make(path, "req-alice", **{**how, VARIABLE: "another"})
    verify(path, "certs/alice.pem")


def test_what_one_signer_made_the_others_open(encrypted: Callable[[str], Path]) -> None:
    for maker, opener in (("own", "cfssl 1.2"), ("cfssl 1.2", "cfssl 1.6"), ("cfssl 1.6", "own")):
        path = encrypted(maker)
        make(path, "req-alice", **SIGNERS[opener], **GIVEN)
        verify(path, "certs/alice.pem")
        shutil.rmtree(path)


@pytest.mark.parametrize("signer", ["cfssl 1.2", "own"])
def test_a_key_of_rsa_is_encrypted_in_the_form_that_cfssl_opens(
    folder: Factory, signer: str
) -> None:
    path = folder(*SMALL[:-1], "rsa-2048", "--encrypt-ca-key")
    make(path, "ca", **SIGNERS[signer], **GIVEN)
    assert (path / "certs/ca-key.pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    check_key(path)
    (path / "Makefile").write_text((path / "Makefile").read_text())
    make(path, "req-alice", SIGNER="cfssl", **GIVEN)


@either
def test_a_key_of_ed25519_has_no_such_form_and_is_refused(folder: Factory, signer: str) -> None:
    path = folder(*SMALL[:-1], "ed25519", "--encrypt-ca-key")
    variables = {**GIVEN, **SIGNERS["cfssl 1.6" if signer == "cfssl 1.2" else signer]}
    assert "ecdsa and rsa" in refused(path, "ca", **variables)


# --- never in the clear


def fragments(folder: Path) -> set[str]:
    """Return what would stand in any file that held the CA's key in the clear."""
    found = set()
    for path in (*folder.glob("certs/ca-key.pem"), *folder.glob("archive/*/certs/ca-key.pem")):
        key = load_pem_private_key(path.read_bytes(), PASSWORD.encode())
        for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            der = key.private_bytes(Encoding.DER, form, NoEncryption())
            found.add(b64encode(der).decode()[:60])
    return found


def file_writes(lines: list[str]) -> list[str]:
    """Return the calls of strace that write into files, and not into pipes."""
    calls = [line for line in lines if re.match(r"\d+ +(p?write|pwrite64|writev)\(", line)]
    return [line for line in calls if not re.match(r"\d+ +\w+\(\d+<(pipe|socket|/dev/)", line)]


def watched(folder: Path, stop: threading.Event, seen: set[str]) -> None:
    """Keep what each file below a folder holds, as long as it is looked at."""
    while not stop.is_set():
        for at, _, files in os.walk(folder):
            for name in files:
                with suppress(OSError, UnicodeDecodeError):
                    text = Path(at, name).read_text()
                    if "PRIVATE KEY" in text:
                        seen.add(text.replace("\n", ""))


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    "goal", ["ca", pytest.param("regenerate", marks=pytest.mark.long), "renew-ca"]
)
@each_signer
def test_neither_key_nor_password_is_in_a_file_or_on_a_command_line_at_any_moment(
    folder: Factory, encrypted: Callable[[str], Path], signer: str, goal: str
) -> None:
    path = folder(*ENCRYPTED, name="fresh") if goal == "ca" else encrypted(signer)
    stop, seen = threading.Event(), set[str]()
    watcher = threading.Thread(target=watched, args=(path, stop, seen))
    watcher.start()
    done, lines = traced(
        ("make", goal), path, "-e", "trace=execve,write,pwrite64,writev", **SIGNERS[signer], **GIVEN
    )
    stop.set()
    watcher.join()
    assert done.returncode == 0, done.stderr
    check_key(path)

    secrets = fragments(path)
    writes = file_writes(lines)
    assert len(writes) > 5
    assert [line for line in writes if any(each in line for each in secrets)] == []
    assert [text for text in seen if any(each in text for each in secrets)] == []
    # It is looked for in the right place: in pipes it is seen, of cfssl's at least.
    piped = [line for line in lines if any(each in line for each in secrets)]
    assert bool(piped) == (signer != "own")
    for told in (done.stdout, done.stderr, *lines):
        assert PASSWORD not in told
        assert "a b$c" not in told
    for file in path.rglob("*"):
        assert not file.is_file() or b"a b$c" not in file.read_bytes()


@pytest.mark.needs("strace")
def test_a_key_in_the_clear_is_seen_by_the_same_eyes(folder: Factory) -> None:
    path = folder(*SMALL)
    _, lines = traced(("make", "ca"), path, "-e", "trace=write,pwrite64,writev", SIGNER="cfssl")
    writes = file_writes(lines)
    assert [line for line in writes if any(each in line for each in fragments_of_clear(path))]


def fragments_of_clear(folder: Path) -> set[str]:
    key = load_pem_private_key((folder / "certs/ca-key.pem").read_bytes(), None)
    forms = (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8)
    ders = [key.private_bytes(Encoding.DER, form, NoEncryption()) for form in forms]
    return {b64encode(der).decode()[:60] for der in ders}


def test_what_the_inventory_s_word_leaves_to_settle_is_told(signed: Factory) -> None:
    for told_as in ((), ("--json",)):
        path = signed(*SMALL, name=f"settle{len(told_as)}")
        edit(path / "tls-scaffold.json", '"87600h"', '"80000h"')
        edit(path / "config/ca-csr.json", '"87600h"', '"70000h"')
        done = run("tls-scaffold", "encrypt-ca-key", *told_as, cwd=path, **GIVEN)
        assert done.returncode == 3
        check_key(path)
        if told_as:
            assert json.loads(done.stdout)["conflicts"] == ["config/ca-csr.json"]
        else:
            assert "encrypted certs/ca-key.pem" in done.stdout
            assert "conflict config/ca-csr.json: both you and" in done.stderr
            assert "hint: take what you want from each `FILE.new`" in done.stderr


# --- the password


@either
def test_the_password_may_be_in_a_file(
    encrypted: Callable[[str], Path], tmp_path: Path, signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    file = tmp_path / "pass word"
    for text in (PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\n"):
        file.write_bytes(text.encode())
        file.chmod(0o640)
        make(path, "req-alice", **how, **_of(FILE_VARIABLE, str(file)))
    # cfssl's own variable goes first.
    file.write_text("another\n")
    make(path, "req-alice", **how, **GIVEN, **_of(FILE_VARIABLE, str(file)))
    verify(path, "certs/alice.pem")
    file.write_text(f"{PASSWORD}\n")
    variables: dict[str, Any] = {FILE_VARIABLE: str(file)}
    assert "mismatched" not in run("tls-scaffold", "status", cwd=path, **variables).stdout


@either
def test_a_password_that_is_none_or_wrong_changes_nothing(
    encrypted: Callable[[str], Path], tmp_path: Path, signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    file = tmp_path / "password"
    goals = ("req-alice", "renew-ca", "regenerate")
    for goal in goals:
        told = refused(path, goal, **how)
        assert VARIABLE in told
        assert FILE_VARIABLE in told
        assert VARIABLE in refused(path, goal, **how, **_of(VARIABLE, ""))
    assert VARIABLE in refused(path, "-j4", "req", **how)
    for goal in goals[:2]:
        told = refused(path, goal, **how, **_of(VARIABLE, "wrong"))
        assert f"not opened by the password in {VARIABLE}\n" in told
    texts = {
        "is empty": "\n",
        "has more than one line": f"{PASSWORD}\nx\n",
        "begins with a byte order mark": f"\ufeff{PASSWORD}",
        "more than 1000 bytes": "x" * 1001,
        f"not opened by the password in `{file}`": "wrong",
    }
    assert str(file) in refused(path, "req-alice", **how, **_of(FILE_VARIABLE, str(file)))
    file.mkdir()
    assert str(file) in refused(path, "req-alice", **how, **_of(FILE_VARIABLE, str(file)))
    file.rmdir()
    file.write_text("secret")
    file.chmod(0o604)
    told = refused(path, "req-alice", **how, **_of(FILE_VARIABLE, str(file)))
    assert f"`{file}`, which {FILE_VARIABLE} names, is open to everybody\n" in told
    file.chmod(0o600)
    for reason, text in texts.items():
        file.write_text(text)
        told = refused(path, "req-alice", **how, **_of(FILE_VARIABLE, str(file)))
        assert str(file) in told, reason
        assert reason in told
        assert "xx" not in told


@either
def test_a_timer_without_a_password_does_what_needs_none_and_names_the_variable(
    encrypted: Callable[[str], Path], signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    assert make(path, "renew", **how).stdout == "nothing expires within 30 days\n"
    told = refused(path, "renew", RENEW_DAYS="800", **how)
    assert VARIABLE in told
    before = contents(path)
    make(path, "renew", RENEW_DAYS="800", **how, **GIVEN)
    assert not same_pairs(before, path)
    for name in names(path):
        verify(path, f"certs/{name}.pem")


class Asked(Terminal):
    """A run of any command on a terminal."""

    def __init__(self, cwd: Path, *words: str, **variables: str) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment(NO_COLOR="1", **variables),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)


QUESTION = "password of the CA's key: "


def test_on_a_terminal_it_is_asked_for_once_however_many_sign(
    encrypted: Callable[[str], Path],
) -> None:
    path = encrypted("own")
    many = ",".join(f"u{number}" for number in range(40))
    assert run(str(BIN / "tls-scaffold"), "add", "--users", many, cwd=path).returncode == 0
    on = Asked(path, str(BIN / "tls-scaffold"), "sign", "--jobs", "2")
    on.shown_until(QUESTION)
    on.answer(f"{PASSWORD}\n")
    code, shown = on.end()
    assert (code, shown.count("signed certs/")) == (0, 40)
    assert QUESTION not in shown
    assert PASSWORD not in shown
    make(path, SIGNER="tls-scaffold")

    on = Asked(path, "make", "renew", "RENEW_DAYS=800", SIGNER="tls-scaffold")
    on.shown_until(QUESTION)
    on.answer(f"{PASSWORD}\n")
    code, shown = on.end()
    assert (code, shown.count("signed certs/")) == (0, 42)
    assert QUESTION not in shown

    on = Asked(path, str(BIN / "tls-scaffold"), "sign", "--force", "alice")
    on.shown_until(QUESTION)
    on.answer("wrong\n")
    code, shown = on.end()
    assert code == 1
    assert "it is not opened by the password that was typed" in shown


def test_a_new_password_is_asked_for_until_it_is_typed_twice_alike(folder: Factory) -> None:
    path = folder(*ENCRYPTED)
    on = Asked(path, "make", SIGNER="tls-scaffold")
    on.shown_until("new password for the CA's key: ")
    on.answer(f"{PASSWORD}\n")
    on.shown_until("the same again: ")
    on.answer("other\n")
    on.shown_until("new password for the CA's key: ")
    on.answer(f"{PASSWORD}\n")
    on.shown_until("the same again: ")
    on.answer(f"{PASSWORD}\n")
    code, shown = on.end()
    assert code == 0, shown
    check_key(path)


# --- two CAs, with one password


def check_both(folder: Path) -> None:
    """Check that both keys are encrypted, and that each CA signed what is its own."""
    for ca in ("ca", "peer-ca"):
        check_key(folder, ca=ca)
    for name, ca in (("etcd1", "ca"), ("alice", "ca"), ("peer-etcd1", "peer-ca")):
        pair = folder / f"certs/{name}.pem"
        openssl("verify", "-CAfile", f"{folder}/certs/{ca.removesuffix('ca')}trust.pem", str(pair))


def finds(folder: Path) -> list[tuple[str, str]]:
    said = run("tls-scaffold", "check", "--json", cwd=folder, **GIVEN).stdout
    return [(each["id"], each["where"]) for each in json.loads(said)["findings"]]


@each_signer
def test_both_keys_are_encrypted_whatever_makes_or_renews_the_cas(
    folder: Factory, signer: str
) -> None:
    path, how = folder(*ENCRYPTED, "--peer-ca"), {**SIGNERS[signer], **GIVEN}
    make(path, **how)
    check_both(path)
    keys = {ca: (path / f"certs/{ca}-key.pem").read_bytes() for ca in ("ca", "peer-ca")}
    cas = {ca: (path / f"certs/{ca}.pem").read_bytes() for ca in keys}
    before = contents(path)
    # A wrong password changes neither.
    assert "opened by" in refused(path, "renew-ca", **{**how, VARIABLE: "wrong"})

    told = make(path, "renew-ca", **how).stdout

    for ca, trust in (("ca", "trust"), ("peer-ca", "peer-trust")):
        assert (path / f"certs/{ca}-key.pem").read_bytes() == keys[ca]
        new = (path / f"certs/{ca}.pem").read_bytes()
        assert (new != cas[ca], (path / f"certs/{trust}.pem").read_bytes()) == (True, new)
        (shelf,) = path.glob(f"archive/*/certs/{ca}.pem")
        assert shelf.read_bytes() == cas[ca]
        assert f"signed certs/{ca}.pem again" in told
        assert f"has to get the new certs/{trust}.pem" in told
    make(path, SIGNER="cfssl")  # nothing is to be signed
    make(path, SIGNER="tls-scaffold")
    assert same_pairs(before, path)
    check_both(path)
    earlier = json.loads(run("tls-scaffold", "status", "--json", cwd=path).stdout)["earlier_cas"]
    assert {each["ca"] for each in earlier} <= {"certs/ca.pem", "certs/peer-ca.pem"}

    make(path, "regenerate", **how)
    check_both(path)
    assert all((path / f"certs/{ca}-key.pem").read_bytes() != keys[ca] for ca in keys)
    assert finds(path) == []


@either
def test_a_later_ca_of_peers_gets_the_password_of_the_other(
    encrypted: Callable[[str], Path], signer: str
) -> None:
    path, how = encrypted(signer), SIGNERS[signer]
    before = contents(path)
    assert run("tls-scaffold", "sync", "--peer-ca", cwd=path).returncode == 0
    refused(path, **{**how, VARIABLE: "another"})
    make(path, **how, **GIVEN)
    check_both(path)
    after = contents(path)
    assert all(after[name] == text for name, text in before.items() if name.startswith("certs/"))


@either
def test_both_keys_are_encrypted_and_come_out_again_as_one(signed: Factory, signer: str) -> None:
    path, how = signed(*SMALL, "--peer-ca"), SIGNERS[signer]
    keys = [path / f"certs/{ca}-key.pem" for ca in ("ca", "peer-ca")]
    clear, before = [key.read_bytes() for key in keys], contents(path)
    in_the_clear = [(f"certs/{key.name}") for key in keys]
    assert finds(path) == [("ca-key-in-the-clear", each) for each in in_the_clear]
    done = make(path, "encrypt-ca-key", **how, **GIVEN)
    assert [each for each in in_the_clear if f"encrypted {each}: the one" in done.stdout] == (
        in_the_clear
    )
    check_both(path)
    assert finds(path) == []
    assert same_pairs(before, path)
    # One that is in the clear again is told, and encrypted by the same password alone.
    keys[1].write_bytes(clear[1])
    assert finds(path) == [("ca-key-not-encrypted", "certs/peer-ca-key.pem")]
    refused(path, "encrypt-ca-key", **{**how, VARIABLE: "another"})
    make(path, "encrypt-ca-key", **how, **GIVEN)
    check_both(path)

    done = run("tls-scaffold", "sync", "--ca-here", cwd=path, **GIVEN)

    assert done.returncode == 0, done.stderr
    both = "`certs/ca-key.pem`, `certs/peer-ca-key.pem` opened with the password: in the clear"
    assert both in done.stderr
    assert [key.read_bytes() for key in keys] == clear
    assert [key.stat().st_mode & 0o777 for key in keys] == [0o600] * 2
    done = run("tls-scaffold", "sync", "--encrypt-ca-key", cwd=path, **GIVEN)
    assert done.returncode == 0, done.stderr
    check_both(path)
    make(path, **how)
    assert same_pairs(before, path)
    assert not list(path.glob("archive/*/certs/*"))


# --- a key that was in the clear


@either
def test_a_key_in_the_clear_gives_way_to_the_same_encrypted(signed: Factory, signer: str) -> None:
    path, how = signed(*SMALL), SIGNERS[signer]
    key = path / "certs/ca-key.pem"
    secrets = fragments_of_clear(path)
    make(path, "regenerate", SIGNER="cfssl")  # so that there is an old one in the archive
    secrets |= fragments_of_clear(path)
    clear = key.read_bytes()
    unset: tuple[dict[str, Any], ...] = ({}, {VARIABLE: ""})
    for variables in unset:
        assert VARIABLE in refused(path, "encrypt-ca-key", **how, **variables)
    before = contents(path)

    done = make(path, "encrypt-ca-key", **how, **GIVEN)

    assert "encrypted certs/ca-key.pem: the one in the clear is gone" in done.stdout
    (old,) = path.glob("archive/*/certs/ca-key.pem")
    assert f"warning: `{old.relative_to(path)}` is a CA's key in the clear" in done.stderr
    check_key(path)
    words = ("-passin", f"env:{VARIABLE}", "-in", str(key))
    assert run("openssl", "ec", *words, **GIVEN).stdout.encode() == clear
    assert same_pairs(before, path)
    assert json.loads((path / "tls-scaffold.json").read_text())["ca"] == {"key": "encrypted"}
    left = [each for each in path.rglob("*") if each.is_file() and each != old]
    assert not [each for each in left if any(word in flat(each) for word in secrets)]
    make(path, **how)  # nothing is to be signed
    assert same_pairs(before, path)
    make(path, "req-alice", **how, **GIVEN)
    again = contents(path)
    done = make(path, "encrypt-ca-key", **how, **GIVEN)
    assert "certs/ca-key.pem is encrypted" in done.stdout + done.stderr
    assert contents(path) == again
    # What the archive has had from before is named until it is gone.
    for ids in (["earlier-ca-keys"], []):
        found = json.loads(run("tls-scaffold", "check", "--json", cwd=path).stdout)["findings"]
        assert [each["id"] for each in found] == ids
        old.unlink(missing_ok=True)


@pytest.mark.parametrize("option", ["--encrypt-ca-key", "--ca-offline"])
def test_a_link_in_the_key_s_place_is_neither_encrypted_nor_moved(
    signed: Factory, tmp_path: Path, option: str
) -> None:
    path = signed(*SMALL)
    key, kept = path / "certs/ca-key.pem", tmp_path / "kept.pem"
    key.rename(kept)
    key.symlink_to(kept)
    before = contents(path)

    for words in (["--dry-run"], []):
        done = run("tls-scaffold", "sync", option, *words, cwd=path, **GIVEN)
        assert (done.returncode, contents(path)) == (1, before)
        assert key.is_symlink()
        assert f"`certs/ca-key.pem` is a link to `{kept}`" in done.stderr

    # What the hint says does it.
    key.unlink()
    if option == "--encrypt-ca-key":
        kept.rename(key)
    done = run("tls-scaffold", "sync", option, cwd=path, **GIVEN)
    assert done.returncode == 0, done.stderr
    assert not list(path.glob("archive/*/certs/*-key.pem"))


def test_a_key_in_the_clear_that_an_abort_has_left_in_the_archive_is_named(signed: Factory) -> None:
    path = signed(*SMALL)
    for step in ("start", "abort"):
        at = ("--endpoints", "etcd1=127.0.0.1:1", "--peer-endpoints", "etcd1=127.0.0.1:1")
        alone = ("--force", *at) if step == "abort" else ()
        rotated = run("tls-scaffold", "rotate", step, *alone, cwd=path)
        assert rotated.returncode == 0, rotated.stderr
    clear = [f"`{each.relative_to(path)}`" for each in path.glob("archive/*/certs/*ca-key.pem")]
    for words in (["sync", "--encrypt-ca-key"], ["encrypt-ca-key"], ["sync", "--encrypt-ca-key"]):
        done = run("tls-scaffold", *words, cwd=path, **GIVEN)
        for each in clear:
            assert done.stderr.count(f"warning: {each} is a CA's key in the clear: delete") == 1


@either
@pytest.mark.parametrize("peers", [pytest.param((), marks=pytest.mark.long), ("--peer-ca",)])
def test_another_password_is_refused_where_all_is_encrypted(
    signed: Factory, signer: str, peers: tuple[str, ...]
) -> None:
    path, how = signed(*SMALL, *peers), SIGNERS[signer]
    make(path, "encrypt-ca-key", **how, **GIVEN)
    before = contents(path)
    another = _of(VARIABLE, "another")
    for_make = refused(path, "encrypt-ca-key", **how, **another)
    for words in (["encrypt-ca-key"], ["sync", "--encrypt-ca-key"]):
        done = run("tls-scaffold", *words, cwd=path, **another)
        assert (done.returncode, contents(path)) == (1, before), done.stderr
        for said in (done.stderr, for_make):
            assert "`certs/ca-key.pem` is not opened by the password in" in said
            assert "hint: to change the password: with the one of now `tls-scaffold sync" in said
        for given in ({}, GIVEN):  # nothing is to be done, with the right one or without any
            assert run("tls-scaffold", *words, cwd=path, **given).returncode == 0
    make(path, "encrypt-ca-key", **how)
    assert contents(path) == before


def flat(path: Path) -> str:
    return path.read_bytes().decode(errors="replace").replace("\n", "")


@either
def test_what_can_not_be_encrypted_stays_as_it_is(signed: Factory, signer: str) -> None:
    how = {**SIGNERS[signer], **GIVEN}
    path = signed(*SMALL)
    before = contents(path)
    done = run("tls-scaffold", "sync", "--encrypt-ca-key", cwd=path)
    assert (done.returncode, contents(path)) == (1, before)
    assert VARIABLE in done.stderr
    # By hand nothing but the inventory says so.
    file = path / "tls-scaffold.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "ca": {"key": "encrypted"}}))
    assert run("tls-scaffold", "sync", cwd=path).returncode == 0
    found = json.loads(run("tls-scaffold", "check", "--json", cwd=path).stdout)["findings"]
    assert [(each["id"], each["level"]) for each in found] == [("ca-key-not-encrypted", "error")]
    make(path, "req-alice", **SIGNERS[signer])  # it signs as it did
    key = path / "certs/ca-key.pem"
    whole = key.read_bytes()
    key.write_bytes((path / "certs/alice-key.pem").read_bytes())
    assert "is not the key of `certs/ca.pem`" in refused(path, "encrypt-ca-key", **how)
    key.write_text("garbage")
    refused(path, "encrypt-ca-key", **how)
    key.unlink()
    refused(path, "encrypt-ca-key", **how)
    (path / "elsewhere").write_bytes(whole)
    key.symlink_to("../elsewhere")
    assert "leads elsewhere" in refused(path, "encrypt-ca-key", **how)
    key.unlink()
    key.write_bytes(whole)
    key.chmod(0o600)
    make(path, "encrypt-ca-key", **how)
    check_key(path)


@pytest.mark.parametrize("ca", ["ca", "peer-ca"])
def test_a_key_that_was_encrypted_by_hand_is_followed_by_none_in_the_clear(
    signed: Factory, ca: str
) -> None:
    path = signed(*SMALL, "--peer-ca")
    key = str(path / f"certs/{ca}-key.pem")
    openssl("ec", "-aes256", "-passout", "pass:secret", "-in", key, "-out", key)
    given: dict[str, Any] = {VARIABLE: "secret"}
    for goal in ("regenerate", "renew-ca"):
        told = refused(path, goal, SIGNER="cfssl", **given)
        assert f"`certs/{ca}-key.pem` is encrypted, and the inventory does not say so" in told
        assert "`make encrypt-ca-key` says so there" in told
    before = contents(path)
    make(path, "encrypt-ca-key", SIGNER="cfssl", **given)
    assert same_pairs(before, path)
    make(path, "regenerate", SIGNER="cfssl", **given)
    for name in ("ca", "peer-ca"):
        check_key(path, "secret", name)


def test_check_has_a_note_that_does_not_make_it_fail(signed: Factory) -> None:
    path = signed(*SMALL)
    done = run("tls-scaffold", "check", cwd=path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, "nothing found but 1 note")
    assert done.stdout.startswith(
        "note: certs/ca-key.pem: it is in the clear [ca-key-in-the-clear]"
    )
    (found,) = json.loads(run("tls-scaffold", "check", "--json", cwd=path).stdout)["findings"]
    assert (found["level"], found["where"]) == ("note", "certs/ca-key.pem")
    (result,) = json.loads(run("tls-scaffold", "check", "--sarif", cwd=path).stdout)["runs"]
    assert [each["level"] for each in result["results"]] == ["note"]


# --- from `new` to a cluster


@pytest.mark.parametrize(
    ("version", "signer"),
    [
        pytest.param(
            name,
            signer,
            marks=pytest.mark.needs("etcd", "etcdctl", within=BUILT[f"newest {name}"]),
        )
        for name, signer in (("3.5", "cfssl 1.2"), ("3.5", "own"), ("3.6", "cfssl 1.6"))
    ],
)
def test_a_cluster_runs_with_it_and_its_user_writes(
    folder: Factory, tmp_path: Path, version: str, signer: str
) -> None:
    words = ("--users", "root,alice", "--grant", "alice=/alice/:rw", "--proxies", "0")
    path = folder("--members", "127.0.0.1", *words, "--key", "ecdsa-256", "--encrypt-ca-key")
    make(path, **SIGNERS[signer], **GIVEN)
    with live(path, tmp_path / "data", with_tools=tools(BUILT[f"newest {version}"])) as on:
        for option in ((), ("--enable",)):
            done = on.script(*option)
            assert done.returncode == 0, done.stderr
        assert on.said("put", "/alice/a", "1", user="alice") == "OK\n"
        assert on.ctl("put", "/bob/a", "1", user="alice").returncode != 0
