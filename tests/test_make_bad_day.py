"""What a bad day brings: odd names, an odd environment, clones of others, programs that fail."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from keeping import edit
from support import BIN, SMALL, contents, environment, make, read, run, verify

SYNC = (str(BIN / "tls-scaffold"), "sync")
pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
LONG = pytest.mark.long


def program(folder: Path, name: str, text: str) -> str:
    """Put a program of this name first on a PATH and return that."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{environment()['PATH']}"


def shelves(path: Path) -> list[Path]:
    return sorted(path.glob("archive/2*"))


def in_certs(path: Path) -> dict[str, bytes | str]:
    """Return what certs/ holds but for its `.gitignore`."""
    return {name: text for name, text in contents(path / "certs").items() if name != ".gitignore"}


# --- names and the environment


@pytest.mark.parametrize(
    "odd", ["ca.pem archive", "ca.pem *", "my notes.txt", "-rf", "a\nb", ".hidden"]
)
@pytest.mark.parametrize("goal", ["clean", "regenerate"])
def test_whatever_lies_in_certs_goes_to_the_archive_by_its_name(
    signed: Factory, goal: str, odd: str
) -> None:
    path = signed(*SMALL)
    (path / "certs" / odd).write_text("the team's")
    before = in_certs(path)

    make(path, goal, YES="1")

    [shelf] = shelves(path)
    assert contents(shelf / "certs") == before
    assert (path / "certs" / odd).exists() == (goal == "regenerate")


@pytest.mark.parametrize("goal", ["clean", "regenerate"])
def test_nothing_is_left_out_of_the_archive_by_an_option_of_tar(signed: Factory, goal: str) -> None:
    path = signed(*SMALL)
    before = in_certs(path)

    make(path, goal, YES="1", TAR_OPTIONS="--exclude=*-key.pem")

    [shelf] = shelves(path)
    assert contents(shelf / "certs") == before


def test_quotes_of_ls_hide_nothing_from_the_archive(signed: Factory) -> None:
    path = signed(*SMALL)
    before = in_certs(path)

    make(path, "clean", QUOTING_STYLE="c")

    [shelf] = shelves(path)
    assert contents(shelf / "certs") == before


@pytest.mark.needs("busybox")
@pytest.mark.parametrize("goal", ["clean", "regenerate"])
def test_a_tar_that_can_leave_nothing_out_will_do(
    signed: Factory, tmp_path: Path, goal: str
) -> None:
    path = signed(*SMALL)
    before = in_certs(path)
    (path / "certs/.work.AbCdEf").mkdir()

    make(path, goal, YES="1", PATH=program(tmp_path / "bin", "tar", 'exec busybox tar "$@"'))

    [shelf] = shelves(path)
    assert contents(shelf / "certs") == before


