import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Factory
from keeping import change, kept
from support import BIN, contents, make, read, run, tls_scaffold, verify
from tls_scaffold.commands.add import add
from tls_scaffold.commands.new import new
from tls_scaffold.inventory.options import Options

names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True).filter(
    lambda name: name not in ("ca", "csr", "etcd")
)
addresses = st.integers(1, 250).map(lambda number: f"10.0.0.{number}")
OPTIONS = ("--members", "--proxies", "--users")


@pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")
def test_a_new_user_costs_exactly_one_signature_and_a_new_member_those_of_the_servers(
    signed: Factory,
) -> None:
    path = signed()
    before = contents(path / "certs")
    kept(path, "add", "--user", "alice")
    assert contents(path / "certs") == before
    make(path, SIGNER="cfssl")
    after = contents(path / "certs")
    assert sorted(after.keys() - before.keys()) == ["alice-key.pem", "alice.csr", "alice.pem"]
    assert before.items() <= after.items()
    verify(path, "certs/alice.pem")

    kept(path, "add", "--member", "10.0.0.9")
    make(path, SIGNER="cfssl")
    signed_again = {
        name for name, content in contents(path / "certs").items() if after.get(name) != content
    }
    assert signed_again == {
        f"{name}{ending}"
        for name in ("etcd1", "etcd2", "etcd3", "etcd4", "proxy1")
        for ending in (".pem", "-key.pem", ".csr")
    }
    assert "IP Address:10.0.0.9" in read(path / "certs/etcd4.pem").sans

    last = contents(path / "certs")
    kept(path, "remove", "alice")
    make(path, SIGNER="cfssl")
    assert contents(path / "certs").items() <= last.items()
    assert sorted(last.keys() - contents(path / "certs").keys()) == [
        "alice-key.pem",
        "alice.csr",
        "alice.pem",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("--user", "zed"),
        ("--users", "zed,yak=cn of yak"),
        ("--member", "10.0.0.4"),
        ("--members", "10.0.0.4,db=db.example.com+fd00::1"),
        ("--proxies", "2"),
        ("--proxy", "edge=edge.example.com"),
        ("--members", "10.0.0.4", "--users", "zed", "--proxies", "1", "--proxy", "edge"),
    ],
)
def test_add_takes_the_words_of_new_and_makes_the_folder_of_new(
    folder: Factory, words: tuple[str, ...]
) -> None:
    start = ("--members", "10.0.0.1,10.0.0.2", "--users", "calico", "--proxies", "1")
    path = folder(*start)
    kept(path, "add", *words)
    merged = dict.fromkeys(OPTIONS, "")
    for option, value in zip([*start[::2], *words[::2]], [*start[1::2], *words[1::2]], strict=True):
        plural = {"--user": "--users", "--member": "--members"}.get(option, option)
        if plural == "--proxies":
            merged[plural] = str(int(merged[plural] or 0) + int(value))
        else:
            merged[plural] = ",".join(filter(None, (merged.get(plural, ""), value)))
    expected = folder(*(word for pair in merged.items() for word in pair if pair[1]), name="new")
    assert contents(path) == contents(expected)


@st.composite
def inventories(draw: st.DrawFn) -> dict[str, list[Any]]:
    unique = st.lists(names, min_size=1, max_size=8, unique=True)
    every = draw(unique)
    hosts = draw(st.lists(addresses, min_size=2, max_size=8, unique=True))
    first = draw(st.integers(0, len(every)))
    named = draw(st.lists(st.booleans(), min_size=len(hosts), max_size=len(hosts)))
    spare = iter(f"node{number}" for number in range(99))
    members = [
        f"{next(spare)}={host}" if give else host for host, give in zip(hosts, named, strict=True)
    ]
    return {"members": members, "proxy": every[:first], "users": every[first:]}


def with_words(options: Options, words: dict[str, list[str]]) -> Options:
    members, proxy, users = (tuple(words[kind]) for kind in ("members", "proxy", "users"))
    return replace(options, members=members, proxy=proxy, users=users)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inventories(), st.data(), st.booleans())
