"""Names, keys, lives, hosts and usages of single components, in the inventory and by --set."""

import json
from pathlib import Path
from typing import Any

import pytest

from checking import CLEAR_KEY, finds_nothing
from conftest import Factory
from keeping import kept
from support import contents, laid_out, make, openssl, read, tls_scaffold, verify
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflicts, intake, rbac, userwarnings
from tls_scaffold.inventory.asked import names_of, own_profiles
from tls_scaffold.inventory.options import Options
from tls_scaffold.inventory.values import Inventory

FIELDS: dict[str, Any] = {
    "names": {"O": ["system:nodes", "dev"], "OU": "", "C": "DE"},
    "key": "rsa-3072",
    "expiry": "90d",
}
NODE: dict[str, Any] = {
    "name": "node",
    "cn": "system:node:n",
    "hosts": ["n", "10.0.0.9", "*.n.example"],
    **FIELDS,
    "usages": ["client", "server auth"],
}
ALL = {
    "members": [{"name": "etcd1", "hosts": ["10.0.0.1"], **FIELDS}],
    "proxies": [{"name": "proxy1", "hosts": [], **FIELDS}],
    "users": [NODE],
}
SET = (
    *("node:hosts=n+10.0.0.9+*.n.example", "node:usages=client+server"),
    *(
        word
        for name in ("etcd1", "proxy1", "node")
        for word in (
            *(f"{name}:O=system:nodes", f"{name}:O=dev", f"{name}:OU=", f"{name}:C=DE"),
            *(f"{name}:key=rsa-3072", f"{name}:expiry=90d"),
        )
    ),
)


def of(**fields: Any) -> Inventory:
    return intake.of_data({"members": "10.0.0.1", **fields})


def problems_of(options: Options = intake.NO_OPTIONS, **fields: Any) -> list[str]:
    with pytest.raises(ScaffoldError) as caught:
        intake.of_data({"members": "10.0.0.1", "proxies": 1, **fields}, options)
    return list(map(str, caught.value.problems))


@pytest.mark.fast
def test_what_a_component_says_for_itself_reads_back_as_it_was_written() -> None:
    inventory = intake.of_data(ALL)

    assert intake.of_data(inventory.document()) == inventory
    assert intake.from_json(inventory.to_json()) == inventory
    written = inventory.document()
    assert written["users"] == [
        {**NODE, "expiry": "2160h", "usages": ["server auth", "client auth"]}
    ]
    assert written["members"] == [{**ALL["members"][0], "expiry": "2160h"}]


@pytest.mark.fast
def test_the_words_of_set_say_what_the_fields_say() -> None:
    words = Options(members=("10.0.0.1",), users=("node=system:node:n",), proxies=1, set=SET)

    assert intake.of_data({}, words) == intake.of_data(ALL)


@pytest.mark.fast
def test_a_word_takes_the_place_of_what_was_there_and_leaves_the_rest() -> None:
    words = Options(set=("node:O=x", "node:expiry=1y"))

    (user,) = intake.of_data(ALL, words).users

    assert user.document() == {
        **NODE,
        "names": {**NODE["names"], "O": "x"},
        "expiry": "8760h",
        "usages": ["server auth", "client auth"],
    }


@pytest.mark.fast
def test_names_of_its_own_take_the_place_of_those_of_every_subject() -> None:
    inventory = of(users=[{"name": "a", "names": {"OU": "", "O": ["x", "y"], "ST": "s"}}])

    assert names_of(inventory, inventory.components[-1]) == (
        {"O": "x", "L": "the internet", "ST": "s"},
        {"O": "y"},
    )


@pytest.mark.fast
def test_a_profile_says_its_usages_and_its_life_and_is_there_once() -> None:
    users = [
        {"name": "a", "expiry": "90d"},
        {"name": "b", "expiry": "2160h"},
        {"name": "c", "usages": ["server auth"], "expiry": "1d"},
        {"name": "d", "usages": ["server auth"]},
        {"name": "e", "usages": ["server auth", "client auth"]},
        {"name": "f", "usages": ["client auth"]},
    ]
    inventory = of(users=users, expiry="30d")

    assert [each.profile for each in inventory.components] == [
        *("", "client-2160h", "client-2160h", "server-24h", "server", "peer", "client")
    ]
    assert [(each.name, each.expiry) for each in own_profiles(inventory)] == [
        *(("client-2160h", 2160), ("peer", 720), ("server", 720), ("server-24h", 24))
    ]