@pytest.mark.needs("git")
def test_keys_are_kept_out_of_git_while_they_are_removed(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    run("git", "init", "-q", cwd=path)
    # The kill comes when all is gone that a first `rm` takes, in whatever order the disk has it.
    killed = f"""{shutil.which("rm")} "$@"
        [ ! -e certs ] || [ -e certs/.gitignore ] || touch "{tmp_path}/open"
        case "$*" in *certs*) [ ! -d certs ] || [ -e certs/ca.pem ] || kill -9 0 ;; esac"""

    command = ("setsid", "-w", "make", "clean")
    run(*command, cwd=path, PATH=program(tmp_path / "bin", "rm", killed))

    assert (path / "certs/.gitignore").exists()
    run("git", "add", "-A", cwd=path)
    assert "key" not in run("git", "ls-files", cwd=path).stdout
    make(path, "clean")
    assert not (path / "certs").exists()


TAR = shutil.which("tar")
# What is copied is deleted then: how each step of the copy ended is asked.
HALF = "archive/.half"
HALF_COPIES = {
    "a key is lost": f'{TAR} "$@"\nrm -f {HALF}/certs/calico-key.pem',
    "a key is cut off": f'{TAR} "$@"\n[ ! -e {HALF}/certs ] || : >{HALF}/certs/ca-key.pem',
    "the record is lost": f'{TAR} "$@"\nrm -rf {HALF}/issued/*',
    "another folder's is lost": f'{TAR} "$@"\nrm -f {HALF}/elsewhere/extra-key.pem',
    "nothing is packed": 'case "$*" in *" -cf archive"*) exit 2 ;; esac',
    "half is packed": (
        f'case "$*" in *-cf\\ {HALF}*) {TAR} -cf {HALF}/.tar certs/ca.pem; exit 2 ;; esac\n'
        f'exec {TAR} "$@"'
    ),
    "nothing is unpacked": f'case "$*" in -x*) exit 2 ;; esac\nexec {TAR} "$@"',
    "it ends well without a copy": "exit 0",
}
EXTRA = "req-extra elsewhere/extra.pem: config/req-calico.json ; $(sign) -profile client $<"


@pytest.mark.parametrize(
    ("how", "goal"),
    [
        *((how, "clean") for how in HALF_COPIES),
        *(
            pytest.param(how, "regenerate", marks=LONG)
            for how in HALF_COPIES
            if how != "the record is lost"  # regenerate leaves it where it is
        ),
    ],
)
def test_nothing_is_removed_that_is_not_in_the_archive(
    signed: Factory, tmp_path: Path, how: str, goal: str
) -> None:
    path = signed(*SMALL)
    if how.startswith("another"):
        edit(
            path / "Makefile",
            "\nreq-calico",
            f"\n{EXTRA}\nreq-calico",
        )
        make(path)
    before = contents(path)
    programs = program(tmp_path / "bin", "tar", HALF_COPIES[how])

    done = run("make", goal, cwd=path, PATH=programs, YES="1", SIGNER="cfssl")

    assert done.returncode == 2
    assert "is not whole: nothing was moved there" in done.stderr
    assert {name: contents(path)[name] for name in before} == before
    assert shelves(path) == []
    make(path)
    assert {name: contents(path)[name] for name in before} == before


@pytest.mark.parametrize("goal", ["clean", "regenerate"])
def test_without_tar_nothing_is_moved(
    signed: Factory, path_without: Callable[..., str], goal: str
) -> None:
    path = signed(*SMALL)
    before = contents(path)

    done = run("make", goal, cwd=path, PATH=path_without("tar"), YES="1", SIGNER="cfssl")

    assert done.returncode == 2
    assert "is not whole: nothing was moved there" in done.stderr
    assert {name: contents(path)[name] for name in before} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: nothing can be mounted")
@pytest.mark.parametrize("goal", ["clean", "regenerate"])
def test_a_disk_without_room_for_the_copy_loses_no_key(
    signed: Factory, tmp_path: Path, goal: str
) -> None:
    path = signed(*SMALL)
    small = tmp_path / "small"
    small.mkdir()
    if run("mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(small)).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        folder = Path(shutil.copytree(path, small / "folder"))
        key = (folder / "certs/ca-key.pem").read_bytes()
        codes = []
        for free in range(0, 400, 16):
            with contextlib.suppress(OSError), (small / "full").open("wb") as file:
                for _ in range(300):
                    file.write(bytes(4096))
                    file.flush()
            with (small / "full").open("r+b") as file:
                file.truncate(max(0, file.seek(0, 2) - 1024 * free))
            codes.append(run("make", goal, cwd=folder, YES="1", SIGNER="cfssl").returncode)
            (small / "full").unlink()
            keys = [each.read_bytes() for each in folder.rglob("ca-key.pem")]
            assert key in keys, (free, codes)
            if codes[-1] == 0:
                break
        assert codes[0] == 2
        assert codes[-1] == 0
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_key_that_can_t_be_read_is_not_lost(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    before = contents(path)
    # As for an ordinary user beside a key of etcd's own.
    failing = f'{TAR} "$@" --exclude=certs/etcd1-key.pem || exit; case "$*" in *-c*) exit 2 ;; esac'

    done = run("make", "clean", cwd=path, PATH=program(tmp_path / "bin", "tar", failing))

    assert done.returncode == 2
    assert {name: contents(path)[name] for name in before} == before


def test_the_mode_that_a_team_gave_the_record_stays(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "issued").chmod(0o2770)

    make(path, "req-calico", SIGNER="cfssl")

    assert stat.S_IMODE((path / "issued").stat().st_mode) == 0o2770


def test_clean_is_not_done_in_one_run_with_what_is_to_be_signed_then(signed: Factory) -> None:
    path = signed(*SMALL)
    before = contents(path)

    for goals in (("clean", "all"), ("req-calico", "clean"), ("clean", "ca")):
        done = make(path, *goals, code=2, SIGNER="cfssl")
        assert "error: clean goes alone: nothing was moved" in done.stderr
    assert contents(path).keys() >= before.keys()
    assert (path / "certs/ca-key.pem").read_bytes() == before["certs/ca-key.pem"]


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_own_commands_of_a_line_run_on_the_pair_of_a_new_set(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    line = next(
        each
        for each in (path / "Makefile").read_text().splitlines()
        if each.startswith("req-calico")
    )
    commands = "# ours\n\n\tcp certs/calico.pem deployed.pem\n\techo done >>log"
    edit(path / "Makefile", line, f"{line}\n{commands}")

    make(path, "regenerate", YES="1", SIGNER=signer)

    assert (path / "deployed.pem").read_bytes() == (path / "certs/calico.pem").read_bytes()
    verify(path, "certs/calico.pem")


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("more", ["\n\t", " && ", "; "])
@pytest.mark.parametrize("is_lost", [True, False])
def test_own_commands_of_a_line_run_once_and_on_no_old_pair(
    signed: Factory, signer: str, more: str, *, is_lost: bool
) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    line = next(each for each in text.splitlines() if each.startswith("req-calico"))
    command = "cat certs/calico.pem certs/calico-key.pem >>both.pem"
    (path / "Makefile").write_text(text.replace(line, f"{line}{more}{command}"))
    if is_lost:
        shutil.rmtree(path / "certs")

    make(path, "regenerate", YES="1", SIGNER=signer)

    pair = ((path / each).read_bytes() for each in ("certs/calico.pem", "certs/calico-key.pem"))
    assert (path / "both.pem").read_bytes() == b"".join(pair)


@pytest.mark.parametrize("is_override", [True, False])
def test_a_new_set_has_what_make_alone_knows_of_a_line(
    signed: Factory, *, is_override: bool
) -> None:
    path = signed(*SMALL)
    text = (
        (path / "Makefile").read_text().replace("-profile client $<", "-profile client $(MORE) $<")
    )
    own = "" if is_override else "req-calico: MORE = -hostname set.example\n"
    (path / "Makefile").write_text(f"{text}\n{own}SHELL = /bin/bash\n.SHELLFLAGS = -eu -c\n")
    given = ("MORE=-hostname set.example",) if is_override else ()

    make(path, "regenerate", *given, YES="1", SIGNER="cfssl")

    assert read(path / "certs/calico.pem").sans == ("DNS:set.example",)


def test_what_make_does_not_make_is_not_told_as_signed(signed: Factory) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    more = "ifdef NOPE\nreq-only certs/only.pem: config/req-calico.json ; $(sign) $<\nendif\n"
    (path / "Makefile").write_text(f"{text}\n{more}")

    done = make(path, "regenerate", YES="1", SIGNER="cfssl")

    assert "signed certs/calico.pem" in done.stdout
    assert "only.pem" not in done.stdout


@pytest.mark.parametrize("days", ['"; touch ran; "', "'; touch ran; '", "`touch ran`", "1 touch"])
@pytest.mark.parametrize(
    "goal", ["-n", *(pytest.param(each, marks=LONG) for each in ("all", "renew"))]
)
def test_renew_days_are_no_command(signed: Factory, days: str, goal: str) -> None:
    path = signed(*SMALL)

    run("make", goal, cwd=path, RENEW_DAYS=days, SIGNER="cfssl")

    assert not (path / "ran").exists()


@pytest.mark.parametrize("kind", ["file", "pipe"])
@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_what_is_no_folder_in_the_place_of_a_new_set_is_named(
    signed: Factory, kind: str, signer: str
) -> None:
    path = signed(*SMALL)
    if kind == "file":
        (path / "certs/.new").write_text("x")
    else:
        os.mkfifo(path / "certs/.new")

    for goal in ("all", "req", "regenerate"):
        done = make(path, goal, code=2, YES="1", SIGNER=signer)
        assert "`certs/.new` is no folder" in done.stderr
        assert "move it away" in done.stderr
    for words in (("sync",), ("sign",), ("bundle", "calico"), ("add", "zoe")):
        done = run("tls-scaffold", *words, cwd=path)
        assert done.returncode == 1
        assert "`certs/.new` is no folder" in done.stderr


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_no_ca_comes_by_git(signed: Factory, tmp_path: Path, signer: str) -> None:
    path, other = signed(*SMALL), signed(*SMALL, name="other")
    shutil.rmtree(path / "certs")
    new = path / "certs/.new"
    (new / "new/certs").mkdir(parents=True)
    shutil.copy(other / "certs/ca-key.pem", new / "ca-key.pem")
    for name in ("ca.pem", "trust.pem"):
        shutil.copy(other / "certs/ca.pem", new / f"new/certs/{name}")
    (new / "of").write_text("none\n")
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (("init", "-q"), ("add", "-Af", "."), ("commit", "-qm", "x")):
        assert run(*git, *words, cwd=path).returncode == 0
    clone = tmp_path / "clone"
    assert run("git", "clone", "-q", str(path), str(clone)).returncode == 0

    done = make(clone, code=2, SIGNER=signer)

    assert "`certs/.new` is tracked by git: no CA is taken from there" in done.stderr
    assert not (clone / "certs/ca.pem").exists()
    assert not (clone / "certs/ca-key.pem").exists()
    shutil.rmtree(clone / "certs/.new")
    assert "the CA of this folder is not in `certs`" in make(clone, code=2, SIGNER=signer).stderr


@pytest.mark.parametrize(
    "value",
    [
        '"{bin}/a cfssl"',
        "$$SOME_BIN/cfssl",
        "GODEBUG=x {bin}/cfssl",
        pytest.param("@ {bin}/cfssl", marks=LONG),
        '@env PATH="{bin}:$(PATH)" cfssl',
        pytest.param("cd . && {bin}/cfssl", marks=LONG),
    ],
)
def test_cfssl_is_what_a_recipe_would_make_of_its_words(
    folder: Factory, tmp_path: Path, value: str
) -> None:
    path, place = folder(*SMALL), tmp_path / "bin"
    counting = f'echo x >>"{tmp_path}/used"\nexec {shutil.which("cfssl")} "$@"'
    for name in ("cfssl", "a cfssl"):
        program(place, name, counting)
    edit(path / "Makefile", "#CFSSL = cfssl", f"CFSSL = {value.format(bin=place)}")

    make(path, SOME_BIN=str(place), SIGNER="cfssl")
    make(path, "regenerate", YES="1", SOME_BIN=str(place), SIGNER="cfssl")

    assert len((tmp_path / "used").read_text().splitlines()) == 6
    verify(path, "certs/calico.pem")


def test_an_archive_that_can_t_be_written_is_told(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    failing = f'case "$*" in -p*) exec {shutil.which("mkdir")} "$@" ;; esac; exit 1'

    done = run("make", "clean", cwd=path, PATH=program(tmp_path / "bin", "mkdir", failing))

    assert done.returncode == 2
    assert "error: `archive` can't be written" in done.stderr
    verify(path, "certs/calico.pem")


@pytest.mark.parametrize("goal", ["all", "regenerate"])
@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_cd_prints_nothing_into_what_is_moved(folder: Factory, goal: str, signer: str) -> None:
    path = folder(*SMALL)

    make(path, goal, YES="1", CDPATH=".:/tmp", SIGNER=signer)

    verify(path, "certs/calico.pem")


@pytest.mark.parametrize("words", [("req", "-j4"), ("regenerate",)])
def test_without_flock_no_work_folder_of_another_is_cleared(
    signed: Factory, path_without: Callable[..., str], words: tuple[str, ...]
) -> None:
    path = signed("--members", "10.0.0.1,10.0.0.2", "--users", "a,b,c,d")

    make(path, *words, YES="1", PATH=path_without("flock"), SIGNER="cfssl")

    verify(path, "certs/a.pem")


def test_a_folder_is_worked_on_from_elsewhere_as_itself(signed: Factory, tmp_path: Path) -> None:
    path = signed(*SMALL)
    (tmp_path / "other/certs").mkdir(parents=True)
    (tmp_path / "other/certs/mine.pem").write_text("mine")

    done = run("sh", str(path / "sign.sh"), "clean", cwd=tmp_path / "other")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other/certs/mine.pem").read_text() == "mine"
    assert not (path / "certs").exists()


# --- variables


def test_the_command_line_s_signer_counts_whatever_the_environment_says(signed: Factory) -> None:
    path = signed(*SMALL)

    done = make(path, "SIGNER=cfssl", SIGNER="tls-scaffold")

    assert (done.stdout, done.stderr) == ("nothing to sign: all is as asked for\n", "")


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_comment_behind_a_value_is_no_part_of_it(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    values = {"SIGNER": signer, "RENEW_DAYS": "14", "YES": "1"}
    (path / "Makefile").write_text(
        "".join(f"{name} = {value}  # as agreed\n" for name, value in values.items()) + text
    )
    (path / "certs/calico.pem").unlink()

    assert "signed certs/calico.pem" in make(path).stdout
    assert "nothing expires within 14 days" in make(path, "renew").stdout
    make(path, "regenerate", YES="")


@pytest.mark.parametrize("line", ["export", ".EXPORT_ALL_VARIABLES:"])
def test_a_makefile_that_exports_all_is_looked_at_once(signed: Factory, line: str) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    (path / "Makefile").write_text(f"{line}\n{text}")
    (path / "config/req-calico.json").write_text(
        (path / "config/req-calico.json").read_text().replace("calico", "other")
    )

    done = make(path, SIGNER="cfssl")

    assert "nothing to sign" not in done.stdout
    assert "signed certs/calico.pem" in done.stdout
    assert make(path, SIGNER="cfssl").stdout.count("nothing to sign") == 1


def test_what_the_environment_has_is_no_word_of_ours(signed: Factory) -> None:
    path = signed(*SMALL)
    words = "custody group hint into key known last of peer shelf sum trust with work half each"
    there: dict[str, Any] = dict.fromkeys(words.split(), "/of-the-environment")

    done = make(path, SIGNER="cfssl", **there)

    assert (done.stdout, done.stderr) == ("nothing to sign: all is as asked for\n", "")
    make(path, "req", "regenerate", SIGNER="cfssl", **there)


@pytest.mark.parametrize("goal", ["renew", "regenerate"])
def test_what_is_signed_again_uses_the_variables_of_the_command_line(
    signed: Factory, tmp_path: Path, goal: str
) -> None:
    path = signed(*SMALL)
    log = tmp_path / "log"
    calling = program(tmp_path / "bin", "my-cfssl", f'echo "$@" >>{log}\nexec cfssl "$@"')
    makefile = path / "Makefile"
    makefile.write_text(f"CFSSL = /bin/false\n{makefile.read_text()}")

    make(path, goal, "CFSSL=my-cfssl", "RENEW_DAYS=99999", "NOTE=a b'c", YES="1", PATH=calling)

    assert len(log.read_text().splitlines()) >= 2


def test_a_team_s_own_names_do_not_meet_those_of_the_rules(signed: Factory) -> None:
    path = signed(*SMALL)
    with (path / "Makefile").open("a") as makefile:
        makefile.write(
            "lines = 5\ngoals = 6\nlook = 7\nwanted = 8\nsign-all set always own:\n\techo $@\n"
        )
    (path / "certs/calico.pem").unlink()

    make(path)

    verify(path, "certs/calico.pem")
    assert not list(path.glob("*.pem"))


# --- clones of others


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the user, with a file in it, that nothing may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/doc.pem").write_text("precious")
    return tmp_path / "outside"


def planted(path: Path) -> Path:
    """Let a folder without a CA have a decided set as a clone may bring it."""
    new = path / "certs/.new"
    (new / "new").mkdir(parents=True)
    (new / "of").write_text("none\n")
    (new / "ca-key.pem").write_text("evil")
    return new / "new"


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("how", ["a link in the way", "a link to a set", "a link in a set"])
def test_a_set_of_a_clone_neither_writes_nor_takes_anything_outside(
    folder: Factory, outside: Path, how: str, signer: str
) -> None:
    path = folder(*SMALL)
    new = planted(path)
    if how == "a link in the way":
        (new / "sub").mkdir()
        (new / "sub/x.pem").write_text("evil")
        (path / "sub").symlink_to(outside)
    elif how == "a link to a set":
        new.rmdir()
        new.symlink_to(outside)
    else:
        (new / "certs").mkdir()
        (new / "certs/x.pem").symlink_to(outside / "doc.pem")

    done = run("make", cwd=path, SIGNER=signer)

    assert done.returncode == 2
    assert ("is in no set of" if how == "a link in a set" else "is a link") in done.stderr
    assert contents(outside) == {"doc.pem": b"precious"}
    assert not (path / "certs/ca-key.pem").exists()


@pytest.mark.parametrize("words", [("make", "SIGNER=cfssl"), ("make", "SIGNER=tls-scaffold"), SYNC])
def test_keys_that_are_put_back_into_a_clone_stay_out_of_git(
    signed: Factory, words: tuple[str, ...]
) -> None:
    path = signed(*SMALL)
    (path / "certs/.gitignore").unlink()

    done = run(*words, cwd=path)

    assert done.returncode == 0, done.stderr
    assert (path / "certs/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("words", [("make", "req", "SIGNER=cfssl"), SYNC])
def test_drafts_of_killed_runs_do_not_stay_in_the_record(
    signed: Factory, words: tuple[str, ...]
) -> None:
    path = signed(*SMALL)
    [record] = path.glob("issued/ca-*.pem")
    for name in (".draft.a1B2c3", f".{record.name}"):
        (path / "issued" / name).write_text("half a")

    done = run(*words, cwd=path)

    assert done.returncode == 0, done.stderr
    assert list(path.glob("issued/.*")) == []


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_the_record_is_written_through_no_link(signed: Factory, outside: Path, signer: str) -> None:
    path = signed(*SMALL)
    [record] = path.glob("issued/ca-*.pem")
    record.unlink()
    for name in (f".{record.stem}", f".{record.name}", f".draft.{record.stem}"):
        (path / "issued" / name).symlink_to(outside / "doc.pem")
    (path / f"issued/.draft.{record.name}").symlink_to(outside / "none")
    record.symlink_to(outside / "none")

    run("make", cwd=path, SIGNER=signer)

    assert contents(outside) == {"doc.pem": b"precious"}


@pytest.mark.parametrize("at", ["certs/.gitignore", "archive/.gitignore", "archive/.lock"])
def test_nothing_is_written_through_a_link_in_the_place_of_our_own_files(
    signed: Factory, outside: Path, at: str
) -> None:
    path = signed(*SMALL)
    (path / "archive").mkdir(exist_ok=True)
    (path / at).unlink(missing_ok=True)
    (path / at).symlink_to(outside / "none")

    done = run("make", "req-calico", cwd=path)

    assert (done.returncode, f"`{at}` is a link" in done.stderr) == (2, True)
    assert contents(outside) == {"doc.pem": b"precious"}


@pytest.mark.parametrize(
    "at",
    [
        "certs/.gitignore",
        "archive/.gitignore",
        "certs/ca.pem",
        "certs/ca-key.pem",
        "certs/trust.pem",
        "COMPONENTS.md",
        "revoked.tsv",
    ],
)
def test_a_fifo_is_waited_for_by_nobody(signed: Factory, at: str) -> None:
    path = signed(*SMALL)
    (path / "archive").mkdir(exist_ok=True)
    (path / at).unlink(missing_ok=True)
    os.mkfifo(path / at)

    done = subprocess.run(
        ["make", "req"],
        cwd=path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, f"`{at}` should be a file" in done.stderr) == (2, True)


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_fifo_in_the_place_of_a_certificate_is_replaced(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    (path / "certs/calico.pem").unlink()
    os.mkfifo(path / "certs/calico.pem")

    done = run("timeout", "60", "make", f"SIGNER={signer}", cwd=path)

    assert "signed certs/calico.pem" in done.stdout
    verify(path, "certs/calico.pem")


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_fifo_in_the_record_is_no_ca(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "certs")
    os.mkfifo(path / "issued/ca-0123456789.pem")

    done = run("timeout", "60", "make", f"SIGNER={signer}", cwd=path)

    assert done.returncode == 2
    assert "the CA of this folder is not in `certs`" in done.stderr


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("goal", ["all", "req", "regenerate"])
def test_a_file_in_the_place_of_the_record_is_told(signed: Factory, signer: str, goal: str) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "issued")
    (path / "issued").write_text("a list of ours")
    before = contents(path)

    done = run("make", goal, cwd=path, YES="1", SIGNER=signer)

    assert (done.returncode, done.stderr.count("error: ")) == (2, 1)
    assert "error: `issued` is no folder\n\nhint: move it away\n" in done.stderr
    assert contents(path) == before


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("goal", ["req", "regenerate", "clean"])
def test_what_a_team_calls_like_our_own_is_lost_by_no_run(
    signed: Factory, signer: str, goal: str
) -> None:
    path = signed(*SMALL)
    for name in ("certs/.work.keys/key.pem", "issued/.old.pem"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("the only one")

    make(path, goal, YES="1", SIGNER=signer)

    for name in ("certs/.work.keys/key.pem", "issued/.old.pem"):
        kept = [path / name, *path.glob(f"archive/*/{name}")]
        assert [each.read_text() for each in kept if each.exists()][:1] == ["the only one"], name


@pytest.mark.parametrize("flags", ['-profile "client"', "-profile 'client' -hostname a.example"])
def test_a_flag_in_quotes_is_told_to_be_signed_already(signed: Factory, flags: str) -> None:
    path = signed(*SMALL)
    text = (path / "Makefile").read_text()
    (path / "Makefile").write_text(text.replace("-profile client", flags))
    make(path, SIGNER="cfssl")

    assert make(path, SIGNER="cfssl").stdout == "nothing to sign: all is as asked for\n"


# --- a CA that is not what it should be


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_no_ca_follows_one_whose_key_is_not_here_today(
    signed: Factory, tmp_path: Path, signer: str
) -> None:
    path = signed(*SMALL)
    (tmp_path / "usb").mkdir()
    (path / "certs/ca-key.pem").rename(tmp_path / "usb/ca-key.pem")
    (path / "certs/ca-key.pem").symlink_to(tmp_path / "usb/ca-key.pem")
    (tmp_path / "usb").rename(tmp_path / "unplugged")
    before = contents(path)

    done = run("make", "regenerate", cwd=path, YES="1", SIGNER=signer)

    assert (done.returncode, "`certs/ca-key.pem` is not here" in done.stderr) == (2, True)
    assert contents(path) == before
    (tmp_path / "unplugged").rename(tmp_path / "usb")
    make(path, "req")
    verify(path, "certs/calico.pem")


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("ca", ["ca", "peer-ca"])
def test_no_ca_is_replaced_whose_key_is_behind_a_link(
    signed: Factory, tmp_path: Path, signer: str, ca: str
) -> None:
    path = signed(*SMALL, "--peer-ca")
    (path / f"certs/{ca}-key.pem").rename(tmp_path / "kept.pem")
    (path / f"certs/{ca}-key.pem").symlink_to(tmp_path / "kept.pem")
    before = contents(path)

    done = run("make", "regenerate", cwd=path, YES="", SIGNER=signer)

    assert done.returncode == 2
    assert f"error: `certs/{ca}-key.pem` is not here but behind a link" in done.stderr
    assert "make one?" not in done.stderr
    assert contents(path) == before


def test_an_empty_ca_certificate_does_not_get_into_the_record(signed: Factory) -> None:
    path = signed(*SMALL)
    (path / "certs/ca.pem").write_text("")
    before = {each.name for each in path.glob("issued/*")}

    done = run("make", cwd=path, SIGNER="cfssl")

    assert (done.returncode, "`certs/ca.pem` is no certificate" in done.stderr) == (2, True)
    assert {each.name for each in path.glob("issued/*")} == before


@pytest.mark.parametrize("file", ["config/ca-csr.json", "tls-scaffold.json"])
def test_a_ca_is_not_made_that_would_be_called_like_the_one_before(
    signed: Factory, file: str
) -> None:
    path = signed(*SMALL)
    text = (path / file).read_text()
    changed = " ".join(text.split()) if "csr" in file else text.replace("ca_generation", "other")
    (path / file).write_text(changed)
    before = in_certs(path)

    done = run("make", "regenerate", cwd=path, YES="1")

    assert done.returncode == 2
    assert f"error: `{file}` does not tell what the next CA is called" in done.stderr
    assert in_certs(path) == before


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("goals", [("regenerate",), ("clean", "all")])
def test_the_number_of_a_ca_goes_to_its_name_and_to_no_value_that_is_called_like_it(
    signed: Factory, signer: str, goals: tuple[str, ...]
) -> None:
    values = ("--country", "CN", "--organizational-unit", "CN", "--ca-cn", 'the "CN" CA')
    path = signed(*SMALL, "--peer-ca", *values)
    requests = [path / f"config/{each}-csr.json" for each in ("ca", "peer-ca")]
    before = [json.loads(each.read_text()) for each in requests]

    for goal in goals:
        make(path, goal, YES="1", SIGNER=signer)

    now = [json.loads(each.read_text()) for each in requests]
    assert now == [{**each, "CN": f"{each['CN']} 2"} for each in before]
    inventory = json.loads((path / "tls-scaffold.json").read_text())
    assert (inventory["country"], inventory["organizational_unit"]) == ("CN", "CN")
    assert read(path / "certs/ca.pem").cn == 'the "CN" CA 2'
    assert run(*SYNC, "--check", cwd=path).returncode == 0


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_new_ca_leaves_modes_as_they_are_and_a_way_back(signed: Factory, signer: str) -> None:
    path = signed(*SMALL)
    inventory = (path / "tls-scaffold.json").read_bytes()

    make(path, "regenerate", YES="1", SIGNER=signer)

    for file in ("tls-scaffold.json", "config/ca-csr.json"):
        assert stat.S_IMODE((path / file).stat().st_mode) == 0o644
    [shelf] = shelves(path)
    assert (shelf / "tls-scaffold.json").read_bytes() == inventory


def test_a_set_that_can_t_be_moved_is_kept_until_it_can(signed: Factory) -> None:
    path = signed(*SMALL)
    makefile = path / "Makefile"
    makefile.write_text(makefile.read_text().replace("certs/calico.pem", "sub/calico.pem"))
    (path / "sub").write_text("a file in the way")

    done = run("make", "regenerate", cwd=path, YES="1", SIGNER="cfssl")
    assert done.returncode == 2

    (path / "sub").unlink()
    make(path, SIGNER="cfssl")
    verify(path, "sub/calico.pem")
    verify(path, "certs/etcd1.pem")


# --- what is told


def test_nothing_that_steers_the_terminal_is_told_of_a_consumer(signed: Factory) -> None:
    path = signed(*SMALL)
    table = path / "COMPONENTS.md"
    table.write_text(table.read_text().replace("renew its Secret", "\x1b[31mrenew its Secret"))

    done = make(path, "req-calico", SIGNER="cfssl")

    assert "renew its Secret" in done.stdout
    assert "\x1b" not in done.stdout


def test_all_that_can_be_asked_for_is_listed(folder: Factory) -> None:
    listed = make(folder(*SMALL), "help").stdout.splitlines()

    assert [line.split()[0] for line in listed[:3]] == ["all", "req", "ca"]
    assert listed[-1].split(maxsplit=1) == ["req-calico", "sign this one again"]


def test_a_target_that_is_not_there_is_no_success(signed: Factory) -> None:
    done = run("make", "nonsense", cwd=signed(*SMALL), SIGNER="cfssl")

    assert (done.returncode, done.stdout) == (2, "")


# --- lines of the Makefile that are not of the form of a component's


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize(
    ("was", "now", "goal"),
    [
        ("req-calico certs/calico.pem", "certs/calico.pem req-calico", "req-calico"),
        ("req-calico certs", "req-web: config/req-calico.json ; $(sign) $<\n&", "req-web"),
        ("req-calico certs", "req-a/web: config/req-calico.json ; $(sign) $<\n&", "req-a/web"),
    ],
)
def test_no_key_is_written_where_no_component_has_its_own(
    folder: Factory, signer: str, was: str, now: str, goal: str
) -> None:
    path = folder(*SMALL)
    text = (path / "Makefile").read_text()
    (path / "Makefile").write_text(text.replace(was, now.replace("&", was)))
    make(path, "ca")
    before = contents(path)

    done = run("make", f"SIGNER={signer}", goal, cwd=path)

    assert done.returncode == 2
    assert goal in done.stderr
    assert contents(path) == before


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
@pytest.mark.parametrize("prod", [(), ("PROD=1",)])
def test_of_lines_below_a_condition_make_s_own_counts(
    folder: Factory, signer: str, prod: tuple[str, ...]
) -> None:
    path = folder(*SMALL)
    text = (path / "Makefile").read_text()
    [line] = [each for each in text.splitlines() if each.startswith("req-calico")]
    other = line.replace("-profile client", "-profile client -hostname prod.example")
    (path / "Makefile").write_text(text.replace(line, f"ifdef PROD\n{other}\nelse\n{line}\nendif"))

    make(path, f"SIGNER={signer}", *prod)

    assert ("DNS:prod.example" in read(path / "certs/calico.pem").sans) == bool(prod)
    run(*SYNC, cwd=path)
    before = contents(path)
    make(path, f"SIGNER={signer}", *prod)
    assert contents(path) == before


@pytest.mark.parametrize("copied", ["req-calico certs/other.pem", "req-other certs/calico.pem"])
def test_a_copied_line_that_kept_a_target_signs_nothing(signed: Factory, copied: str) -> None:
    path = signed(*SMALL)
    request = json.loads((path / "config/req-calico.json").read_text())
    (path / "config/req-other.json").write_text(json.dumps({**request, "CN": "other"}))
    with (path / "Makefile").open("a") as file:
        file.write(f"{copied}: config/req-other.json ; $(sign) -profile client $<\n")
    before = contents(path)
    both = f"`req-calico certs/calico.pem` and `{copied}`"
    shared = copied.split()[copied.startswith("req-other")]
    lines = (path / "Makefile").read_text().splitlines()
    first = next(at for at, line in enumerate(lines, 1) if line.startswith("req-calico "))
    told = f"Makefile:{len(lines)}: `{shared}` is a target of Makefile:{first} too"

    for signer in ("cfssl", "tls-scaffold"):
        for goal in ("all", "req", "req-calico", "regenerate", "renew"):
            done = run("make", f"SIGNER={signer}", goal, cwd=path, YES="1")
            assert done.returncode == 2
            assert f"component lines share a target: {both}." in done.stderr
    done = run(str(BIN / "tls-scaffold"), "sign", cwd=path)
    assert done.returncode == 1
    assert "error: component lines share a target, and nothing is signed\n" in done.stderr
    assert told in done.stderr
    assert contents(path) == before


@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_new_set_is_made_for_one_whose_ca_and_record_are_lost(
    signed: Factory, signer: str
) -> None:
    path = signed(*SMALL)
    shutil.rmtree(path / "issued")
    (path / "certs/ca.pem").unlink()
    (path / "certs/ca-key.pem").unlink()
    before = in_certs(path)
    done = run("make", f"SIGNER={signer}", cwd=path)
    assert done.returncode == 2
    assert "`make regenerate`" in done.stderr

    make(path, f"SIGNER={signer}", "regenerate", YES="1")

    [shelf] = shelves(path)
    assert contents(shelf / "certs") == before
    verify(path, "certs/calico.pem")


def test_a_component_that_make_passes_over_is_told(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--proxies", "0", "--user", "calico")
    lines = []
    for line in (path / "Makefile").read_text().splitlines():
        is_hidden = line.startswith(("req-etcd2", "req-calico"))
        lines += ["ifdef WITH", line, "endif"] if is_hidden else [line]
    (path / "Makefile").write_text("\n".join(lines) + "\n")
    make(path, SIGNER="cfssl")

    status = run(str(BIN / "tls-scaffold"), "status", cwd=path)

    assert status.returncode == 1
    for name in ("etcd2", "calico"):
        reason = f"`certs/{name}.pem` is missing, and no target of the Makefile signs it"
        assert f"missing: {reason}" in " ".join(status.stdout.split())
    assert "next: tls-scaffold check\n" in status.stderr
    check = run(str(BIN / "tls-scaffold"), "check", cwd=path)
    number = lines.index("ifdef WITH") + 2
    assert f"Makefile:{number}: no target signs `etcd2` of the inventory" in check.stdout
    assert "config/req-calico.json: no target of the Makefile signs it" in check.stdout
    bundle = run(str(BIN / "tls-scaffold"), "bundle", "calico", cwd=path)
    assert "`certs/calico.pem` is missing" in bundle.stderr


@pytest.mark.parametrize(
    "name", ["config/req-csr.json", "config/ca-config.json", "config/x.json", "tls-scaffold.json"]
)
@pytest.mark.parametrize("signer", ["cfssl", "tls-scaffold"])
def test_a_named_pipe_in_the_place_of_a_file_is_not_waited_for(
    folder: Factory, name: str, signer: str
) -> None:
    path = folder()
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)

    done = run("timeout", "60", "make", "all", f"SIGNER={signer}", cwd=path)

    assert done.returncode == 2  # and not 124, as where it is waited for
    assert f"`{name}`" in done.stderr
    assert not list(path.glob("certs/*.pem"))


def test_a_named_pipe_that_a_line_names_elsewhere_is_not_waited_for(folder: Factory) -> None:
    path = folder()
    (path / "elsewhere").mkdir()
    os.mkfifo(path / "elsewhere/x.json")
    makefile = path / "Makefile"
    line = "req-calico certs/calico.pem: {}/req-calico.json"
    text = makefile.read_text()
    assert line.format("config") in text
    other = "req-calico certs/calico.pem: elsewhere/x.json"
    makefile.write_text(text.replace(line.format("config"), other))

    done = run("timeout", "60", "make", "req-calico", "SIGNER=cfssl", cwd=path)

    assert done.returncode == 2
    assert "error: `elsewhere/x.json` should be a file\n" in done.stderr
