"""Data becomes an inventory, or one message with every problem, each with its place."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory import components, intake
from tls_scaffold.inventory.clusterparts import Files, Member, Peer, Permission, Proxy, User
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.spelling import Key

pytestmark = pytest.mark.fast

HINT = "\n\nhint: `tls-scaffold new --help` says what each option takes"
FIELDS = (
    "`$schema`, `version`, `members`, `proxies`, `users`, `grant`, `role`, `set`, `key`, "
    "`expiry`, `ca_expiry`, `ca_cn`, "
    "`ca_generation`, `organization`, `organizational_unit`, `locality`, `state`, `country`, "
    "`separate_requests`, "
    "`members_cn`, `etcd`, `record`, `key_group`, `ca`, `peer_ca`, `peer_ca_generation`, "
    "`crl`, `removed`, `forgotten`, `ignore`"
)
NOT_A_NAME = "is not a name: letters, digits, `.`, `_` and `-`, the first a letter or digit"
NOT_A_HOST = "is not an IP address or a host name"
KEYS = "it takes ecdsa-256, -384, -521, rsa-2048 … -8192, ed25519"
LIFETIMES = "it takes `90d`, `1y` or `8760h`"


def refused(data: Any) -> str:
    with pytest.raises(ScaffoldError) as caught:
        intake.of_data(data)
    assert caught.value.exit_code == 1
    return str(caught.value)


def one(problem: str) -> str:
    return f"1 problem in the inventory\n  {problem}{HINT}"


def problems_of(data: Any, options: Options | None = None) -> list[str]:
    with pytest.raises(ScaffoldError) as caught:
        intake.of_data(data, options or Options())
    return list(map(str, caught.value.problems))


def test_a_byte_order_mark_before_an_inventory_is_passed_over() -> None:
    text = intake.of_data({"members": ["10.0.0.1"]}).to_json()
    assert intake.from_json(f"\ufeff{text}") == intake.from_json(text)


def test_a_file_s_tables_and_an_option_s_words_describe_the_same() -> None:
    words = {
        "members": "10.0.0.1,b=10.0.0.2+b.example",
        "proxies": ["gw", "edge=10.0.0.9"],
        "users": ["calico,k=K:x"],
    }
    tables = {
        "version": 1,
        "members": [{"hosts": ["10.0.0.1"]}, {"name": "b", "hosts": ["10.0.0.2", "b.example"]}],
        "proxies": [{"name": "gw"}, {"name": "edge", "hosts": ["10.0.0.9"]}],
        "users": [{"name": "calico"}, {"name": "k", "cn": "K:x"}],
    }
    inventory = Inventory(
        members=(Member("etcd1", ("10.0.0.1",)), Member("b", ("10.0.0.2", "b.example"))),
        proxies=(Proxy("gw", ()), Proxy("edge", ("10.0.0.9",))),
        users=(User("calico", "calico"), User("k", "K:x")),
    )

    assert intake.of_data(words) == intake.of_data(tables) == inventory


def test_every_field_of_the_file_is_read() -> None:
    data = {
        "version": 1,
        "members": [
            {
                "name": "m",
                "hosts": ["h"],
                "request": "m.json",
                "output": "ssl/m",
                "profile": "server",
            }
        ],
        "proxies": [],
        "users": [
            {
                "name": "u",
                "cn": "U",
                "role": "calico",
                "permissions": [{"prefix": "/a/", "access": "readwrite"}, {"key": "/b"}],
                "profile": "",
            }
        ],
        "key": "rsa-2048",
        "expiry": "90d",
        "ca_expiry": "1y",
        "ca_cn": "Our CA",
        "ca_generation": 3,
        "organization": "O",
        "organizational_unit": "OU",
        "locality": "L",
        "state": "ST",
        "country": "DE",
        "separate_requests": True,
        "record": False,
        "removed": ["etcd1"],
        "members_cn": "kube-etcd",
        "ignore": {"host-missing": "a load balancer stands there"},
    }

    inventory = intake.of_data(data)

    assert inventory == Inventory(
        members=(Member("m", ("h",), Files("m.json", "ssl/m", "server")),),
        users=(
            User(
                "u",
                "U",
                "calico",
                (Permission("/a/", "readwrite"), Permission("/b", "read", prefix=False)),
                Files(profile=""),
            ),
        ),
        key=Key("rsa", 2048),
        expiry=2160,
        ca_expiry=8760,
        ca_cn="Our CA",
        ca_generation=3,
        organization="O",
        organizational_unit="OU",
        locality="L",
        state="ST",
        country="DE",
        separate_requests=True,
        members_cn="kube-etcd",
        record=False,
        removed=("etcd1",),
        ignore={"host-missing": "a load balancer stands there"},
    )
    assert intake.from_json(inventory.to_json()) == inventory


def test_a_server_may_have_a_cn_and_a_member_a_second_certificate_for_its_peers() -> None:
    members = [
        {
            "name": "a",
            "hosts": ["h"],
            "cn": "A",
            "request": "a.json",
            "peer": {"request": "p.json", "output": "ssl/p", "profile": "peer", "cn": "P"},
        },
        {"name": "b", "request": "b.json", "peer": {}},
        {"name": "c", "hosts": ["i"], "profile": "p", "peer": {"profile": ""}},
        {"name": "d", "hosts": ["j"], "profile": "p", "peer": {}},
    ]
    proxies = [{"name": "gw", "hosts": [], "cn": "G", "request": "g.json"}]

    inventory = intake.of_data({"members": members, "proxies": proxies})

    assert inventory == Inventory(
        members=(
            Member(
                "a",
                ("h",),
                Files("a.json"),
                cn="A",
                peer=Peer(Files("p.json", "ssl/p", "peer"), "P"),
            ),
            Member("b", (), Files("b.json"), peer=Peer()),
            Member("c", ("i",), Files(profile="p"), peer=Peer(Files(profile=""))),
            Member("d", ("j",), Files(profile="p"), peer=Peer()),
        ),
        proxies=(Proxy("gw", (), Files("g.json"), cn="G"),),
    )
    assert intake.from_json(inventory.to_json()) == inventory
    assert inventory.components == (
        Component("a", "member", "A", ("h",), "a.json", "certs/a", ""),
        Component(
            "peer-a", "member", "P", ("h",), "p.json", "ssl/p", "peer", has_named_profile=True
        ),
        Component("b", "member", "etcd", (), "b.json", "certs/b", ""),
        Component("peer-b", "member", "etcd", (), "b.json", "certs/peer-b", ""),
        Component(
            "c",
            "member",
            "etcd",
            ("i",),
            "config/req-csr.json",
            "certs/c",
            "p",
            has_named_profile=True,
        ),
        Component(
            "peer-c",
            "member",
            "etcd",
            ("i",),
            "config/req-csr.json",
            "certs/peer-c",
            "",
            has_named_profile=True,
        ),
        Component(
            "d",
            "member",
            "etcd",
            ("j",),
            "config/req-csr.json",
            "certs/d",
            "p",
            has_named_profile=True,
        ),
        Component(
            "peer-d",
            "member",
            "etcd",
            ("j",),
            "config/req-csr.json",
            "certs/peer-d",
            "p",
            has_named_profile=True,
        ),
        Component("gw", "proxy", "G", (), "g.json", "certs/gw", ""),
    )


def test_each_component_has_its_own_files_where_they_are_asked_for() -> None:
    users = [{"name": "u"}, {"name": "v", "request": "v.json", "output": "ssl/v", "profile": ""}]

    inventory = intake.of_data(
        {"members": "h", "proxies": 1, "users": users, "separate_requests": True}
    )

    assert inventory.components == (
        Component("etcd1", "member", "etcd", ("h",), "config/req-etcd1.json", "certs/etcd1", ""),
        Component("proxy1", "proxy", "etcd", (), "config/req-proxy1.json", "certs/proxy1", ""),
        Component("u", "user", "u", (), "config/req-u.json", "certs/u", "client"),
        Component("v", "user", "v", (), "v.json", "ssl/v", "", has_named_profile=True),
    )


@pytest.mark.parametrize(
    ("members", "cns"),
    [
        ("a,b", ("etcd",)),
        (
            [{"name": "a", "hosts": ["a"], "cn": "A"}, {"name": "b", "request": "b.json"}],
            ("A", "etcd"),
        ),
    ],
)
def test_peers_ask_each_other_for_the_cns_of_the_members(
    members: Any, cns: tuple[str, ...]
) -> None:
    assert intake.of_data({"members": members}).peer_cns == cns


def test_words_in_a_file_say_what_its_users_may_do() -> None:
    data = {"members": "a", "users": "u,v", "grant": ["u=/x/:w"], "role": ["v=calico"]}

    assert intake.of_data(data).users == (
        User("u", "u", permissions=(Permission("/x/", "write"),)),
        User("v", "v", "calico"),
    )


def test_unnamed_servers_are_numbered_in_order_past_names_that_are_taken_or_were_removed() -> None:
    inventory = intake.of_data(
        {
            "members": "a,ETCD2=b,c,d",
            "proxies": ["proxy1", {}, {"hosts": ["p"]}],
            "removed": ["etcd3"],
        }
    )

    assert [member.name for member in inventory.members] == ["etcd1", "ETCD2", "etcd4", "etcd5"]
    assert [proxy.name for proxy in inventory.proxies] == ["proxy1", "proxy2", "proxy3"]


def test_a_number_is_given_without_regard_to_what_follows_as_add_would_give_it() -> None:
    with pytest.raises(ScaffoldError) as refused:
        intake.of_data({"members": "a,etcd1=b"})

    assert tuple(map(str, refused.value.problems)) == (
        "members[1].name: `etcd1` is the name of members[0] too",
    )


def test_proxies_may_be_a_number() -> None:
    assert [proxy.name for proxy in intake.of_data({"members": "a", "proxies": 2}).proxies] == [
        "proxy1",
        "proxy2",
    ]


def test_every_problem_is_told_at_once_with_its_place() -> None:
    data = {
        "members": ["10.0.0.1", "10.0.0.999", "a=host:1+ok+", {"name": "b"}, {"hosts": "x"}, 5],
        "proxies": ["p=010.0.0.1", {"name": "p", "hosts": []}],
        "users": ["ca", "x-key", "bad name", "etcd", "u=", {"cn": "x"}, {"name": "v", "cn": 7}],
        "key": "dsa-1",
        "expiry": "soon",
        "ca_expiry": 5,
        "ca_cn": "a\nb",
        "ca_generation": 0,
        "organization": "x" * 65,
        "locality": None,
        "country": "de",
        "separate_requests": "yes",
        "record": "no",
        "removed": "../x",
        "ignore": {"a": ""},
        "membrs": [],
    }

    assert (
        refused(data)
        == f"""28 problems in the inventory
  membrs: no such field; did you mean `members`?
  removed[0]: `../x` {NOT_A_NAME}
  members[1]: `10.0.0.999` {NOT_A_HOST}
  members[2].hosts[0]: `host:1` {NOT_A_HOST} (give the host alone, without brackets and port)
  members[2].hosts[2]: `` {NOT_A_HOST} (it is empty)
  members[3].hosts: a member needs at least one host, or a `request` of its own that has them
  members[4].hosts: `x` is not a list
  members[5]: `5` is neither text nor a table of fields
  proxies[0].hosts[0]: `010.0.0.1` {NOT_A_HOST}
  users[0].name: `ca` is taken by the CA's own files
  users[1].name: `x-key` ends in `-key`: `x-key.pem` would be the key of `x`
  users[2].name: `bad name` {NOT_A_NAME}
  users[4].cn: the CN is empty
  users[5].name: `` {NOT_A_NAME}
  users[6].cn: `7` is not text
  key: `dsa-1` is not understood; {KEYS}
  expiry: `soon` is not understood; {LIFETIMES}
  ca_expiry: `5` is not understood; {LIFETIMES}
  ca_cn: `a\\nb` has control or invisible characters
  ca_generation: `0` is not a number from 1 to 999
  organization: `{"x" * 65}` is longer than 64 characters
  locality: `null` is not text
  country: `de` is not a country's two capital letters
  separate_requests: `yes` is neither true nor false
  record: `no` is neither true nor false
  ignore.a: needs the reason why this rule is switched off
  proxies[1].name: `p` is the name of proxies[0] too
  users[3].name: `etcd` is the CN of the members: etcd's gateway would act as that user{HINT}"""
    )