def test_any_split_that_keeps_the_order_of_each_kind_ends_in_the_same_bytes(
    words: dict[str, list[str]], data: st.DataObject, separate: bool
) -> None:
    rounds = data.draw(st.integers(2, 4))
    cuts = {
        kind: sorted(
            data.draw(st.integers(kind == "members", len(listed))) for _ in range(rounds - 1)
        )
        for kind, listed in words.items()
    }
    with tempfile.TemporaryDirectory() as name:
        whole, split = Path(name) / "whole", Path(name) / "split"
        options = Options(proxies=1, separate_requests=separate or None)
        new(whole, "", with_words(options, words), dry_run=False)
        for turn in range(rounds):
            part = {
                kind: of_kind[([0, *cuts[kind]][turn]) : ([*cuts[kind], len(of_kind)][turn])]
                for kind, of_kind in words.items()
            }
            if turn == 0:
                new(split, "", with_words(options, part), dry_run=False)
            elif any(part.values()):
                add(split, with_words(Options(), part))
        assert contents(split) == contents(whole)


def test_the_teams_own_order_of_fields_stays(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico")
    document = json.loads((path / "tls-scaffold.json").read_text())
    mine = {name: document[name] for name in sorted(document)}
    mine["users"] = [{"cn": "calico", "name": "calico"}]
    (path / "tls-scaffold.json").write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")
    kept(path, "sync")
    assert list(json.loads((path / "tls-scaffold.json").read_text())) == sorted(document)
    kept(path, "add", "--users", "zed")
    after = json.loads((path / "tls-scaffold.json").read_text())
    assert list(after) == sorted(document)
    assert json.dumps(after["users"]) == json.dumps(
        [{"cn": "calico", "name": "calico"}, {"name": "zed", "cn": "zed"}]
    )


def test_an_inventory_in_short_words_is_written_out_when_something_is_taken_from_it(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico,zed")
    change(path, members=["10.0.0.1"], users="calico,zed")
    kept(path, "remove", "zed")
    assert (path / "tls-scaffold.json").read_text() == (
        folder("--members", "10.0.0.1", "--proxies", "0", "--users", "calico", name="new")
        / "tls-scaffold.json"
    ).read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--user", "calico=x"), 1, "users[2].name: `calico` is the name of users[0] too"),
        (("--member", "10.0.0.999,x..y"), 1, "2 problems in the inventory"),
        (("--user", "{{ 7*7 }}"), 1, "`{{ 7*7 }}` is not a name"),
        (("--user", "$(shell touch x)"), 1, "is not a name"),
        (("--user", "etcd"), 1, "is the CN of the members"),
        ((), 2, "Nothing to add"),
        (("--proxies", "-1"), 2, "-1"),
        (("--memberz", "10.0.0.4"), 2, "No such option"),
    ],
)
def test_bad_words_are_refused_with_the_messages_of_new_and_nothing_is_written(
    folder: Factory, words: tuple[str, ...], code: int, message: str
) -> None:
    path = folder()
    before = contents(path)
    assert message in kept(path, "add", *words, code=code).stderr
    assert contents(path) == before


def test_a_dry_run_of_add_shows_the_diff_and_writes_nothing(folder: Factory) -> None:
    path = folder()
    before = contents(path)
    done = kept(path, "add", "--user", "zed", "--dry-run")
    assert "+++ b/config/req-zed.json\n" in done.stdout
    assert (
        "+req-zed certs/zed.pem: config/req-zed.json ; $(sign) -profile client $<\n" in done.stdout
    )
    told = "warning: `zed`: certificates only, no etcd user (neither role nor permissions)\n"
    assert done.stderr == told
    assert contents(path) == before
    assert told in kept(path, "add", "--user", "zed").stderr


