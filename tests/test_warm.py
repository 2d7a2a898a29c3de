"""What is run forked is what the program does by itself."""

import os
import subprocess
from pathlib import Path

import pytest

from support import OURS, WARM, environment, run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), 0),
        (("new", "t", "--members", "10.0.0.1", "--dry-run"), 0),
        (("new", "t", "--members", "10.0.0.999"), 1),
        (("status", "--no-such-option"), 2),
    ],
)
def test_a_forked_command_says_what_the_program_says(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    alone = subprocess.run(
        (OURS, *words), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )

    forked = run(OURS, *words, cwd=tmp_path)

    assert forked.returncode == alone.returncode == code
    assert (forked.stdout, forked.stderr) == (alone.stdout, alone.stderr)


def test_it_has_the_variables_the_folder_and_the_umask_that_it_is_given(tmp_path: Path) -> None:
    done = run(OURS, "new", cwd=tmp_path, umask=0o077, TLS_SCAFFOLD_MEMBERS="10.0.0.1")

    assert done.returncode == 0
    assert (tmp_path / "tls-setup/config").stat().st_mode & 0o777 == 0o700
    assert run(OURS, "new", "u", cwd=tmp_path).returncode == 2  # the next has not


def test_what_python_reads_at_its_start_is_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WARM.can_run(environment())
    assert not WARM.can_run(environment(PYTHONUTF8="0"))
    assert not WARM.can_run(environment(LC_ALL="C.UTF-8"))
    monkeypatch.setitem(os.environ, "TZ", "America/Anchorage")
    assert not WARM.can_run(environment())
