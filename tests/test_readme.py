"""The README is the product's face: its commands run, and it names what the command line has."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from support import run
from tls_scaffold.cli import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CFSSL = ("cfssl", "cfssljson")


def block_under(heading: str) -> str:
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"```console\n\$ (.*?)\n```", section, re.DOTALL)[1]  # type: ignore[index]


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    return ((name, cli.get_command(context, name)) for name in cli.list_commands(context))  # type: ignore[misc]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True, text=True
    )
    for name in tracked.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    return tmp_path / "checkout"


@pytest.fixture
def path_without_cfssl(tmp_path: Path) -> str:
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).glob("*"):
            if program.name not in (*CFSSL, "tls-scaffold"):
                (programs / program.name).unlink(missing_ok=True)
                (programs / program.name).symlink_to(program)
    return str(programs)


def test_the_quick_start_ends_with_certificates_on_a_machine_without_cfssl(
    checkout: Path, path_without_cfssl: str, tmp_path: Path
) -> None:
    quick_start = block_under("Quick start")
    assert "\n" not in quick_start
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV", "PYTEST", "TLS_SCAFFOLD"))
    }
    done = subprocess.run(
        ["bash", "-e", "-c", quick_start],
        cwd=checkout,
        env={**environment, "PATH": path_without_cfssl, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    certs = checkout / "tls-setup" / "certs"
    for name in ("etcd1", "etcd2", "proxy1", "calico", "kube-apiserver"):
        verified = subprocess.run(
            ["openssl", "verify", "-CAfile", str(certs / "ca.pem"), str(certs / f"{name}.pem")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.stdout == f"{certs / name}.pem: OK\n"
        assert (certs / f"{name}-key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_the_console_block_is_what_the_commands_print(tmp_path: Path) -> None:
    block = re.search(r"```console\n(\$ tls-scaffold new .*?)```", README, re.DOTALL)
    assert block
    commands = [part.partition("\n") for part in block[1].split("$ ")[1:]]
    script = "\n".join(f"echo '$ {command}'; {command}" for command, _, _ in commands)
    done = run("sh", "-c", f"exec 2>&1; {script}", cwd=tmp_path)
    *said, listed = done.stdout.split("$ ")[1:]
    assert said == [f"{command}\n{output}" for command, _, output in commands[:-1]]
    assert set(listed.split()) == {*commands[-1][0].split(), *commands[-1][2].split()}


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    command = block_under("Tests")
    assert "\n" not in command
    assert "'.[test]'" in command
    assert "## Tests" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_command_stands_in_the_readme_and_every_command_there_exists() -> None:
    named = set(re.findall(r"`tls-scaffold ([a-z][a-z-]*)", README))
    assert named == {name for name, _ in commands()}


def test_every_option_that_the_readme_names_exists() -> None:
    options = {
        option
        for _, command in commands()
        for each in command.params
        for option in (*each.opts, *each.secondary_opts)
    }
    named = set(
        re.findall(r"`[^`]*?(--[a-z][a-z-]+)", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    )
    # of cookiecutter, click, the tests, rbac.sh and docker
    assert named - options <= {
        "--directory",
        "--help",
        "--long",
        "--enable",
        "--only-given",
        "--set-password",
        "--prune",
        "--env-file",
    }


def test_every_target_that_the_readme_names_is_in_the_makefile() -> None:
    template = ROOT / "cookiecutter-template" / "{{cookiecutter.directory}}"
    rules = "".join(
        (template / name).read_text(encoding="utf-8") for name in ("Makefile", "tls-scaffold.mk")
    )
    for target in re.findall(r"`make ([a-z][a-z-]*)`", README):
        assert re.search(rf"^([a-z-]+ )*{target}( [a-z-]+)*:(?!=)", rules, re.MULTILINE), target
