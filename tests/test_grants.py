"""The words of --grant and --role."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Factory
from support import tls_scaffold
from tls_scaffold.errors import Problem
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.clusterparts import Permission, User
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.grants import with_grants

ALICE = User("alice", "alice")


def granted(
    users: Sequence[User], grant_words: Sequence[str], role_words: Sequence[str]
) -> tuple[tuple[User, ...], list[str]]:
    """Return the users with what the words give them, and what was wrong with the words."""
    problems: list[Problem] = []
    given = with_grants(
        users,
        Field("grant", list(grant_words), problems).list_items(),
        Field("role", list(role_words), problems).list_items(),
    )
    return given, list(map(str, problems))


def permissions(*words: str, user: User = ALICE) -> tuple[Permission, ...]:
    users, problems = granted([user], words, [])
    assert problems == []
    return users[0].permissions


@pytest.mark.fast
@pytest.mark.parametrize(
    ("word", "path", "access"),
    [
        ("alice=/x/", "/x/", "read"),
        ("alice=/x/:r", "/x/", "read"),
        ("alice=/x/:w", "/x/", "write"),
        ("alice=/x/:rw", "/x/", "readwrite"),
        ("alice=/x/:readwrite", "/x/", "readwrite"),
        ("alice=/a:b/", "/a:b/", "read"),
        ("alice=/a=b/:w", "/a=b/", "write"),
        ("alice=", "", "read"),
    ],
)
def test_a_grant_is_a_prefix_and_what_may_be_done_there(word: str, path: str, access: str) -> None:
    assert permissions(word) == (Permission(path, access),)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("word", "start", "end", "access"),
    [
        ("alice=/a..:rw", "/a", "", "readwrite"),
        ("alice=/a../b", "/a", "/b", "read"),
        ("alice=/a../b:c:w", "/a", "/b:c", "write"),
        ("alice=a=..b..c", "a=", "b..c", "read"),
    ],
)
def test_a_grant_may_be_a_range(word: str, start: str, end: str, access: str) -> None:
    assert permissions(word) == (Permission(start, access, prefix=False, end=end),)


@pytest.mark.fast
def test_a_later_grant_of_a_range_takes_the_place_of_the_same_one_alone() -> None:
    user = replace(ALICE, permissions=permissions("alice=/a../c", "alice=/a..", "alice=/a"))

    assert permissions("alice=/a../c:rw", user=user) == (
        Permission("/a", "read", prefix=False, end=""),
        Permission("/a", "read"),
        Permission("/a", "readwrite", prefix=False, end="/c"),
    )
    assert permissions("alice=/a../b:rw", user=user) == (
        Permission("/a", "read", prefix=False, end="/c"),
        Permission("/a", "read", prefix=False, end=""),
        Permission("/a", "readwrite", prefix=False, end="/b"),
    )


@pytest.mark.fast
@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("alice=..", "a range needs its first key (the empty prefix matches every key)"),
        ("alice=../b", "a range needs its first key (the empty prefix matches every key)"),
        (
            "alice=/a../b, c",
            "where etcdctl prints a range, `, ` stands between its ends: neither can hold it",
        ),
        ("alice=/b../a", "`/a` does not come after `/b`: no key is between them"),
        ("alice=/a../a:rw", "`/a` does not come after `/a`: no key is between them"),
        ("alice=/a..\n", "`\\n` has control or invisible characters"),
        (f"alice=/a..{'b' * 1025}", f"`{'b' * 1025}` is longer than 1024 characters"),
    ],
)
def test_a_range_without_keys_is_refused(word: str, problem: str) -> None:
    assert granted([ALICE], [word], [])[1] == [f"grant[0]: {problem}"]


@pytest.mark.fast
def test_a_later_grant_of_the_same_prefix_takes_the_place_of_the_earlier() -> None:
    key = Permission("/x/", "write", prefix=False)

    user = User("alice", "a", permissions=(key, Permission("/x/", "read")))

    assert permissions("alice=/y/", "alice=/x/:rw", user=user) == (
        key,
        Permission("/y/", "read"),
        Permission("/x/", "readwrite"),
    )


@pytest.mark.fast
def test_a_role_is_given_to_the_user_that_is_named() -> None:
    users, problems = granted([ALICE, User("bob", "bob")], [], ["bob=calico"])

    assert (users, problems) == ((ALICE, User("bob", "bob", role="calico")), [])


@pytest.mark.fast
def test_every_bad_word_is_told_with_its_place() -> None:
    users, problems = granted(
        [ALICE],
        ["alice", "alic=/x/", "zzz=/x/", "alice=/x/:q", "alice=/\n/"],
        ["alice", "alice=", "alic=calico"],
    )

    assert users == (ALICE,)
    assert problems == [
        "grant[0]: `alice` is not NAME=PREFIX[:r|w|rw] or NAME=FROM..TO[:r|w|rw]",
        "grant[1]: `alic` is not a user; did you mean `alice`?",
        "grant[2]: `zzz` is not a user: name it with `--user`",
        "grant[3]: `q` is none of `r`, `w`, `rw`",
        "grant[4]: `/\\n/` has control or invisible characters",
        "role[0]: `alice` is not NAME=PRESET",
        "role[1]: `alice=` is not NAME=PRESET",
        "role[2]: `alic` is not a user; did you mean `alice`?",
    ]


@pytest.mark.fast
def test_two_words_about_one_prefix_are_a_mistake() -> None:
    _, problems = granted(
        [ALICE, User("bob", "b")],
        [
            *("alice=/x/", "bob=/x/", "alice=/x:w", "alice=/x/:rw", "\x1b=\n", "\x1b=\n:w"),
            *("alice=/x/../x0:rw", "bob=\ud800..a"),
        ],
        [],
    )

    unknown = r"`\x1b` is not a user: name it with `--user`"
    assert problems == [
        "grant[3]: `/x/` is granted to `alice` twice (`rw` is both)",
        f"grant[4]: {unknown}",
        f"grant[5]: {unknown}",
        "grant[6]: `/x/../x0` is granted to `alice` twice (`rw` is both)",
        r"grant[7]: `\ud800` has control or invisible characters",
    ]


@pytest.mark.fast
def test_two_presets_of_one_user_are_a_mistake_and_one_twice_is_none() -> None:
    users, problems = granted(
        [ALICE, User("bob", "b")],
        [],
        ["alice=calico", "bob=root", "alice=calico", "bob=", "bob=calico", "alice=root"],
    )

    assert users[0].role == "calico"
    assert problems == [
        "role[3]: `bob=` is not NAME=PRESET",
        "role[4]: `bob` is given `root` too: a user has one preset (`--grant` adds to it)",
        "role[5]: `alice` is given `calico` too: a user has one preset (`--grant` adds to it)",
    ]


def test_new_and_add_refuse_two_presets_of_one_user(folder: Factory, tmp_path: Path) -> None:
    both = ("--role", "alice=calico", "--role", "alice=calico-node")
    path = folder("--members", "10.0.0.1", "--users", "alice")

    made = tls_scaffold(
        "new", str(tmp_path / "x"), "--members", "10.0.0.1", "--users", "alice", *both
    )
    added = tls_scaffold("-C", str(path), "add", *both)

    assert (made.returncode, added.returncode) == (1, 1)
    for done, command in ((made, "new"), (added, "add")):
        assert done.stderr == (
            "error: 1 problem in the inventory\n"
            "  role[1]: `alice` is given `calico` too: a user has one preset (`--grant` adds "
            "to it)\n"
            f"\nhint: `tls-scaffold {command} --help` says what each option takes\n"
        )
    assert (
        tls_scaffold(
            "-C", str(path), "add", "--role", "alice=calico", "--role", "alice=calico"
        ).returncode
        == 0
    )


@pytest.mark.fast
def test_a_role_is_all_that_stands_behind_the_first_equals_sign() -> None:
    users, _ = granted([ALICE], [], ["alice=a=b"])

    assert users == (User("alice", "alice", role="a=b"),)


@pytest.mark.fast
def test_users_of_one_name_stay_two_for_whoever_refuses_them() -> None:
    users, _ = granted([ALICE, ALICE], ["alice=/x/"], [])

    assert len(users) == 2


def test_new_and_add_take_both_options(folder: Factory) -> None:
    words = (
        "--members",
        "10.0.0.1",
        "--users",
        "alice,bob",
        "--grant",
        "alice=/x/:rw",
        "--role",
        "bob=calico",
    )
    path = folder(*words)

    done = tls_scaffold(
        "-C", str(path), "add", "--user", "carol", "--grant", "carol=/c/", "--grant", "alice=/y/"
    )

    assert done.returncode == 0, done.stderr
    assert intake.load(path).users == (
        User(
            "alice",
            "alice",
            permissions=(Permission("/x/", "readwrite"), Permission("/y/", "read")),
        ),
        User("bob", "bob", role="calico"),
        User("carol", "carol", permissions=(Permission("/c/", "read"),)),
    )
    assert "permission\tuser-carol\tread\tprefix\t/c/" in (path / "rbac.tsv").read_text(
        encoding="utf-8"
    )


def test_add_warns_of_what_is_new_alone(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "plain")

    done = tls_scaffold(
        "-C", str(path), "add", "--users", "typha,carol,dave", "--grant", "carol=/c"
    )

    assert [line for line in done.stderr.splitlines() if line.startswith("warning:")] == [
        "warning: `carol`: the prefix `/c` lacks its slash: it matches `/c…` too, not only `/c/…`",
        "warning: `dave`: certificates only, no etcd user (neither role nor permissions)",
    ]


def test_new_refuses_bad_grants_with_everything_else_and_makes_nothing(folder: Factory) -> None:
    target = folder("--members", "10.0.0.1").parent / "refused"

    done = tls_scaffold(
        *("new", str(target), "--members", "10.0.0.1", "--users", "alice,b=alice"),
        *("--grant", "alic=/x/", "--role", "alice=calicoo"),
    )

    assert (done.returncode, target.exists()) == (1, False)
    assert done.stderr == (
        "error: 3 problems in the inventory\n"
        "  grant[0]: `alic` is not a user; did you mean `alice`?\n"
        "  users[1].cn: `alice` is the CN of users[0] too: they would be one etcd user\n"
        "  users[0].role: `calicoo` is not a preset; did you mean `calico`?\n"
        "\nhint: `tls-scaffold new --help` says what each option takes\n"
    )


def test_new_warns_of_wide_prefixes_and_of_users_that_may_do_nothing(folder: Factory) -> None:
    target = folder("--members", "10.0.0.1").parent / "warned"

    done = tls_scaffold(
        *(
            "new",
            str(target),
            "--members",
            "10.0.0.1",
            "--users",
            "a,b,typha",
            "--grant",
            "a=/x",
            "--grant",
            "a=",
        )
    )

    assert done.returncode == 0
    assert done.stderr.splitlines()[:3] == [
        "warning: `a`: the prefix `/x` lacks its slash: it matches `/x…` too, not only `/x/…`",
        "warning: `a`: the empty prefix matches every key there is",
        "warning: `b`: certificates only, no etcd user (neither role nor permissions)",
    ]
