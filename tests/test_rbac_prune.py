"""`rbac.sh --prune`: users and roles of etcd that the folder made and its inventory has no more."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clusters import ON_NEWEST, P256, SYSTEM, Live, live, tools
from conftest import Factory
from support import Done, run, tls_scaffold
from tls_scaffold.inventory import intake, rbac
from tls_scaffold.inventory.forgotten import Forgotten

USERS = (
    *("--members", "127.0.0.1", "--users", "root,app,web,kube-apiserver", "--grant"),
    *("app=/app/:rw,web=/web/:rw", *P256),
)
GONE = ["role\tkube-apiserver", "role\tuser-app", "user\tapp", "user\tkube-apiserver"]
Start = Callable[..., Live]

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make")


@pytest.fixture
def start(signed: Factory, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs a folder's member, in which its `rbac.sh` was applied."""
    with ExitStack() as stack:

        def begin(path: str = SYSTEM) -> Live:
            given = (signed(*USERS), tmp_path / "cluster")
            running = stack.enter_context(live(*given, with_tools=tools(path)))
            applied = running.script()
            assert applied.returncode == 0, applied.stderr
            return running

        yield begin


def without(running: Live, names: str) -> None:
    done = tls_scaffold("-C", str(running.folder), "remove", names)
    assert done.returncode == 0, done.stderr


def there(running: Live) -> tuple[list[str], list[str]]:
    return running.users(), running.said("role", "list").splitlines()


def taken(done: Done, code: int = 0) -> list[str]:
    assert (done.returncode, done.stderr) == (code, "")
    return sorted(line.removeprefix("- ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("path", ON_NEWEST)
def test_what_the_inventory_has_no_more_goes_and_nothing_else(start: Start, path: str) -> None:
    running = start(path)
    assert taken(running.script("--prune")) == []
    for words in (("role", "add", "theirs"), ("user", "add", "admin", "--no-password")):
        running.said(*words)
    before = there(running)

    without(running, "app,kube-apiserver")

    assert taken(running.script("--prune", "--diff"), code=1) == GONE
    assert there(running) == before
    assert taken(running.script("--prune")) == GONE
    assert there(running) == (["admin", "root", "web"], ["root", "theirs", "user-web"])
    assert taken(running.script("--prune")) == []
    assert taken(running.script("--prune", "--diff")) == []
    assert running.script("--diff").stdout == ""


def test_with_authentication_on_it_works_too_and_who_comes_back_is_made_anew(start: Start) -> None:
    running = start()
    assert running.script("--enable").returncode == 0
    without(running, "app")
    put = running.ctl("put", "/app/x", "1", user="web")
    assert "permission denied" in put.stderr
    assert taken(running.script("--prune")) == ["role\tuser-app", "user\tapp"]

    done = tls_scaffold(
        *("-C", str(running.folder), "add", "--user", "app", "--grant", "app=/app/:r")
    )

    assert done.returncode == 0, done.stderr
    assert "forgotten" not in (running.folder / "tls-scaffold.json").read_text()
    assert taken(running.script("--prune", "--diff")) == []
    assert running.script().returncode == 0
    assert there(running)[0] == ["app", "kube-apiserver", "root", "web"]


def test_a_role_that_others_hold_by_now_stays(start: Start) -> None:
    running = start()
    running.said("user", "add", "admin", "--no-password")
    running.said("user", "grant-role", "admin", "user-app")
    without(running, "app")

    assert taken(running.script("--prune")) == ["user\tapp"]

    assert running.said("user", "get", "admin") == "User: admin\nRoles: user-app\n"
    running.said("user", "revoke-role", "admin", "user-app")
    assert taken(running.script("--prune")) == ["role\tuser-app"]
    assert there(running)[0] == ["admin", "kube-apiserver", "root", "web"]


SHELLS = [
    pytest.param(words, id=words[0], marks=pytest.mark.needs(words[0]))
    for words in (("dash",), ("bash",), ("busybox", "sh"))
]


@pytest.mark.parametrize("shell", SHELLS)
def test_root_never_goes_and_no_word_is_run(start: Start, shell: tuple[str, ...]) -> None:
    running = start()
    odd = "x/;w pwned;&\\1$(touch pwned)`touch pwned`'\"*"
    running.said("role", "add", "--", odd)
    facts = running.folder / "rbac.tsv"
    planted = ("user\troot", "role\troot", f"role\t{odd}", "user\tnobody", f"user\t{odd}")
    lines = "".join(f"forgotten\t{each}\n" for each in planted)
    facts.write_text(facts.read_text() + lines)
    before = there(running)

    done = run(*shell, "rbac.sh", "--prune", cwd=running.folder, **running.variables())

    assert taken(done) == [f"role\t{odd}"]
    assert there(running) == (before[0], [each for each in before[1] if each != odd])
    assert not list(running.folder.rglob("pwned*"))


def test_where_etcd_refuses_it_ends_with_the_reason(start: Start) -> None:
    running = start()
    assert running.script("--enable").returncode == 0
    without(running, "app")
    before = there(running)
    pair = {"ETCDCTL_CERT": "certs/web.pem", "ETCDCTL_KEY": "certs/web-key.pem"}

    done = running.script("--prune", **pair)

    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert there(running) == before


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"users": ["root"]}, "forgotten.users[0]: `root` is etcd's own"),
        ({"roles": ["root"]}, "forgotten.roles[0]: `root` is etcd's own"),
        ({"roles": [""]}, "forgotten.roles[0]: the name is empty"),
        ({"users": ["a\tb"]}, "forgotten.users[0]: `a\\tb` has control"),
        ({"users": "a"}, "forgotten.users: `a` is not a list"),
        ({"people": []}, "forgotten.people: no such field"),
        (["a"], "forgotten: `a list` is not a table"),
    ],
)
def test_what_is_forgotten_is_data_from_outside(
    folder: Factory, fields: object, problem: str
) -> None:
    path = folder("--members", "127.0.0.1")
    document = path / "tls-scaffold.json"
    import json

    document.write_text(json.dumps({**json.loads(document.read_text()), "forgotten": fields}))

    done = tls_scaffold("-C", str(path), "sync")

    assert done.returncode == 1
    assert problem in done.stderr


def test_what_an_edited_file_asked_for_is_remembered_as_far_as_it_can_be_a_name() -> None:
    inventory = intake.of_data({"members": ["a"], "users": ["root", "calico"]})
    facts = "user\tbob\r\nuser\troot\nrole\t\x1b[31m\nuser\t\nrole\tr\nuser\tcalico\n"
    known = rbac.remembering(inventory, facts)
    assert known.forgotten == Forgotten(users=("bob",), roles=("r",))
    assert rbac.remembering(known, "") == known
    again = intake.of_data({**known.document(), "grant": "bob=/b/", "users": ["root", "bob"]})
    assert rbac.remembering(again, facts).forgotten == Forgotten(("calico",), ("r",))
