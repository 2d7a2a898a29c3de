"""The tutorial, block by block, on real members: what it prints is what the page shows."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from clusters import short_with
from pages import blocks_of, commands_of, is_as_shown, own_network
from support import PROGRAMS, environment

END = "@@ end of a block @@"
NAME = "test_the_tutorial"

pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl", "bash")


@pytest.mark.parametrize("path", short_with("3.4"))
def test_the_tutorial(tmp_path: Path, path: str) -> None:
    text = [each.replace("127.0.0.", own_network()) for each in blocks_of("tutorial.md", NAME)]
    blocks = [commands_of(each) for each in text]
    typed = ["\n".join(command.typed for command in block) for block in blocks]
    script = "".join(f"{each}\necho '{END}'\n" for each in typed)
    with ended_members(tmp_path / "etcd-tutorial/hosts"):
        printed = run_script(script, tmp_path, f"{path}{os.pathsep}{PROGRAMS}").split(f"{END}\n")
    assert len(printed) == len(blocks) + 1, printed
    for block, got in zip(blocks, printed[:-1], strict=True):
        shown = "".join(command.shown for command in block)
        assert is_as_shown(shown, got), f"{block}\nshows\n{shown}\nnow\n{got}"
    assert printed[-1] == ""
    assert list(tmp_path.iterdir()) == []


def run_script(script: str, at: Path, path: str) -> str:
    """Run the blocks in one shell; return what all of them print, errors among it."""
    given = {"COLUMNS": "80", "TLS_SCAFFOLD_KEY": "ecdsa-256", "TLS_SCAFFOLD_TIMEOUT": "10"}
    process = subprocess.Popen(
        ("bash", "-c", f"exec 2>&1\n{script}"),
        cwd=at,
        env=environment(PATH=path, **given),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        return process.communicate(timeout=900)[0]
    finally:
        process.kill()


@contextmanager
def ended_members(hosts: Path) -> Iterator[None]:
    """End the members that a run has left which failed, by the numbers that it has noted."""
    try:
        yield
    finally:
        for each in hosts.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGKILL)


def test_what_a_page_shows_is_compared() -> None:
    assert is_as_shown("a\n…\nz\n", "a\nb\nc\nz\n")
    assert is_as_shown("at …\n", "at 1, 2\n")
    assert is_as_shown("ends 2027-11-29 (364d)   valid\n", "ends 2030-01-02 (1d)  valid\n")
    assert is_as_shown("Error: no\n", '{"level":"warn","ts":"x"}\nError: no\n')
    assert not is_as_shown("a\nz\n", "a\nb\nz\n")
    assert not is_as_shown("OK\n", "Error: no\n")
    assert not is_as_shown("OK\n", "OK\nOK\n")
