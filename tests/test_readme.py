"""The README is the product's face: its commands run, and it names what the command line has.

The pages to which its texts have moved are held to the same.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from headings import headings
from support import run
from tls_scaffold.cli import cli
from tls_scaffold.inventory.values import SCHEMA, Inventory

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CFSSL = ("cfssl", "cfssljson")
MOST_LINES, LONGEST_LINE = 100, 120
PAGES = (
    *("adopt", "bundles", "commands", "for-scripts", "hand-edits", "inventory"),
    *("limits", "makefile", "rbac", "record", "signers", "state"),
)
"""The pages of docs/ that say what the README once said at length."""
TEXTS = {
    "README.md": README,
    **{f"docs/{name}.md": (ROOT / f"docs/{name}.md").read_text("utf-8") for name in PAGES},
}


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


def test_it_is_read_in_three_minutes() -> None:
    lines = README.splitlines()
    assert len(lines) <= MOST_LINES
    long = [line for line in lines if len(line) > LONGEST_LINE]
    assert long == [f"$ {block_under('Quick start')}"], "a command to copy can't be broken"


@pytest.mark.needs("make", "cfssl", "cfssljson", "etcd", "etcdctl")
def test_the_console_blocks_are_what_the_commands_print(tmp_path: Path) -> None:
    made, proven = re.findall(r"```console\n(\$ .*?)```", README, re.DOTALL)[:2]
    assert printed(made, "exec 2>&1", tmp_path) == made
    assert printed(proven, "exec 2>&1", tmp_path) == proven


def printed(block: str, first: str, at: Path) -> str:
    """Return a block with what its commands print now, after a first one that nobody sees."""
    commands = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    script = "\n".join(f"echo '$ {command}'; {command}" for command in commands)
    return run("sh", "-c", f"{first}; {script}", cwd=at).stdout


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    command = block_under("Tests")
    assert "\n" not in command
    assert "'.[test]'" in command
    assert "## Tests" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_command_stands_on_the_page_of_commands_and_every_command_there_exists() -> None:
    known = {name for name, _ in commands()}
    named = set(re.findall(r"`tls-scaffold ([a-z][a-z-]*)", TEXTS["docs/commands.md"]))
    assert named == known


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    known = {name for name, _ in commands()}
    assert set(re.findall(r"`tls-scaffold ([a-z][a-z-]*)", TEXTS[page])) <= known


@pytest.mark.parametrize("page", TEXTS)
def test_every_option_that_a_page_names_exists(page: str) -> None:
    options = {
        option
        for _, command in commands()
        for each in command.params
        for option in (*each.opts, *each.secondary_opts)
    }
    text = re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL)
    named = set(re.findall(r"`[^`]*?(--[a-z][a-z-]+)", text))
    # of click, rbac.sh and docker
    others = {"--help", "--enable", "--only-given", "--set-password", "--prune", "--env-file"}
    assert named - options <= others


@pytest.mark.parametrize("page", TEXTS)
def test_every_target_that_a_page_names_is_in_the_makefile(page: str) -> None:
    template = ROOT / "cookiecutter-template" / "{{cookiecutter.directory}}"
    rules = "".join(
        (template / name).read_text(encoding="utf-8") for name in ("Makefile", "tls-scaffold.mk")
    )
    for target in re.findall(r"`make ([a-z][a-z-]*)`", TEXTS[page]):
        assert re.search(rf"^([a-z-]+ )*{target}( [a-z-]+)*:(?!=)", rules, re.MULTILINE), target


def test_every_field_of_the_inventory_stands_on_its_page() -> None:
    text = TEXTS["docs/inventory.md"]
    names = [SCHEMA if each.name == "schema" else each.name for each in fields(Inventory)]
    assert [each for each in names if f"`{each}`" not in text] == []


def test_every_target_of_make_help_stands_on_its_page() -> None:
    template = ROOT / "cookiecutter-template" / "{{cookiecutter.directory}}"
    rules = (template / "tls-scaffold.mk").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+(?: [a-z-]+)*): ## ", rules, re.MULTILINE)
    assert len(targets) > 10
    for target in " ".join(targets).split():
        assert f"`make {target}`" in TEXTS["docs/makefile.md"] or target in ("all", "cfssl", "help")


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_link_of_a_page_outside_docs_leads_somewhere(page: str) -> None:
    """Those of docs/ are held by Sphinx, for which a link to nowhere is an error."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, heading = link.partition("#")
        if not link.startswith("https://"):
            place = ROOT / (target or page)
            assert place.exists(), link
            assert not heading or heading in headings(place), link
