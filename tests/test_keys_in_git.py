"""Keys that lie outside `certs/`: commands say where git has them, or would take them."""

from pathlib import Path

import pytest

from conftest import Factory
from keeping import change, edit, foreign, kept
from support import make, run
from test_branches import git

pytestmark = pytest.mark.needs("git")
TAKEN = "warning: git does not ignore keys, which the next `git add .` takes: "
EXPLAIN = "; `tls-scaffold check --explain not-ignored-by-git` says what to do\n"


def new_in_git(folder: Factory) -> Path:
    path = folder("--members", "10.0.0.1", "--users", "root,app")
    git(path, "init", "-q")
    return path


def test_a_key_that_a_line_of_one_s_own_puts_elsewhere_is_told_before_it_is_made(
    folder: Factory,
) -> None:
    path = new_in_git(folder)
    line = "req-own pki/own.pem: config/req-app.json ; $(sign) -profile client $<\n"
    with (path / "Makefile").open("a") as file:
        file.write(line)
    (path / ".gitignore").write_text("# ours\n")
    assert kept(path, "sync").stderr == f"{TAKEN}`pki/own-key.pem`{EXPLAIN}"
    done = make(path, SIGNER="tls-scaffold")
    assert f"{TAKEN}`pki/own-key.pem`{EXPLAIN}" in done.stderr
    git(path, "add", "-f", "pki/own-key.pem")
    told = kept(path, "sync").stderr
    assert "warning: git tracks keys, which are in every clone: `pki/own-key.pem`; " in told
    assert TAKEN not in told


def test_where_git_ignores_them_or_there_is_no_repository_nothing_is_told(
    folder: Factory,
) -> None:
    path = new_in_git(folder)
    change(path, users=[{"name": "root", "output": "pki/root"}])
    assert TAKEN not in kept(path, "sync").stderr  # our .gitignore has all keys
    (path / ".gitignore").write_text("/pki/\n")
    assert TAKEN not in kept(path, "sync").stderr
    (path / ".gitignore").write_text("# ours\n")
    assert TAKEN in kept(path, "sync").stderr
    (path / ".git").rename(path / "no.git")
    assert TAKEN not in kept(path, "sync").stderr


def test_add_tells_of_a_component_whose_key_git_would_take(folder: Factory) -> None:
    path = new_in_git(folder)
    (path / ".gitignore").write_text("# ours\n")
    change(path, users=[{"name": "root"}, {"name": "app", "output": "pki/app"}])
    assert f"{TAKEN}`pki/app-key.pem`{EXPLAIN}" in kept(path, "add", "--user", "carl").stderr


def test_adopt_and_its_sync_tell_the_ca_s_key_first(tmp_path: Path) -> None:
    path = foreign("calico", tmp_path)
    for name in ("Makefile", "README.md"):
        if (path / name).exists():
            text = (path / name).read_text()
            (path / name).write_text(text.replace("certs/", "pki/").replace("certs", "pki"))
    make(path, "ca", "req")
    (path / ".gitignore").write_text("# ours\n")
    run("git", "init", "-q", cwd=path)
    for command in ("adopt", "sync"):
        told = kept(path, command).stderr
        assert f"{TAKEN}`pki/ca-key.pem`, `pki/" in told, told


def test_no_program_of_the_repository_runs(folder: Factory, tmp_path: Path) -> None:
    path = new_in_git(folder)
    edit(path / ".git/config", "[core]", f"[core]\n\tfsmonitor = touch {tmp_path}/ran; false")
    (path / ".gitignore").write_text("# ours\n")
    change(path, users=[{"name": "root", "output": "pki/root"}])
    assert TAKEN in kept(path, "sync").stderr
    assert not (tmp_path / "ran").exists()