@pytest.mark.parametrize("variable", ["TLS_SCAFFOLD_USERS", "TLS_SCAFFOLD_USER"])
def test_options_come_from_the_environment_too(
    folder: Factory, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    path = folder()
    monkeypatch.setenv(variable, "zed,yak")
    kept(path, "add")
    assert (path / "config/req-yak.json").exists()


def test_what_a_person_would_look_at_is_told_in_a_line_each_and_what_to_do_then(
    folder: Factory,
) -> None:
    path = folder()
    done = kept(path, "add", "--user", "zed")
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "wrote Makefile",
        "wrote config/req-zed.json",
        "wrote tls-scaffold.json",
        "wrote what is generated: 1 file",
        "warning: `zed`: certificates only, no etcd user (neither role nor permissions)",
        f"next: make -C {path}",
    ]


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (("add", "--user", "app", "--grant", "app=/app/"), ["", " rbac"]),
        (("add", "--grant", "calico=/app/"), [" rbac"]),
        (("add", "--member", "10.0.0.9"), [""]),
        (("remove", "calico"), []),
        (("remove", "etcd3"), [""]),
    ],
)
def test_the_next_step_is_the_one_that_is_left(
    folder: Factory, words: tuple[str, ...], targets: list[str]
) -> None:
    path = folder()
    lines = kept(path, *words).stderr.splitlines()
    commands = [line[6:] for line in lines if line.startswith(("next: ", "      "))]
    assert commands == [f"make -C {path}{target}" for target in targets]


def test_in_the_folder_itself_the_next_step_is_make_alone(folder: Factory) -> None:
    done = run("tls-scaffold", "add", "--user", "zed", cwd=folder())
    assert done.stderr.endswith("next: make\n")


SAME = (
    ("--user", "calico"),
    ("--user", "calico=calico,kube-apiserver"),
    ("--member", "10.0.0.1,etcd2=10.0.0.2"),
    ("--proxy", "proxy1"),
    ("--user", "calico", "--member", "10.0.0.3"),
)


@pytest.mark.parametrize("words", SAME)
def test_what_is_there_just_so_is_said_and_nothing_changes(
    folder: Factory, words: tuple[str, ...]
) -> None:
    path = folder()
    kept(path, "sync")
    before = {each: each.stat().st_mtime_ns for each in path.rglob("*")}
    done = kept(path, "add", *words)
    there = [word for text in words[1::2] for word in text.split(",")]
    assert sorted(done.stderr.splitlines()) == sorted(
        f"`{each}` is there already" for each in there
    )
    assert {each: each.stat().st_mtime_ns for each in path.rglob("*")} == before


@pytest.mark.parametrize(
    "words",
    [
        ("--user", "calico=other"),
        ("--member", "etcd1=10.0.0.9"),
        ("--member", "other=10.0.0.1"),
        ("--member", "etcd1=10.0.0.1+10.0.0.9"),
        ("--proxy", "proxy1=edge.example.com"),
        ("--user", "zed,zed"),
        ("--proxy", ""),
        ("--member", "=10.0.0.1"),
    ],
)
def test_what_is_there_otherwise_is_refused(folder: Factory, words: tuple[str, ...]) -> None:
    path = folder()
    before = contents(path)
    kept(path, "add", *words, code=1)
    assert contents(path) == before


@pytest.mark.parametrize("word", ["boss", "boss=other"])
def test_a_user_that_is_there_under_another_cn_needs_no_word_to_be_given_more(
    folder: Factory, word: str
) -> None:
    path = folder("--members", "10.0.0.1", "--user", "boss=team-boss")
    done = kept(path, "add", "--user", f"zed,{word}", "--role", "boss=calico", code=1)
    told = f"hint: user `boss` is there, with the CN `team-boss`: leave out `--user {word}`\n"
    assert done.stderr.endswith(told)
    kept(path, "add", "--user", "zed", "--role", "boss=calico")
    # What nobody of that name is there for has the usual hint.
    done = kept(path, "add", "--user", "etcd1", code=1)
    assert done.stderr.endswith("`tls-scaffold add --help` says what each option takes\n")


def test_what_is_there_is_left_and_the_rest_is_added(folder: Factory) -> None:
    path = folder()
    done = kept(path, "add", "--users", "calico,zed", "--grant", "zed=/zed/")
    assert done.stderr.startswith("`calico` is there already\nwrote Makefile\n")
    again = kept(path, "add", "--users", "calico,zed", "--grant", "zed=/zed/")
    assert again.stderr == "`calico` is there already\n`zed` is there already\n"