def test_a_newer_format_is_refused_with_both_numbers_and_none_of_its_fields() -> None:
    data = {"version": 2, "members": "a", "of_a_later_time": True}

    assert refused(data) == (
        "the inventory has the format 2, and this tls-scaffold knows the format 1\n\n"
        "hint: a newer tls-scaffold wrote it: upgrade this one"
    )


def test_the_number_of_the_ca_is_a_part_of_its_cn() -> None:
    inventories = [
        intake.of_data({"members": "a", "ca_cn": "x" * 62, "ca_generation": count})
        for count in (1, 2)
    ]

    assert [each.ca_subject_cn for each in inventories] == ["x" * 62, "x" * 62 + " 2"]
    assert refused({"members": "a", "ca_cn": "x" * 62, "ca_generation": 10}) == one(
        f"ca_cn: `{'x' * 62} 10`, with the number of the CA, is longer than 64 characters"
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"membres": "a", "members": "a"}, "membres: no such field; did you mean `members`?"),
        ({"x": 1, "members": "a"}, f"x: no such field; there are {FIELDS}"),
        ({1: 1, "members": "a"}, f"1: no such field; there are {FIELDS}"),
        ({"a\nb": 1, "members": "a"}, f"a\\nb: no such field; there are {FIELDS}"),
        (
            {"members": [{"host": ["a"], "hosts": ["a"]}]},
            "members[0].host: no such field; did you mean `hosts`?",
        ),
        (
            {"members": "a", "proxies": [{"nam": "a"}]},
            "proxies[0].nam: no such field; did you mean `name`?",
        ),
        (
            {"members": "a", "users": [{"name": "u", "CN": "a"}]},
            (
                "users[0].CN: no such field; there are `name`, `cn`, `role`, `permissions`, "
                "`hosts`, `names`, `key`, `expiry`, `usages`, `request`, `output`, `profile`"
            ),
        ),
        (
            {"members": "a", "users": [{"name": "u", "permission": []}]},
            "users[0].permission: no such field; did you mean `permissions`?",
        ),
        (
            {
                "members": "a",
                "users": [{"name": "u", "permissions": [{"prefix": "/", "acces": "read"}]}],
            },
            "users[0].permissions[0].acces: no such field; did you mean `access`?",
        ),
    ],
)
def test_an_unknown_field_is_refused_at_every_level_with_what_was_meant(
    data: Any, problem: str
) -> None:
    assert refused(data) == one(problem)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (None, "null"),
        ("text", "text"),
        (True, "true"),
        ([1], "a list"),
        (1.5, "1.5"),
        (date(2026, 1, 2), "2026-01-02"),
        (("a", {date(2026, 1, 2): 1}), "a list"),
        (1 << 300, f"0x1{'0' * 75}"),
        ((1 << 80) - 1, str((1 << 80) - 1)),
        (1 << 80, f"0x1{'0' * 20}"),
        ("x" * 80, "x" * 80),
        ("x" * 81, f"{'x' * 80}…"),
    ],
)
def test_data_that_is_no_table_is_refused(data: Any, shown: str) -> None:
    assert refused(data) == one(f"inventory: `{shown}` is not a table of fields")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("version", True, "version: `true` is not the number of a format: it is 1"),
        ("version", "1", "version: `1` is not the number of a format: it is 1"),
        ("version", 0, "version: `0` is not the number of a format: it is 1"),
        ("version", [], "version: `a list` is not the number of a format: it is 1"),
        ("ca_generation", True, "ca_generation: `true` is not a number from 1 to 999"),
        ("ca_generation", "2", "ca_generation: `2` is text: write the number without quotes"),
        ("ca_generation", 1000, "ca_generation: `1000` is not a number from 1 to 999"),
        ("proxies", None, "proxies: `null` is not a list"),
        ("proxies", -1, "proxies: `-1` is not a list"),
        ("proxies", True, "proxies: `true` is not a list"),
        ("proxies", 10**12, "proxies: there are more than 10000"),
        ("users", {}, "users: `a table` is not a list"),
        ("users", [None], "users[0]: `null` is neither text nor a table of fields"),
        ("ignore", [], "ignore: `a list` is not a table of rules and reasons"),
        ("ignore", {"x": 1}, "ignore.x: `1` is not text"),
        ("ignore", {"x": "\ud800"}, r"ignore.x: `\ud800` has control or invisible characters"),
        ("ignore", {1: "x"}, "ignore.1: `1` is not text"),
        ("key", None, f"key: `null` is not understood; {KEYS}"),
        ("key", "ecdsa-383", f"key: `ecdsa-383` is not understood; {KEYS}"),
        ("key", "a\x1b[31m", f"key: `a\\x1b[31m` is not understood; {KEYS}"),
        (
            "expiry",
            "10y",
            (
                "expiry: `87600h` is not shorter than the CA's `87600h`: a certificate signed "
                "later would outlive its CA"
            ),
        ),
        (
            "ca_expiry",
            "1y",
            (
                "expiry: `8760h` is not shorter than the CA's `8760h`: a certificate signed "
                "later would outlive its CA"
            ),
        ),
        ("ca_cn", "", "ca_cn: the CN is empty"),
        (
            "ca_cn",
            "etcd",
            "ca_cn: `etcd` is the CN of the members: they would have the whole subject of the CA",
        ),
        ("organization", "a\tb", r"organization: `a\tb` has control or invisible characters"),
        ("state", "x" * 129, f"state: `{'x' * 129}` is longer than 128 characters"),
        ("country", 49, "country: `49` is not text"),
        ("country", "D\n", r"country: `D\n` is not a country's two capital letters"),
        ("separate_requests", 1, "separate_requests: `1` is neither true nor false"),
        ("removed", 1, "removed: `1` is not a list"),
        ("removed", [1], "removed[0]: `1` is not text"),
        ("grant", "\x1b=/x/", r"grant[0]: `\x1b` is not a user: name it with `--user`"),
        ("role", {}, "role: `a table` is not a list"),
        ("members_cn", 1, "members_cn: `1` is not text"),
        ("ignore", {"x": "y" * 1025}, f"ignore.x: `{'y' * 1025}` is longer than 1024 characters"),
        ("members", "x=a=b", f"members[0].hosts[0]: `a=b` {NOT_A_HOST}"),
        (
            "members",
            [{"hosts": ["a"], "cn": "a\nb"}],
            r"members[0].cn: `a\nb` has control or invisible characters",
        ),
        ("members", [{"hosts": ["a"], "output": 1}], "members[0].output: `1` is not text"),
        ("members", [{"hosts": ["a"], "peer": 1}], "members[0].peer: `1` is not a table of fields"),
        (
            "members",
            [{"hosts": ["a"], "peer": {"output": 1}}],
            "members[0].peer.output: `1` is not text",
        ),
        ("members", [{"hosts": ["a"], "peer": {"cn": 1}}], "members[0].peer.cn: `1` is not text"),
        (
            "members",
            [{"hosts": ["a"], "peer": {"hosts": ["b"]}}],
            "members[0].peer.hosts: no such field; there are `cn`, `request`, `output`, `profile`",
        ),
        (
            "proxies",
            [{"output": "a/../b"}],
            (
                "proxies[0].output: `a/../b` is not a path below the folder of letters, digits, "
                "`.`, `_`, `-` and `/`"
            ),
        ),
    ],
)
def test_a_wrong_setting_is_refused(field: str, value: Any, problem: str) -> None:
    assert refused({"members": "a", field: value}) == one(problem)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"role": 1}, "role: `1` is not text"),
        ({"permissions": {}}, "permissions: `a table` is not a list"),
        ({"permissions": [{}]}, "permissions[0]: needs either `prefix`, `key` or `from`"),
        (
            {"permissions": [{"prefix": "/", "key": "/"}]},
            "permissions[0]: needs either `prefix`, `key` or `from`",
        ),
        ({"permissions": [{"key": ""}]}, "permissions[0].key: the key is empty"),
        (
            {"permissions": [{"key": "[/x, /y)"}]},
            "permissions[0].key: `[/x, /y)` reads as a range where etcdctl prints it",
        ),
        (
            {"permissions": [{"key": "[/x, <open ended>"}]},
            "permissions[0].key: `[/x, <open ended>` reads as a range where etcdctl prints it",
        ),
        (
            {"permissions": [{"from": "/a", "to": "/b, c"}]},
            (
                "permissions[0].from: where etcdctl prints a range, `, ` stands between its ends: "
                "neither can hold it"
            ),
        ),
        (
            {"permissions": [{"from": "/k", "to": "/k2) (prefix /k"}]},
            "permissions[0].from: `/k../k2) (prefix /k` reads as a prefix where etcdctl prints it",
        ),
        (
            {"permissions": [{"key": "/", "to": "/a"}]},
            "permissions[0].to: goes with `from`",
        ),
        (
            {"permissions": [{"from": "/b", "to": "/a"}]},
            "permissions[0].from: `/a` does not come after `/b`: no key is between them",
        ),
        ({"permissions": [{"from": "/b", "to": 1}]}, "permissions[0].to: `1` is not text"),
        (
            {"permissions": [{"from": ""}]},
            "permissions[0].from: a range needs its first key (the empty prefix matches every key)",
        ),
        (
            {"permissions": [{"prefix": "a\nb"}]},
            r"permissions[0].prefix: `a\nb` has control or invisible characters",
        ),
        ({"permissions": [{"prefix": 1}]}, "permissions[0].prefix: `1` is not text"),
        (
            {"permissions": [{"prefix": "/", "access": []}]},
            "permissions[0].access: `a list` is none of `read`, `write`, `readwrite`",
        ),
        (
            {"request": "../x"},
            (
                "request: `../x` is not a path below the folder of letters, digits, `.`, `_`, "
                "`-` and `/`"
            ),
        ),
        (
            {"request": "/x"},
            (
                "request: `/x` is not a path below the folder of letters, digits, `.`, `_`, `-` "
                "and `/`"
            ),
        ),
        (
            {"request": "-f"},
            (
                "request: `-f` is not a path below the folder of letters, digits, `.`, `_`, `-` "
                "and `/`"
            ),
        ),
        (
            {"output": "a b"},
            (
                "output: `a b` is not a path below the folder of letters, digits, `.`, `_`, `-` "
                "and `/`"
            ),
        ),
        ({"output": 1}, "output: `1` is not text"),
        (
            {"permissions": [{"prefix": "x" * 1025}]},
            f"permissions[0].prefix: `{'x' * 1025}` is longer than 1024 characters",
        ),
        (
            {"request": "Certs/a/b.json"},
            "request: `Certs/a/b.json` is in `Certs/`, which has other files of the folder",
        ),
        ({"profile": 0}, "profile: `0` is not text"),
        ({"profile": "a b"}, f"profile: `a b` {NOT_A_NAME}"),
    ],
)
def test_a_wrong_field_of_a_user_is_refused(fields: dict[str, Any], problem: str) -> None:
    assert refused({"members": "a", "users": [{"name": "u", **fields}]}) == one(
        f"users[0].{problem}"
    )


