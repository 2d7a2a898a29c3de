"""The completion scripts below share/ are click's, and shells that read them complete our lines."""

import os
import pty
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from conftest import Factory
from support import BIN, environment, run, wait_for

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "share/completions"
FILES = {"bash": "bash/tls-scaffold", "zsh": "zsh/_tls-scaffold", "fish": "fish/tls-scaffold.fish"}
INSTALLED = {
    "share/bash-completion/completions/tls-scaffold": FILES["bash"],
    "share/zsh/site-functions/_tls-scaffold": FILES["zsh"],
    "share/fish/vendor_completions.d/tls-scaffold.fish": FILES["fish"],
}
TYPED = {
    "tls-scaffold rem": "tls-scaffold remove",
    "tls-scaffold new --encr": "tls-scaffold new --encrypt-ca-key",
    "tls-scaffold remove cali": "tls-scaffold remove calico",
}
MADE_BY = (8, 5)  # click's templates differ from one version to the next, and all are understood
CLICK = tuple(map(int, version("click").split(".")[:2]))
START = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
# Each writes what stands on its line into the file `line` when C-g is typed.
SETUP = {
    "bash": f"""
        source {SCRIPTS}/bash/tls-scaffold
        bind -x '"\\C-g": printf "%s" "$READLINE_LINE" >line.new; mv line.new line'
    """,
    "zsh": f"""
        fpath=({SCRIPTS}/zsh $fpath); autoload -U compinit; compinit -u -D
        told() {{ print -rn -- "$BUFFER" >line.new; mv line.new line }}
        zle -N told; bindkey '^G' told
    """,
}


@pytest.mark.skipif(CLICK < MADE_BY, reason=f"needs click {MADE_BY[0]}.{MADE_BY[1]} or newer")
@pytest.mark.parametrize("shell", FILES)
def test_the_script_is_the_one_that_click_makes(shell: str) -> None:
    """Where it is not: `_TLS_SCAFFOLD_COMPLETE=bash_source tls-scaffold` writes it."""
    made = run(str(BIN / "tls-scaffold"), _TLS_SCAFFOLD_COMPLETE=f"{shell}_source").stdout

    assert (SCRIPTS / FILES[shell]).read_text(encoding="utf-8") == made


def test_the_wheel_puts_them_where_the_shells_look(tmp_path: Path) -> None:
    words = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert run(sys.executable, *words, cwd=ROOT).returncode == 0
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = {
            name.partition(".data/data/")[2]: archive.read(name)
            for name in archive.namelist()
            if ".data/data/" in name
        }

    assert {name: data.get(name) for name in INSTALLED} == {
        name: (SCRIPTS / file).read_bytes() for name, file in INSTALLED.items()
    }
    assert {name.rpartition("/")[0] for name in data if not name.startswith("share/doc/")} == {
        "share/man/man1",
        "share/man/man5",
        *(name.rpartition("/")[0] for name in INSTALLED),
    }


@pytest.fixture(
    scope="module", params=[pytest.param(each, marks=pytest.mark.needs(each)) for each in START]
)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def completed(shell: str, folder: Path, *lines: str) -> list[str]:
    """Type lines into a shell on a terminal, a tabulator behind each; return what they become."""
    found = []
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        START[shell],
        cwd=folder,
        env=environment(
            TERM="dumb", HOME=str(folder), PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}"
        ),
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        for line in map(str.strip, SETUP[shell].strip().splitlines()):
            os.write(screen, f" {line}\n".encode())
        for line in lines:
            os.write(screen, f"{line}\t\x07".encode())
            wait_for((folder / "line").exists, 30)
            found.append((folder / "line").read_text())
            (folder / "line").unlink()
            os.write(screen, b"\x15")  # C-u: an empty line again
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    return found


def test_a_command_an_option_and_a_component_are_completed(shell: str, folder: Factory) -> None:
    done = completed(shell, folder(), *TYPED)

    assert [line.rstrip() for line in done] == list(TYPED.values())


@pytest.mark.needs("fish")
def test_fish_offers_the_same(folder: Factory) -> None:
    asked = "".join(f"complete -C '{line}'\n" for line in TYPED)
    script = f"source {SCRIPTS / FILES['fish']}\n{asked}"
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = run("fish", "--no-config", "-c", script, cwd=folder(), PATH=path)

    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == [line.rpartition(" ")[2] for line in TYPED.values()]