def test_what_is_there_and_is_changed_is_not_said_to_be_there_just_so(folder: Factory) -> None:
    path = folder()
    for words in (
        ("calico,kube-apiserver", "--set", "calico:expiry=90d"),
        ("calico,kube-apiserver", "--grant", "calico=/x/"),
        ("--member", "10.0.0.1", "kube-apiserver", "--set", "etcd1:key=rsa-2048"),
        ("calico,kube-apiserver", "--set", "calico:-expiry"),
    ):
        done = kept(path, "add", *words)
        told = [line for line in done.stderr.splitlines() if line.endswith("is there already")]
        assert told == ["`kube-apiserver` is there already"], words
    again = kept(path, "add", "calico", "--set", "calico:-expiry")
    assert again.stderr == "`calico` is there already\n"


def test_two_adds_at_once_both_happen(folder: Factory, running: Callable[..., Any]) -> None:
    path = folder()
    both = [
        running(str(BIN / "tls-scaffold"), "add", "--user", name, cwd=path)
        for name in ("zed", "yak")
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    for process, told, name in zip(both, said, ("zed", "yak"), strict=True):
        if process.returncode:  # who is held up for more than five seconds is not waited for
            assert "works on the folder" in told
            kept(path, "add", "--user", name)
    users = [user["name"] for user in json.loads((path / "tls-scaffold.json").read_text())["users"]]
    assert sorted(users) == ["calico", "kube-apiserver", "yak", "zed"]
    kept(path, "sync", "--check")


def test_a_file_that_was_there_before_is_left_and_not_called_edited(folder: Factory) -> None:
    path = folder()
    (path / "config/req-zed.json").write_text(
        '{"CN": "zed", "hosts": ["zed.example.com"]}', encoding="utf-8"
    )
    told = kept(path, "add", "--user", "zed").stderr.splitlines()
    assert [line for line in told if "req-zed.json" in line] == [
        "left config/req-zed.json: was there before"
    ]


def test_a_new_user_changes_few_lines_beside_its_request(folder: Factory) -> None:
    path = folder()
    for words in (["init", "-q"], ["add", "-A"]):
        assert run("git", "-C", str(path), *words).returncode == 0

    kept(path, "add", "--user", "alice")

    counts = [
        line.split("\t")
        for line in run("git", "-C", str(path), "diff", "--numstat").stdout.splitlines()
    ]
    assert sum(int(added) + int(removed) for added, removed, _ in counts) <= 12
    assert "config/req-alice.json" not in {name for _, _, name in counts}  # it is new


def test_what_a_user_gets_later_is_warned_of_as_what_a_new_one_gets(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "app,bob,zed")
    words = ("add", "--role", "app=kube-apiserver", "--grant", "bob=:rw")
    dry = kept(path, *words, "--dry-run").stderr
    said = kept(path, *words).stderr
    assert [line for line in said.splitlines() if line.startswith("warning: ")] == [
        (
            "warning: `app`: holds etcd's role root: its key opens everything in etcd; "
            "`kube-apiserver-restricted` does without"
        ),
        "warning: `bob`: the empty prefix matches every key there is",
    ]
    assert all(line in said for line in dry.splitlines())
    said = kept(path, "add", "--members", "10.0.0.2").stderr
    assert said.count("warning: ") == said.count("warning: a cluster that runs is told of `etcd2`")


def test_a_line_that_signs_the_same_is_told_as_check_does(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root")
    pasted = (
        "\nreq:\n\tcfssl gencert -ca certs/ca.pem -ca-key certs/ca-key.pem -config "
        "config/ca-config.json -profile client config/req-felix.json | cfssljson -bare "
        "certs/felix\n"
    )
    makefile = path / "Makefile"
    makefile.write_text(makefile.read_text() + pasted)

    done = tls_scaffold("-C", str(path), "add", "felix")

    assert done.returncode == 0
    told = "warning: `certs/felix.pem` is signed more than once by one `make` (Makefile:"
    assert done.stderr.count(told) == 1
    assert "take one of the two out" in done.stderr
    assert "[signed-twice]" in tls_scaffold("-C", str(path), "check").stdout
    assert "more than once" not in tls_scaffold("-C", str(path), "add", "x", "--dry-run").stderr
