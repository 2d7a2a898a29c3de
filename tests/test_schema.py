"""The JSON Schema of the inventory and the readers of the inventory say the same."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Factory
from support import BIN, run
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import (
    components,
    custody,
    forgotten,
    formats,
    intake,
    membersettings,
    terms,
)
from tls_scaffold.inventory.presets import PRESETS
from tls_scaffold.inventory.schema import inventory_schema
from tls_scaffold.spelling import KEYS

PROGRAM = str(BIN / "tls-scaffold")
SCHEMA: Any = inventory_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
WHERE = "https://etcd.example.com/tls-scaffold.schema.json"
Place = tuple[str | int, ...]


def is_taken(data: Any) -> bool:
    """Tell whether the readers take an inventory: the one of a folder, or one for `--from`."""
    try:
        intake.of_data(copy.deepcopy(data), users_are_enough=True, needs_pin=False)
    except ScaffoldError:
        return False
    return True


def test_it_is_a_schema_and_every_field_of_it_has_a_sentence() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    for place, each in [("", SCHEMA), *((name, SCHEMA["$defs"][name]) for name in SCHEMA["$defs"])]:
        assert each["description"], place
        for name, said in each["properties"].items():
            assert said["description"].endswith("."), (place, name)


def test_its_patterns_are_of_the_kind_that_every_validator_knows() -> None:
    """JavaScript's, Go's and Rust's too: no part of a pattern looks ahead or behind."""
    patterns = re.findall(r'"pattern": ("(?:[^"\\\\]|\\\\.)*")', json.dumps(SCHEMA))
    assert len(patterns) > 20
    for pattern in map(json.loads, patterns):
        assert re.fullmatch(r"\^.*\$", pattern)
        assert not re.search(r"\(\?[^:]|\\[AZbB]", pattern), pattern


def test_the_program_prints_it() -> None:
    done = run(PROGRAM, "schema")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == SCHEMA


def test_the_readers_and_it_know_the_same_fields() -> None:
    parts = SCHEMA["$defs"]
    known = {
        "": (SCHEMA, intake.FIELDS),
        "forgotten": (SCHEMA["properties"]["forgotten"], forgotten.FIELDS),
        "member": (parts["member"], components.MEMBER_FIELDS),
        "peer": (parts["member"]["properties"]["peer"], components.PEER_FIELDS),
        "proxy": (parts["proxy"], components.SERVER_FIELDS),
        "user": (parts["user"], components.USER_FIELDS),
        "permission": (parts["permission"], components.PERMISSION_FIELDS),
        "etcd": (parts["etcd"], membersettings.FIELDS),
        "ca": (parts["ca"], custody.FIELDS),
        "names": (parts["names"], terms.LONGEST_NAMES),
    }
    assert set(parts) <= set(known)
    for place, (schema, fields) in known.items():
        assert set(schema["properties"]) == set(fields), place
        assert schema["additionalProperties"] is False, place


NAME = st.text("abz019._-", min_size=1, max_size=5).map(lambda text: f"n{text}")
LIFE = st.sampled_from(["1h", "90d", "8w", "1y", "8759h"])
TEXT = st.text("abä ß0-", max_size=6).map(lambda text: text.strip())
CN = TEXT.filter(bool)
KEY = st.sampled_from(sorted(KEYS))
HOST = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"(\*\.)?[a-z_][a-z0-9-]{0,4}x\.example", fullmatch=True),
)
COUNTRY = st.sampled_from(["", "DE", "CH"])
PATH = st.from_regex(r"([a-z]{1,3}x/)?[a-z0-9_]{1,3}q", fullmatch=True)
ETCD = st.fixed_dictionaries(
    {},
    optional={
        "data_dir": st.sampled_from(["/var/lib/etcd", "/data"]),
        "initial_cluster_state": st.sampled_from(membersettings.STATES),
        "client_port": st.integers(1, 65535),
        "peer_port": st.integers(1, 65535),
        "listen_client": st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=2),
        "listen_peer": st.just(["::"]),
        "auto_compaction": st.sampled_from(["off", "5m", "1h", "8760h"]),
    },
)