@pytest.mark.parametrize("data", [{}, {"members": []}, {"users": ["calico"]}])
def test_a_cluster_without_members_is_refused(data: Any) -> None:
    assert refused(data) == one("members: there are none: a cluster has at least one")


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("", ["members[0]"]),
        ("a,,b", ["members[1]"]),
        (",", ["members[0]", "members[1]"]),
        ("x=", ["members[0].hosts[0]"]),
        ("x=a+", ["members[0].hosts[1]"]),
    ],
)
def test_an_empty_item_is_refused_at_its_place(words: str, places: list[str]) -> None:
    assert problems_of({"members": [words]}) == [
        f"{place}: `` {NOT_A_HOST} (it is empty)" for place in places
    ]


def test_an_empty_name_before_the_equals_sign_is_refused() -> None:
    assert problems_of({"members": "=a", "proxies": ["=b"], "users": ["=c"]}) == [
        f"members[0].name: `` {NOT_A_NAME}",
        f"proxies[0].name: `` {NOT_A_NAME}",
        f"users[0].name: `` {NOT_A_NAME}",
    ]


def test_options_add_to_the_lists_of_a_file_and_stand_over_its_settings() -> None:
    data = {"members": "a", "proxies": 1, "users": ["u"], "key": "rsa-2048", "expiry": "1y"}
    options = Options(
        members=("b,c",), proxies=1, proxy=("gw",), users=("v",), key="ed25519", record=False
    )

    inventory = intake.of_data(data, options)

    assert inventory == Inventory(
        members=(Member("etcd1", ("a",)), Member("etcd2", ("b",)), Member("etcd3", ("c",))),
        proxies=(Proxy("proxy1", ()), Proxy("proxy2", ()), Proxy("gw", ())),
        users=(User("u", "u"), User("v", "v")),
        key=Key("ed25519", 0),
        record=False,
    )