@pytest.mark.fast
def test_a_member_with_a_key_or_names_of_its_own_has_a_request_of_its_own() -> None:
    members = [
        {"hosts": ["10.0.0.1"], "key": "rsa-2048", "peer": {}},
        {"hosts": ["10.0.0.2"], "expiry": "90d"},
        {"hosts": ["10.0.0.3"]},
    ]

    components = of(members=members).components

    assert [(each.name, each.request, each.profile) for each in components] == [
        ("etcd1", "config/req-etcd1.json", ""),
        ("peer-etcd1", "config/req-etcd1.json", ""),
        ("etcd2", "config/req-csr.json", "peer-2160h"),
        ("etcd3", "config/req-csr.json", ""),
    ]


USAGE = "is neither `server auth` nor `client auth`"
IN = "users[0]"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("user", "problem"),
    [
        (
            {"key": "rsa-1024"},
            f"{IN}.key: `rsa-1024` is not understood; it takes ecdsa-256, -384, ",
        ),
        ({"key": None}, f"{IN}.key: `null` is not understood; it takes ecdsa-256, -384, -521, "),
        ({"expiry": "0h"}, f"{IN}.expiry: `0h` is not understood; it takes `90d`, `1y` or `8760h`"),
        ({"expiry": 90}, f"{IN}.expiry: `90` is not understood; it takes `90d`, `1y` or `8760h`"),
        ({"expiry": "10y"}, f"{IN}.expiry: `87600h` is not shorter than the CA's `87600h`: a "),
        ({"usages": []}, f"{IN}.usages: is empty: leave it out, or name a usage"),
        ({"usages": ["any"]}, f"{IN}.usages[0]: `any` {USAGE}"),
        ({"usages": [""]}, f"{IN}.usages[0]: `` {USAGE}"),
        ({"usages": {"server": 1}}, f"{IN}.usages: `a table` is not a list"),
        ({"hosts": "n"}, f"{IN}.hosts: `n` is not a list"),
        ({"hosts": ["n:1"]}, f"{IN}.hosts[0]: `n:1` is not an IP address or a host name (give "),
        ({"hosts": ["n", "N"]}, f"{IN}.hosts[1]: `N` is the same host as `n` in {IN}.hosts[0]"),
        ({"names": {"CN": "x"}}, f"{IN}.names.CN: no such field; did you mean `C`?"),
        ({"names": {"O": "x" * 65}}, f"{IN}.names.O: `{'x' * 65}` is longer than 64 characters"),
        ({"names": {"O": ["a", "a"]}}, f"{IN}.names.O: has one text twice"),
        ({"names": {"O": ["a", 1]}}, f"{IN}.names.O[1]: `1` is not text"),
        ({"names": {"C": "Germany"}}, f"{IN}.names.C: `Germany` is not a country's two capital "),
        ({"names": "O=x"}, f"{IN}.names: `O=x` is not a table of fields"),
        (
            {"usages": ["server auth"], "role": "backup"},
            f"{IN}.role: its usages lack `client auth`: etcd lets nobody in with its certificate",
        ),
        (
            {"usages": ["server auth"], "permissions": [{"prefix": "/"}]},
            f"{IN}.permissions: its usages lack `client auth`: etcd lets nobody in with its ",
        ),
        (
            {"profile": "www", "expiry": "90d"},
            f"{IN}.profile: `www` says what `expiry` says too: leave out one of them",
        ),
        (
            {"profile": "www", "usages": ["server"]},
            f"{IN}.profile: `www` says what `usages` says too: leave out one of them",
        ),
    ],
)
def test_what_can_not_be_signed_is_refused_at_its_place(user: Any, problem: str) -> None:
    (found,) = problems_of(users=[{"name": "a", **user}])
    assert found.startswith(problem), found


