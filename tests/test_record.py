"""The record `issued/`: one for both signers, and what tells whether a folder has a CA."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import pytest

from conftest import Factory
from support import Done, contents, faults, make, openssl, run, verify, wait_for
from tls_scaffold.commands.sign import sign, sign_set
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import makefile
from tls_scaffold.signing import batch
from tls_scaffold.signing.execution import Means
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.recordcompletion import record_valid_pairs
from tls_scaffold.signing.signer import Signed

QUIETLY = Means(1, lambda _: nullcontext(lambda _: None))

pytestmark = pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")
SIGNERS = ("cfssl", "tls-scaffold")
WORDS = ("--members", "10.0.0.1", "--proxies", "0", "--users", "calico,root")
CALICO = "req-calico certs/calico.pem: config/req-calico.json ; $(sign) -profile client $<"
FLAGS = (
    "",
    "-profile client",
    "-hostname a.example.com,10.0.0.9 -profile=client",
    "-cn root -hostname ''",
)
NOTHING = {
    "cfssl": ("nothing to sign: all is as asked for\n", ""),
    "tls-scaffold": ("", "nothing to sign: 3 certificates are what their requests ask for\n"),
}


def ours(folder: Path, *words: str, code: int = 0) -> Done:
    done = run("tls-scaffold", "sign", *words, cwd=folder)
    assert done.returncode == code, done.stderr
    return done


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def number_cas(folder: Path) -> None:
    inventory = folder / "tls-scaffold.json"
    inventory.write_text(
        json.dumps({"ca_generation": 1, **json.loads(inventory.read_text())}, indent=2)
    )


def recorded(folder: Path) -> set[str]:
    return {path.name for path in (folder / "issued").iterdir()}


def sign_here(folder: Path, *names: str) -> None:
    sign(folder, names, QUIETLY, force=False)


@pytest.mark.parametrize("words", FLAGS)
@pytest.mark.parametrize("signer", SIGNERS)
def test_both_signers_keep_one_record(folder: Factory, signer: str, words: str) -> None:
    path = folder(*WORDS)
    edit(path / "Makefile", CALICO, CALICO.replace("-profile client", words).replace("  ", " "))
    make(path, SIGNER=signer)
    record = Record(path, path)
    pairs = [
        (
            each,
            (path / f"{each.output}.pem").read_bytes(),
            (path / f"{each.output}-key.pem").read_bytes(),
        )
        for each in makefile.survey_makefile(path).signings
    ]
    ca = hashlib.sha256((path / "certs/ca.pem").read_bytes()).hexdigest()[:10]
    names = {record.path(*pair).removeprefix("issued/") for pair in pairs}
    assert recorded(path) == {f"ca-{ca}.pem", *names}
    assert (path / record.path(*pairs[1])).read_bytes() == pairs[1][1]
    before = contents(path)

    for each in SIGNERS:
        done = make(path, SIGNER=each)
        assert (done.stdout, done.stderr) == NOTHING[each]

    assert contents(path) == before


def test_a_record_s_files_are_for_everybody_whatever_the_umask(folder: Factory) -> None:
    path = folder(*WORDS)
    assert run("tls-scaffold", "sign", cwd=path, umask=0o077).returncode == 0
    assert {stat.S_IMODE(each.stat().st_mode) for each in (path / "issued").iterdir()} == {0o644}
    assert stat.S_IMODE((path / "issued").stat().st_mode) == 0o755


SPOILED: dict[str, Callable[[Path], object]] = {
    "restored": lambda path: list(map(Path.touch, (path / "config").iterdir())),
    "older edit": lambda path: os.utime(path / "config/req-calico.json", (0, 0)),
    "emptied": lambda path: (path / "certs/calico.pem").write_bytes(b""),
    "another's key": lambda path: shutil.copy(
        path / "certs/root-key.pem", path / "certs/calico-key.pem"
    ),
    "another's pair": lambda path: [
        shutil.copy(path / f"certs/root{ending}", path / f"certs/calico{ending}")
        for ending in (".pem", "-key.pem")
    ],
}


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("spoiled", SPOILED)
def test_content_decides_whatever_a_file_s_time_is(
    folder: Factory, spoiled: str, signer: str
) -> None:
    path = folder(*WORDS)
    make(path, SIGNER=signer)
    if spoiled == "older edit":
        edit(path / "config/req-calico.json", '"CN": "calico"', '"CN": "calico2"')
    SPOILED[spoiled](path)
    done = make(path, SIGNER=signer)
    signed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("signed ")]
    assert signed == ([] if spoiled == "restored" else ["certs/calico.pem"])
    assert faults(path) == []
    assert (make(path, SIGNER=signer).stdout, done.returncode) == (NOTHING[signer][0], 0)


@pytest.mark.parametrize("words", [(), ("ca",), ("calico",), ("--force",)])
def test_where_the_record_has_a_ca_no_second_one_is_made(
    signed: Factory, words: tuple[str, ...]
) -> None:
    path = signed(*WORDS)
    ca = path / "certs/ca.pem"
    end = openssl("x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", str(ca)).strip()[
        len("notAfter=") : -4
    ]
    fingerprint = (
        openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(ca))
        .strip()
        .partition("=")[2]
    )
    (name,) = (each for each in recorded(path) if each.startswith("ca-"))
    shutil.rmtree(path / "certs")
    before = contents(path)
    told = ours(path, *words, code=1).stderr
    assert told == (
        f"error: the CA of this folder is not in `certs`: `issued/{name}` is its certificate\n"
        "  subject: L=the internet, O=autogenerated, OU=etcd cluster, CN=Autogenerated CA\n"
        f"  end: {end} UTC\n"
        f"  SHA-256 fingerprint: {fingerprint}\n\n"
        "hint: put its ca.pem and ca-key.pem back; `make regenerate` makes another CA\n"
    )
    assert fingerprint in make(path, code=2, SIGNER="cfssl").stderr
    assert contents(path).keys() - before.keys() <= {"certs/.gitignore"}


def test_of_several_cas_in_a_record_the_newest_is_told(folder: Factory) -> None:
    path = folder(*WORDS)
    number_cas(path)
    make(path, SIGNER="tls-scaffold")
    for _ in range(3):
        before = recorded(path)
        make(path, "regenerate", SIGNER="tls-scaffold", YES="1")
    (newest,) = (each for each in recorded(path) - before if each.startswith("ca-"))
    (path / "issued/ca-ffffffffff.pem").write_text("<<<<<<< HEAD\n")
    shutil.rmtree(path / "certs")
    told = ours(path, code=1).stderr
    assert f"`issued/{newest}` is its certificate\n" in told
    assert "CN=Autogenerated CA 4\n" in told
    for each in recorded(path):
        (path / "issued" / each).unlink()
    (path / "issued/ca-ffffffffff.pem").write_text("<<<<<<< HEAD\n")
    assert ours(path, code=1).stderr.startswith(
        "error: the CA of this folder is not in `certs`: `issued/ca-ffffffffff.pem` is its "
        "certificate\n\nhint: "
    )


@pytest.mark.parametrize("lost", ["ca-key.pem", "ca.pem"])
@pytest.mark.parametrize("signer", SIGNERS)
def test_a_ca_of_which_half_is_lost_is_followed_by_another_with_one_command_that_asks(
    folder: Factory, signer: str, lost: str
) -> None:
    path = folder(*WORDS)
    make(path, SIGNER=signer)
    (path / "certs" / lost).unlink()
    assert "`make regenerate` makes another CA" in make(path, "req", code=2, SIGNER=signer).stderr
    assert "nothing was changed" in make(path, "regenerate", code=2, SIGNER=signer, YES="").stderr
    make(path, "regenerate", SIGNER=signer, YES="1")
    assert faults(path) == []


def test_a_record_that_lacks_what_is_valid_is_completed(signed: Factory) -> None:
    path = signed(*WORDS)
    before = contents(path)
    for complete in (
        lambda: ours(path),
        lambda: ours(path, "--own-lines"),
        lambda: record_valid_pairs(path),
    ):
        shutil.rmtree(path / "issued")
        (path / "certs/trust.pem").unlink()
        complete()
        assert contents(path) == before
    (path / "issued" / next(iter(recorded(path)))).unlink()
    record_valid_pairs(path)
    assert contents(path) == before


def test_what_is_not_valid_is_not_recorded_and_keeps_nothing_else_out(signed: Factory) -> None:
    path = signed(*WORDS)
    before = recorded(path)
    shutil.rmtree(path / "issued")
    shutil.copy(path / "certs/calico-key.pem", path / "certs/root-key.pem")
    (path / "config/req-csr.json").write_text("{")
    record_valid_pairs(path)
    assert {each.partition("-")[0] for each in recorded(path)} == {"ca", "calico"}
    assert recorded(path) < before
    for half in ("ca-key.pem", "ca.pem"):
        (path / "certs" / half).unlink()
        shutil.rmtree(path / "issued", ignore_errors=True)
        record_valid_pairs(path)
    assert not (path / "issued").exists()


def test_no_key_gets_into_the_record(signed: Factory) -> None:
    path = signed(*WORDS)
    for name in ("ca", "calico"):
        with (path / f"certs/{name}.pem").open("ab") as file:
            file.write((path / f"certs/{name}-key.pem").read_bytes())
    shutil.rmtree(path / "issued")
    (path / "certs/trust.pem").unlink()
    record_valid_pairs(path)
    assert {each.partition("-")[0] for each in recorded(path)} == {"etcd1", "root"}
    assert not (path / "certs/trust.pem").exists()


def test_a_folder_that_calls_cfssl_itself_has_a_record_of_its_ca_alone(folder: Factory) -> None:
    path = folder(*WORDS)
    (path / "sign.sh").unlink()
    line = (
        "cfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem config/req-csr.json | "
        "cfssljson -bare certs/a"
    )
    (path / "Makefile").write_text(f"req:\n\t{line}\n")
    ours(path)
    record_valid_pairs(path)
    assert (path / "certs/a.pem").exists()
    assert [each[:3] for each in recorded(path)] == ["ca-"]


def test_a_thousand_are_verified_and_recorded_in_few_seconds(folder: Factory) -> None:
    path = folder(
        "--members", "10.0.0.1", "--users", ",".join(f"u{number}" for number in range(1000))
    )
    ours(path)
    before = recorded(path)
    shutil.rmtree(path / "issued")
    begun = time.process_time()
    record_valid_pairs(path)
    took = time.process_time() - begun  # what else the disk has to flush does not count
    assert recorded(path) == before
    # 1.8 s where it was measured: each signature is verified, and each key loaded.
    assert took < 4


def test_what_was_edited_while_it_was_signed_is_not_put_in_place(
    signed: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed(*WORDS)
    for name in ("calico", "root"):
        (path / f"certs/{name}.pem").unlink()
    real = batch.sign_all

    def edited(
        jobs: Sequence[batch.Job], now: datetime, processes: int, progress: Callable[[int], None]
    ) -> Generator[Signed, None, None]:
        edit(path / "config/req-calico.json", '"CN": "calico"', '"CN": "calico2"')
        return real(jobs, now, processes, progress)

    monkeypatch.setattr(batch, "sign_all", edited)
    before = {
        name: content for name, content in contents(path).items() if "calico.json" not in name
    }
    with pytest.raises(ScaffoldError) as caught:
        sign_here(path)
    assert (
        str(caught.value) == "what was signed is not what is asked for now\n"
        "  `certs/calico.pem`: what it is made from has changed\n\nhint: sign again"
    )
    assert {
        name: content for name, content in contents(path).items() if "calico.json" not in name
    } == before
    monkeypatch.undo()
    sign_here(path)
    assert openssl("x509", "-noout", "-subject", "-in", str(path / "certs/calico.pem")).endswith(
        "CN = calico2\n"
    )


def test_the_configuration_counts_as_what_was_edited_and_a_new_ca_does_not(
    folder: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(*WORDS)
    real = batch.sign_all

    def edited(
        jobs: Sequence[batch.Job], now: datetime, processes: int, progress: Callable[[int], None]
    ) -> Generator[Signed, None, None]:
        edit(path / "config/ca-config.json", "8760h", "8761h")
        return real(jobs, now, processes, progress)

    monkeypatch.setattr(batch, "sign_all", edited)
    assert sign(path, (), QUIETLY, force=False).signed == {"certs/ca.pem": ("missing",)}
    monkeypatch.undo()
    sign_here(path)
    assert faults(path) == []


def test_what_was_signed_is_put_in_place_for_no_make_that_is_gone(
    folder: Factory, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a,b,c,d", "--key", "rsa-4096")
    ours(path, "ca")
    before = contents(path)
    process = running("make", cwd=path, SIGNER="tls-scaffold")
    wait_for(lambda: list((path / "certs").glob(".work.*")), 60)
    os.kill(process.pid, signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert "error: the make that asked for this is gone\n" in told
    assert contents(path) == before


def test_a_new_set_is_made_beside_the_old_one(signed: Factory) -> None:
    path = signed(*WORDS)
    edit(path / "Makefile", "certs/root.pem", "elsewhere/root.pem")
    new = path / "certs/.work.AbCdEf/new"
    (new / "config").mkdir(parents=True)
    (new / "config/ca-csr.json").write_text(
        (path / "config/ca-csr.json").read_text().replace("Autogenerated CA", "Second")
    )
    before = {name: content for name, content in contents(path).items() if ".work." not in name}
    done = sign_set(path, "certs/.work.AbCdEf/new/", QUIETLY)
    assert list(done.signed) == [
        "certs/ca.pem",
        "certs/etcd1.pem",
        "certs/calico.pem",
        "elsewhere/root.pem",
    ]
    assert {
        name: content for name, content in contents(path).items() if ".work." not in name
    } == before
    made = contents(new)
    for each in ("certs/etcd1.pem", "certs/calico.pem", "elsewhere/root.pem"):
        verify(new, each)
    assert {name for name in made if not name.startswith("issued/")} == {
        "config/ca-csr.json",
        "certs/trust.pem",
        *(
            f"{name}{ending}"
            for name in (path[:-4] for path in done.signed)
            for ending in (".pem", "-key.pem", ".csr")
        ),
    }
    assert "CN = Second" in openssl("x509", "-noout", "-subject", "-in", str(new / "certs/ca.pem"))
    assert len(recorded(new)) == len(done.signed)


@pytest.mark.parametrize("into", ["../x", "/x", "linked/x"])
def test_a_new_set_lies_below_the_folder(folder: Factory, tmp_path: Path, into: str) -> None:
    path = folder(*WORDS)
    (path / "linked").symlink_to(tmp_path)
    ours(path, "--own-lines", "--into", into, code=1)


@pytest.mark.parametrize("signer", SIGNERS)
def test_regenerate_makes_a_ca_of_a_name_of_its_own(folder: Factory, signer: str) -> None:
    path = folder(*WORDS)
    number_cas(path)
    make(path, SIGNER=signer)
    for number in (2, 3):
        told = make(path, "regenerate", SIGNER=signer, YES="1").stdout
        assert " -bare certs/calico\n" in told  # with paths as they are in the end
        assert "/.work." not in told
        told = openssl("x509", "-noout", "-subject", "-in", str(path / "certs/ca.pem"))
        assert told.endswith(f"CN = Autogenerated CA {number}\n")
        assert (
            json.loads((path / "config/ca-csr.json").read_text())["CN"]
            == f"Autogenerated CA {number}"
        )
    assert faults(path) == []
    assert sum(each.startswith("ca-") for each in recorded(path)) == 3
    for each in SIGNERS:
        assert (make(path, SIGNER=each).stdout, make(path, SIGNER=each).stderr) == NOTHING[each]


def test_each_certificate_is_told_with_its_command_and_who_has_to_reload(folder: Factory) -> None:
    path = folder(*WORDS)
    (path / "COMPONENTS.md").write_text(
        "# Components\n\n| name | files | after signing |\n|---|---|---|\n"
        "| etcd1 | `--cert-file=certs/etcd1.pem` | etcd1 reads it anew at each handshake |\n"
        "| calico | `x=certs/calico.pem y=z` | restart \x1b[31mcalico |\n"
    )
    json_to = "tls-scaffold cfssljson -bare"
    leaf = "gencert -ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json"
    done = make(path, SIGNER="tls-scaffold")
    assert done.stdout == (
        f"tls-scaffold cfssl gencert -initca config/ca-csr.json | {json_to} certs/ca\n"
        "signed certs/ca.pem\n"
        f"tls-scaffold cfssl {leaf} config/req-csr.json | {json_to} certs/etcd1\n"
        "signed certs/etcd1.pem\n"
        "  etcd1 reads it anew at each handshake\n"
        f"tls-scaffold cfssl {leaf} -profile client config/req-calico.json | {json_to} "
        "certs/calico\n"
        "signed certs/calico.pem\n"
        "  restart \\x1b[31mcalico\n"
        f"tls-scaffold cfssl {leaf} -profile client config/req-root.json | {json_to} certs/root\n"
        "signed certs/root.pem\n"
    )


def test_the_commands_that_are_told_do_the_same(folder: Factory) -> None:
    path = folder(*WORDS)
    edit(path / "Makefile", CALICO, CALICO.replace("-profile client", "-cn 'a b' -hostname ''"))
    with (path / "Makefile").open("a") as file:
        flags = (
            "-ca certs/ca.pem -ca-key certs/ca-key.pem -config config/ca-config.json "
            "-hostname x -profile client"
        )
        file.write(
            f"\t$(CFSSL) gencert {flags} -cn y config/req-root.json | $(JSON) -bare certs/pasted\n"
        )
    commands = [line for line in ours(path).stdout.splitlines() if "gencert" in line]
    shutil.rmtree(path / "certs")
    shutil.rmtree(path / "issued")
    (path / "certs").mkdir()
    for command in commands:
        assert run("sh", "-c", command, cwd=path).returncode == 0
    record_valid_pairs(path)
    assert ours(path).stderr == "nothing to sign: 4 certificates are what their requests ask for\n"


@pytest.mark.parametrize("goal", ["ca", "req-calico", "certs/calico.pem"])
@pytest.mark.parametrize("signer", SIGNERS)
def test_what_is_asked_for_alone_is_signed_alone(folder: Factory, signer: str, goal: str) -> None:
    path = folder(*WORDS)
    told = [
        line
        for line in make(path, goal, SIGNER=signer).stdout.splitlines()
        if line.startswith("signed ")
    ]
    assert told == ["signed certs/ca.pem", *([] if goal == "ca" else ["signed certs/calico.pem"])]
