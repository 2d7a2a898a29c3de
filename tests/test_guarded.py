"""Programs that end with us, whatever ends us."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support import PROGRAMS, processes, wait_for
from tls_scaffold.etcd import guarded

CLEANING = "trap 'echo cleaned >cleaned; exit 3' TERM; echo up >up; while :; do sleep 0.05; done"
PROGRAM = """
import os, sys
from tls_scaffold.etcd import guarded
program = guarded.start_guarded(["sh", "-c", sys.argv[1]], os.environ, None)
print(program.process.pid, flush=True)
program.process.wait()
"""


def session(leader: int) -> list[str]:
    """Return the command lines of what runs in a session still."""
    found = []
    for number, words in processes().items():
        with suppress(ProcessLookupError):
            found += [words] if os.getsid(number) == leader else []
    return found


def start(script: str, cwd: Path) -> guarded.Guarded:
    return guarded.start_guarded(["sh", "-c", script], os.environ, cwd)


@pytest.mark.parametrize(
    "script", ["exit 0", "sleep 60 & exit 0", "sleep 60 & sleep 60", "kill -KILL $$"]
)
def test_when_it_is_ended_no_process_is_left(tmp_path: Path, script: str) -> None:
    for _ in range(20):
        program = start(script, tmp_path)
        program.end()
        assert session(program.process.pid) == []


def test_it_may_clean_up_where_it_is_asked(tmp_path: Path) -> None:
    program = start(CLEANING, tmp_path)
    wait_for((tmp_path / "up").exists)

    program.end(ask=60)

    assert program.process.returncode == 3
    assert (tmp_path / "cleaned").exists()


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    program = start("trap '' TERM; echo up >up; while :; do sleep 0.05; done", tmp_path)
    wait_for((tmp_path / "up").exists)

    program.end(ask=0.2)

    assert program.process.returncode == -signal.SIGKILL
    assert session(program.process.pid) == []


@pytest.mark.parametrize("script", ["sleep 60 & sleep 60", "trap '' TERM; sleep 60 & sleep 60"])
def test_when_we_are_killed_its_whole_session_is(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"], script: str
) -> None:
    ours = running(sys.executable, "-c", PROGRAM, script, cwd=tmp_path)
    assert ours.stdout
    leader = int(ours.stdout.readline())

    ours.kill()

    wait_for(lambda: session(leader) == [])


def test_when_we_are_killed_it_may_clean_up(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    # The guard's second is a short one where the machine is busy with something else.
    (tmp_path / "sleep").write_text(
        '#!/bin/sh\nPATH=${PATH#*:}\n[ "$1" != 1 ] || set -- 60\nexec sleep "$@"\n'
    )
    (tmp_path / "sleep").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{PROGRAMS}"
    ours = running(sys.executable, "-c", PROGRAM, CLEANING, cwd=tmp_path, PATH=path)
    wait_for((tmp_path / "up").exists)

    ours.kill()

    wait_for((tmp_path / "cleaned").exists)


def test_we_may_hold_many_descriptors(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    many = PROGRAM.replace("program =", "held = [os.open('/', 0) for _ in range(20)]\nprogram =")
    ours = running(sys.executable, "-c", many, "sleep 60 & sleep 60", cwd=tmp_path)
    assert ours.stdout
    leader = int(ours.stdout.readline())

    ours.kill()

    wait_for(lambda: session(leader) == [])


FOLDER = """
import os, sys, time
from tls_scaffold.etcd import guarded
{before}
with guarded.temporary_folder("a b-") as folder:
    (folder / "below").mkdir()
    (folder / "below/file").touch()
    os.symlink(sys.argv[1], folder / "link")
    print(oct(folder.stat().st_mode & 0o777), flush=True)
    {inside}
"""
AGAIN = """
    script = "trap 'sleep 0.5; mkdir -p \\"$0/again\\"; exit' TERM; echo up; sleep 60 & wait"
    # Without a name for it its channel ends at once.
    kept = guarded.start_guarded(["sh", "-c", script, str(folder)], os.environ, None)
    time.sleep(60)
"""


def other_folder(tmp_path: Path) -> Path:
    """Return a folder that something links to, beside the empty one for temporary files."""
    (tmp_path / "temporary files").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/kept").touch()
    return tmp_path / "other"


@pytest.mark.parametrize(
    "inside", ["pass", "raise OSError", "os.kill(os.getpid(), 9)", "os.killpg(0, 9)"]
)
def test_a_temporary_folder_is_gone_however_it_ends(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"], inside: str
) -> None:
    other, temporary = other_folder(tmp_path), tmp_path / "temporary files"
    program = FOLDER.format(before="os.umask(0)", inside=inside)

    ours = running(sys.executable, "-c", program, str(other), cwd=tmp_path, TMPDIR=str(temporary))
    said = ours.communicate(timeout=120)[0]

    assert said == "0o700\n"
    wait_for(lambda: not list(temporary.iterdir()))
    assert (other / "kept").exists()


def test_a_temporary_folder_that_something_makes_anew_is_gone_in_the_end(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    other, temporary = other_folder(tmp_path), tmp_path / "temporary files"
    ours = running(
        *(sys.executable, "-c", FOLDER.format(before="", inside=AGAIN), str(other)),
        cwd=tmp_path,
        TMPDIR=str(temporary),
    )
    assert ours.stdout
    assert [ours.stdout.readline() for _ in range(2)] == ["0o700\n", "up\n"]

    ours.kill()

    wait_for(lambda: not [words for words in processes().values() if str(temporary) in words])
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("call", ["mkdir", "rmtree"])
def test_the_guard_is_there_before_the_folder_and_after_it(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"], call: str
) -> None:
    other, temporary = other_folder(tmp_path), tmp_path / "temporary files"
    killed = (
        "import shutil; from pathlib import Path; real = "
        f"{'Path' if call == 'mkdir' else 'shutil'}.{call}"
    )
    at_once = {"mkdir": "Path.mkdir = lambda *a, **b: (real(*a, **b), os.kill(os.getpid(), 9))"}
    at_once["rmtree"] = "shutil.rmtree = lambda path: os.kill(os.getpid(), 9)"
    program = FOLDER.format(before=f"{killed}\n{at_once[call]}", inside="pass")

    ours = running(sys.executable, "-c", program, str(other), cwd=tmp_path, TMPDIR=str(temporary))
    ours.communicate(timeout=120)

    assert ours.returncode == -signal.SIGKILL
    wait_for(lambda: not list(temporary.iterdir()))
    assert (other / "kept").exists()
