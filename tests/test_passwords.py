"""Users of etcd's HTTP gateway: a certificate without a CN, and a password that rbac.sh gives."""

import base64
import json
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from checking import finds_nothing
from clusters import ON_NEWEST, P256, SYSTEM, Live, live, tools, wrapped
from conftest import Factory
from support import BIN, Done, openssl, run, tls_scaffold

USERS = ("--members", "127.0.0.1", "--users", "root,patroni,calico", *P256)
OTHERS = ("--user", "curl", "--role", "curl=gateway", "--grant", "curl=/curl/:rw")
SECRET, OTHER = "a:b'\"$(x)\\`!~", "7" * 72
GIVEN = f"calico:never\npatroni:{SECRET}\ncurl:{OTHER}\n"
TRIES = "whoever has a certificate without a CN may try passwords"

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


@pytest.fixture
def start(signed: Factory, tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:

        def begin(path: str = SYSTEM, etcdctl: str = "", **given: str) -> Live:
            real = tools(path)
            chosen = wrapped(real, tmp_path / "w", "etcdctl", etcdctl) if etcdctl else real
            folder = signed(*USERS, *OTHERS)
            running = stack.enter_context(live(folder, tmp_path / "cluster", with_tools=chosen))
            if given:
                done = running.script(**given)
                assert done.returncode == 0, done.stderr
                assert running.script("--enable").returncode == 0
            return running

        yield begin


def ask(running: Live, user: str, password: str, path: str, **fields: str) -> dict[str, Any]:
    """Log in at the HTTP gateway with the user's own certificate, and ask."""
    context = ssl.create_default_context(cafile=running.cluster.ca)
    identity = running.identity(user)
    context.load_cert_chain(identity.certificate, identity.key)

    def post(where: str, document: dict[str, str], token: str = "") -> dict[str, Any]:
        url = f"{running.cluster.endpoints[0]}/v3/{where}"
        body = json.dumps(document).encode()
        request = urllib.request.Request(url, body, {"Authorization": token} if token else {})  # noqa: S310
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310
            return dict(json.load(answer))

    token = post("auth/authenticate", {"name": user, "password": password})["token"]
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in fields.items()}
    return post(path, encoded, token)


