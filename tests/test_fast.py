"""What is marked `fast` can't start a program, by whatever way: conftest.py holds it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import StartedError
from support import make, tls_scaffold

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(lambda: subprocess.run(("true",), check=True), id="subprocess"),
        pytest.param(lambda: os.system("true"), id="a shell"),  # noqa: S605
        pytest.param(lambda: os.posix_spawn("/bin/true", ["true"], {}), id="posix_spawn"),
        pytest.param(os.fork, id="fork"),
        pytest.param(lambda: os.execv(sys.executable, ["python"]), id="exec"),  # noqa: S606
        pytest.param(lambda: make(Path("/")), id="make"),
        pytest.param(lambda: tls_scaffold("--version"), id="our own command"),
    ],
)
def test_a_fast_test_can_start_no_program(start: Callable[[], object]) -> None:
    with pytest.raises(StartedError):
        start()