def texts_of(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.one_of(text, st.lists(text, max_size=3, unique=True))


TERMS: dict[str, st.SearchStrategy[Any]] = {
    "names": st.fixed_dictionaries(
        {},
        optional={**dict.fromkeys(("O", "OU", "L", "ST"), texts_of(TEXT)), "C": texts_of(COUNTRY)},
    ),
    "key": KEY,
    "expiry": LIFE,
}
FILES: dict[str, st.SearchStrategy[Any]] = {
    "request": PATH.map(lambda path: f"{path}.json"),
    "output": PATH,
    "profile": st.sampled_from(["", "server", "peer-1"]),
}
PERMISSION = st.one_of(
    st.fixed_dictionaries({"prefix": TEXT}, optional={"access": st.just("write")}),
    st.fixed_dictionaries({"key": CN}, optional={"access": st.just("read")}),
    st.fixed_dictionaries({"from": st.just("a")}, optional={"to": st.sampled_from(["", "b"])}),
)
SERVER = {"hosts": st.lists(HOST, min_size=1, max_size=3, unique=True)}
MEMBER = st.one_of(
    HOST,
    st.fixed_dictionaries(
        SERVER,
        optional={
            "name": NAME,
            "cn": CN,
            **TERMS,
            **FILES,
            "peer": st.fixed_dictionaries({}, optional={"cn": CN, **FILES}),
            "etcd": ETCD,
        },
    ),
)
PROXY = st.one_of(
    NAME, st.fixed_dictionaries({}, optional={"name": NAME, **SERVER, "cn": CN, **TERMS, **FILES})
)
USER = st.one_of(
    NAME,
    st.fixed_dictionaries(
        {"name": NAME},
        optional={
            "cn": CN,
            **TERMS,
            **FILES,
            "role": st.sampled_from([each.name for each in PRESETS]),
            "permissions": st.lists(PERMISSION, max_size=2),
            "hosts": st.lists(HOST, max_size=2, unique=True),
            "usages": st.sampled_from(
                ["client", " server , client auth ", ["client auth"], ["server,client"]]
            ),
        },
    ),
)
CA = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"own": st.booleans(), "key": st.sampled_from(["encrypted", "offline"])}
    ),
    st.fixed_dictionaries(
        {
            "key": st.just("remote"),
            "remotes": st.sampled_from(
                ["http://a:1,https://[::1]:8888", ["https://10.0.0.5:8888/", "http://b"]]
            ),
        },
        optional={
            "own": st.just(value=True),
            "label": st.just("a_1"),
            "sha256": st.just("0f" * 32),
            "auth_key": st.sampled_from(["env:KEY", "file:/etc/key"]),
            "remote_ca": st.sampled_from(["ca.pem", "/etc/ssl/ca.pem"]),
        },
    ),
)
INVENTORY = st.fixed_dictionaries(
    {
        "members": st.one_of(
            st.just("10.0.0.1,b=10.0.0.2"), st.lists(MEMBER, min_size=1, max_size=3)
        )
    },
    optional={
        "$schema": st.just(WHERE),
        "version": st.just(1),
        "proxies": st.one_of(st.integers(0, 3), st.just("gw"), st.lists(PROXY, max_size=2)),
        "users": st.one_of(st.just("alice,bob=B"), st.lists(USER, max_size=3)),
        "key": KEY,
        "expiry": LIFE,
        "ca_expiry": st.just("10y"),
        "ca_cn": CN,
        **dict.fromkeys(("ca_generation", "peer_ca_generation"), st.integers(1, 999)),
        **dict.fromkeys(("organization", "organizational_unit", "locality", "state"), TEXT),
        "country": COUNTRY,
        "members_cn": CN,
        "etcd": ETCD,
        "ca": CA,
        **dict.fromkeys(("separate_requests", "record", "peer_ca", "crl"), st.booleans()),
        "key_group": st.sampled_from(["", "etcd", "1000"]),
        "removed": st.one_of(st.just("old,older"), st.lists(NAME, max_size=2)),
        "forgotten": st.fixed_dictionaries(
            {}, optional={"users": st.lists(CN, max_size=2), "roles": st.lists(CN, max_size=2)}
        ),
        "ignore": st.dictionaries(st.sampled_from(["empty-host", "x"]), CN, max_size=2),
        **dict.fromkeys(("grant", "role", "set"), st.just([])),
    },
)
NO_STRUCTURE: list[Any] = [None, 1.5, [[]], {"no_such_field": 1}, [{"no_such_field": 1}]]
"""What stands nowhere in an inventory."""
SOMETHING: list[Any] = [
    *("", " ", "x", "X/y.json", "=", ",", "10.0.0.1", "/a", "root", "a" * 65, "1h", "ecdsa-0384"),
    *(True, 0, 1, -1, 1000, 65536, [], {}, ["x"], ["x", "x"], [""], {"name": "x"}, {"x": "y"}),
]
quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(INVENTORY)
def test_what_the_readers_take_is_valid(data: dict[str, Any]) -> None:
    if is_taken(data):
        VALIDATOR.validate(data)
        inventory = intake.of_data(data, users_are_enough=True, needs_pin=False)
        VALIDATOR.validate(inventory.document())