def test_a_wrong_list_of_a_file_stays_wrong_when_options_add_to_it() -> None:
    options = Options(members=("a",))

    assert problems_of({"members": 3}, options) == [
        "members[0]: `3` is neither text nor a table of fields"
    ]
    assert problems_of([], options) == ["inventory: `a list` is not a table of fields"]


def test_options_start_the_lists_that_a_file_has_not() -> None:
    options = Options(("a",), ("u",), ("u=/x/",), ("u=calico",))

    assert options.added_to({}) == {
        "members": ["a"],
        "users": ["u"],
        "grant": ["u=/x/"],
        "role": ["u=calico"],
    }
    assert Options(grant=("u=/x/",)).added_to({"grant": "u=/y/"}) == {"grant": ["u=/y/", "u=/x/"]}
    assert Options(role=("v=root",)).added_to({"role": "u=root"}) == {"role": ["u=root", "v=root"]}
    assert Options(proxies=1).added_to({}) == {"proxies": [{}]}
    assert Options(proxies=0).added_to({}) == {}
    assert Options().added_to({"key": "ed25519"}) == {"key": "ed25519"}
    assert Options(state="").added_to({"state": "Hessen"}) == {"state": ""}


def test_a_word_that_is_no_text_is_told_with_its_place() -> None:
    assert problems_of({"members": "a", "grant": [1]})[0] == "grant[0]: `1` is not text"


