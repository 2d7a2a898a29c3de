"""One lock for sign.sh and for every command of ours.

Both wait for each other, and for nobody who is gone.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from support import SMALL, contents, environment, make, run, verify, wait_for
from tls_scaffold.disk import locking, workfolders
from tls_scaffold.disk.folder import lock
from tls_scaffold.errors import ScaffoldError

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
Start = Callable[..., "subprocess.Popen[str]"]
# What gets the lock as every command does, and then runs a line of Python.
IN_PYTHON = """
import sys, time
from pathlib import Path
from tls_scaffold.disk import folder
from tls_scaffold.errors import ScaffoldError
try:
    with folder.lock(Path(), wait=300):
        exec(sys.argv[1])
except ScaffoldError as error:
    sys.exit(f"error: {error}")
"""
WAITING = "waiting for another run\n"
BOTH = ("sh", "python")
of_both = pytest.mark.parametrize("side", BOTH)


def taking(side: str, then: str = "pass") -> tuple[str, ...]:
    """Return a command that takes the lock of the folder it stands in; Python then runs a line."""
    return (sys.executable, "-c", IN_PYTHON, then) if side == "python" else ("sh", "sign.sh", "ca")


SIGNING = (
    "sh",
    "sign.sh",
    "again",
    "certs/calico.pem",
    "-profile",
    "client",
    "config/req-calico.json",
)
SLEEP = "Path('held').touch(); time.sleep(60)"
COUNT = "number = int(Path('counter').read_text()); Path('counter').write_text(f'{number + 1}')"


def holding(side: str, folder: Path, path: str = environment()["PATH"]) -> tuple[str, ...]:
    """Return a command that holds the lock of a signed folder for long.

    That there is a file `held` tells since when. The shell holds it when it puts things in place:
    it is kept from going on by the first program that it needs then.
    """
    if side == "python":
        return taking(side, SLEEP)
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "mv").write_text("#!/bin/sh\ntouch held\nexec sleep 60\n")
    (programs / "mv").chmod(0o755)
    return ("env", f"PATH={programs}:{path}", "SIGNER=cfssl", *SIGNING)


def held(start: Start, side: str, folder: Path, **variables: str) -> "subprocess.Popen[str]":
    process = start(
        *holding(side, folder, **{name.lower(): text for name, text in variables.items()}),
        cwd=folder,
    )
    wait_for((folder / "held").exists)
    return process


def end(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tree(folder: Path) -> dict[str, object]:
    """Return all below a folder but the archive, with modes, and files with their bytes."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not name.startswith("archive"):
            mode = stat.S_IMODE(path.lstat().st_mode)
            found[name] = mode, path.read_bytes() if path.is_file() else b""
    return found


# --- who waits for whom


@pytest.mark.parametrize("by", ["flock", "perl"])
@pytest.mark.parametrize("holder", BOTH)
@pytest.mark.parametrize("waiter", BOTH)
def test_each_waits_for_the_other_and_for_none_that_was_killed(
    signed: Factory,
    running: Start,
    path_without: Callable[..., str],
    by: str,
    holder: str,
    waiter: str,
) -> None:
    path = signed(*SMALL)
    programs = {"PATH": path_without("flock")} if by == "perl" else {}
    holding_it = held(running, holder, path, **programs)
    (path / "certs/trust.pem").unlink()  # else the shell has nothing to do

    waiting = running(*taking(waiter), cwd=path, SIGNER="cfssl", **programs)
    assert waiting.stdout
    assert waiting.stderr
    assert waiting.stderr.readline() == WAITING  # however long it takes to begin
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    end(holding_it)

    assert (waiting.stdout.read(), waiting.stderr.read()) == ("", "")
    assert waiting.wait(60) == 0


def test_two_shells_with_different_programs_for_the_lock_exclude_each_other(
    signed: Factory, running: Start, path_without: Callable[..., str]
) -> None:
    path = signed(*SMALL)
    held(running, "sh", path, PATH=path_without("flock"))

    waiting = running(*taking("sh"), cwd=path, SIGNER="cfssl")

    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)


