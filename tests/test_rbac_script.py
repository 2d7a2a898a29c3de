"""The generated rbac.sh on a live etcd."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import certs
from clusters import ON_NEWEST, P256, SYSTEM, VERSIONS, Live, live, tools, wrapped
from conftest import Factory
from support import Done, environment, run, wait_for
from tls_scaffold.etcd import throwaway
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.rbac import fact_lines
from tls_scaffold.rendering import template
from tls_scaffold.signing import authority

USERS = ("--members", "127.0.0.1", "--users", "root,calico,kube-apiserver,plain", *P256)
ODD = "-x: \"q\" 'p' \\ $(touch pwned) `touch pwned` ö %s {{ 7*7 }} ;&|<>"
OFF_AGAIN = "authentication is off again"
SILENT = "gives no answer to this certificate"
BEGUN = (
    "another run is enabling authentication, or was killed at it: `sh rbac.sh --enable` "
    "finishes it\n"
)
SETTINGS = ("endpoint", "certificate")
BUSY = "error: another run is enabling authentication\n\nhint: run this again when it has ended\n"
UNASKED = "members that etcd lists can't be asked from here: "
Start = Callable[..., Live]
SHELLS = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(("dash",), id="dash", marks=pytest.mark.needs("dash")),
        pytest.param(("bash",), id="bash", marks=pytest.mark.needs("bash")),
        pytest.param(("busybox", "sh"), id="busybox", marks=pytest.mark.needs("busybox")),
    ],
)

pytestmark = pytest.mark.needs("etcd", "etcdctl", "cfssl", "make", "openssl")


@pytest.fixture
def start(signed: Factory, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs a folder's members, with options and tools of its own."""
    with ExitStack() as stack:

        def begin(
            *options: str, words: tuple[str, ...] = USERS, path: str = SYSTEM, **more: str
        ) -> Live:
            program, text = next(iter(more.items()), ("", ""))
            chosen = (
                wrapped(tools(path), tmp_path / "wrapped", program, text)
                if program
                else tools(path)
            )
            return stack.enter_context(
                live(signed(*words), tmp_path / "cluster", *options, with_tools=chosen)
            )

        yield begin


def wanted(running: Live) -> list[str]:
    lines = fact_lines(running.inventory)
    return sorted(line for line in lines if line.split("\t")[0] not in SETTINGS)


def on(*urls: str, unseen: str = "") -> str:
    """Return what the script says when authentication is on, and it works at these URLs."""
    more = f"; nobody has looked at {unseen}" if unseen else ""
    return (
        "rbac.sh: authentication is on, and the root certificate works at "
        f"{', '.join(urls)}{more}\n"
    )


def changes(done: Done) -> list[str]:
    return sorted(done.stdout.splitlines())


def applied(running: Live) -> Live:
    done = running.script()
    assert done.returncode == 0, done.stderr
    return running


@pytest.mark.parametrize("path", VERSIONS)
def test_the_first_run_creates_everything_and_the_second_changes_nothing(
    start: Start, path: str
) -> None:
    running = start(path=path)

    first, second, difference = running.script(), running.script(), running.script("--diff")

    assert changes(first) == [f"+ {line}" for line in wanted(running)]
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert (
        running.said("user", "get", "kube-apiserver")
        == "User: kube-apiserver\nRoles: kube-apiserver root\n"
    )
    calico = "\t[/calico/, /calico0) (prefix /calico/)\n"
    assert (
        running.said("role", "get", "calico")
        == f"Role calico\nKV Read:\n{calico}KV Write:\n{calico}"
    )
    assert (second.returncode, second.stdout) == (0, "")
    assert second.stderr == "rbac.sh: etcd holds what the inventory asks for\n"
    assert (difference.returncode, difference.stdout, difference.stderr) == (0, "", "")


@pytest.mark.parametrize("path", VERSIONS)
def test_it_enables_authentication_once_and_leaves_no_temporary_user(
    start: Start, path: str
) -> None:
    running = applied(start(path=path))

    first, second = running.script("--enable"), running.script("--enable")

    assert first.returncode == 0, first.stderr
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert (second.returncode, second.stderr) == (0, first.stderr)
    assert running.ctl("put", "/calico/x", "1", user="calico").returncode == 0
    assert "permission denied" in running.ctl("get", "/registry/x", user="calico").stderr
    assert not list((running.folder / "certs").glob(".rbac*"))
    assert running.script().stdout == ""


def test_a_change_by_hand_is_shown_and_corrected(start: Start) -> None:
    running = applied(start())
    for words in (
        ("role", "grant-permission", "calico", "read", "--prefix=true", "/calico/"),
        ("role", "grant-permission", "calico", "read", "--prefix=true", "/other/"),
        ("role", "grant-permission", "calico", "write", "/from", "--from-key=true"),
        ("role", "grant-permission", "calico", "write", "/a", "/bcd"),
        ("role", "grant-permission", "calico", "write", 'k"\\'),
        ("role", "grant-permission", "calico", "read", "", "--from-key=true"),
        ("role", "add", "a b"),
        ("role", "add", 'q"\\'),
        ("user", "grant-role", "calico", "a b"),
        ("user", "grant-role", "calico", 'q"\\'),
        ("user", "delete", "kube-apiserver"),
        ("role", "delete", "kube-apiserver"),
    ):
        running.said(*words)
    expected = [
        "+ grant\tkube-apiserver\tkube-apiserver",
        "+ grant\troot\tkube-apiserver",
        "+ permission\tcalico\treadwrite\tprefix\t/calico/",
        "+ permission\tkube-apiserver\treadwrite\tprefix\t/registry/",
        "+ role\tkube-apiserver",
        "+ user\tkube-apiserver",
        "- grant\ta b\tcalico",
        '- grant\tq"\\\tcalico',
        "- permission\tcalico\tread\tall",
        "- permission\tcalico\tread\tprefix\t/calico/",
        "- permission\tcalico\tread\tprefix\t/other/",
        "- permission\tcalico\twrite\tfrom\t/from",
        '- permission\tcalico\twrite\tkey\tk"\\',
        "- permission\tcalico\twrite\trange\t/a\t/bcd",
    ]

    difference, correction = running.script("--diff"), running.script()

    assert (difference.returncode, changes(difference)) == (1, expected)
    assert correction.returncode == 0, correction.stderr
    # granting readwrite took the place of read
    assert changes(correction) == [
        line for line in expected if "read\tprefix\t/calico/" not in line
    ]
    assert running.script("--diff").returncode == 0


