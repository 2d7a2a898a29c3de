"""Large folders: whatever `new` accepts can be signed, looked at and kept."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conftest import Factory
from keeping import kept, kept_contents
from support import BIN, SMALL, Done, contents, environment, make, run, tls_scaffold
from tls_scaffold.cli import cli
from tls_scaffold.spelling import NAME_LENGTH

MIB = 1024 * 1024
LARGE = ("Makefile", "COMPONENTS.md", "rbac.tsv", "tls-scaffold.json", ".tls-scaffold/rendered.tsv")
LOOKS = (
    ("status",),
    ("status", "--json"),
    ("status", "--svg", "-"),
    ("status", "--prometheus", "-"),
    ("check",),
    ("check", "--sarif"),
    ("rbac",),
    ("roles",),
    ("sync", "--check"),
    ("sync", "--dry-run"),
    ("sign",),
)


def name(number: int) -> str:
    return f"u{number}".ljust(NAME_LENGTH, "x")


def inventory(path: Path, users: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"members": ["10.0.0.1"], "key": "ecdsa-256", "users": users}))
    return path


def done_well(*words: str) -> Done:
    done = tls_scaffold(*words)
    assert done.returncode == 0, (words[2:4], done.stderr[-1000:])
    return done


def keep(folder: Path) -> None:
    """Sign a folder, look at it in every way, add and remove a user, and look again."""
    make(folder, SIGNER="tls-scaffold")
    for words in LOOKS:
        done_well("-C", str(folder), *words)
    done_well("-C", str(folder), "add", "--user", "zoe", "--grant", "zoe=/zoe/")
    assert "signed certs/zoe.pem" in make(folder, SIGNER="tls-scaffold").stdout
    done_well("-C", str(folder), "bundle", "zoe")
    done_well("-C", str(folder), "remove", "zoe", name(0))
    done_well("-C", str(folder), "sync", "--check")
    done_well("-C", str(folder), "status")


@pytest.mark.long
@pytest.mark.needs("make")
def test_a_folder_whose_files_are_all_above_a_mebibyte_is_signed_looked_at_and_kept(
    tmp_path: Path,
) -> None:
    # Long paths do for more users.
    folder, far = tmp_path / "t", "/".join(("certs", *("y" * 195,) * 5))
    users = [
        {
            "name": name(number),
            "output": f"{far}/{number}",
            "permissions": [{"prefix": f"/{number}/{'k' * 1000}/"}],
        }
        for number in range(1000)
    ]
    done_well("new", str(folder), "--from", str(inventory(tmp_path / "i.json", users)))
    assert min((folder / path).stat().st_size for path in LARGE) > MIB

    keep(folder)


@pytest.mark.long
@pytest.mark.needs("make")
def test_ten_thousand_users_with_the_longest_names_are_signed_looked_at_and_kept(
    tmp_path: Path,
) -> None:
    users = [
        {"name": name(number), "permissions": [{"prefix": f"/{number}/"}]}
        for number in range(10_000)
    ]
    done_well("new", str(tmp_path / "t"), "--from", str(inventory(tmp_path / "i.json", users)))

    keep(tmp_path / "t")


@pytest.mark.long
@pytest.mark.needs("make", "cfssl", "cfssljson")
def test_cfssl_signs_a_folder_whose_makefile_is_above_a_mebibyte(tmp_path: Path) -> None:
    users = [{"name": name(number)} for number in range(4_400)]
    done_well("new", str(tmp_path / "t"), "--from", str(inventory(tmp_path / "i.json", users)))
    assert (tmp_path / "t/Makefile").stat().st_size > MIB

    words = ["make", "-j4", "-C", str(tmp_path / "t")]

    done = subprocess.run(words, env=environment(SIGNER="cfssl"), capture_output=True, check=True)

    assert done.stdout.count(b"signed certs/") == 4_403
    keep(tmp_path / "t")


@pytest.mark.parametrize(
    "words",
    [
        ("add", "--users", ",".join(map(name, range(125)))),
        ("add", "--dry-run", "--users", ",".join(map(name, range(125)))),
        ("sync",),
        ("sync", "--dry-run"),
    ],
)
def test_what_would_be_too_large_is_refused_before_anything_is_written(
    folder: Factory, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    path = folder(*SMALL)
    if "sync" in words:
        data = json.loads((path / "tls-scaffold.json").read_text())
        data["users"] += [{"name": name(number)} for number in range(125)]
        (path / "tls-scaffold.json").write_text(json.dumps(data))
    before = kept_contents(path)
    monkeypatch.setattr("tls_scaffold.rendering.documents.LARGEST_FILE", MIB // 16)

    done = CliRunner().invoke(cli, ["-C", str(path), *words])

    assert (done.exit_code, kept_contents(path)) == (1, before)
    assert done.stderr == (
        "error: the folder would have files that are too large, and nothing was written\n"
        "  `.tls-scaffold/rendered.tsv` would have 0.1 MiB, 0.0625 are allowed\n"
        "\nhint: take fewer components, or shorter names and paths\n"
    )


def test_new_refuses_a_folder_that_no_command_could_read(tmp_path: Path) -> None:
    # The file itself is just small enough to be read; with the access written out it is too large.
    keys = [{"key": f"/{number}/".ljust(500, "y")} for number in range(100)]
    users = [{"name": f"u{number}", "permissions": keys} for number in range(1270)]
    inventory(tmp_path / "i.json", users)
    assert (tmp_path / "i.json").stat().st_size < 64 * MIB

    done = run(str(BIN / "tls-scaffold"), "new", "t", "--from", "i.json", cwd=tmp_path)

    assert (done.returncode, sorted(each.name for each in tmp_path.iterdir())) == (1, ["i.json"])
    assert "too large, and nothing was written\n" in done.stderr
    assert "  `tls-scaffold.json` would have " in done.stderr


def test_a_file_that_was_edited_until_it_is_too_large_is_told_and_nothing_is_written(
    folder: Factory,
) -> None:
    path = folder(*SMALL)
    with (path / "README.md").open("r+b") as file:
        file.truncate(64 * MIB + 1)
    before = contents(path / "config")

    done = tls_scaffold("-C", str(path), "add", "--user", "zoe")

    assert (done.returncode, done.stderr) == (
        1,
        f"error: `{path}/README.md` is larger than 64 MiB\n",
    )
    assert contents(path / "config") == before


@pytest.mark.needs("make")
def test_a_diff_of_many_changes_takes_as_long_as_they_are_many(tmp_path: Path) -> None:
    def seconds(users: int) -> float:
        path = tmp_path / str(users)
        listed = [{"name": name(number)} for number in range(users)]
        done_well("new", str(path), "--from", str(inventory(tmp_path / "i.json", listed)))
        # Of the processor, and so in this process: a busy machine may stop any for seconds.
        begin = time.process_time()
        said = kept(path, "remove", "--dry-run", *map(name, range(0, users, 2)))
        assert said.stdout.count("+++ /dev/null\n") == users // 2
        return time.process_time() - begin

    assert seconds(2_000) < 10 * seconds(500)