@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_user_of_the_gateway_gets_in_by_its_password_and_may_do_what_its_role_says(
    start: Any, path: str
) -> None:
    running = start(path, TLS_SCAFFOLD_PASSWORDS=GIVEN)

    ask(running, "patroni", SECRET, "kv/put", key="/service/a", value="v")
    ask(running, "curl", OTHER, "kv/put", key="/curl/a", value="v")
    read = ask(running, "curl", OTHER, "kv/range", key="/curl/a")

    assert base64.b64decode(read["kvs"][0]["value"]) == b"v"
    for user, password, key in (
        ("patroni", SECRET, "/curl/a"),
        ("patroni", OTHER, "/service/a"),
        ("curl", OTHER, "/service/a"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(running, user, password, "kv/put", key=key, value="v")
        assert refused.value.code in (400, 403)
    with pytest.raises(urllib.error.HTTPError) as with_cn:
        ask(running, "calico", "x", "kv/range", key="/calico/a")
    assert with_cn.value.code == 400


def test_only_users_of_the_gateway_get_a_password_and_root_never(start: Any) -> None:
    running = start(TLS_SCAFFOLD_PASSWORDS=f"{GIVEN}root:never\n")

    for user in ("calico", "root"):
        refused = running.ctl("get", "x", user="patroni", ETCDCTL_USER=f"{user}:never")
        assert "authentication failed" in refused.stderr
    assert running.script("--set-password", "calico").stderr == (
        "error: `calico` is no user of etcd's HTTP gateway\n"
    )
    assert running.script("--set-password", "root").returncode == 1


def test_no_line_in_the_folder_gives_root_a_password(start: Any) -> None:
    running = start()
    with (running.folder / "rbac.tsv").open("a") as facts:
        facts.write("gateway\troot\n")
    given = f"{GIVEN}root:never\n"

    for words in ((), ("--enable",)):
        assert running.script(*words, TLS_SCAFFOLD_PASSWORDS=given).returncode == 0

    assert running.script("--set-password", "root", TLS_SCAFFOLD_PASSWORDS=given).returncode == 1
    refused = running.ctl("get", "x", user="patroni", ETCDCTL_USER="root:never")
    assert "authentication failed" in refused.stderr


def test_no_password_is_in_the_folder_or_on_a_command_line_and_no_child_has_them_all(
    start: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    record = f'{{ printf "%s\\n" "$*"; env; }} >>"{log}"; exec "$real" "$@"'
    running = start(etcdctl=record, TLS_SCAFFOLD_PASSWORDS=GIVEN)

    said = running.script(TLS_SCAFFOLD_PASSWORDS=GIVEN)

    lines = log.read_text().splitlines()
    # The one child that tries it has it, as etcdctl takes it.
    assert {line for line in lines if OTHER in line} == {f"ETCDCTL_USER=curl:{OTHER}"}
    assert not [line for line in lines if "TLS_SCAFFOLD_PASSWORDS" in line]
    assert (said.returncode, said.stdout) == (0, "")
    for file in running.folder.rglob("*"):
        assert file.is_dir() or OTHER.encode() not in file.read_bytes()


def test_a_password_is_set_when_the_user_is_made_and_then_only_where_that_is_asked(
    start: Any,
) -> None:
    running = start(TLS_SCAFFOLD_PASSWORDS=GIVEN)
    new = GIVEN.replace(SECRET, "another")

    again = running.script(TLS_SCAFFOLD_PASSWORDS=new)
    none = running.script()
    ask(running, "patroni", SECRET, "kv/range", key="/service/a")
    asked = running.script("--set-password", "patroni", TLS_SCAFFOLD_PASSWORDS=new)

    assert (none.returncode, none.stdout) == (0, "")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("error: etcd does not take this password of `patroni`: ")
    assert "`sh rbac.sh --set-password` sets it" in again.stderr
    assert (asked.returncode, asked.stdout) == (0, "")
    assert asked.stderr == f"rbac.sh: `patroni`: {TRIES}\n"
    ask(running, "patroni", "another", "kv/range", key="/service/a")
    with pytest.raises(urllib.error.HTTPError):
        ask(running, "patroni", SECRET, "kv/range", key="/service/a")


@pytest.mark.parametrize(("mode", "line_end"), [(0o600, "\n"), (0o644, "\r\n")])
def test_passwords_come_from_a_file_too(
    start: Any, tmp_path: Path, mode: int, line_end: str
) -> None:
    file = tmp_path / "passwords"
    file.write_text(GIVEN, newline=line_end)
    file.chmod(mode)
    running = start()

    done = running.script(TLS_SCAFFOLD_PASSWORD_FILE=str(file))

    assert done.returncode == 0, done.stderr
    assert ("everybody may read" in done.stderr) is (mode == 0o644)
    assert running.script("--diff", TLS_SCAFFOLD_PASSWORD_FILE=str(file)).stderr == ""
    assert running.script("--enable").returncode == 0
    ask(running, "curl", OTHER, "kv/put", key="/curl/a", value="v")


@pytest.mark.parametrize(
    "given", ["", "patroni:", "patroni:two words", f"patroni:{'x' * 73}", "patroni:ö", "patron:x"]
)
def test_a_password_that_etcd_would_cut_or_that_is_missing_makes_no_user(
    start: Any, given: str
) -> None:
    running = start()

    done = running.script(TLS_SCAFFOLD_PASSWORDS=f"curl:{OTHER}\n{given}")

    assert done.returncode == 1
    assert "error: no password for `patroni`, or not of 1 to 72 ASCII characters" in done.stderr
    assert "patroni" not in running.users()


@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_user_that_was_made_without_a_password_is_told(start: Any, path: str) -> None:
    running = start(path)
    running.said("user", "add", "--no-password", "patroni")
    assert running.script(TLS_SCAFFOLD_PASSWORDS=GIVEN).returncode == 0
    assert running.script("--enable").returncode == 0

    done = running.script("--set-password", "patroni", TLS_SCAFFOLD_PASSWORDS=GIVEN)

    if done.returncode:  # from 3.5 on etcd leaves such a user without one
        assert "error: etcd does not take this password of `patroni`: " in done.stderr
        assert "`etcdctl user delete`" in done.stderr
    else:
        ask(running, "patroni", SECRET, "kv/range", key="/service/a")


def test_their_certificates_have_no_cn_and_check_takes_them_for_what_they_are(
    signed: Factory,
) -> None:
    folder = signed(*USERS, *OTHERS)

    done = tls_scaffold("-C", str(folder), "check")

    assert finds_nothing(done)
    subject = openssl("x509", "-noout", "-subject", "-in", str(folder / "certs/patroni.pem"))
    assert "CN" not in subject
    request = json.loads((folder / "config/req-patroni.json").read_text())
    assert (request["CN"], request["hosts"]) == ("", ["user-patroni"])
    (folder / "config/req-calico.json").write_text(json.dumps({**request, "hosts": []}))
    assert "cn-empty" in tls_scaffold("-C", str(folder), "check", "--json").stdout


def test_a_name_with_a_colon_is_refused_where_a_password_follows_it(folder: Factory) -> None:
    words = ("--members", "10.0.0.1", "--user", "a=x:y", "--role", "a=patroni")
    target = folder("--members", "10.0.0.1").with_name("colon")

    done = tls_scaffold("new", str(target), *words)

    assert done.returncode == 1
    assert "users[0].cn: `x:y` has a colon, behind which etcd takes the password" in done.stderr


PATRONI = """
import json, sys, time
from patroni.dcs import get_dcs

dcs = get_dcs(json.load(open(sys.argv[1])))
assert dcs.initialize(create_new=True, sysid="1")
member = {"conn_url": "postgres://127.0.0.1/", "state": "running", "role": "primary"}
assert dcs.touch_member(member)
assert dcs.attempt_to_acquire_leader()
cluster = dcs.get_cluster()
assert cluster.leader.name == "one", cluster
assert dcs.update_leader(cluster, None)
assert dcs.set_config_value("{}")
assert dcs.set_history_value("[]")
dcs.watch(None, 1)
assert dcs.delete_leader(cluster.leader)
assert dcs.delete_cluster()
print("done")
"""


@pytest.mark.long
@pytest.mark.needs("patroni", "timeout")
@pytest.mark.parametrize("path", ON_NEWEST)
def test_patroni_itself_works_by_its_preset(start: Any, tmp_path: Path, path: str) -> None:
    running = start(path, TLS_SCAFFOLD_PASSWORDS=GIVEN)

    def patroni(password: str, namespace: str = "/service/") -> Done:
        identity = running.identity("patroni")
        etcd = {
            "hosts": [url.removeprefix("https://") for url in running.cluster.endpoints],
            "protocol": "https",
            "cacert": str(running.cluster.ca),
            "cert": str(identity.certificate),
            "key": str(identity.key),
            "username": "patroni",
            "password": password,
        }
        base = {"scope": "batman", "name": "one", "ttl": 120, "loop_wait": 1, "retry_timeout": 20}
        config = {**base, "namespace": namespace, "etcd3": etcd}
        (tmp_path / "patroni.json").write_text(json.dumps(config))
        script = tmp_path / "try.py"
        script.write_text(PATRONI)
        return run("timeout", "200", sys.executable, str(script), str(tmp_path / "patroni.json"))

    done = patroni(SECRET)

    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert patroni(SECRET, "/elsewhere/").returncode


def test_a_proof_tries_users_of_the_gateway_by_passwords_of_its_own(signed: Factory) -> None:
    folder = signed(*USERS, *OTHERS, "--user", "nobody", "--role", "nobody=gateway")

    words = (str(BIN / "tls-scaffold"), "-C", str(folder), "prove")
    done = run(*words, TLS_SCAFFOLD_PASSWORD_FILE="no-such-file")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["patroni", "allowed", "allowed", "/service/*"] in rows