def test_a_range_that_is_all_of_a_prefix_is_found_again(start: Start) -> None:
    grants = ("--grant", "plain=/r../s:rw", "--grant", "plain=/é../ê", "--grant", "plain=/r../t")
    running = applied(start(words=(*USERS, *grants)))

    second, difference = running.script(), running.script("--diff")

    assert (second.returncode, second.stdout) == (0, "")
    assert (difference.returncode, difference.stdout) == (0, "")


def test_it_leaves_users_and_roles_alone_that_it_does_not_know(start: Start) -> None:
    running = applied(start())
    running.said("user", "add", "stranger", "--no-password")
    running.said("role", "add", "strange role")
    running.said("user", "grant-role", "stranger", "strange role")
    running.said("role", "grant-permission", "strange role", "read", "/x")

    assert running.script().stdout == ""

    assert "stranger" in running.users()
    assert running.said("user", "get", "stranger") == "User: stranger\nRoles: strange role\n"


def test_what_can_not_be_said_to_etcdctl_is_told_and_not_glossed_over(start: Start) -> None:
    running = applied(start())
    running.said("role", "grant-permission", "calico", "read", "/a, b", "/c, d")

    done = running.script()

    assert done.returncode == 1
    assert done.stderr.startswith("error: etcdctl role revoke-permission failed")


def test_names_and_prefixes_full_of_odd_characters_are_taken_as_they_are(
    start: Start, folder: Factory
) -> None:
    grants = {"prefix": f"/{ODD}/", "key": "[a, b)", "single": "-k"}
    inventory = folder("--members", "127.0.0.1", "--users", "x", name="plain").with_name("odd.json")
    inventory.write_text(
        json.dumps(
            {
                "members": ["127.0.0.1"],
                "users": [
                    "root",
                    {
                        "name": "odd",
                        "cn": ODD,
                        "permissions": [
                            {"prefix": grants["prefix"], "access": "readwrite"},
                            {"key": grants["single"], "access": "write"},
                            {"prefix": "", "access": "read"},
                            {"prefix": "/no-slash", "access": "write"},
                        ],
                    },
                ],
                "key": "ecdsa-256",
            }
        )
    )
    running = applied(start(words=("--from", str(inventory))))

    assert running.script().stdout == ""
    assert running.script("--enable").returncode == 0
    assert running.users() == [ODD, "root"]
    assert running.ctl("put", "--", f"/{ODD}/k", "v", user="odd").returncode == 0
    assert running.ctl("put", "--", "-k", "v", user="odd").returncode == 0
    assert running.ctl("get", "--prefix=true", "--", "", user="odd").returncode == 0
    assert "permission denied" in running.ctl("put", "--", "/x", "v", user="odd").stderr
    assert not list(running.folder.rglob("pwned"))


def test_a_root_certificate_with_another_cn_or_ca_enables_nothing(
    start: Start, tmp_path: Path
) -> None:
    running = applied(start())
    ours = authority.load_ca(running.folder, "certs/ca.pem", "certs/ca-key.pem")
    other = throwaway.new_ca("another CA")
    wrong_cn = throwaway.sign_client("Root", ours, tmp_path / "wrong-cn")
    wrong_ca = throwaway.sign_client("root", other, tmp_path / "wrong-ca")

    as_cn = running.script(
        "--enable", ETCDCTL_CERT=str(wrong_cn.certificate), ETCDCTL_KEY=str(wrong_cn.key)
    )
    as_ca = running.script(
        "--enable", ETCDCTL_CERT=str(wrong_ca.certificate), ETCDCTL_KEY=str(wrong_ca.key)
    )
    as_server = running.script("--enable", ETCDCTL_CERT=str(running.identity("etcd1").certificate))

    assert as_cn.stderr == (
        f"error: the CN of `{wrong_cn.certificate}` is `Root`, not `root`\n"
        "\nhint: ETCDCTL_CERT and ETCDCTL_KEY are to name root's, `certs/root.pem`\n"
    )
    assert as_ca.stderr.startswith(f"error: `{wrong_ca.certificate}` does not verify against `")
    assert "is `etcd`, not `root`" in as_server.stderr
    assert {as_cn.returncode, as_ca.returncode, as_server.returncode} == {1}
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


def test_a_user_root_without_the_role_root_enables_nothing(start: Start) -> None:
    running = start()
    no_user = running.script("--enable")
    running.said("user", "add", "root", "--no-password")
    no_role = running.script("--enable")

    told = "error: etcd has no user root with the role root\n\nhint: `sh rbac.sh` makes it, or "
    assert no_user.stderr.startswith(told)
    assert no_role.stderr == no_user.stderr
    assert not running.is_on()


@pytest.mark.parametrize("path", VERSIONS)
def test_a_member_that_ignores_the_cn_ends_with_authentication_off_and_nobody_locked_out(
    start: Start, path: str
) -> None:
    running = applied(start("--client-cert-auth=false", path=path))

    done = running.script("--enable")

    assert done.returncode == 1
    assert OFF_AGAIN in done.stderr
    assert "--client-cert-auth" in done.stderr
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list((running.folder / "certs").glob(".rbac*"))


LATE = """
case "$*" in
*"auth enable"*) : >"{place}/on" ;;
*tls-scaffold-probe*)
    [ ! -e "{place}/on" ] || [ -e "{place}/tried" ] || {{
        echo "Error: user name is empty" >&2
        exit 1
    }} ;;
*"auth disable"*) : >"{place}/tried"; echo "Error: timed out" >&2; exit 1 ;;
esac
exec "$real" "$@"
"""


def test_a_member_that_takes_the_certificate_after_all_ends_with_authentication_on(
    start: Start, tmp_path: Path
) -> None:
    running = applied(start(etcdctl=LATE.format(place=tmp_path)))

    done = running.script("--enable")

    assert (tmp_path / "tried").exists()
    assert (done.returncode, done.stderr) == (0, on(*running.cluster.endpoints))
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


def test_one_member_of_three_that_ignores_the_cn_is_enough_to_switch_off_again(
    start: Start,
) -> None:
    lame = (
        'case "$*" in *--name=etcd3*) exec "$real" "$@" --client-cert-auth=false ;; esac; '
        'exec "$real" "$@"'
    )
    running = applied(
        start(words=("--members", "127.0.0.1,127.0.0.2,127.0.0.3", *USERS[2:]), etcd=lame)
    )

    done = running.script("--enable")

    assert done.returncode == 1
    assert done.stderr.startswith(
        f"error: `{running.cluster.endpoints[2]}` does not take the root certificate: etcdserver: "
    )
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