def test_two_problems_are_counted_and_nothing_is_told_of_what_could_not_be_read() -> None:
    assert refused({"members": "a", "users": [None, None]}) == (
        "2 problems in the inventory\n  users[0]: `null` is neither text nor a table of fields\n"
        f"  users[1]: `null` is neither text nor a table of fields{HINT}"
    )


def test_components_are_chosen_by_name_each_once_and_all_that_are_unknown_are_told() -> None:
    inventory = intake.of_data({"members": "a", "users": "calico"})

    calico, etcd1 = intake.components_named(inventory, ["calico", "etcd1", "calico"])
    assert (calico, etcd1) == inventory.components[::-1]
    with pytest.raises(ScaffoldError) as caught:
        intake.components_named(inventory, ["calico", "calic", "\x1b"])
    assert str(caught.value) == (
        "there is no such component\n  `calic` is not a component; did you mean `calico`?\n"
        "  `\\x1b` is not a component\n\n"
        "hint: `tls-scaffold.json` names the components; others are in the Makefile alone"
    )


def test_an_inventory_that_is_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls-scaffold.json").mkdir()

    with pytest.raises(ScaffoldError) as caught:
        intake.load(tmp_path)

    assert str(caught.value) == f"`{tmp_path}/tls-scaffold.json` is not a plain file"