@of_both
def test_who_waits_too_long_is_told_and_the_folder_stays_as_it_is(
    signed: Factory, running: Start, caplog: pytest.LogCaptureFixture, side: str
) -> None:
    path = signed(*SMALL)
    held(running, side, path)
    before = contents(path)

    with pytest.raises(ScaffoldError) as error, lock(path, wait=0.2):
        pass

    hint = "run this again when it has ended"
    assert str(error.value) == f"another run works on the folder `{path}`\n\nhint: {hint}"
    assert [record.message for record in caplog.records] == [WAITING.strip()]
    assert contents(path) == before


def test_a_lock_is_given_back_after_an_error_and_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RuntimeError), lock(tmp_path):
        raise RuntimeError
    with lock(tmp_path, wait=0):
        pass
    assert caplog.records == []


def test_twenty_at_once_come_in_one_by_one(signed: Factory, running: Start) -> None:
    path = signed(*SMALL)
    (path / "counter").write_text("0")
    commands = (SIGNING, taking("python", COUNT))

    each = [running(*commands[number % 2], cwd=path, SIGNER="cfssl") for number in range(20)]

    told = [process.communicate(timeout=600)[1] for process in each]
    assert {process.returncode for process in each} == {0}, told
    assert (path / "counter").read_text() == "10"
    assert len(list(path.glob("issued/calico-*.pem"))) == 11
    verify(path, "certs/calico.pem")


def test_twenty_at_once_make_one_ca(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)

    each = [running(*taking(BOTH[number % 2]), cwd=path, SIGNER="cfssl") for number in range(20)]

    told = [process.communicate(timeout=600)[1] for process in each]
    assert {process.returncode for process in each} == {0}, told
    assert len(list(path.glob("issued/ca-*.pem"))) == 1
    assert (path / "certs/trust.pem").read_bytes() == (path / "certs/ca.pem").read_bytes()
    assert [*path.glob("certs/.[!g]*"), *path.glob(".tls-scaffold/.work.*")] == []


CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.fixture
def containers() -> None:
    """Let a test run processes that have the same numbers."""
    refused = run(*CONTAINER, "true")
    if refused.returncode:
        pytest.skip(f"no namespaces here: {refused.stderr.strip()}")


@pytest.mark.usefixtures("containers")
@pytest.mark.parametrize("holder", BOTH)
@pytest.mark.parametrize("waiter", BOTH)
def test_two_containers_with_the_same_process_numbers_wait_for_each_other(
    signed: Factory, running: Start, holder: str, waiter: str
) -> None:
    path = signed(*SMALL)
    running(*CONTAINER, *holding(holder, path), cwd=path)
    wait_for((path / "held").exists)
    (path / "certs/trust.pem").unlink()  # else the shell has nothing to do

    waiting = running(*CONTAINER, *taking(waiter), cwd=path, SIGNER="cfssl")

    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)


def test_a_folder_that_another_run_makes_at_the_same_moment_is_taken(
    folder: Factory, tmp_path: Path
) -> None:
    path = folder(*SMALL)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mkdir").write_text(
        f'#!/bin/sh\n{shutil.which("mkdir")} "$@"\nexec {shutil.which("mkdir")} "$@"\n'
    )
    (programs / "mkdir").chmod(0o755)

    make(path, "ca", PATH=f"{programs}:{environment()['PATH']}")

    verify(path, "certs/ca.pem")


@pytest.mark.usefixtures("containers")
def test_containers_at_once_make_one_ca(folder: Factory, running: Start) -> None:
    path = folder(*SMALL)

    each = [running(*CONTAINER, "make", cwd=path, SIGNER="cfssl") for _ in range(3)]

    told = [process.communicate(timeout=600)[1] for process in each]
    assert {process.returncode for process in each} == {0}, told
    assert len(list(path.glob("issued/ca-*.pem"))) == 1
    verify(path, "certs/calico.pem")


# --- something else in the lock's place


@of_both
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a file", "link to nothing"])
def test_what_is_no_plain_file_is_no_lock(
    folder: Factory, tmp_path: Path, side: str, kind: str
) -> None:
    path = folder(*SMALL)
    (path / "archive").mkdir(mode=0o700)
    (path / "archive/.gitignore").write_text("*\n")
    (tmp_path / "elsewhere").touch()
    lock_file = path / "archive/.lock"
    if kind == "pipe":
        os.mkfifo(lock_file)
    elif kind == "folder":
        lock_file.mkdir()
    else:
        lock_file.symlink_to(tmp_path / ("elsewhere" if kind == "link to a file" else "nothing"))
    before = tree(tmp_path)

    done = run(*taking(side), cwd=path, SIGNER="cfssl")

    assert done.returncode == 1
    assert "archive/.lock` " + ("is a link" if "link" in kind else "should be a") in done.stderr
    assert tree(tmp_path) == before


