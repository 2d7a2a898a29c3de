"""`git init; tls-scaffold new .`: what was there stays, and git never takes a key."""

import json
import subprocess
from pathlib import Path

import pytest

from keeping import kept
from support import BIN, LOCKS, contents, environment, make, run, tls_scaffold
from test_newfolder import STOPPED, WORDS, everything

THEIRS = {
    "README.md": "# Our cluster\n",
    "LICENSE": "Apache-2.0\n",
    ".gitattributes": "* text=auto\n",
    ".github/workflows/ci.yml": "on: push\n",
}
# What undoes the rules of others as far as git lets it.
WIDE = "*.swp\n!*.pem\n!*-key.pem\n!certs\n!certs/*\n!archive/**\n!dist/**\n"


def repository(path: Path, ignored: str | None = None) -> Path:
    path.mkdir()
    subprocess.run(["git", "init", "-q", path], check=True)
    for name, text in {**THEIRS, **({} if ignored is None else {".gitignore": ignored})}.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def tracked(path: Path) -> list[str]:
    assert run("git", "add", "-A", cwd=path).returncode == 0
    return run("git", "ls-files", cwd=path).stdout.splitlines()


@pytest.mark.usefixtures("either_signer")
@pytest.mark.parametrize("ignored", [None, "", WIDE])
def test_what_was_there_stays_and_git_takes_no_key(tmp_path: Path, ignored: str | None) -> None:
    path = repository(tmp_path / "r", ignored)
    before = {name: (path / name).read_bytes() for name in THEIRS}

    done = tls_scaffold("new", ".", *WORDS, "--user", "calico", cwd=path)

    assert done.returncode == 0, done.stderr
    assert "left README.md: was there before\n" in done.stderr
    assert {name: (path / name).read_bytes() for name in THEIRS} == before
    if ignored is not None:
        assert (path / ".gitignore").read_text() == ignored
        asked = "`/archive/` `/awaiting/` `/certs/` `/data/` `/dist/` `/.tls-scaffold/.work.*`"
        assert f"these lines too: {asked}" in done.stderr
    make(path)
    make(path, "regenerate")
    assert tls_scaffold("bundle", cwd=path).returncode == 0
    names = tracked(path)
    assert {*THEIRS, "Makefile", "tls-scaffold.json"} <= set(names)
    assert [name for name in names if "key" in name] == []
    holding = [name for name in names if b"PRIVATE KEY-----" in (path / name).read_bytes()]
    assert holding == []
    assert list(path.glob("certs/*-key.pem")) != []


def test_the_folder_follows_its_inventory_from_the_first_moment(tmp_path: Path) -> None:
    path = repository(tmp_path / "r", "# ours\n")
    assert tls_scaffold("new", ".", *WORDS, cwd=path).returncode == 0

    assert kept(path, "sync", "--check").stderr == ""
    before = contents(path)
    kept(path, "sync")
    assert {each: text for each, text in contents(path).items() if each not in LOCKS} == before


def test_without_files_of_its_own_a_repository_gets_ours(tmp_path: Path) -> None:
    path = tmp_path / "r"
    subprocess.run(["git", "init", "-q", path], check=True)

    done = tls_scaffold("new", ".", *WORDS, cwd=path)

    assert (done.returncode, "left" in done.stderr) == (0, False)
    assert {".gitignore", "README.md"} <= {each.name for each in path.iterdir()}


def test_keys_that_no_rule_of_theirs_keeps_out_of_git_are_refused(tmp_path: Path) -> None:
    path = repository(tmp_path / "r", "*.swp\n")
    inventory = {"members": ["10.0.0.1"], "users": [{"name": "u", "output": "ssl/u"}]}
    (tmp_path / "i.json").write_text(json.dumps(inventory))
    before = everything(path)

    done = tls_scaffold("new", ".", "--from", str(tmp_path / "i.json"), cwd=path)

    assert done.returncode == 1
    assert done.stderr == (
        "error: the `.gitignore` that is there would let git take keys: nothing was written\n"
        "  it has no line `/ssl/u-key.pem`\n\nhint: add the lines to `.gitignore`\n"
    )
    assert everything(path) == before

    (path / ".gitignore").write_text("*.swp\n/ssl/u-key.pem\n")
    assert tls_scaffold("new", ".", "--from", str(tmp_path / "i.json"), cwd=path).returncode == 0
    make(path)
    assert "ssl/u-key.pem" not in tracked(path)
    assert (path / "ssl/u-key.pem").exists()


@pytest.mark.parametrize("name", ["README.md", ".gitignore"])
def test_a_link_or_a_file_that_says_it_is_ours_is_in_the_way(tmp_path: Path, name: str) -> None:
    for number, put in enumerate(("link", "edited")):
        path = tmp_path / str(number)
        path.mkdir()
        if put == "link":
            (path / name).symlink_to("elsewhere")
        else:
            (path / name).write_text("# Made by tls-scaffold, and edited\n")

        done = tls_scaffold("new", ".", *WORDS, cwd=path)

        assert done.returncode == 1
        assert f"`{name}` is in the way" in done.stderr


def test_a_killed_run_in_a_repository_is_finished_by_the_next(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    wanted = repository(tmp_path / "wanted", "# ours\n")
    assert tls_scaffold("new", ".", *WORDS, cwd=wanted).returncode == 0
    for at in range(1, 200, 1 if pytestconfig.getoption("--long") else 13):
        path = repository(tmp_path / str(at), "# ours\n")
        words = (str(BIN / "python"), "-c", STOPPED, str(path), str(at), ".", *WORDS)
        code = subprocess.run(words, cwd=path, env=environment(), check=False).returncode
        if code == 0:
            break
        if not (path / "Makefile").exists():
            again = tls_scaffold("new", ".", *WORDS, cwd=path)
            assert again.returncode == 0, (at, again.stderr)
        assert {name: (path / name).read_text() for name in THEIRS} == THEIRS
        names = tracked(wanted)
        assert [each for each in tracked(path) if ".work." not in each] == names
        assert all((path / each).read_bytes() == (wanted / each).read_bytes() for each in names)
    assert code == 0
