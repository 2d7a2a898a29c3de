"""Lists that were typed with blanks, hosts in the place of a folder, and words that are meant."""

from pathlib import Path

import pytest

from conftest import Factory
from support import tls_scaffold
from tls_scaffold.cli.lists import looks_like_hosts


@pytest.mark.parametrize(
    "word",
    [
        *("10.0.0.1", "::1", "fd00::1", "[fd00::1]", "[fd00::1]:2379", "10.0.0.999"),
        *("10.0.0.1:2379", "10.0.0.0/24", "fd00::/64", "https://10.0.0.1:2379/", "10.0.0.1-3"),
        *("etcd1.example.com", "etcd1:2379", "https://etcd1:2379", "*.etcd", "a_b.example.com"),
        *("10.0.0.1,10.0.0.2", "a,10.0.0.2", "etcd1=10.0.0.1", "x=a+10.0.0.1", "10.0.0.1,"),
    ],
)
def test_hosts_are_told_from_names(word: str) -> None:
    assert looks_like_hosts(word)


@pytest.mark.parametrize(
    "word",
    [
        *("etcd-tls", "tls-setup", "etcd1", "certs.d", "prod.example", "v1.2.3", "2026.11.28"),
        *(
            "./10.0.0.2",
            "/srv/10.0.0.2",
            "../etcd1.example.com",
            "10.0.0.2/",
            "etcd1/",
            "etcd1/24",
            "a/10",
            ".",
            "..",
        ),
        *("alice=Alice", "alice=Alice B", "a,b", "", "-", "C:tls", "a b"),
    ],
)
def test_names_and_paths_are_no_hosts(word: str) -> None:
    assert not looks_like_hosts(word)


@pytest.mark.parametrize(
    ("typed", "first", "hint"),
    [
        ("--members 10.0.0.1 10.0.0.2", "10.0.0.2", "--members 10.0.0.1,10.0.0.2"),
        ("--members 10.0.0.1, 10.0.0.2", "10.0.0.2", "--members 10.0.0.1,10.0.0.2"),
        ("--members a b.c.d e.f.g", "b.c.d", "--members a,b.c.d,e.f.g"),
        ("--members 10.0.0.1,10.0.0.2 fd00::1", "fd00::1", "--members 10.0.0.1,10.0.0.2,fd00::1"),
        ("10.0.0.1 10.0.0.2:2380", "10.0.0.1", "--members 10.0.0.1,10.0.0.2:2380"),
        ("--members etcd1 etcd2 etcd3", "etcd2", "--members etcd1,etcd2,etcd3"),
        ("--members etcd-a.lan etcd-b.lan", "etcd-b.lan", "--members etcd-a.lan,etcd-b.lan"),
        ("--members a=10.0.0.1 b=10.0.0.2", "b=10.0.0.2", "--members a=10.0.0.1,b=10.0.0.2"),
        ("--members 10.0.0.1 *.etcd", "*.etcd", "--members '10.0.0.1,*.etcd'"),
        ("--members 10.0.0.1 10.0.0.0/24", "10.0.0.0/24", "--members 10.0.0.1,10.0.0.0/24"),
    ],
)
def test_members_divided_by_blanks_make_no_folder(
    tmp_path: Path, typed: str, first: str, hint: str
) -> None:
    done = tls_scaffold("new", *typed.split(), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: `{first}` looks like one of the members, "
        "and would be the folder (`./NAME` is one)\n\n"
        f"hint: commas divide them, no blanks: `{hint}`\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_users_divided_by_blanks_make_no_folder(tmp_path: Path) -> None:
    done = tls_scaffold("new", "--members", "10.0.0.1", "--users", "u1", "u2", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.endswith("hint: commas divide them, no blanks: `--users u1,u2`\n")


@pytest.mark.parametrize("word", ["a,b", "alice=Alice"])
def test_a_list_names_no_folder(tmp_path: Path, word: str) -> None:
    done = tls_scaffold("new", word, "--members", "10.0.0.1", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: `{word}` looks like a list, and would be the folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "folder", ["./10.0.0.2", "etcd-tls", "etcd2/", "certs.d", "prod.example", "./a,b"]
)
def test_a_folder_may_be_called_so_all_the_same(tmp_path: Path, folder: str) -> None:
    done = tls_scaffold("new", folder, "--members", "etcd1", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / folder / "Makefile").exists()


def test_blanks_behind_commas_are_no_mistake(tmp_path: Path) -> None:
    for folder, comma in (("a", ","), ("b", ", ")):
        words = ("--members", f"10.0.0.1{comma}10.0.0.2", "--users", f"u{comma}v=V{comma}w")
        assert tls_scaffold("new", folder, *words, cwd=tmp_path).returncode == 0
    one, other = ((tmp_path / each / "tls-scaffold.json").read_bytes() for each in "ab")
    assert one == other


def test_commas_divide_names_behind_a_command_too(signed: Factory) -> None:
    path = str(signed())

    bundled = tls_scaffold("-C", path, "bundle", "calico,etcd1")
    signed_again = tls_scaffold("-C", path, "sign", "--force", "calico,etcd1")
    removed = tls_scaffold("-C", path, "remove", "calico,kube-apiserver")

    assert (bundled.returncode, len(bundled.stdout.splitlines())) == (0, 2)
    assert signed_again.stdout.count("signed certs/") == 2
    assert removed.returncode == 0
    assert "req-calico" not in (Path(path) / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["bundle", "sign", "remove"])
@pytest.mark.parametrize("word", ["", ",", "calico,"])
def test_an_empty_name_does_not_mean_all(folder: Factory, command: str, word: str) -> None:
    done = tls_scaffold("-C", str(folder()), command, word)

    assert (done.returncode, done.stdout) == (1, "")
    assert "``" in done.stderr


def test_words_behind_add_are_users(folder: Factory) -> None:
    one, other = folder(name="one"), folder(name="other")

    named = tls_scaffold("-C", str(one), "add", "alice", "bob=Bob,carol", "--user", "dave")
    given = tls_scaffold("-C", str(other), "add", "--users", "dave,alice,bob=Bob,carol")

    told = given.stderr.replace(str(other), str(one))
    assert (named.returncode, sorted(named.stderr)) == (0, sorted(told))
    files = ("tls-scaffold.json", "Makefile", "config/req-bob.json")
    assert all((one / each).read_bytes() == (other / each).read_bytes() for each in files)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("10.0.0.4",), "--members 10.0.0.4"),
        (("etcd4=10.0.0.4",), "--members etcd4=10.0.0.4"),
        (("--members", "etcd4", "etcd5"), "--members etcd4,etcd5"),
    ],
)
def test_a_host_behind_add_is_no_user(folder: Factory, words: tuple[str, ...], hint: str) -> None:
    path = folder()
    before = (path / "tls-scaffold.json").read_bytes()

    done = tls_scaffold("-C", str(path), "add", *words)

    assert done.returncode == 2
    assert done.stderr.endswith(
        f"and would be a user\n\nhint: commas divide them, no blanks: `{hint}`\n"
    )
    assert (path / "tls-scaffold.json").read_bytes() == before
