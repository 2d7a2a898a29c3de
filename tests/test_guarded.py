"""Programs that end with us, whatever ends us."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support import processes, wait_for
from tls_scaffold.etcd import guarded

CLEANING = "trap 'echo cleaned >cleaned; exit 3' TERM; echo up >up; while :; do sleep 0.05; done"
PROGRAM = """
import os, sys
from pathlib import Path
from tls_scaffold.etcd import guarded
removing = Path("gone") if sys.argv[2:] else None
program = guarded.start(["sh", "-c", sys.argv[1]], os.environ, None, removing=removing)
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
    return guarded.start(["sh", "-c", script], os.environ, cwd)


@pytest.mark.parametrize("script", ["exit 0", "sleep 60 & exit 0", "sleep 60 & sleep 60", "kill -KILL $$"])
def test_when_it_is_ended_no_process_is_left(tmp_path: Path, script: str) -> None:
    for _ in range(20):
        program = start(script, tmp_path)
        program.end()
        assert session(program.process.pid) == []


def test_it_may_clean_up_where_it_is_asked(tmp_path: Path) -> None:
    program = start(CLEANING, tmp_path)
    wait_for((tmp_path / "up").exists)

    program.end(ask=10)

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


def test_when_we_are_killed_it_may_clean_up(tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]) -> None:
    ours = running(sys.executable, "-c", PROGRAM, CLEANING, cwd=tmp_path)
    wait_for((tmp_path / "up").exists)

    ours.kill()

    wait_for((tmp_path / "cleaned").exists)


def test_when_we_are_killed_its_folder_goes_too(
    tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (tmp_path / "gone").mkdir()
    ours = running(sys.executable, "-c", PROGRAM, "echo up >up; sleep 60", "remove", cwd=tmp_path)
    assert ours.stdout
    leader = int(ours.stdout.readline())
    wait_for((tmp_path / "up").exists)

    ours.kill()

    wait_for(lambda: session(leader) == [])
    assert not (tmp_path / "gone").exists()


def test_we_may_hold_many_descriptors(tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"]) -> None:
    many = PROGRAM.replace("removing =", "held = [os.open('/', 0) for _ in range(20)]\nremoving =")
    ours = running(sys.executable, "-c", many, "sleep 60 & sleep 60", cwd=tmp_path)
    assert ours.stdout
    leader = int(ours.stdout.readline())

    ours.kill()

    wait_for(lambda: session(leader) == [])
