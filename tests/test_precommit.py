"""The hooks for pre-commit, run by pre-commit on repositories with a folder of ours in them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import Factory
from support import BIN, Done, environment, tls_scaffold

ROOT = Path(__file__).parents[1]
HOOKS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
SYNC, CHECK = (hook["id"] for hook in HOOKS)
pytestmark = pytest.mark.needs("git")


def called(repository: Path, *words: str) -> Done:
    """Call git or pre-commit without a configuration of the machine's."""
    return subprocess.run(
        words,
        cwd=repository,
        env=environment(
            HOME=str(repository.parent),
            PATH=f"{BIN}:{environment()['PATH']}",
            GIT_CONFIG_NOSYSTEM="1",
            PRE_COMMIT_HOME=str(repository.parent / "pre-commit"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )


def repository_of(folder: Path) -> Path:
    """Return a repository in which a folder is committed."""
    where = folder.parent
    for words in (
        ("init", "-q"),
        ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "Make the folder"),
    ):
        assert called(where, "git", *words).returncode == 0
    return where


def results(done: Done) -> dict[str, str]:
    """Return how each hook went, by its name."""
    return dict(
        re.findall(r"^(tls-scaffold [a-z -]+?)\.{3,}(?:\(.*\))?(\w+)$", done.stdout, re.MULTILINE)
    )


def run_hooks(repository: Path, *words: str, args: list[str] | None = None) -> Done:
    """Run the hooks as they stand in the file, but with the tls-scaffold that is installed here."""
    hooks = [{**each, "language": "system", **({"args": args} if args else {})} for each in HOOKS]
    config = repository.parent / "config.yaml"
    config.write_text(json.dumps({"repos": [{"repo": "local", "hooks": hooks}]}))
    return called(repository, "pre-commit", "run", "--config", str(config), *words)


@pytest.fixture
def repository(folder: Factory, tmp_path: Path) -> Path:
    folder("--members", "10.0.0.1", "--users", "alice", name="repository/tls-setup")
    return repository_of(tmp_path / "repository/tls-setup")


PASSED = {"tls-scaffold sync --check": "Passed", "tls-scaffold check": "Passed"}


def test_a_good_folder_passes_and_mistakes_do_not(repository: Path) -> None:
    done = run_hooks(repository, "--all-files")
    assert (results(done), done.returncode) == (PASSED, 0), done.stdout

    folder = repository / "tls-setup"
    inventory = folder / "tls-scaffold.json"
    inventory.write_text(inventory.read_text().replace('"name": "alice"', '"name": "bob"', 1))
    called(repository, "git", "add", "-A")
    done = run_hooks(repository)
    assert results(done)["tls-scaffold sync --check"] == "Failed"
    assert "config/req-bob.json" in done.stdout

    assert tls_scaffold("sync", cwd=folder).returncode == 0
    request = folder / "config/req-csr.json"
    request.write_text(request.read_text().replace('"10.0.0.1"', '""', 1))
    called(repository, "git", "add", "-A")
    done = run_hooks(repository)
    assert results(done)["tls-scaffold check"] == "Failed"
    assert "[empty-host]" in done.stdout


def test_they_are_run_for_every_file_of_a_folder_and_not_for_others(repository: Path) -> None:
    tls_scaffold("sign", cwd=repository / "tls-setup")
    called(repository, "git", "add", "-A")
    files = called(repository, "git", "ls-files", "tls-setup").stdout.split()
    assert "tls-setup/tls-scaffold.json" in files
    assert len([each for each in files if "/issued/" in each]) > 2

    for hook in HOOKS:
        assert [each for each in files if not re.search(hook["files"], each)] == []
    (repository / "main.go").write_text("package main\n")
    called(repository, "git", "add", "main.go")
    done = run_hooks(repository, "--files", "main.go")
    assert results(done) == dict.fromkeys(PASSED, "Skipped")


def test_another_folder_is_named_by_args(folder: Factory, tmp_path: Path) -> None:
    folder("--members", "10.0.0.1", name="repository/deploy/etcd")
    where = tmp_path / "repository"
    repository_of(where / "deploy")

    assert results(run_hooks(where, "--all-files", args=["-C", "deploy/etcd"])) == PASSED
    done = run_hooks(where, "--all-files")
    assert results(done) == dict.fromkeys(PASSED, "Failed")
    assert "hint: `tls-scaffold new` makes one" in done.stdout


@pytest.mark.long
def test_pre_commit_installs_the_hooks_from_a_clone(repository: Path) -> None:
    for hook in (SYNC, CHECK):
        done = called(repository, "pre-commit", "try-repo", str(ROOT), hook, "--all-files")
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(results(done).values()) == ["Passed"]

    inventory = repository / "tls-setup/tls-scaffold.json"
    inventory.write_text(inventory.read_text().replace('"name": "alice"', '"name": "bob"', 1))
    done = called(repository, "pre-commit", "try-repo", str(ROOT), SYNC, "--all-files")
    assert list(results(done).values()) == ["Failed"]