def test_the_strategy_s_inventories_are_taken_often_enough() -> None:
    taken = []

    @settings(quick, database=None)
    @given(INVENTORY)
    def count(data: dict[str, Any]) -> None:
        taken.append(is_taken(data))

    count()
    assert sum(taken) > len(taken) / 4


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of every value in an inventory, the whole one's too."""
    yield place
    if isinstance(value, dict):
        inner: list[tuple[str | int, Any]] = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) else []
    for name, each in inner:
        yield from places(each, (*place, name))


def at(data: Any, place: Place) -> Any:
    for name in place:
        data = data[name]
    return data


def replaced(data: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    data = copy.deepcopy(data)
    at(data, place[:-1])[place[-1]] = value
    return data


@quick
@given(INVENTORY.filter(is_taken), st.data())
def test_what_stands_nowhere_is_refused_by_both(data: dict[str, Any], draw: st.DataObject) -> None:
    place = draw.draw(st.sampled_from(list(places(data))))
    wrong = replaced(data, place, draw.draw(st.sampled_from(NO_STRUCTURE)))

    assert not VALIDATOR.is_valid(wrong)
    assert not is_taken(wrong)


@quick
@given(INVENTORY.filter(is_taken), st.data())
def test_an_unknown_field_is_refused_by_both(data: dict[str, Any], draw: st.DataObject) -> None:
    tables = [each for each in places(data) if isinstance(at(data, each), dict)]
    place = draw.draw(st.sampled_from([each for each in tables if each != ("ignore",)]))
    wrong = replaced(data, place, {**at(data, place), "nmae": "x"})

    assert not VALIDATOR.is_valid(wrong)
    assert not is_taken(wrong)


@quick
@given(INVENTORY.filter(is_taken), st.data())
def test_what_is_not_valid_the_readers_refuse(data: dict[str, Any], draw: st.DataObject) -> None:
    place = draw.draw(st.sampled_from(list(places(data))))
    if place and draw.draw(st.sampled_from([True, False])):
        changed = copy.deepcopy(data)
        del at(changed, place[:-1])[place[-1]]
    else:
        changed = replaced(data, place, draw.draw(st.sampled_from(SOMETHING)))

    if not VALIDATOR.is_valid(changed):
        assert not is_taken(changed)


def with_member(**fields: Any) -> dict[str, Any]:
    return {"members": [{"hosts": ["10.0.0.1"], **fields}]}


def with_user(**fields: Any) -> dict[str, Any]:
    return {"users": [{"name": "alice", **fields}]}


def with_all(**fields: Any) -> dict[str, Any]:
    return {"members": ["10.0.0.1"], **fields}


def with_ca(**fields: Any) -> dict[str, Any]:
    return with_all(ca=fields)


REMOTE = {"key": "remote", "remotes": ["http://10.0.0.5:8888"]}
LIMITS: list[tuple[Any, list[Any], list[Any]]] = [
    (lambda v: with_all(version=v), [1], [True, 0, "1"]),
    (lambda v: {**with_all(), "$schema": v}, ["", "./x.json", "a" * 1024], [1, "a" * 1025]),
    (
        lambda v: {"members": v},
        ["a", ["a"], [{"hosts": ["a"]}]],
        [1, [1], {}, [{}], [{"hosts": []}]],
    ),
    (lambda v: {"members": [f"h{n}" for n in range(v)]}, [632], [633]),
    (lambda v: with_all(proxies=v), [0, 10000, "gw", [], [{}]], [-1, 10001, True, [1], {}]),
    (lambda v: with_all(users=v), ["a", [], ["a", {"name": "b"}]], [1, {}, [{}], [1]]),
    (lambda v: with_all(key=v), [*KEYS], ["rsa-1024", "ecdsa-0384", "ECDSA-384", "", 384]),
    (lambda v: with_all(expiry=v), ["1h", "90d"], ["", "0h", "1m", "1.5h", "01h", 90]),
    (lambda v: with_all(ca_cn=v), ["a", "a,b", "ä" * 64], ["", "a" * 65, 1]),
    (lambda v: with_all(ca_generation=v), [1, 999], [0, 1000, "1"]),
    (lambda v: with_all(organization=v), ["", "a" * 64], ["a" * 65, 1]),
    (lambda v: with_all(locality=v), ["", "a" * 128], ["a" * 129, 1]),
    (lambda v: with_all(country=v), ["", "DE"], ["de", "D", "DEU", 1]),
    (lambda v: with_all(members_cn=v), ["a" * 64], ["", "a,b", "a" * 65]),
    (lambda v: with_all(record=v), [True, False], [0, 1, "true", ""]),
    (lambda v: with_all(key_group=v), ["", "etcd", "_x.y-1", "a" * 32], ["a b", "-a", "a" * 33]),
    (lambda v: with_all(peer_ca_generation=v, peer_ca=True), [1, 999], [0, 1000]),
    (
        lambda v: with_all(removed=v),
        ["a,b", ["a"], ["a,b"], []],
        ["", "-a", ["a b"], 1],
    ),
    (lambda v: with_all(forgotten={"users": v}), [[], ["a"]], [["root"], [""], ["a,b"], "a"]),
    (lambda v: with_all(forgotten={"roles": v}), [["a" * 256]], [["root"], [""], ["a" * 257]]),
    (lambda v: with_all(ignore=v), [{}, {"x": "why"}], [{"x": ""}, {"": "y"}, {"x": 1}, ["x"]]),
    (lambda v: with_user() | {"grant": v}, ["alice=/a", ["alice=/a:rw", "alice=/b"]], [1, [1], {}]),
    (lambda v: with_user() | {"role": v}, ["alice=calico-node", []], [1, [1], {}]),
    (lambda v: with_user() | {"set": v}, ["alice:O=x,alice:key=rsa-2048", []], [1, [1], {}]),
    (lambda v: with_member(name=v), ["a", "A.b_c-1", "a" * 64], ["", "-a", "a b", "a" * 65, 1]),
    (
        lambda v: with_member(hosts=v),
        [["a"], ["::1"], ["a", "*.b"]],
        ["a", [""], ["a b"], ["a/24"]],
    ),
    (lambda v: with_member(cn=v), ["a"], ["", "a,b"]),
    (
        lambda v: with_member(request=v),
        ["a/b.json", "b.JSON"],
        ["", "/a.json", "a.txt", "a/../b.json"],
    ),
    (lambda v: with_member(output=v), ["ssl/a", "a"], ["", "/a", "a//b", "../a"]),
    (lambda v: with_member(profile=v), ["", "a"], ["a b", "-"]),
    (lambda v: with_member(peer=v), [{}, {"output": "a"}], [{"name": "x"}, [], "x"]),
    (lambda v: with_member(names=v), [{}, {"O": ["a", ""]}], [{"X": ""}, {"O": ["a", "a"]}, []]),
    (lambda v: with_member(names={"C": v}), ["", "DE", ["DE"]], ["de", ["D"], 1]),
    (lambda v: with_member(etcd={"data_dir": v}), ["/a/b"], ["a", "/", "/a b"]),
    (lambda v: with_member(etcd={"client_port": v}), [1, 65535], [0, 65536, "1"]),
    (lambda v: with_member(etcd={"initial_cluster_state": v}), ["new", "existing"], ["", "New"]),
    (lambda v: with_member(etcd={"listen_peer": v}), [["10.0.0.1"]], [[], "10.0.0.1", [""]]),
    (lambda v: with_member(etcd={"auto_compaction": v}), ["off", "5m", "2h"], ["", "1d", "0h", 1]),
    (
        lambda v: with_user(role=v),
        [each.name for each in PRESETS if each.name != "root"],
        ["x", ""],
    ),
    (lambda v: with_user(usages=v), ["client", ["server auth"]], ["", [], "any", ["x"], "client,"]),
    (lambda v: with_user(permissions=v), [[], [{"prefix": ""}]], ["a", [{}], ["a"], {}]),
    (
        lambda v: with_user(permissions=[v]),
        [{"key": "a", "access": "readwrite"}, {"from": "a", "to": "b"}, {"from": "a"}],
        [
            *({"key": ""}, {"prefix": "a", "key": "a"}, {"prefix": "a", "to": "b"}, {"to": "b"}),
            *({"prefix": "a", "access": "rw"}, {"prefix": "a" * 1025}, {"from": ""}),
        ],
    ),
    (lambda v: with_ca(key=v), ["encrypted", "offline"], ["", "here", "remote", 1]),
    (
        lambda v: with_ca(**{**REMOTE, "remotes": v}),
        ["http://a", ["http://a,http://b"]],
        [[], ["a"], ["http://a/b"], ""],
    ),
    (lambda v: with_ca(**REMOTE, label=v), ["a", "a" * 64], ["", "a-b", "a" * 65]),
    (lambda v: with_ca(**REMOTE, auth_key=v), ["env:A", "file:a"], ["", "A", "env:1", "file:"]),
    (lambda v: with_ca(**REMOTE, sha256=v), ["0f" * 32], ["", "0F" * 32, "0f" * 31]),
    (lambda v: with_ca(key="offline", **v), [{}], [{"remotes": ["http://a"]}, {"label": "a"}]),
    (lambda v: with_ca(**v), [{}], [{"auth_key": "env:A"}, {"remote_ca": "a.pem"}]),
]


@pytest.mark.parametrize(("data_with", "taken", "refused"), LIMITS)
def test_limits_are_the_same(data_with: Any, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        VALIDATOR.validate(data_with(value))
        assert is_taken(data_with(value)), value
    for value in refused:
        assert not VALIDATOR.is_valid(data_with(value)), value
        assert not is_taken(data_with(value)), value


def test_what_is_seen_in_json_is_seen_in_yaml_and_toml() -> None:
    yaml = "$schema: ./x.json\nmembers: [10.0.0.1]\nusers:\n- {name: on, expiry: 90d}\n"
    toml = (
        "'$schema' = './x.json'\nmembers = ['10.0.0.1']\n[[users]]\nname = 'on'\nexpiry = '90d'\n"
    )
    for text, kind in ((yaml, "yaml"), (toml, "toml")):
        data = formats.parse(text, "x", kind)
        VALIDATOR.validate(data)
        assert is_taken(data)
        wrong = formats.parse(text.replace("expiry", "expires"), "x", kind)
        assert not VALIDATOR.is_valid(wrong)
        assert not is_taken(wrong)


def test_where_the_schema_is_stays_in_the_file(folder: Factory, tmp_path: Path) -> None:
    path = folder("--members", "10.0.0.1,10.0.0.2", "--users", "alice")
    file = path / "tls-scaffold.json"
    plain = file.read_text()
    assert "$schema" not in json.loads(plain)
    file.write_text(plain.replace("{", f'{{\n  "$schema": "{WHERE}",', 1))

    others = tmp_path / "others.yaml"
    others.write_text("members: [10.0.0.1, 10.0.0.2]\nusers: [carol]\n")
    for words in (
        ("sync", "--check"),
        ("add", "bob"),
        ("remove", "alice"),
        ("sync",),
        ("sync", "--from", str(others)),
    ):
        done = run(PROGRAM, *words, cwd=path)
        assert done.returncode == 0, done.stderr
        assert file.read_text().startswith(f'{{\n  "$schema": "{WHERE}",\n')
    assert [each["name"] for each in json.loads(file.read_text())["users"]] == ["carol"]
    VALIDATOR.validate(json.loads(file.read_text()))


def test_the_schema_may_be_named_in_a_file_that_a_folder_is_made_from(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"$schema": WHERE, "members": ["10.0.0.1"]}))

    assert run(PROGRAM, "new", "--from", "x.json", cwd=tmp_path).returncode == 0
    made = json.loads((tmp_path / "tls-setup/tls-scaffold.json").read_text())
    assert next(iter(made.items())) == ("$schema", WHERE)
