"""Whether git would take bundles: told from the text of the ignore rules, as git itself decides."""

import os
from pathlib import Path

import pytest

from conftest import Factory
from support import run, tls_scaffold
from tls_scaffold.disk.gitignore import unignored

PATHS = ("dist/alice/alice-key.pem", "dist/alice.tar.gz")
NAMES = [path.split("/")[1] for path in PATHS]
RULES = [
    "",
    "dist/",
    "dist",
    "/dist/",
    "dist/*",
    "dist/**",
    "**/dist",
    "**/dist/**",
    "*",
    "d?st/",
    "[cd]ist",
    "[!d]ist",
    r"d\ist",
    r"\dist/",
    r"\!dist/",
    "dist ",
    "dist/  \r",
    r"dist\ ",
    "# dist/",
    "*.tar.gz",
    "dist/*/",
    "dist/alice",
    "alice*",
    "alice/",
    "/alice",
    "*-key.pem",
    "t/dist",
    "/t/dist/",
    "**/t/dist",
    "a/**/dist",
    "t/**/alice",
    "t/**/dist/alice.tar.gz",
    "**",
    "dist/\n!dist/",
    "dist/*\n!dist/alice",
    "dist/*\n!dist/alice.tar.gz",
    "!dist/\ndist/",
    "dist/\n!dist/alice",
    "*\n!*/",
    "/",
    "//dist",
    "DIST",
    "dis",
    "\ufeffdist/",
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder in a git work tree, with bundles in it."""
    folder = tmp_path / "clone/t"
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")
    assert run("git", "init", "-q", str(tmp_path / "clone")).returncode == 0
    return folder


def taken(folder: Path) -> list[str]:
    """Return which of the bundles git itself would take."""
    done = run("git", "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard", "dist", cwd=folder)
    return [name for path, name in zip(PATHS, NAMES, strict=True) if path in done.stdout.splitlines()]


@pytest.mark.needs("git")
@pytest.mark.parametrize("place", ["t/.gitignore", ".gitignore", ".git/info/exclude", "t/dist/.gitignore"])
@pytest.mark.parametrize("rules", RULES)
def test_rules_count_as_they_do_to_git(clone: Path, place: str, rules: str) -> None:
    (clone.parent / place).write_text(rules, newline="")

    found = list(unignored(clone / "dist", NAMES))

    expected = taken(clone)
    if rules in ("*-key.pem", "*\n!*/"):  # what leaves out one file of a bundle, or all files, leaves out no bundle
        expected = [name for name in NAMES if name == "alice" or name in expected]
    assert found == expected


@pytest.mark.needs("git")
@pytest.mark.parametrize(
    ("above", "own"), [("dist/", "!dist/"), ("t/", "!dist/"), ("*", "!dist\n!dist/*"), ("!dist/", "dist/")]
)
def test_a_rule_nearer_by_counts_more_but_not_in_a_folder_that_is_left_out(clone: Path, above: str, own: str) -> None:
    (clone.parent / ".gitignore").write_text(above)
    (clone / ".gitignore").write_text(own)

    assert list(unignored(clone / "dist", NAMES)) == taken(clone)


def test_where_there_is_no_work_tree_nothing_is_taken(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()

    assert list(unignored(tmp_path / "dist", NAMES)) == []


def test_rules_that_can_not_be_read_are_none_and_are_waited_for_by_nobody(clone: Path, tmp_path: Path) -> None:
    file = clone / ".gitignore"
    os.mkfifo(file)
    assert list(unignored(clone / "dist", NAMES)) == NAMES
    file.unlink()
    file.symlink_to(tmp_path / "rules")
    (tmp_path / "rules").write_text("dist/")
    assert list(unignored(clone / "dist", NAMES)) == NAMES  # git follows no link there either
    file.unlink()
    file.write_bytes(b"dist/\n" + b"#" * 64 * 1024)
    assert list(unignored(clone / "dist", NAMES)) == NAMES
    file.write_bytes(b"\xff\xfe\n**/" + b"**/a/" * 5000 + b"\n[\n[z-a]\n[[:x:]\ndist/\n")
    assert list(unignored(clone / "dist", NAMES)) == []


@pytest.mark.needs("git", "make", "cfssl")
def test_bundles_that_git_would_take_are_told_and_no_program_of_the_repository_runs(
    signed: Factory, tmp_path: Path
) -> None:
    folder = signed("--members", "10.0.0.1", "--users", "alice", "--key", "ecdsa-256")
    done = tls_scaffold("-C", str(folder), "bundle", "alice")
    assert done.stderr == "bundles hold keys: copy each to its own host only, and commit none\n"
    assert run("git", "init", "-q", str(tmp_path)).returncode == 0
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand"):
        assert run("git", "config", name, str(hook), cwd=tmp_path).returncode == 0
    done = tls_scaffold("-C", str(folder), "bundle", "alice")
    assert "warning" not in done.stderr

    (folder / ".gitignore").unlink()
    done = tls_scaffold("-C", str(folder), "bundle", "alice", "--tar")

    assert done.returncode == 0
    assert done.stderr == (
        f"warning: git would take what is in `{folder / 'dist'}`: put `dist/` into `{folder / '.gitignore'}`\n"
        "bundles hold keys: copy each to its own host only, and commit none\n"
    )
    assert not (tmp_path / "ran").exists()