@pytest.mark.fast
@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("a", "`a` is not NAME:FIELD=VALUE, such as alice:key=rsa-2048"),
        ("a=key", "`a=key` is not NAME:FIELD=VALUE, such as alice:key=rsa-2048"),
        ("a:key", "`a:key` is not NAME:FIELD=VALUE, such as alice:key=rsa-2048"),
        ("alic:key=rsa-2048", "`alic` is not a component; did you mean `alice`?"),
        ("zz9:key=rsa-2048", "`zz9` is not a component: name it with `--user`"),
        (
            "alice:kee=rsa-2048",
            "`kee` can't be set; did you mean `key`?",
        ),
        (
            "alice:CN=x",
            "`CN` can't be set; did you mean `C`?",
        ),
        ("alice:key=", "`` is not understood; it takes ecdsa-256, -384, -521, rsa-2048 … -8192, "),
        ("alice:usages=server+code signing", f"`code signing` {USAGE}"),
        ("alice:hosts=h+", "`` is not an IP address or a host name (it is empty)"),
        ("alice:usages=", "is empty: leave it out, or name a usage"),
        ("etcd1:hosts=h", "`hosts` is set for users alone, and `etcd1` is a server of etcd"),
        ("proxy1:usages=server", "`usages` is set for users alone, and `proxy1` is a server of "),
        ("alice:O=\x1b[2J", "`\\x1b[2J` has control or invisible characters"),
    ],
)
def test_a_word_that_sets_nothing_is_refused(word: str, problem: str) -> None:
    (found,) = problems_of(Options(set=(word,)), users="alice")
    assert found.startswith((f"set[0]: {problem}", f"set[0][1]: {problem}"))


@pytest.mark.fast
def test_one_field_is_set_once_but_a_name_may_have_several_texts() -> None:
    words = ("alice:key=rsa-2048", "alice:key=rsa-3072", "alice:O=a", "alice:O=b", "alice:O=a")

    assert problems_of(Options(set=words), users="alice") == [
        "set[1]: `key` of `alice` is set twice",
        "set[4]: `O` of `alice` is set twice",
    ]


VALUES = {
    "key": "rsa-2048",
    "expiry": "90d",
    "O": "a",
    "OU": "",
    "hosts": "h+10.0.0.9",
    "usages": "server+client",
}


@pytest.mark.fast
@pytest.mark.parametrize("what", VALUES)
def test_what_was_set_is_taken_back(what: str) -> None:
    words = tuple(f"alice:{each}={value}" for each, value in VALUES.items())
    had = intake.of_data({"members": "10.0.0.1"}, Options(users=("alice",), set=words))
    others = tuple(word for word in words if not word.startswith(f"alice:{what}="))

    left = intake.of_data(had.document(), Options(set=(f"alice:-{what}",)))

    assert left == intake.of_data({"members": "10.0.0.1"}, Options(users=("alice",), set=others))
    assert intake.of_data(left.document(), Options(set=(f"alice:-{what}",))) == left


@pytest.mark.fast
def test_a_word_that_takes_back_nothing_is_refused() -> None:
    words = ("alice:-", "alice:-kee", "etcd1:-hosts", "alice:-O", "alice:O=x", "alice:O=y")

    assert problems_of(Options(set=words), users="alice") == [
        "set[0]: `alice:-` is not NAME:FIELD=VALUE, such as alice:key=rsa-2048, or NAME:-FIELD",
        "set[1]: `kee` can't be set; did you mean `key`?",
        "set[2]: `hosts` is set for users alone, and `etcd1` is a server of etcd",
        "set[4]: `O` of `alice` is set twice",
        "set[5]: `O` of `alice` is set twice",
    ]


@pytest.mark.fast
def test_two_that_share_a_request_ask_the_same_by_it() -> None:
    shared = {"request": "config/shared.json"}
    serving = {"usages": ["server"], "cn": "x", **shared}
    members = [{"hosts": ["10.0.0.1"], **shared}, {"hosts": ["10.0.0.2"], **shared}]
    too = "`config/shared.json` is the request of members[0] too, with"

    assert problems_of(members=[{**members[0], "key": "rsa-2048"}, members[1]]) == [
        f"members[1].request: {too} another kind of key"
    ]
    assert problems_of(members=[{**members[0], "names": {"O": "x"}}, members[1]]) == [
        f"members[1].request: {too} other names"
    ]
    users = [{"name": "a", "hosts": ["a"], **serving}, {"name": "b", "hosts": ["b"], **serving}]
    assert problems_of(users=users) == [
        "users[1].request: `config/shared.json` is the request of users[0] too, with other hosts"
    ]


