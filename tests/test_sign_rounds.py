"""`tls-scaffold sign` where CAs sign CAs, where one is lost, and where lines are unusual."""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from support import (
    BIN,
    Done,
    contents,
    faults,
    make,
    openssl,
    run,
    verify,
    wait_for,
    without_commands,
)
from tls_scaffold.cli import cli

Factory = Callable[..., Path]
pytestmark = pytest.mark.needs("make", "openssl", "cfssl")
CONFIG = {
    "signing": {
        "default": {"expiry": "100h", "usages": ["signing", "client auth"]},
        "profiles": {
            "ca": {
                "expiry": "200h",
                "usages": ["cert sign", "crl sign"],
                "ca_constraint": {"is_ca": True},
            }
        },
    }
}
ROOT, SUB = (f"-ca {ca}.pem -ca-key {ca}-key.pem" for ca in ("certs/ca", "certs/sub"))


def sign(folder: Path, *words: str, code: int = 0) -> Done:
    done = run(str(BIN / "tls-scaffold"), "sign", *words, cwd=folder)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    done.stdout = without_commands(done.stdout)
    return done


def line(
    request: str, output: str, flags: str = ROOT, cfssl: str = "cfssl", cfssljson: str = "cfssljson"
) -> str:
    config = "-config config/ca-config.json"
    command = f"{cfssl} gencert {flags} {config} config/{request}.json"
    return f"\t{command} | {cfssljson} -bare {output}\n"


def hand_made(folder: Path, *lines: str) -> Path:
    """Make a folder with a Makefile of one's own and the requests ca, sub, a and b."""
    (folder / "config").mkdir(parents=True)
    for cn in ("sub", "a", "b"):
        (folder / f"config/{cn}.json").write_text(
            json.dumps({"CN": cn, "key": {"algo": "ecdsa", "size": 256}})
        )
    (folder / "config/ca-csr.json").write_text(json.dumps({"CN": "Root"}))
    (folder / "config/ca-config.json").write_text(json.dumps(CONFIG))
    text = (
        "all: ca req\nca:\n"
        "\tcfssl gencert -initca config/ca-csr.json | cfssljson -bare certs/ca\nreq:\n"
        + "".join(lines)
    )
    (folder / "Makefile").write_text(text)
    return folder