THREE = ("--members", "127.0.0.1,127.0.0.2,127.0.0.3", *USERS[2:])
GIVEN_ALONE = ("--enable", "--only-given")
EITHER = pytest.mark.parametrize("words", [("--enable",), GIVEN_ALONE], ids=["all", "only given"])
# An etcd that leaves its number in a file; what stands in `more` may add to its words.
NUMBERED = """
for word; do
    case $word in
    --name=*) name=${{word#*=}} && echo $$ >"{place}/$name" ;;
    --listen-client-urls=*) own=${{word#*=}} ;;
    --listen-peer-urls=*) peer=${{word#*=}} ;;
    esac
done
[ $# -lt 2 ] || {more}
exec "$real" "$@"
"""


def numbered(place: Path, more: str = ":") -> dict[str, str]:
    """Return the tools of a cluster whose members can be killed, and have further words."""
    return {"etcd": NUMBERED.format(place=place, more=more)}


def kill(place: Path, name: str) -> None:
    os.kill(int((place / name).read_text()), signal.SIGKILL)


def kill_one(running: Live, place: Path, name: str) -> None:
    """Kill a member, and wait until the others have a leader: it may have been that one."""
    kill(place, name)
    wait_for(lambda: running.ctl("get", "x", **first_of(running)).returncode == 0, 60)


def first_of(running: Live) -> dict[str, str]:
    return {"ETCDCTL_ENDPOINTS": running.cluster.endpoints[0]}


@pytest.mark.parametrize("path", VERSIONS)
def test_every_member_that_etcd_lists_is_asked_not_only_those_that_are_given(
    start: Start, path: str
) -> None:
    running = applied(start(words=THREE, path=path))

    first, second = (
        running.script("--enable", **first_of(running)),
        running.script("--enable", **first_of(running)),
    )

    wanted = on(*running.cluster.endpoints)
    # The others come in the order of their numbers in etcd, which are by chance.
    for done in (first, second):
        assert (done.returncode, sorted(done.stderr.replace(",", "").split())) == (
            0,
            sorted(wanted.replace(",", "").split()),
        )


@EITHER
@pytest.mark.parametrize("path", VERSIONS)
def test_a_listed_member_that_ignores_the_cn_is_enough_to_switch_off_again(
    start: Start, path: str, words: tuple[str, ...]
) -> None:
    lame = (
        'case "$*" in *--name=etcd3*) exec "$real" "$@" --client-cert-auth=false ;; esac; '
        'exec "$real" "$@"'
    )
    running = applied(start(words=THREE, path=path, etcd=lame))

    done = running.script(*words, **first_of(running))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"error: `{running.cluster.endpoints[2]}` does not take the root certificate: etcdserver: "
    )
    assert f"{OFF_AGAIN}\n" in done.stderr
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


@EITHER
@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_listed_member_that_refuses_the_certificate_enables_nothing(
    start: Start, tmp_path: Path, path: str, words: tuple[str, ...]
) -> None:
    # Peers are refused by their CN.
    more = '[ $name != etcd3 ] || set -- "$@" "--advertise-client-urls=$peer"'
    running = applied(start(words=THREE, path=path, **numbered(tmp_path, more)))
    peer = running.cluster.url(running.cluster.peer_ports[2])

    done = running.script(*words, **first_of(running))

    told = (
        f"error: `{peer}` {SILENT}: context deadline exceeded\n\nhint: each is to run "
        "with --client-cert-auth"
    )
    assert (done.returncode, done.stderr.startswith(told)) == (1, True), done.stderr
    assert not running.is_on()


@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_listed_member_that_can_not_be_reached_is_named_and_left_out_only_if_that_is_said(
    start: Start, tmp_path: Path, path: str
) -> None:
    running = applied(start(words=THREE, path=path, **numbered(tmp_path)))
    urls = running.cluster.endpoints
    kill_one(running, tmp_path, "etcd3")

    refused = running.script("--enable", **first_of(running))
    off = not running.is_on()
    done = run(
        "make",
        "rbac-enable",
        "ONLY_GIVEN=1",
        cwd=running.folder,
        **running.variables(**first_of(running)),
    )
    again, left_out = (
        running.script(*words, **first_of(running)) for words in (("--enable",), GIVEN_ALONE)
    )

    unseen = f'"etcd3" "{running.cluster.url(running.cluster.peer_ports[2])}" "{urls[2]}"'
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: {UNASKED}{unseen}\n"
        "\nhint: each is to run with --client-cert-auth and --trusted-ca-file; `make "
        "rbac-enable ONLY_GIVEN=1` "
        "(--enable --only-given) does without those that can't be asked\n"
    )
    assert off
    said = on(*urls[:2], unseen=unseen)
    assert (done.returncode, done.stderr) == (0, said)
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert (again.returncode, again.stderr) == (1, refused.stderr)
    assert (left_out.returncode, left_out.stderr) == (0, said)


def test_members_that_nobody_can_ask_yet_are_named(start: Start) -> None:
    running = applied(start(words=THREE))
    added = ("member", "add", "new", "--learner", "--peer-urls=http://127.0.0.1:1")
    # etcd wants to have seen all members for five seconds.
    wait_for(lambda: running.ctl(*added).returncode == 0, 120)
    learner = running.script("--enable", **first_of(running))
    number = next(
        line.split(",")[0]
        for line in running.said("member", "list").splitlines()
        if "unstarted" in line
    )
    running.said("member", "remove", number)
    again = ("member", "add", "new", "--peer-urls=http://127.0.0.1:1,http://127.0.0.1:2")
    wait_for(lambda: running.ctl(*again).returncode == 0, 120)

    unstarted = running.script("--enable", **first_of(running))
    done = running.script(*GIVEN_ALONE, **first_of(running))

    assert learner.stderr.startswith(f'error: {UNASKED}"" "http://127.0.0.1:1"\n')
    assert unstarted.stderr.startswith(
        f'error: {UNASKED}"" "http://127.0.0.1:1" "http://127.0.0.1:2"\n'
    )
    last = done.stderr.rpartition("; ")[2]
    assert (done.returncode, last) == (
        0,
        'nobody has looked at "" "http://127.0.0.1:1" "http://127.0.0.1:2"\n',
    )


ODD_NAME = (
    'a "b" \\ \'c\' $(touch pwned)\n"ClientURL" : "https://127.0.0.1:1"\n\n"Name" : "d\t\x1b[31m'
)
RENAMED = """
import os, sys
real, own, name, *words = sys.argv[1:]
words = [word.replace("etcd1=", name + "=") for word in words]
words = [word.replace("--name=etcd1", "--name=" + name) for word in words]
os.execv(real, [real, *words, "--advertise-client-urls=https://[::1]:1," + own])
"""