@pytest.mark.fast
def test_with_other_names_a_subject_may_have_the_cn_of_the_ca() -> None:
    user = {"name": "a", "cn": "Autogenerated CA"}
    same = {**user, "names": {"O": "autogenerated"}}
    told = "`Autogenerated CA` with the same names would be the whole subject of the CA"

    assert problems_of(users=[user]) == problems_of(users=[same]) == [f"users[0].cn: {told}"]
    assert of(users=[{**user, "names": {"O": "other"}}]).users


@pytest.mark.fast
def test_a_certificate_for_servers_alone_is_no_user_of_etcd() -> None:
    users = [
        {"name": "kube-apiserver", "usages": ["server auth"]},
        {"name": "client", "cn": "kube-apiserver", "role": "kube-apiserver"},
        {"name": "root", "usages": ["server auth"]},
    ]
    inventory = of(users=users)

    assert list(userwarnings.warnings(inventory.users[::2])) == []
    written = rbac.fact_lines(inventory)
    assert [line for line in written if line.startswith(("user\t", "certificate\t"))] == [
        "user\tkube-apiserver"
    ]


@pytest.mark.fast
def test_a_life_that_is_always_due_is_told_with_whose_it_is() -> None:
    users = [{"name": "a", "expiry": "1d"}, {"name": "b", "expiry": "1d"}, "c"]

    (line,) = conflicts.short_lived(of(users=users))

    assert line.startswith("`a`, `b`: a life of 24 hours is within the 30 days")


CLUSTER = (
    *("--members", "10.0.0.1,10.0.0.2", "--proxies", "0", "--key", "ecdsa-256"),
    *("--users", "node=system:node:n,web,root", "--set", "node:O=b,node:O=a,node:OU="),
    *("--set", "node:hosts=n+10.0.0.9,node:usages=client+server,node:expiry=90d,node:key=rsa-2048"),
    *("--set", "web:hosts=web.example,web:usages=server,etcd2:key=rsa-2048,etcd2:expiry=100d"),
)
SERVES, ASKS = "TLS Web Server Authentication", "TLS Web Client Authentication"


def text_of(certificate: Path) -> str:
    return openssl("x509", "-noout", "-text", "-in", str(certificate))


@pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")
def test_both_signers_sign_what_each_component_asks_for(
    folder: Factory, either_signer: str
) -> None:
    path = folder(*CLUSTER)
    make(path, SIGNER=either_signer)

    node, web, etcd2 = (path / f"certs/{name}.pem" for name in ("node", "web", "etcd2"))
    assert read(node).sans == ("DNS:n", "IP Address:10.0.0.9")
    assert read(node).extended == (SERVES, ASKS)
    assert openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", f"{node}") == (
        "subject=CN=system:node:n,O=b+O=a,L=the internet\n"
    )
    assert (read(web).sans, read(web).extended) == (("DNS:web.example",), (SERVES,))
    assert read(etcd2).extended == (SERVES, ASKS)
    for each in (node, etcd2):
        assert "Public-Key: (2048 bit)" in text_of(each)
    assert "ASN1 OID: prime256v1" in text_of(path / "certs/etcd1.pem")
    for name in ("node", "web", "etcd1", "etcd2", "root"):
        verify(path, f"certs/{name}.pem")
    rows = json.loads(tls_scaffold("status", "--json", cwd=path).stdout)["components"]
    assert {row["name"]: row["days_left"] for row in rows if row["days_left"] < 364} == {
        "node": 89,
        "etcd2": 99,
    }
    assert {row["state"] for row in rows} == {"valid"}
    assert finds_nothing(tls_scaffold("check", cwd=path))
    make(path, SIGNER=either_signer)
    assert tls_scaffold("bundle", cwd=path).returncode == 0
    assert sorted(laid_out(path / "dist/web")) == ["ca.pem", "web-key.pem", "web.pem"]
    assert "etcdctl.env" in laid_out(path / "dist/node")


@pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")
def test_a_life_of_its_own_costs_one_signature_and_its_profile_goes_with_it(
    signed: Factory,
) -> None:
    path = signed()
    before, config = contents(path / "certs"), (path / "config/ca-config.json").read_bytes()

    kept(path, "add", "--user", "alice", "--set", "alice:expiry=90d")
    make(path, SIGNER="cfssl")

    assert sorted(contents(path / "certs").keys() - before.keys()) == [
        *("alice-key.pem", "alice.csr", "alice.pem")
    ]
    assert before.items() <= contents(path / "certs").items()
    profiles = json.loads((path / "config/ca-config.json").read_text())["signing"]["profiles"]
    assert profiles["client-2160h"]["expiry"] == "2160h"

    # One that is there already may be given another life, and then it alone is signed again.
    kept(path, "add", "--set", "calico:expiry=90d")
    make(path, SIGNER="cfssl")
    changed = {name for name, data in contents(path / "certs").items() if before.get(name) != data}
    assert {name for name in changed if "alice" not in name} == {
        *("calico-key.pem", "calico.csr", "calico.pem")
    }
    kept(path, "remove", "alice", "calico")
    assert (path / "config/ca-config.json").read_bytes() == config
    left = contents(path / "certs")
    make(path, SIGNER="cfssl")
    assert contents(path / "certs") == left


def test_a_profile_of_its_own_that_was_edited_stays_and_is_told(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--users", "alice", "--set", "alice:expiry=90d")
    config = path / "config/ca-config.json"
    edited = config.read_text().replace('"2160h"', '"2000h"')
    config.write_text(edited)

    done = tls_scaffold("remove", "alice", cwd=path)

    assert done.returncode == 3
    assert config.read_text() == edited
    assert "2160h" not in (path / "config/ca-config.json.new").read_text()


@pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")
def test_what_the_request_leaves_out_of_the_terms_is_told(folder: Factory) -> None:
    path = folder(*CLUSTER)
    request = path / "config/req-node.json"
    document = json.loads(request.read_text())
    document["names"] = [{"O": "b", "L": "the internet"}]
    document["hosts"] = ["n"]
    request.write_text(json.dumps(document))
    config = path / "config/ca-config.json"
    profiles = json.loads(config.read_text())
    profiles["signing"]["profiles"]["peer-2160h"]["usages"].remove("server auth")
    config.write_text(json.dumps(profiles))
    make(path, SIGNER="cfssl")

    rows = json.loads(tls_scaffold("status", "--json", cwd=path).stdout)["components"]
    assert next(row["reasons"] for row in rows if row["name"] == "node") == [
        "stale: hosts: `10.0.0.9` of user `node` missing, and is not asked for",
        "stale: names: `O=a` of user `node` missing, and is not asked for",
        "stale: usages: `server auth` missing, and is not asked for",
    ]
    found = json.loads(tls_scaffold("check", "--json", cwd=path).stdout)["findings"]
    assert {each["id"] for each in found} - {CLEAR_KEY} == {"missing-address", "wrong-usages"}
    assert tls_scaffold("bundle", cwd=path).returncode == 1


@pytest.mark.needs("make", "openssl", "cfssl", "cfssljson")
def test_nobody_is_given_a_certificate_without_the_names_that_it_is_known_by(
    folder: Factory,
) -> None:
    path = folder("--members", "10.0.0.1", "--users", "alice,bob", "--key", "ecdsa-256")
    make(path, SIGNER="cfssl")
    kept(path, "add", "--set", "alice:O=system:masters")

    done = tls_scaffold("bundle", cwd=path)

    assert done.returncode == 1
    names = "L=the internet, O={}, OU=etcd cluster"
    before, after = names.format("autogenerated"), names.format("system:masters")
    assert f"`certs/alice.pem` is stale: names: `{before}`, asked `{after}`" in done.stderr
    assert tls_scaffold("bundle", "bob", cwd=path).returncode == 0


@pytest.mark.needs("etcd", "etcdctl", "make", "openssl", "cfssl", "cfssljson")
def test_a_proof_lets_users_of_all_keys_try_and_servers_stay_out(folder: Factory) -> None:
    path = folder(*CLUSTER)
    kept(path, "add", "--grant", "node=/n/:rw")
    make(path, SIGNER="tls-scaffold")

    proof = tls_scaffold("prove", cwd=path)

    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert "node" in proof.stdout
    assert "web" not in proof.stdout