# --- whose make is gone


@of_both
def test_what_make_asked_for_ends_without_that_make(
    signed: Factory, running: Start, side: str
) -> None:
    path = signed(*SMALL)
    holding_it = held(running, side, path)
    (path / "certs/trust.pem").unlink()  # the shell would make it again
    before = contents(path / "certs")
    asking = '"$@" 2>told &\necho $! >child\nwait\n'
    words = taking(side, "Path('certs/trust.pem').touch()")
    asks = running("sh", "-c", asking, "asks", *words, cwd=path, MAKELEVEL="1", SIGNER="cfssl")
    wait_for(lambda: (path / "told").exists() and (path / "told").read_text() == WAITING)
    wait_for(lambda: (path / "child").exists() and (path / "child").read_text().endswith("\n"))

    os.kill(asks.pid, signal.SIGKILL)
    asks.wait()
    end(holding_it)

    child = Path("/proc", (path / "child").read_text().strip())
    wait_for(lambda: not child.exists())
    assert (path / "told").read_text() == f"{WAITING}error: the make that asked for this is gone\n"
    after = contents(path / "certs")
    assert {name: text for name, text in after.items() if ".work." not in name} == {
        name: text for name, text in before.items() if ".work." not in name
    }


def test_a_command_that_make_did_not_ask_for_outlives_who_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    monkeypatch.setattr("tls_scaffold.disk.locking.STARTED_BY", 1)
    with lock(tmp_path):
        pass
    monkeypatch.setenv("MAKELEVEL", "1")
    with (
        pytest.raises(ScaffoldError, match="the make that asked for this is gone"),
        lock(tmp_path),
    ):
        pass