@pytest.mark.parametrize("path", ON_NEWEST)
def test_a_member_of_several_urls_and_an_odd_name_is_asked_where_it_can_be_reached(
    start: Start, tmp_path: Path, path: str
) -> None:
    (tmp_path / "renamed.py").write_text(RENAMED)
    (tmp_path / "name").write_text(ODD_NAME + ".")
    words = f'{sys.executable} {tmp_path}/renamed.py "$real" "$own" "${{odd%.}}" "$@"'
    running = applied(
        start(path=path, **numbered(tmp_path, f"{{ odd=$(cat {tmp_path}/name) && exec {words}; }}"))
    )
    members = json.loads(running.said("member", "list", "-w", "json"))["members"]
    port = running.cluster.client_ports[0]

    done = running.script("--enable", ETCDCTL_ENDPOINTS=f"https://localhost:{port}")

    assert [(each["name"], len(each["clientURLs"])) for each in members] == [(ODD_NAME, 2)]
    assert (done.returncode, done.stderr.startswith(on(f"https://localhost:{port}")[:-1])) == (
        0,
        True,
    ), done.stderr


def test_a_listed_url_without_tls_is_told_before_anything_is_switched_on(
    start: Start, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plain = f"http://127.0.0.1:{taken.getsockname()[1]}"
    more = f'set -- "$@" "--listen-client-urls=$own,{plain}" "--advertise-client-urls=$own,{plain}"'
    running = applied(start(**numbered(tmp_path, more)))
    running.said("user", "delete", "root")

    done = running.script(*GIVEN_ALONE)

    told = f"error: `{plain}` takes no certificates: it is not https"
    assert (done.returncode, done.stderr.partition("\n")[0]) == (1, told)
    assert not running.is_on()


WAYS = pytest.mark.parametrize(
    "without",
    ["nothing", *(pytest.param(each, marks=pytest.mark.long) for each in ("timeout", "perl"))],
)


@WAYS
def test_a_listed_member_that_is_silent_is_not_waited_for(
    start: Start, tmp_path: Path, path_without: Callable[..., str], without: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        more = f'[ $name != etcd3 ] || set -- "$@" "--advertise-client-urls={url}"'
        running = applied(start(words=THREE, **numbered(tmp_path, more)))
        begin = time.monotonic()

        done = running.script("--enable", **first_of(running), PATH=path_without(without))

    # Its own limits are 5 s each; without any it is 60 s, or for ever.
    assert time.monotonic() - begin < 58
    assert done.stderr.startswith(f'error: {UNASKED}"etcd3" ')
    assert f'"{url}"\n' in done.stderr
    assert not running.is_on()


def killed(running: Live, *words: str, **variables: str) -> Done:
    """Run the script, which is to be killed, and wait for the etcdctl that outlives it.

    The next run would refuse.
    """
    done = running.script(*words, **variables)
    wait_for(lambda: not is_locked(running.folder / "certs"), 30)
    return done


def is_locked(folder: Path) -> bool:
    """Tell whether somebody is enabling authentication from this folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--enable",), id="all"),
        pytest.param(GIVEN_ALONE, id="only given", marks=pytest.mark.long),
    ],
)
def test_a_run_after_a_kill_decides_nothing_while_a_member_can_not_be_asked(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    running = start(words=THREE, **numbered(tmp_path))
    killer = killing(tmp_path, "auth enable", "after", signal.SIGKILL)["etcdctl"]
    programs = wrapped(running.cluster.tools, tmp_path / "killing", "etcdctl", killer)
    running = applied(replace(running, cluster=replace(running.cluster, tools=programs)))
    if words == GIVEN_ALONE:
        kill_one(running, tmp_path, "etcd3")
    assert killed(running, *words, **first_of(running)).returncode == -signal.SIGKILL
    if words != GIVEN_ALONE:
        kill_one(running, tmp_path, "etcd3")
    way_back = running.folder / "certs/.rbac-enable"
    before = way_back.read_bytes()

    plain, kept = running.script(**first_of(running)), way_back.read_bytes()
    done, on = running.script("--enable", **first_of(running)), running.is_on()

    assert (plain.returncode, plain.stdout, plain.stderr.startswith(f"rbac.sh: {BEGUN}")) == (
        0,
        "",
        True,
    )
    assert kept == before
    assert on
    assert done.stderr.startswith("rbac.sh: finishing what a killed run had begun\n")
    if words != GIVEN_ALONE:
        assert done.returncode == 1
        assert f"error: {UNASKED}" in done.stderr
        assert "Authentication is on; " in done.stderr
        assert done.stderr.endswith(f"`{way_back}` keeps the way back\n")
        assert way_back.read_bytes() == before
        done = running.script(*GIVEN_ALONE, **first_of(running))
    assert (done.returncode, running.is_on()) == (0, True), done.stderr
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list((running.folder / "certs").glob(".rbac*"))


DYING = """
case "$*" in *"auth enable"*) ;; *) exec "$real" "$@" ;; esac
"$real" "$@"
kill -KILL $(cat "{place}/{name}")
"""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("etcd1", id="given", marks=pytest.mark.long),
        pytest.param("etcd3", id="listed"),
    ],
)
def test_a_member_that_dies_right_after_enabling_leaves_authentication_on_and_the_way_back(
    start: Start, tmp_path: Path, name: str
) -> None:
    running = start(words=THREE, **numbered(tmp_path))
    dying = wrapped(
        running.cluster.tools,
        tmp_path / "dying",
        "etcdctl",
        DYING.format(place=tmp_path, name=name),
    )
    applied(running)
    urls = running.cluster.endpoints
    others = {"ETCDCTL_ENDPOINTS": ",".join(urls[:2] if name == "etcd3" else urls[1:])}
    given = {"ETCDCTL_ENDPOINTS": ",".join(urls)} if name == "etcd1" else others

    failed = replace(running, cluster=replace(running.cluster, tools=dying)).script(
        "--enable", **given
    )
    users = running.ctl("user", "list", **others).stdout.splitlines()
    done = running.script(*GIVEN_ALONE, **others)

    assert failed.returncode == 1
    assert "Authentication is on; " in failed.stderr
    assert failed.stderr.endswith(f"`{running.folder}/certs/.rbac-enable` keeps the way back\n")
    assert [user.startswith("tls-scaffold-enable-") for user in users] == [
        False,
        False,
        False,
        True,
    ]
    assert (done.returncode, "nobody has looked at" in done.stderr) == (0, True), done.stderr
    assert running.ctl("user", "list", **others).stdout.splitlines() == [
        "calico",
        "kube-apiserver",
        "root",
    ]


@SHELLS
@pytest.mark.parametrize(
    "options", [("--client-cert-auth=false",), ()], ids=["ignoring the CN", "taking it"]
)
def test_an_etcdctl_that_outlives_a_killed_run_locks_nobody_out(
    start: Start, tmp_path: Path, options: tuple[str, ...], shell: tuple[str, ...]
) -> None:
    slow = (
        f'case "$*" in *"auth enable"*) : >"{tmp_path}/reached"; '
        f'until [ -e "{tmp_path}/go" ]; do sleep 0.05; done ;; esac; exec "$real" "$@"'
    )
    running = applied(start(*options, etcdctl=slow))
    command = [*shell, "rbac.sh", "--enable"]
    with subprocess.Popen(
        command, cwd=running.folder, env={**os.environ, **running.variables()}
    ) as first:
        wait_for((tmp_path / "reached").exists)
        first.kill()
    plain, second = running.script(), running.script("--enable")
    (tmp_path / "go").touch()
    wait_for(lambda: not is_locked(running.folder / "certs"), 20)

    third = running.script("--enable")

    assert (plain.returncode, BEGUN in plain.stderr) == (0, True)
    assert (second.returncode, second.stderr) == (1, BUSY)
    assert "finishing what a killed run had begun" in third.stderr
    assert (third.returncode, running.is_on()) == ((1, False) if options else (0, True)), (
        third.stderr
    )
    assert running.users() == ["calico", "kube-apiserver", "root"]


@pytest.mark.parametrize(
    "text",
    [
        ".*:x\n1\n1\n\n",
        "root:x\n",
        "\n",
        "tls-scaffold-enable-.*:" + "0" * 48 + "\n",
        "tls-scaffold-enable-0123abcd:secret\n1\n1\n\n",
        "x\ntls-scaffold-enable-0123abcd:" + "0" * 48 + "\n",
    ],
)
def test_a_way_back_that_no_run_wrote_deletes_nobody(start: Start, text: str) -> None:
    running = applied(start())
    way_back = running.folder / "certs/.rbac-enable"
    way_back.write_text(text, encoding="utf-8")

    plain, done = running.script(), running.script("--enable")

    assert (plain.returncode, BEGUN in plain.stderr) == (0, True)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: `{way_back}` is not from `sh rbac.sh --enable`\n\nhint: look whose it is; "
        "move it aside\n"
    )
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not running.is_on()
    assert way_back.read_text(encoding="utf-8") == text


SAME_URL = """{{
    [ $name != etcd1 ] || echo "$own" >"{place}/own"
    until [ -s "{place}/own" ]; do sleep 0.1; done
    set -- "$@" "--advertise-client-urls=$(cat "{place}/own")"
}}"""


def test_members_that_advertise_the_same_url_count_only_if_they_answered_themselves(
    start: Start, tmp_path: Path
) -> None:
    running = applied(start(words=THREE, **numbered(tmp_path, SAME_URL.format(place=tmp_path))))
    url = running.cluster.endpoints[0]

    refused, done = (
        running.script(*words, **first_of(running)) for words in (("--enable",), GIVEN_ALONE)
    )
    everybody = running.script("--enable")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {UNASKED}")
    for name in ("etcd2", "etcd3"):
        assert f'"{name}" ' in refused.stderr
        assert f'"{name}" ' in done.stderr
    assert f"works at {url}; nobody has looked at " in done.stderr
    assert done.returncode == 0
    assert (everybody.returncode, everybody.stderr) == (0, on(*running.cluster.endpoints))


def test_a_learner_that_is_given_is_told_by_its_own_words(start: Start) -> None:
    learner = """