def test_a_folder_without_an_inventory_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError) as caught:
        intake.load(tmp_path)

    assert str(caught.value) == (
        f"`{tmp_path}/tls-scaffold.json` does not exist: this is not a folder that "
        "tls-scaffold keeps\n\n"
        "hint: `tls-scaffold new` makes one, `tls-scaffold adopt` takes over one made by "
        "hand, `-C DIR` goes there"
    )


def test_a_folder_s_inventory_is_read(tmp_path: Path) -> None:
    (tmp_path / "tls-scaffold.json").write_text('{"version": 1, "members": ["a"]}')

    assert intake.load(tmp_path) == Inventory(members=(Member("etcd1", ("a",)),))


def test_a_mistake_in_a_folder_s_inventory_has_its_position() -> None:
    with pytest.raises(ScaffoldError) as caught:
        intake.from_json("{")

    assert caught.value.summary.startswith("`tls-scaffold.json` is not JSON: ")
    assert caught.value.summary.endswith("(line 1, column 2)")


@pytest.mark.parametrize("name", ["ca", "csr", "peer-key"])
def test_a_profile_may_be_called_what_no_file_may(name: str) -> None:
    users = [{"name": "u", "profile": name}]
    assert intake.of_data({"members": "a", "users": users}).users[0].files == Files(profile=name)


def test_more_members_than_loopback_has_ports_for_are_refused() -> None:
    problem = "members: there are more than 632, the most that loopback has ports for"
    assert refused({"members": [f"m{number}" for number in range(633)]}) == one(problem)


def test_as_many_proxies_as_may_be_are_taken_and_no_more_are_made() -> None:
    problems: list[Problem] = []
    whole = Field("", {"proxies": 10_000}, problems)

    assert len(components.read_proxies(whole.table(("proxies",)), ())) == 10_000
    assert problems == []
    assert components.proxy_list(10**12) == [{}] * 10_001