def edit(path: Path, change: Callable[[Any], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Return a folder whose CA signs another, which signs `a`; its lines stand in reverse."""
    return hand_made(
        tmp_path / "chain",
        line("a", "certs/a", SUB),
        line("sub", "certs/sub", f"{ROOT} -profile ca"),
    )


def chain_verifies(folder: Path) -> None:
    certs = folder / "certs"
    words = ("-CAfile", f"{certs}/ca.pem", "-untrusted", f"{certs}/sub.pem", f"{certs}/a.pem")
    openssl("verify", *words)


def test_what_is_signed_is_told_although_the_next_round_ends_in_an_error(chain: Path) -> None:
    edit(chain / "config/a.json", lambda request: request.update(CN="x" * 65))

    done = sign(chain, code=1)

    assert done.stdout == "signed certs/ca.pem\nsigned certs/sub.pem\n"
    assert done.stderr.startswith("error: nothing is signed\n  config/a.json: ")


def test_what_is_in_its_place_is_told_although_the_disk_refuses_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hand_made(tmp_path / "t", line("a", "certs/a"), line("b", "other/b"))
    real = os.replace

    def refuses(source: str, target: str) -> None:
        if str(target).endswith("other/b.pem"):
            raise OSError(28, "No space left on device", target)
        real(source, target)

    monkeypatch.setattr(os, "replace", refuses)
    done = CliRunner().invoke(cli, ["-C", str(folder), "sign"])

    assert (done.exit_code, without_commands(done.stdout)) == (
        1,
        "signed certs/ca.pem\nsigned certs/a.pem\n",
    )
    assert (
        done.stderr
        == f"error: `{folder}/other/b.pem` can't be worked on: No space left on device\n"
    )


def test_a_ca_that_a_ca_signs_is_signed_before_what_it_signs(chain: Path) -> None:
    assert sign(chain).stdout == "signed certs/ca.pem\nsigned certs/sub.pem\nsigned certs/a.pem\n"
    chain_verifies(chain)
    assert sign(chain).stderr == "nothing to sign: 2 certificates are what their requests ask for\n"
    assert sign(chain, "--force").stdout == "signed certs/a.pem\n"
    chain_verifies(chain)


@pytest.mark.parametrize("force", [(), ("--force",), ("--force", "sub")])
def test_a_ca_that_is_there_is_never_signed_again(chain: Path, force: tuple[str, ...]) -> None:
    sign(chain)
    edit(chain / "config/sub.json", lambda request: request.update(CN="other"))
    before = contents(chain / "certs")
    sign(chain, *force)
    after = contents(chain / "certs")
    assert {name for name in after if after[name] != before[name]} <= {
        "a.pem",
        "a-key.pem",
        "a.csr",
    }


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "its key is another's": (
        lambda certs: shutil.copy(certs / "ca-key.pem", certs / "sub-key.pem"),
        "is not the key of",
    ),
    "its certificate is lost": (lambda certs: (certs / "sub.pem").unlink(), "is missing (but"),
    "it is lost": (
        lambda certs: list(map(Path.unlink, certs.glob("sub*"))),
        "but not the CA that signed it",
    ),
}


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_spoiled_ca_that_another_signs_is_no_reason_for_a_new_one(
    chain: Path, spoiled: str, force: tuple[str, ...]
) -> None:
    spoil, told = SPOILED[spoiled]
    sign(chain)
    spoil(chain / "certs")
    before = contents(chain / "certs")
    assert told in sign(chain, *force, code=1).stderr
    assert contents(chain / "certs") == before


@pytest.mark.parametrize("key", ["$ANSIBLE_VAULT;1.1;AES256\n6162\n", "", None])
def test_the_key_of_a_ca_that_another_signs_may_be_elsewhere_while_nothing_is_to_be_signed(
    chain: Path, key: str | None
) -> None:
    sign(chain)
    path = chain / "certs/sub-key.pem"
    path.unlink()
    if key is not None:
        path.write_text(key)
    assert sign(chain).stderr.startswith("nothing to sign")
    (chain / "certs/a.pem").unlink()
    before = contents(chain / "certs")
    sign(chain, code=1)
    assert contents(chain / "certs") == before


def test_a_ca_that_another_signs_is_never_made_from_the_root_s_request(chain: Path) -> None:
    assert sign(chain, "ca").stdout == "signed certs/ca.pem\n"
    assert sign(chain, "a", code=1).stderr == (
        "error: the CA `certs/sub.pem` is missing\n\nhint: `tls-scaffold sign certs/sub` does it\n"
    )
    assert not (chain / "certs/sub.pem").exists()
    sign(chain, "a", "sub")
    chain_verifies(chain)


def test_cas_that_would_sign_each_other_are_refused(tmp_path: Path) -> None:
    flags = "-ca certs/a.pem -ca-key certs/a-key.pem"
    folder = hand_made(tmp_path / "x", line("a", "certs/a", SUB), line("sub", "certs/sub", flags))
    told = sign(folder, code=1).stderr
    assert told == (
        "error: CAs would sign each other\n  `certs/a.pem`: `certs/sub.pem` signs it\n"
        "  `certs/sub.pem`: `certs/a.pem` signs it\n"
    )
    assert not (folder / "certs").exists()


def test_ca_alone_makes_the_cas_that_the_makefile_names(tmp_path: Path) -> None:
    folder = hand_made(
        tmp_path / "x", line("a", "pki/a", "-ca pki/root.pem -ca-key pki/root-key.pem")
    )
    makefile = folder / "Makefile"
    makefile.write_text(
        makefile.read_text().replace("certs/ca", "pki/root").replace("ca-csr", "root")
    )
    (folder / "config/ca-csr.json").rename(folder / "config/root.json")
    assert sign(folder, "ca").stdout == "signed pki/root.pem\n"
    assert not (folder / "certs").exists()


def test_in_a_folder_of_ours_ca_is_our_ca_whatever_other_lines_name(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1")
    with (path / "Makefile").open("a") as makefile:
        flags = "-ca other/ca.pem -ca-key other/ca-key.pem -config config/ca-config.json"
        makefile.write(
            f"more:\n\t$(CFSSL) gencert {flags} config/req-a1.json | $(JSON) -bare certs/a2\n"
        )
        makefile.write("\t$(CFSSL) gencert -remote x config/req-a1.json | $(JSON) -bare certs/a3\n")
    assert make(path, "ca", SIGNER="tls-scaffold").stdout.endswith("\nsigned certs/ca.pem\n")
    assert not (path / "other").exists()
    make(path, "req-a1", SIGNER="tls-scaffold")
    made = [f"{name}{ending}" for name in ("a1", "ca") for ending in ("-key.pem", ".csr", ".pem")]
    assert sorted(contents(path / "certs")) == sorted([".gitignore", "trust.pem", *made])


def test_a_line_that_names_no_ca_is_told(tmp_path: Path) -> None:
    folder = hand_made(tmp_path / "x", line("a", "certs/a", ""))
    assert sign(folder, code=1).stderr == (
        "error: lines of the Makefile name no CA\n  a: `config/a.json`\n\n"
        "hint: `-ca certs/ca.pem -ca-key certs/ca-key.pem` does\n"
    )


def test_lines_that_call_the_stand_ins_are_understood(tmp_path: Path) -> None:
    words = ("tls-scaffold cfssl", f"{BIN}/tls-scaffold cfssljson")
    folder = hand_made(tmp_path / "x", line("a", "certs/a", ROOT, *words))
    assert sign(folder).stdout == "signed certs/ca.pem\nsigned certs/a.pem\n"


@pytest.mark.parametrize("where", ["{elsewhere}/b", "../elsewhere/b"])
def test_no_ca_is_made_beside_what_a_lost_one_signed_wherever_that_is(
    tmp_path: Path, where: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.pem").write_text("signed by a CA that is lost")
    folder = hand_made(
        tmp_path / "x", line("a", "certs/a"), line("b", where.format(elsewhere=elsewhere))
    )
    for words in ((), ("ca",), ("a",)):
        assert "is there, but not the CA that signed it" in sign(folder, *words, code=1).stderr
    assert not (folder / "certs").exists()


def test_two_spellings_of_a_path_are_one_certificate(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "u1")
    with (path / "Makefile").open("a") as makefile:
        makefile.write(
            "more:\n\tsh sign.sh again certs//u1.pem -profile client config/req-u1.json\nreq: "
            "more\n"
        )
    assert sign(path).stdout.count("u1") == 1
    assert faults(path) == []


def test_what_a_directory_s_folders_keep_from_being_written_is_told_before_anything_is(
    tmp_path: Path,
) -> None:
    folder = hand_made(tmp_path / "x", line("a", "one/a"), line("b", "two/b"))
    (folder / "one/a.csr").mkdir(parents=True)
    (folder / "two/b-key.pem").mkdir(parents=True)
    assert sign(folder, code=1).stderr == (
        "error: nothing is signed\n  a: `one/a.csr` is a folder: it should be a file\n"
        "  b: `two/b-key.pem` is a folder: it should be a file\n"
    )
    assert not (folder / "certs").exists()


def test_a_file_in_the_place_of_a_directory_is_told_before_a_ca_is_made(tmp_path: Path) -> None:
    folder = hand_made(tmp_path / "x", line("a", "afile/x/a"))
    (folder / "afile").write_text("")
    assert "Not a directory" in sign(folder, code=1).stderr
    assert not (folder / "certs").exists()


def test_a_key_that_is_not_the_ca_s_is_an_error_even_where_nothing_is_to_be_signed(
    signed: Factory,
) -> None:
    path = signed()
    shutil.copy(path / "certs/calico-key.pem", path / "certs/ca-key.pem")
    before = contents(path)
    for words in ((), ("ca",)):
        assert "`certs/ca-key.pem`" in sign(path, *words, code=1).stderr
    assert contents(path) == before


@pytest.mark.parametrize("key", ["$ANSIBLE_VAULT;1.1;AES256\n6162\n", "", "in the vault"])
def test_a_key_of_the_ca_that_is_locked_away_is_no_error_where_nothing_is_to_be_signed(
    signed: Factory, key: str
) -> None:
    path = signed()
    (path / "certs/ca-key.pem").write_text(key)
    assert sign(path).stderr.startswith("nothing to sign")
    assert (
        "`certs/ca-key.pem` can't be read as a private key" in sign(path, "--force", code=1).stderr
    )


def test_an_encrypted_key_of_the_ca_is_no_error_where_nothing_is_to_be_signed(
    signed: Factory,
) -> None:
    path = signed()
    key = path / "certs/ca-key.pem"
    openssl("ec", "-aes256", "-passout", "pass:x", "-in", str(key), "-out", str(key))
    assert sign(path).stderr.startswith("nothing to sign")


def test_what_is_no_ca_signs_nothing(signed: Factory) -> None:
    path = signed()
    for ending in (".pem", "-key.pem"):
        shutil.copy(path / f"certs/calico{ending}", path / f"certs/ca{ending}")
    before = contents(path)
    assert sign(path, code=1).stderr == (
        "error: `certs/ca.pem` is not the certificate of a CA: nobody would take what it signs\n\n"
        "hint: put the CA's certificate and key back\n"
    )
    assert contents(path) == before


def test_a_ca_of_version_1_signs_as_it_does_with_cfssl(folder: Factory) -> None:
    path = folder()
    (path / "certs").mkdir()
    key, request, pem = (path / f"certs/{name}" for name in ("ca-key.pem", "ca.csr", "ca.pem"))
    openssl(*f"req -new -newkey rsa:2048 -nodes -subj /CN=old -keyout {key} -out {request}".split())
    openssl(*f"x509 -req -days 9000 -in {request} -signkey {key} -out {pem}".split())
    assert "Version: 1" in openssl("x509", "-noout", "-text", "-in", str(pem))
    sign(path)
    openssl("verify", "-CAfile", str(pem), str(path / "certs/calico.pem"))


def test_a_ca_on_a_curve_that_cfssl_has_no_hash_for_is_refused(folder: Factory) -> None:
    path = folder()
    (path / "certs").mkdir()
    openssl(
        *f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-224 -nodes -days 9000 -subj /CN=x "
        f"-keyout {path}/certs/ca-key.pem -out {path}/certs/ca.pem".split()
    )
    assert "secp224r1 can't sign: P-256, P-384 and P-521 can" in sign(path, code=1).stderr


@pytest.mark.parametrize(
    "options", [("-traditional", "-aes256", "-passout", "pass:x"), ("-no_public",)]
)
def test_a_key_that_its_owner_wrote_in_another_form_stays(
    signed: Factory, options: tuple[str, ...]
) -> None:
    path = signed()
    key = path / "certs/calico-key.pem"
    openssl(
        "ec",
        *(each for each in options if each != "-traditional"),
        "-in",
        str(key),
        "-out",
        str(key),
    )
    before = key.read_bytes()
    assert sign(path).stderr.startswith("nothing to sign")
    assert key.read_bytes() == before


def test_a_user_s_damaged_certificate_is_seen_beside_sound_ones_of_its_kind(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2,a3")
    sign(path)
    pem = path / "certs/a2.pem"
    lines = pem.read_text().splitlines(keepends=True)
    for index in range(1, len(lines) - 1):
        pem.write_text("".join((*lines[:index], *lines[index + 1 :])))
        for command in ("status", "check"):
            done = run(str(BIN / "tls-scaffold"), command, cwd=path)
            assert done.returncode == 1, index
            assert "Traceback" not in done.stderr
        assert sign(path).stdout == "signed certs/a2.pem (not a certificate)\n"
        lines = pem.read_text().splitlines(keepends=True)


def test_what_cfssl_would_ignore_is_refused_although_the_certificate_is_there(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2")
    sign(path)
    edit(path / "config/req-a2.json", lambda request: request.update(host=["a"]))
    edit(
        path / "config/ca-config.json",
        lambda config: config["signing"]["default"]["usages"].append("client-auth"),
    )
    before = contents(path)
    told = sign(path, code=1).stderr
    assert (
        "\n  config/req-a2.json: host: cfssl ignores it: what `hosts` says holds; did you mean "
        "`hosts`?\n" in told
    )
    assert "usages: `client-auth` is unknown: cfssl drops it\n" in told
    assert contents(path) == before


def test_fixed_dates_that_were_moved_are_seen_by_every_user(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2,a3")
    year = datetime.now(timezone.utc).year

    def move(month: int) -> None:
        dates = {
            "not_before": f"{year - 1}-{month:02}-01T00:00:00Z",
            "not_after": f"{year + 1}-{month:02}-01T00:00:00Z",
        }
        edit(
            path / "config/ca-config.json",
            lambda config: config["signing"]["profiles"]["client"].update(dates),
        )

    move(1)
    sign(path)
    move(3)
    sign(path, "a1")
    assert re.findall(r"signed certs/(\w+)", sign(path).stdout) == ["a2", "a3"]


def test_the_last_spelling_of_a_cn_is_signed_for_every_user(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2")
    for name in ("a1", "a2"):
        edit(path / f"config/req-{name}.json", lambda request: request.update(cn="same"))
    sign(path)
    assert (
        openssl("x509", "-noout", "-subject", "-in", str(path / "certs/a2.pem"))
        .rstrip()
        .endswith("CN = same")
    )
    assert sign(path).stderr.startswith("nothing to sign")


def test_commands_below_a_component_s_line_that_are_not_run_are_told(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2")
    makefile = path / "Makefile"
    makefile.write_text(
        re.sub(r"(req-a1 .*\n)", r"\1# deploy\n\techo deployed >deployed\n", makefile.read_text())
    )
    done = make(path, SIGNER="tls-scaffold")
    told = (
        "warning: the commands below the line of `a1` were not run, `make req-a1` signs it "
        "again and runs them\n"
    )
    assert told in done.stderr
    assert not (path / "deployed").exists()
    assert "warning" not in make(path, SIGNER="tls-scaffold").stderr
    make(path, "req-a1", SIGNER="tls-scaffold")
    assert (path / "deployed").exists()


def test_a_recipe_below_the_line_is_no_other_command(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2")
    makefile = path / "Makefile"
    makefile.write_text(re.sub(r"(req-a1 .*) ; (.*\n)", r"\1\n\t\2", makefile.read_text()))
    done = make(path, SIGNER="tls-scaffold")
    assert "signed certs/a1.pem" in done.stdout
    assert "warning" not in done.stderr


def test_a_certificate_that_another_target_needs_is_signed_by_content(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "a1,a2")
    with (path / "Makefile").open("a") as makefile:
        makefile.write("dist: certs/a1.pem certs/a2.pem\n\tcp $^ .\n")
    make(path, SIGNER="tls-scaffold")
    before = contents(path / "certs")
    for request in (path / "config").iterdir():
        os.utime(request)
    done = make(path, "dist", SIGNER="tls-scaffold")
    assert done.stderr.count("nothing to sign: 1 certificate is what its request asks for\n") == 2
    assert contents(path / "certs") == before
    (path / "certs/a1-key.pem").unlink()
    assert "signed certs/a1.pem\n" in make(path, "dist", SIGNER="tls-scaffold").stdout
    assert faults(path) == []
    make(path, "req-a1", SIGNER="tls-scaffold")
    assert contents(path / "certs")["a1.pem"] not in (
        before["a1.pem"],
        (path / "a1.pem").read_bytes(),
    )


def test_whoever_closes_stderr_or_ignores_dead_children_gets_certificates_too(
    folder: Factory,
) -> None:
    path = folder(
        "--members", "10.0.0.1", "--users", ",".join(f"u{number}" for number in range(100))
    )
    assert run("sh", "-c", f"{BIN}/tls-scaffold sign --jobs 2 2>&-", cwd=path).returncode == 0
    assert faults(path) == []
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = (str(BIN / "tls-scaffold"), "sign", "--force", "--jobs", "2")
    done = run(sys.executable, "-c", ignoring, *words, cwd=path)
    assert done.returncode == 0, done.stderr
    assert faults(path) == []
    verify(path, "certs/u99.pem")


def test_a_run_that_ignores_ctrl_c_goes_on(folder: Factory, running: Callable[..., Any]) -> None:
    path = folder(
        "--members", "10.0.0.1", "--key", "rsa-3072", "--users", ",".join(f"u{n}" for n in range(9))
    )
    sign(path, "ca")
    process = running("sh", "-c", f"trap '' INT; exec {BIN}/tls-scaffold sign --jobs 2", cwd=path)
    wait_for(lambda: list(path.glob("certs/.work.*/*.pem")), 300)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert faults(path) == []


@pytest.mark.parametrize(
    "words", [("cfssl", "gencert", "-initca", "-"), ("cfssljson", "-bare", "x")]
)
def test_a_stdin_that_is_closed_or_no_text_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    command = " ".join((str(BIN / "tls-scaffold"), *words))
    closed = run("sh", "-c", f"{command} <&-", cwd=tmp_path)
    assert (closed.returncode, closed.stderr) == (
        1,
        "error: nothing can be read: standard input is closed\n",
    )
    strange = run("sh", "-c", f'printf \'{{"cert":"\\377"}}\' | {command}', cwd=tmp_path)
    assert (strange.returncode, strange.stderr) == (
        1,
        "error: standard input is not text in UTF-8 (byte 9)\n",
    )
    assert contents(tmp_path) == {}
