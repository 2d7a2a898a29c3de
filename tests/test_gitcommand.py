"""Git is asked about a folder, and nothing that the folder brings along answers in its place."""

import os
from pathlib import Path

import pytest

from support import run
from tls_scaffold.disk import gitcommand
from tls_scaffold.disk.gitcommand import ask_git, is_tracked
from tls_scaffold.errors import ScaffoldError

pytestmark = pytest.mark.needs("git")
FILE = "state/pending.json"


def git(folder: Path, *words: str) -> str:
    done = run("git", "-c", "user.name=a", "-c", "user.email=a@b", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    (folder / "state").mkdir(parents=True)
    (folder / FILE).write_text("{}")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder


def test_what_is_in_no_repository_is_not_tracked(tmp_path: Path) -> None:
    assert not is_tracked(tmp_path, "file")


def test_what_git_has_is_tracked_in_a_folder_below_and_in_another_work_tree(tmp_path: Path) -> None:
    top = repository(tmp_path / "a/b c").parent
    git(top / "b c", "worktree", "add", "-q", str(tmp_path / "other"))
    (top / "b c/state/own").touch()

    assert is_tracked(top / "b c", FILE)
    assert is_tracked(tmp_path / "other", FILE)
    assert not is_tracked(top / "b c", "state/own")


def test_a_hook_s_variables_lead_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "repository/below").rename(tmp_path / "moved")
    (tmp_path / "moved/.git").rename(tmp_path / "repository/.git")
    (tmp_path / "moved").rename(tmp_path / "repository/below")
    git(tmp_path / "repository", "add", "-A")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "repository/.git"))

    assert is_tracked(tmp_path / "repository/below", FILE)


def test_a_folder_below_may_be_a_repository_of_its_own(tmp_path: Path) -> None:
    inner = repository(tmp_path / "state")
    (inner / "pending.json").write_text("{}")
    git(inner, "add", "-A")
    git(tmp_path, "init", "-q")

    assert is_tracked(tmp_path, FILE)


def test_a_repository_among_the_files_of_a_clone_does_not_hide_them(tmp_path: Path) -> None:
    state = repository(tmp_path) / "state"
    for name in ("objects", "refs"):
        (state / name).mkdir()
    (state / "HEAD").write_text("ref: refs/heads/main\n")

    with pytest.raises(ScaffoldError, match="git can't tell"):
        is_tracked(tmp_path, FILE)


def test_no_program_that_a_repository_names_fetches_what_is_missing(tmp_path: Path) -> None:
    folder, mark = repository(tmp_path / "folder"), tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n: >'{mark}'\nexit 1\n")
    program.chmod(0o755)
    tree = git(folder, "rev-parse", "HEAD:state")
    (folder / f".git/objects/{tree[:2]}/{tree[2:]}").unlink()
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", "ssh://host/path"),
        ("remote.origin.promisor", "true"),
        ("core.sshCommand", str(program)),
        ("protocol.ssh.allow", "always"),
    ):
        git(folder, "config", name, value)
    words = ("ls-tree", "-r", "HEAD")
    run("git", *words, cwd=folder)
    assert mark.exists(), "git alone fetches it"
    mark.unlink()

    assert ask_git(folder, *words).returncode
    assert not mark.exists()


def test_a_git_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path)
    (folder / ".git/index").unlink()
    os.mkfifo(folder / ".git/index")
    monkeypatch.setattr(gitcommand, "SECONDS", 0.2)

    with pytest.raises(ScaffoldError, match="gave no answer"):
        is_tracked(folder, FILE)
