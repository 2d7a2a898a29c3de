"""`sync --from` and `new --from`: a folder is brought to an inventory, again and again."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Factory
from keeping import edit, kept
from support import contents, make, run

WORDS = ("--members", "10.0.0.1,10.0.0.2", "--users", "calico", "--key", "ecdsa-256")
OTHER = "members: [10.0.0.1, db=10.0.0.9]\nproxies: 2\nusers: [calico, app]\n"


def wish(folder: Path, text: str) -> str:
    path = folder.parent / "wish.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def moments(folder: Path) -> dict[str, tuple[int, int]]:
    """Return when each file and directory was changed, its mode and owner included."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns)
        for path in (folder, *folder.rglob("*"))
    }


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "tls-scaffold.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.needs("make", "cfssl", "cfssljson")
@pytest.mark.parametrize("command", ["sync", "new"])
def test_a_folder_gets_what_is_new_and_archives_what_is_gone_and_a_second_run_changes_nothing(
    signed: Factory, command: str
) -> None:
    path = signed(*WORDS)
    source = wish(path, OTHER)
    words = ("sync", "--from", source) if command == "sync" else ("new", "--from", source, ".")
    ca = (path / "certs/ca-key.pem").read_bytes()
    pair = [(path / f"certs/etcd2{ending}").read_bytes() for ending in (".pem", "-key.pem")]

    done = kept(path, *words)

    found = document(path)
    assert [each["name"] for each in found["members"]] == ["etcd1", "db"]
    assert [each["name"] for each in found["proxies"]] == ["proxy1", "proxy2"]
    assert [each["name"] for each in found["users"]] == ["calico", "app"]
    (shelf,) = (each for each in (path / "archive").iterdir() if not each.name.startswith("."))
    archived = [(shelf / f"certs/etcd2{end}").read_bytes() for end in (".pem", "-key.pem")]
    assert archived == pair
    assert (path / "certs/ca-key.pem").read_bytes() == ca
    assert "etcdctl member remove" in done.stderr
    assert f"next: make -C {path}\n" in done.stderr

    before = moments(path)
    assert kept(path, *words).stderr == ""
    assert kept(path, *words, "--dry-run").stdout == ""
    assert moments(path) == before
    if command == "sync":
        kept(path, "sync", "--from", source, "--check")
    make(path, SIGNER="cfssl")
    kept(path, "status")
    before = moments(path)
    kept(path, *words)
    assert moments(path) == before


def test_the_folder_is_the_one_that_new_makes_of_the_file(folder: Factory, tmp_path: Path) -> None:
    path = folder(*WORDS[:-2])
    text = "members: [etcd1=10.0.0.1, b=10.0.0.2]\nusers: [calico, app]\nproxies: 0\nexpiry: 90d\n"
    source = wish(path, f"{text}etcd: {{client_port: 2479}}\n")
    kept(path, "add", "--user", "bob")
    kept(path, "sync", "--from", source)
    other = tmp_path / "other"
    kept(tmp_path, "new", "--from", source, str(other))
    mine, theirs = contents(path), contents(other)
    names = {name for name in theirs if name != "tls-scaffold.json"}
    assert {name: mine[name] for name in names} == {name: theirs[name] for name in names}


def test_servers_without_a_name_keep_theirs_and_numbers_are_given_once(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2,10.0.0.3", "--proxies", "3")
    kept(path, "sync", "--from", wish(path, "members: [10.0.0.3, 10.0.0.1]\nproxies: 1\n"))
    kept(path, "sync", "--from", wish(path, "members: [10.0.0.3, 10.0.0.2]\nproxies: 2\n"))

    found = document(path)
    assert [(each["name"], each["hosts"]) for each in found["members"]] == [
        ("etcd3", ["10.0.0.3"]),
        ("etcd4", ["10.0.0.2"]),
    ]
    assert [each["name"] for each in found["proxies"]] == ["proxy1", "proxy4"]
    assert found["removed"] == ["etcd2", "proxy2", "proxy3", "etcd1"]


@pytest.mark.parametrize(
    "field",
    ["key: rsa-2048", "ca_expiry: 5y", "ca_cn: Mine", "ca_generation: 7", "organization: x"],
)
def test_what_asks_for_another_ca_is_refused_where_there_is_one(
    signed: Factory, folder: Factory, field: str
) -> None:
    path = signed(*WORDS)
    before = contents(path)
    source = wish(path, f"{OTHER}{field}\n")
    name = field.partition(":")[0]
    for words in (("sync", "--from", source), ("new", "--from", source, ".")):
        said = kept(path, *words, code=1).stderr
        assert f"  {name}: " in said
        assert "asks for another CA" in said
    assert contents(path) == before
    if name != "ca_generation":
        unsigned = folder(*WORDS, name="unsigned")
        kept(unsigned, "sync", "--from", source)


def test_no_member_that_stays_is_refused(folder: Factory) -> None:
    path = folder(*WORDS)
    before = contents(path)
    for text in (
        "members: []\n",
        "users: [calico]\n",
        "members: [10.0.0.7]\n",
        "[]\n",
        "members: 1",
    ):
        kept(path, "sync", "--from", wish(path, text), code=1)
    assert contents(path) == before


def test_what_a_team_edited_stays_and_a_conflict_ends_with_3(folder: Factory) -> None:
    path = folder(*WORDS)
    edit(path / "Makefile", "#RENEW_DAYS = 30", "RENEW_DAYS = 60")
    edit(path / "config/req-calico.json", '"autogenerated"', '"ours"')
    assert "kept config/req-calico.json" in kept(path, "sync", "--from", wish(path, OTHER)).stderr
    assert "RENEW_DAYS = 60" in (path / "Makefile").read_text(encoding="utf-8")
    kept(path, "sync", "--from", wish(path, f"{OTHER}organization: theirs\n"), code=3)


def test_check_tells_which_file_is_not_followed(folder: Factory) -> None:
    path = folder(*WORDS)
    source = wish(path, OTHER)
    said = kept(path, "sync", "--from", source, "--check", code=4).stderr
    assert said.startswith(f"error: `{path}` does not follow `{source}`\n")
    again = f"tls-scaffold -C {path} sync --from {source}"
    assert said.endswith(f"hint: `{again} --dry-run` shows the changes, `{again}` makes them\n")
    kept(path, "sync", "--from", source, "--reset", "Makefile", code=2)


def test_new_without_from_never_changes_a_folder_of_ours(folder: Factory) -> None:
    path = folder(*WORDS)
    before = contents(path)
    assert "is not empty" in kept(path, "new", "--members", "10.0.0.7", ".", code=1).stderr
    assert contents(path) == before


def test_options_beside_the_file_count(folder: Factory) -> None:
    path = folder(*WORDS)
    kept(path, "new", "--from", wish(path, OTHER), "--user", "bob", "--expiry", "90d", ".")
    found = document(path)
    assert [each["name"] for each in found["users"]] == ["calico", "app", "bob"]
    assert found["expiry"] == "2160h"


def test_stdin_is_read_once(folder: Factory) -> None:
    path = folder(*WORDS)
    text = '{"members": ["10.0.0.1"]}'
    done = run("sh", "-c", f"echo '{text}' | tls-scaffold -C {path} sync --from -")
    assert (done.returncode, [each["name"] for each in document(path)["members"]]) == (0, ["etcd1"])