def test_the_own_signer_is_the_child_of_make_itself(folder: Factory, tmp_path: Path) -> None:
    path = folder(*SMALL)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tls-scaffold").write_text('#!/bin/sh\ncat "/proc/$PPID/comm" >>parents\n')
    (tmp_path / "bin/tls-scaffold").chmod(0o755)

    run("make", cwd=path, SIGNER="tls-scaffold", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")

    assert set((path / "parents").read_text().split()) == {"make"}


# --- folders in which a run works


@of_both
def test_the_folder_of_a_run_that_is_gone_is_cleared_and_no_other(
    signed: Factory, running: Start, tmp_path: Path, side: str
) -> None:
    path = signed(*SMALL)
    for name in ("freE01", "held02", "fr_e0345", "keys", "my-own", "ca-backup"):
        (path / f"certs/.work.{name}").mkdir()
        (path / f"certs/.work.{name}/ca-key.pem").touch()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/mine").touch()
    (path / "certs/.work.link").symlink_to(tmp_path / "keys")
    # As a child of a killed run is still at work there.
    running("sh", "-c", "exec 8<certs/.work.held02; flock 8; sleep 60", cwd=path)
    wait_for(lambda: not _can_be_locked(path / "certs/.work.held02"))

    if side == "python":
        with lock(path):
            pass
    else:
        assert run(*SIGNING, cwd=path, SIGNER="cfssl").returncode == 0

    left = {each.name for each in path.glob("certs/.work.*")} - {".work.link"}
    assert left == {f".work.{name}" for name in ("held02", "keys", "my-own", "ca-backup")}
    assert all((path / "certs" / name / "ca-key.pem").exists() for name in left)
    assert (tmp_path / "keys/mine").exists()


def _can_be_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return locking.is_taken(descriptor)
    finally:
        os.close(descriptor)


def test_a_folder_that_is_cleared_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = tempfile.mkdtemp, list[str]()

    def mkdtemp(**words: Any) -> str:
        made.append(str(real(**words)))
        if len(made) < 3:
            Path(made[-1]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with workfolders.work_folder(tmp_path) as work:
        assert (len(made), str(work)) == (3, made[-1])
        assert stat.S_IMODE(work.stat().st_mode) == 0o700
        workfolders.clear_leftovers(tmp_path)
        assert work.is_dir()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_many_signings_at_once_clear_nothing_of_each_other(folder: Factory) -> None:
    users = ",".join(f"u{number}" for number in range(16))
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", users, "--key", "ecdsa-256")

    for _ in range(2):
        done = run("make", "-j16", "req", cwd=path, SIGNER="cfssl")
        assert done.returncode == 0, done.stderr
    assert [*path.glob("certs/.work.*")] == []


# --- what a killed run had decided: one answer in two languages


def finish(side: str, path: Path) -> tuple[int, str]:
    """Let one of the two finish what is left in a folder; return its exit code and its words."""
    done = run(*taking(side), cwd=path, SIGNER="cfssl")
    return done.returncode, done.stderr


def finished_alike(path: Path) -> dict[str, object]:
    """Let each of the two finish a copy of a folder; returns what both make of it."""
    found = []
    for side in BOTH:
        copy = Path(shutil.copytree(path, path.with_name(f"by-{side}"), symlinks=True))
        assert finish(side, copy) == (0, ""), side
        found.append(tree(copy))
        shutil.rmtree(copy)
    assert found[0] == found[1]
    return found[0]


def refused_alike(path: Path, words: str) -> None:
    """Let each of the two try: they must refuse in these words and leave every file as it is."""
    refused(path, words, *BOTH)


def refused(path: Path, words: str, *sides: str) -> None:
    for side in sides:
        before = contents(path)
        code, said = finish(side, path)
        assert (code, words in said, "Traceback" in said) == (1, True, False), said
        after = contents(path)
        assert {name: after[name] for name in after if not name.startswith("archive/")} == {
            name: before[name] for name in before if not name.startswith("archive/")
        }


@pytest.mark.parametrize("moved", range(4))
def test_a_ca_on_its_way_is_finished_alike(signed: Factory, moved: int) -> None:
    path = signed(*SMALL)
    for file in (
        *path.glob("certs/calico*"),
        *path.glob("certs/etcd1*"),
        *path.glob("issued/[!c]*"),
    ):
        file.unlink()
    for file in path.glob("issued/calico*"):
        file.unlink()
    wanted = tree(path)
    new = path / "certs/.new"
    for directory in ("new/certs", "new/issued"):
        (new / directory).mkdir(mode=0o700, parents=True)
    (new / "of").write_text("none\n")
    (path / "certs/ca-key.pem").rename(new / "ca-key.pem")
    [recorded] = path.glob("issued/ca-*.pem")
    for name in ("certs/ca.csr", "certs/trust.pem", f"issued/{recorded.name}", "certs/ca.pem")[
        moved:
    ]:
        (path / name).rename(new / "new" / name)

    assert finished_alike(path) == wanted


@pytest.mark.parametrize("there", ["a CA", "a link to one", "a link to its key"])
def test_a_second_ca_is_refused_alike(signed: Factory, there: str) -> None:
    path = signed(*SMALL)
    new = path / "certs/.new"
    (new / "new/certs").mkdir(parents=True)
    (new / "of").write_text("none\n")
    for place in (new / "ca-key.pem", new / "new/certs/ca.pem"):
        place.write_text("another")
    for name in {
        "a CA": (),
        "a link to one": ("ca.pem", "ca-key.pem"),
        "a link to its key": ("ca-key.pem",),
    }[there]:
        (path / "certs" / name).unlink()
        (path / "certs" / name).symlink_to(f"/usb-stick/{name}")

    refused_alike(path, "certs/.new` was not made for the CA in ")


@pytest.fixture
def decided(signed: Factory, tmp_path: Path) -> Path:
    """Return a folder in which a regenerate was killed when it had just decided."""
    path = signed(*SMALL)
    (tmp_path / "bin").mkdir()
    mv = shutil.which("mv")
    script = (
        f'#!/bin/sh\n{mv} "$@"\nfor last; do :; done\n[ "$last" != certs/.new ] || kill -9 $PPID\n'
    )
    (tmp_path / "bin/mv").write_text(script)
    (tmp_path / "bin/mv").chmod(0o755)
    done = run(
        "make",
        "regenerate",
        cwd=path,
        SIGNER="cfssl",
        YES="1",
        PATH=f"{tmp_path}/bin:{environment()['PATH']}",
    )
    assert done.returncode != 0
    assert (path / "certs/.new/ca-key.pem").is_file(), done.stderr
    return path


def test_a_set_that_was_decided_is_finished_alike_wherever_it_was_killed(decided: Path) -> None:
    new = decided / "certs/.new"
    set_ = contents(new / "new")
    key = (new / "ca-key.pem").read_bytes()
    assert {"certs/ca.pem", "certs/calico.pem", "config/ca-csr.json", "tls-scaffold.json"} <= set(
        set_
    )
    expected = None
    for moved in range(len(set_) + 2):
        copy = Path(shutil.copytree(decided, decided.with_name(f"moved-{moved}"), symlinks=True))
        for name in [*set_][:moved]:
            (copy / "certs/.new/new" / name).replace(copy / name)
        if moved > len(set_):
            (copy / "certs/.new/ca-key.pem").replace(copy / "certs/ca-key.pem")

        found = finished_alike(copy)

        assert expected in (None, found), moved
        expected = found
    assert expected
    assert {name: expected[name][1] for name in set_} == set_  # type: ignore[index]
    assert expected["certs/ca-key.pem"] == (0o600, key)
    assert not any(name.startswith(("certs/.new", "certs/.work")) for name in expected)


@pytest.mark.parametrize("of", ["none", "another sum", "empty", "missing"])
def test_a_set_that_was_made_for_another_ca_is_refused_alike(decided: Path, of: str) -> None:
    path = decided / "certs/.new/of"
    if of == "missing":
        path.unlink()
    else:
        path.write_text({"none": "none\n", "another sum": f"{'0' * 64}\n", "empty": ""}[of])

    refused_alike(decided, "certs/.new` was not made for the CA in ")


@pytest.mark.parametrize("of", ["none", "kept elsewhere", ""])
def test_a_set_is_not_taken_where_the_key_of_the_ca_is_kept_elsewhere(
    decided: Path, of: str
) -> None:
    (decided / "certs/ca-key.pem").rename(decided.parent / "ca-key.pem")
    (decided / "certs/.new/of").write_text(of)

    refused_alike(decided, "certs/.new` was not made for the CA in ")


def test_a_set_that_was_decided_where_there_was_no_ca_is_finished_alike(decided: Path) -> None:
    for name in ("ca.pem", "ca-key.pem"):
        (decided / f"certs/{name}").unlink()
    (decided / "certs/.new/of").write_text("none\n")
    names = sorted(contents(decided / "certs/.new/new"), key=lambda name: name == "certs/ca.pem")
    for moved in (0, len(names) - 1, len(names)):
        path = Path(shutil.copytree(decided, decided.with_name(f"moved-{moved}"), symlinks=True))
        for name in names[:moved]:
            (path / "certs/.new/new" / name).replace(path / name)

        assert "certs/ca-key.pem" in finished_alike(path)


def test_what_others_trust_is_not_taken_from_a_set_beside_a_ca_that_is_there(decided: Path) -> None:
    (decided / "certs/ca-key.pem").unlink()
    shutil.rmtree(decided / "certs/.new/new")
    (decided / "certs/.new/new/certs").mkdir(parents=True)
    (decided / "certs/.new/new/certs/trust.pem").write_text("another CA")
    (decided / "certs/.new/of").write_text("none\n")

    refused_alike(decided, "certs/.new` was not made for the CA in ")


@pytest.mark.parametrize(
    "odd", [".git/hooks/post-checkout", "Makefile", "config/ca-config.json", "certs/.x/y.pem"]
)
def test_a_set_has_no_files_that_no_regenerate_makes(decided: Path, odd: str) -> None:
    path = decided / "certs/.new/new" / odd
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not ours")

    refused_alike(decided, "is in no set of `make regenerate`")


@pytest.mark.parametrize("name", ["certs/.new", "issued", "archive"])
def test_nothing_is_taken_through_a_link(decided: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    if (decided / name).exists():
        (decided / name).rename(tmp_path / "elsewhere/it")
    (decided / name).symlink_to(tmp_path / "elsewhere")

    refused_alike(decided, f"{name}` is a link")


def test_no_file_of_a_set_is_written_through_a_link(decided: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (decided / "ssl").symlink_to(tmp_path / "elsewhere")
    (decided / "certs/.new/new/ssl").mkdir()
    (decided / "certs/.new/new/ssl/x.pem").write_text("x")

    refused(decided, "ssl` is a link: nothing is written through it", "python")
    assert list((tmp_path / "elsewhere").iterdir()) == []