case "$1:$ETCDCTL_ENDPOINTS" in
get:*learner.invalid:1) echo "Error: etcdserver: rpc not supported for learner" >&2; exit 1 ;;
esac
exec "$real" "$@"
"""
    running = applied(start(etcdctl=learner))
    urls = f"{running.cluster.endpoints[0]},https://learner.invalid:1"

    done = running.script("--enable", ETCDCTL_ENDPOINTS=urls)

    assert done.returncode == 1
    told = (
        f"error: `https://learner.invalid:1` {SILENT}: etcdserver: rpc not supported for "
        "learner\n\nhint: "
    )
    assert done.stderr.startswith(told)


@pytest.mark.parametrize("which", ["root", "ca"])
@pytest.mark.parametrize("days", [0.9, 1.1, 29, 31])
def test_a_root_certificate_that_ends_soon_is_told_before_anything_is_switched_on(
    folder: Factory, tmp_path: Path, which: str, days: float
) -> None:
    path = folder(*USERS)
    life = (days + 1) * certs.DAY
    certs.ca(path, life=life if which == "ca" else certs.YEAR)
    certs.member(path)
    certs.leaf(path, "root", life=life if which == "root" else certs.YEAR)
    with live(path, tmp_path / "cluster") as running:
        own = {
            "ETCDCTL_CERT": "certs/root.pem",
            "ETCDCTL_KEY": "certs/root-key.pem",
            "ETCDCTL_CACERT": "certs/ca.pem",
        }
        applied(running)

        done = running.script("--enable", **own)

        assert running.is_on() == (days > 1)
    remedy = "`make renew` signs it again; where its CA ends, that has to be renewed first"
    pair = "`certs/root.pem` does not verify against `certs/ca.pem` for another day: error 10 at "
    depth = {"root": 0, "ca": 1}[which]
    told = {
        0.9: f"error: {pair}{depth} depth lookup: certificate has expired\n\nhint: {remedy}\n",
        31: on(*running.cluster.endpoints),
    }
    warned = f"rbac.sh: warning: `certs/root.pem`, or its CA, ends within 30 days: {remedy}\n"
    assert done.stderr.startswith(told.get(days, warned))
    assert done.returncode == (days < 1)


def test_a_member_that_does_not_answer_enables_nothing(start: Start) -> None:
    running = applied(start())
    dead = "https://127.0.0.1:1"

    done = running.script(
        "--enable",
        ETCDCTL_ENDPOINTS=f"{running.cluster.endpoints[0]},{dead}",
        ETCDCTL_COMMAND_TIMEOUT="1s",
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: `{dead}` {SILENT}: context deadline exceeded\n\nhint: ")
    assert not running.is_on()


@pytest.mark.parametrize("path", VERSIONS)
def test_endpoints_of_different_clusters_are_told_before_anything_is_written(
    start: Start, tmp_path: Path, path: str
) -> None:
    running = start(path=path)
    ours = running.cluster.endpoints[0]
    with live(running.folder, tmp_path / "other", with_tools=tools(path)) as other:
        theirs = other.cluster.endpoints[0]
        before = running.users(), other.users()
        for words, comma in (((), ", "), (("--diff",), ","), (("--enable",), " ,,\n")):
            done = running.script(*words, ETCDCTL_ENDPOINTS=f"{ours}{comma}{theirs}")
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith("error: the endpoints are of different clusters: ")
            assert f'"{ours}",' in done.stderr
            assert f'"{theirs}"\n\nhint: ' in done.stderr
        assert (running.users(), other.users()) == before
    # Who is silent is of none, and holds nothing up.
    done = running.script(ETCDCTL_ENDPOINTS=f"{ours},https://127.0.0.1:1,{ours}")
    assert done.returncode == 0, done.stderr
    assert set(running.users()) > set(before[0])


RUNS = pytest.mark.parametrize(
    "words", [(), ("--diff",), ("--enable",)], ids=["plain", "diff", "enable"]
)


@RUNS
@WAYS
def test_an_etcd_that_falls_silent_is_not_waited_for_without_end(
    start: Start, path_without: Callable[..., str], words: tuple[str, ...], without: str
) -> None:
    running = start(etcdctl='case "$*" in "user list"*) exec sleep 30 ;; esac; exec "$real" "$@"')
    script = running.folder / "rbac.sh"
    text = script.read_text(encoding="utf-8")
    assert text.count("limited 60 etcdctl") == 1
    script.write_text(text.replace("limited 60", "limited 1"), encoding="utf-8")

    done = running.script(
        *words, PATH=f"{running.cluster.tools.etcdctl.parent}:{path_without(without)}"
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "no answer" in done.stderr.partition("\n")[0]


@RUNS
@pytest.mark.parametrize(
    "without", [("timeout", "flock"), ("perl",)], ids=["perl alone", "no perl"]
)
def test_either_of_what_limits_and_locks_is_enough(
    start: Start, path_without: Callable[..., str], words: tuple[str, ...], without: tuple[str, ...]
) -> None:
    running = applied(start())

    done = running.script(*words, PATH=path_without(*without))

    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert running.is_on() == (words == ("--enable",))


KILL = """
case "$*" in *"{at}"*) ;; *) exec "$real" "$@" ;; esac
if [ -e "{once}" ]; then exec "$real" "$@"; fi
: >"{once}"
[ "{when}" = before ] || "$real" "$@"
each=$PPID script=
# It may have subshells, which are called like it.
until [ -n "$script" ] && [ "${{words#sh rbac.sh}}" = "$words" ]; do
    words=$(ps -o args= -p $each)
    case $words in "sh rbac.sh"*) script=$each ;; esac
    each=$(ps -o ppid= -p $each)
done
kill -{signal} $script
sleep 0.2
"""
STEPS = (
    pytest.param("user add --interactive", "before", id="before the temporary user is there"),
    pytest.param("user add --interactive", "after", id="after the temporary user is there"),
    pytest.param("auth enable", "before", id="before enabling"),
    pytest.param("auth enable", "after", id="after enabling"),
    pytest.param("user delete", "before", id="before the temporary user is deleted"),
    pytest.param("user delete", "after", id="after the temporary user is deleted"),
)


def killing(tmp_path: Path, at: str, when: str, number: int) -> dict[str, str]:
    return {"etcdctl": KILL.format(at=at, when=when, once=tmp_path / "killed", signal=number)}


@pytest.mark.parametrize(("at", "when"), STEPS)
def test_a_run_after_a_kill_cleans_up_and_enables(
    start: Start, tmp_path: Path, at: str, when: str
) -> None:
    running = applied(start(**killing(tmp_path, at, when, signal.SIGKILL)))

    first = killed(running, "--enable")
    again = running.script("--enable")

    assert first.returncode == -signal.SIGKILL
    assert again.returncode == 0, again.stderr
    assert "finishing what a killed run had begun" in again.stderr
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list((running.folder / "certs").glob(".rbac*"))


def test_a_run_after_a_kill_unlocks_a_cluster_whose_members_ignore_the_cn(
    start: Start, tmp_path: Path
) -> None:
    killer = killing(tmp_path, "auth enable", "after", signal.SIGKILL)
    running = applied(start("--client-cert-auth=false", **killer))

    first = killed(running, "--enable")
    locked_out = running.is_on() and running.ctl("user", "list").returncode != 0
    plain, on = running.script(), running.is_on()
    again = running.script("--enable")

    assert first.returncode == -signal.SIGKILL
    assert locked_out
    assert on
    assert (plain.returncode, plain.stderr.startswith(f"rbac.sh: {BEGUN}")) == (1, True)
    assert (again.returncode, OFF_AGAIN in again.stderr) == (1, True)
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_run_ends_what_it_has_begun(
    start: Start, tmp_path: Path, number: int
) -> None:
    running = applied(start(**killing(tmp_path, "auth enable", "after", number)))

    done = running.script("--enable")

    # A signal comes too late there: it ends what it has begun, and says what holds now.
    assert (done.returncode, done.stderr) == (0, on(*running.cluster.endpoints))
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list((running.folder / "certs").glob(".rbac*"))


def test_a_temporary_user_whose_record_is_lost_is_removed_all_the_same(start: Start) -> None:
    running = applied(start())
    running.said("user", "add", "tls-scaffold-enable-0123", "--no-password")

    shown, done = running.script("--diff"), running.script()

    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    assert (done.returncode, done.stdout) == (0, "")
    assert BEGUN in done.stderr
    assert (
        "tls-scaffold-enable-0123" in running.users()
    )  # the way back of whoever is enabling somewhere else

    assert running.script("--enable").returncode == 0
    assert running.users() == ["calico", "kube-apiserver", "root"]


def test_a_temporary_user_that_is_left_when_authentication_is_on_is_removed_too(
    start: Start,
) -> None:
    running = applied(start())
    assert running.script("--enable").returncode == 0
    running.said("user", "add", "tls-scaffold-enable-0123", "--no-password")

    again = running.script("--enable")

    assert again.returncode == 0
    assert running.users() == ["calico", "kube-apiserver", "root"]


def test_roles_of_odd_names_are_taken_away_too(start: Start) -> None:
    running = applied(start())
    for name in ("a<b>&c", "[a, b) (prefix a)", 'quo"te\\', "\\u003c"):
        running.said("role", "add", "--", name)
        running.said("user", "grant-role", "--", "calico", name)

    done = running.script()

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert running.script("--diff").stdout == ""


def test_a_second_run_refuses_while_the_first_is_enabling(start: Start, tmp_path: Path) -> None:
    wait = (
        f'case "$*" in *"auth enable"*) : >"{tmp_path}/reached"; '
        f'until [ -e "{tmp_path}/go" ]; do sleep 0.05; done ;; esac; exec "$real" "$@"'
    )
    running = applied(start(etcdctl=wait))
    with subprocess.Popen(
        ["sh", "rbac.sh", "--enable"],
        cwd=running.folder,
        env={**os.environ, **running.variables()},
        stderr=-1,
    ) as first:
        while not (tmp_path / "reached").exists():
            time.sleep(0.02)
        plain, second = running.script(), running.script("--enable")
        (tmp_path / "go").touch()
        first.communicate()

    assert (second.returncode, second.stderr) == (1, BUSY)
    assert (plain.returncode, BEGUN in plain.stderr) == (0, True)
    assert first.returncode == 0
    assert running.users() == ["calico", "kube-apiserver", "root"]


PAUSE = """
case "$*" in *"${PAUSE_AT:-nowhere}"*) ;; *) exec "$real" "$@" ;; esac
code=0
[ "$PAUSE_WHEN" = before ] || "$real" "$@" || code=$?
: >"$PAUSE_FILE"
while [ -e "$PAUSE_FILE" ]; do sleep 0.05; done
[ "$PAUSE_WHEN" = before ] || exit $code
exec "$real" "$@"
"""


class Elsewhere:
    """A run of `rbac.sh --enable` from a copy of the folder.

    It is stopped before or after a step until it is let go.
    """

    def __init__(self, running: Live, copy: Path, at: str, when: str = "before") -> None:
        shutil.copytree(running.folder, copy)
        self._pause = copy / "pause"
        variables = replace(running, folder=copy).variables(
            PAUSE_AT=at, PAUSE_WHEN=when, PAUSE_FILE=str(self._pause)
        )
        self._process = subprocess.Popen(
            ["sh", "rbac.sh", "--enable"],
            cwd=copy,
            env=environment(**variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(self._pause.exists)

    def end(self) -> tuple[int, str]:
        """Let it go, and return its exit code and what it said."""
        self._pause.unlink()
        said = self._process.communicate(timeout=60)[1]
        return self._process.returncode, said


@pytest.mark.parametrize("at", ["user add --interactive", "user grant-role", "auth enable"])
def test_two_runs_from_two_folders_both_find_authentication_on(
    start: Start, tmp_path: Path, at: str
) -> None:
    running = applied(start(etcdctl=PAUSE))
    other = Elsewhere(running, tmp_path / "copy", at)

    done = running.script("--enable")

    assert (done.returncode, other.end()) == (0, (0, on(*running.cluster.endpoints))), done.stderr
    assert running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list(tmp_path.glob("*/certs/.rbac*"))


@pytest.mark.parametrize("at", ["user add --interactive", "user grant-role", "auth enable"])
def test_two_runs_from_two_folders_lock_nobody_out_where_members_ignore_the_cn(
    start: Start, tmp_path: Path, at: str
) -> None:
    running = applied(start("--client-cert-auth=false", etcdctl=PAUSE))
    other = Elsewhere(running, tmp_path / "copy", at)

    done = running.script("--enable")
    code, said = other.end()

    assert (done.returncode, OFF_AGAIN in done.stderr) == (1, True)
    assert (code, OFF_AGAIN in said) == (1, True), said
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]
    assert not list(tmp_path.glob("*/certs/.rbac*"))


def test_a_run_whose_work_another_one_undid_does_not_say_that_authentication_is_on(
    start: Start, tmp_path: Path
) -> None:
    running = applied(start("--client-cert-auth=false", etcdctl=PAUSE))
    first = Elsewhere(running, tmp_path / "first", "auth enable")
    second = Elsewhere(running, tmp_path / "second", "auth enable", "after")

    assert first.end()[0] == 1
    code, said = second.end()
    assert code == 1
    assert said.startswith("error: authentication is off: another run switched it off\n\nhint: ")
    assert not running.is_on()
    assert running.users() == ["calico", "kube-apiserver", "root"]


def test_no_password_is_ever_on_a_command_line(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    record = (
        f'printf "%s\\n" "$*" >>"{log}"; printf "%s\\n" "${{ETCDCTL_USER-}}" '
        f'>>"{log}.user"; exec "$real" "$@"'
    )
    running = applied(start("--client-cert-auth=false", etcdctl=record))

    running.script("--enable")

    secrets = {
        line.partition(":")[2] for line in (tmp_path / "log.user").read_text().splitlines()
    } - {"", "nobody"}
    assert [len(secret) for secret in secrets] == [48]
    assert "auth disable" in log.read_text()
    assert not any(secret in log.read_text() for secret in secrets)


def test_an_etcd_that_is_down_is_told_with_its_address_and_the_inventory_s_own_ones_are_used(
    signed: Factory,
) -> None:
    folder = signed("--members", "127.0.0.9,etcd.invalid", "--users", "root", *P256)

    done = run("sh", "rbac.sh", cwd=folder, ETCDCTL_COMMAND_TIMEOUT="1s")

    both = "https://127.0.0.9:2379,https://etcd.invalid:2379"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"error: etcd does not answer at `{both}`: context deadline exceeded\n\nhint: "
    )


def test_without_a_root_certificate_it_says_where_to_get_one(folder: Factory) -> None:
    no_user, unsigned = folder(*P256, "--members", "127.0.0.1", name="a"), folder(*USERS, name="b")

    assert run("sh", "rbac.sh", cwd=no_user).stderr == (
        "error: the inventory has no user root\n\n"
        "hint: `tls-scaffold add --user root` (`NAME=root` where another user is called root), "
        "or set ETCDCTL_CERT and ETCDCTL_KEY\n"
    )
    assert run("sh", "rbac.sh", cwd=unsigned).stderr == (
        "error: `certs/trust.pem` is missing, or no PEM\n\nhint: `make` signs what is missing\n"
    )


@pytest.mark.parametrize("name", ["trust", "root"])
@pytest.mark.parametrize("words", [(), ("--diff",), ("--enable",)], ids=["plain", "diff", "enable"])
@pytest.mark.parametrize("content", ["", "garbage\n"], ids=["empty", "garbage"])
def test_a_certificate_that_is_none_is_named(
    signed: Factory, name: str, words: tuple[str, ...], content: str
) -> None:
    folder = signed(*USERS)
    (folder / f"certs/{name}.pem").write_text(content)

    done = run("sh", "rbac.sh", *words, cwd=folder)

    told = (
        f"error: `certs/{name}.pem` is missing, or no PEM\n\nhint: `make` signs what is missing\n"
    )
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("name", ["ca", "root"])
def test_a_certificate_that_openssl_can_not_read_enables_nothing(start: Start, name: str) -> None:
    running = applied(start())
    broken = running.folder / f"certs/{name}.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    own = {
        "ETCDCTL_CERT": "certs/root.pem",
        "ETCDCTL_KEY": "certs/root-key.pem",
        "ETCDCTL_CACERT": "certs/ca.pem",
    }

    done = running.script("--enable", **own)

    assert (done.returncode, f"`certs/{name}.pem`" in done.stderr.partition("\n\n")[0]) == (
        1,
        True,
    ), done.stderr


def test_a_missing_etcdctl_is_told_with_the_ways_to_get_it(
    folder: Factory, path_without: Callable[..., str]
) -> None:
    done = run("sh", "rbac.sh", cwd=folder(*USERS), PATH=path_without("etcdctl"))

    assert (done.returncode, done.stderr.partition("\n")[0]) == (
        1,
        "error: etcdctl is not installed",
    )
    assert "apt-get install etcd-client" in done.stderr


def test_unknown_words_are_a_usage_error(folder: Factory) -> None:
    path = folder(*USERS)

    for words in (
        ["--nonsense"],
        ["--diff", "--enable"],
        ["--only-given"],
        ["--set-password"],
        ["--set-password", ""],
        ["--set-password", "a", "b"],
        ["--enable --only-given"],
        ["--diff", "--prune"],
        ["--prune", "--enable"],
    ):
        done = run("sh", "rbac.sh", *words, cwd=path)
        usage = "[[--prune] [--diff] | --enable [--only-given] | --set-password USER]"
        assert (done.returncode, done.stderr) == (2, f"usage: sh rbac.sh {usage}\n")


@pytest.mark.needs("shellcheck")
def test_it_passes_shellcheck(folder: Factory) -> None:
    done = run("shellcheck", "rbac.sh", cwd=folder(*USERS))

    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_the_same_in_every_folder_and_short_enough_to_be_read(folder: Factory) -> None:
    one = folder(*USERS, name="one")
    other = folder("--members", "10.0.0.1", "--user", "a", "--grant", "a=/x/", name="other")

    text = (one / "rbac.sh").read_bytes()
    assert (other / "rbac.sh").read_bytes() == text
    assert text == (template.location() / "{{cookiecutter.directory}}/rbac.sh").read_bytes()
    lines = text.decode("ascii").splitlines()
    assert (
        lines[1]
        == "# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: not for editing."
    )
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 100


def test_what_it_applies_stands_beside_it_one_fact_a_line(folder: Factory) -> None:
    path = folder(*USERS)

    first, *lines = (path / "rbac.tsv").read_text(encoding="utf-8").splitlines()

    told = (
        "# Made by tls-scaffold, replaced whole by `tls-scaffold sync`: users and roles "
        "are in tls-scaffold.json."
    )
    assert first == told
    assert lines == list(fact_lines(intake.load(path)))
    assert (path / "rbac.tsv").read_bytes().endswith(b"\n")


PLANTED = {
    "another kind": b"password\troot",
    "a command": b"$(touch pwned)",
    "a command as a kind": b"user_holds\tx",
    "no words": b"",
    "blanks": b"user root",
    "too few words": b"grant\troot",
    "too many words": b"role\troot\troot",
    "an empty word": b"role\t",
    "another access": b"permission\troot\tadmin\tprefix\t/",
    "another form": b"permission\troot\tread\trange\t/",
    "a range without an end": b"permission\troot\tread\trange\t/a",
    "a third key": b"permission\troot\tread\trange\t/a\t/b\t/c",
    "no first key": b"permission\troot\tread\tfrom",
    "nobody at the gateway": b"gateway\t",
    "a path behind all": b"permission\troot\tread\tall\t/",
    "no path": b"permission\troot\tread\tprefix",
    "a zero byte": b"role\tro\0ot",
    "an escape": b"role\t\x1b[31m",
    "CRLF": b"role\troot\r",
    "an indented line": b" role\troot",
}


@pytest.mark.parametrize("line", PLANTED.values(), ids=PLANTED)
@SHELLS
def test_a_line_that_is_no_fact_is_refused_before_etcd_is_asked(
    signed: Factory, tmp_path: Path, line: bytes, shell: tuple[str, ...]
) -> None:
    path = signed(*USERS)
    facts = path / "rbac.tsv"
    facts.write_bytes(facts.read_bytes() + line + b"\nuser\tbehind\n")
    number = facts.read_bytes().count(b"\n") - 1
    programs = wrapped(tools(), tmp_path / "programs", "etcdctl", f"touch {tmp_path}/asked")

    done = run(*shell, "rbac.sh", cwd=path, PATH=f"{programs.etcdctl.parent}:{os.environ['PATH']}")

    assert done.stderr == (
        f"error: `./rbac.tsv`: line {number} is nothing that tls-scaffold writes there\n\n"
        "hint: `tls-scaffold sync` writes it anew\n"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert not (tmp_path / "asked").exists()
    assert not list(tmp_path.rglob("pwned"))


def test_without_what_it_applies_it_asks_nobody(signed: Factory) -> None:
    path = signed(*USERS)
    (path / "rbac.tsv").unlink()

    done = run("sh", "rbac.sh", cwd=path)

    assert (done.returncode, done.stderr) == (
        1,
        "error: `./rbac.tsv` is missing\n\nhint: `tls-scaffold sync` writes it\n",
    )


def test_words_that_look_like_code_are_names(start: Start, tmp_path: Path) -> None:
    role = "x/;w pwned;&\\1$(touch pwned)`touch pwned`'\"*"
    running = start()
    facts = running.folder / "rbac.tsv"
    more = (f"role\t{role}", f"permission\t{role}\tread\tprefix\t/{role}", f"grant\t{role}\tcalico")
    facts.write_text(facts.read_text(encoding="utf-8") + "\n".join(more) + "\n", encoding="utf-8")

    first, second = applied(running).script("--diff"), running.script()

    assert (first.returncode, first.stdout) == (0, "")
    assert (second.returncode, second.stdout) == (0, "")
    assert role in running.said("role", "list").splitlines()
    assert not list(tmp_path.rglob("pwned*"))
