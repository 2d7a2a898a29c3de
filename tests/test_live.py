"""`status --live` and `check --live` on real members: who was left behind, and in what."""

import json
import random
import re
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import certs
from checking import CLEAR_KEY
from faults import ca_called
from runningmembers import HOST, NEWEST, Running, cluster_of, member, started, with_ports
from support import OURS, Done, make, run, tls_scaffold, wait_for

NAMES = ("etcd1", "etcd2", "etcd3")
WORDS = (
    *("--members", "127.0.0.1,127.0.0.2,127.0.0.3", "--proxies", "0"),
    *("--users", "root,alice", "--key", "ecdsa-256"),
)
SAME, REPLACE, RESTART, UNREACHABLE = (
    "serves the folder's",
    "to be replaced",
    "restart needed",
    "unreachable",
)
LEFT_BEHIND = 5  # states, of 50 in the long form
pytestmark = pytest.mark.needs("etcd", "etcdctl", within=NEWEST["3.5"])
# A member that is busy for a second is no unreachable one.
PATIENT: dict[str, Any] = {"TLS_SCAFFOLD_TIMEOUT": "20"}
# No member of the inventory has this address.
NOBODY = "127.0.0.9"


@dataclass
class Scene:
    """A folder whose members' pairs were signed twice, and the cluster that runs from copies."""

    folder: Path
    old: Path
    members: list[Running]
    own_ca: bytes
    next_ca: bytes

    def level(self) -> None:
        """Bring the folder and every member to one state, restarting those that need it."""
        (self.folder / "certs/trust.pem").write_bytes(self.own_ca)
        for each in self.members:
            each.lay_out(self.folder / f"certs/{each.name}.pem")
            each.trust(self.own_ca)
        for name in {*self.look()[1]["restart"]}:
            next(each for each in self.members if each.name == name).restart()

    def look(self, *words: str) -> tuple[Done, dict[str, Any]]:
        done = self.status("--json", *(words or with_ports(self.members)))
        document: dict[str, Any] = json.loads(done.stdout)
        return done, document["live"]

    def status(self, *words: str) -> Done:
        return run(OURS, "status", "--live", *words, cwd=self.folder, **PATIENT)


def next_ca(into: Path) -> bytes:
    """Return a CA with a subject of its own."""
    with ca_called("The next CA"):
        certs.ca(into)
    return (into / "certs/ca.pem").read_bytes()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    into = tmp_path_factory.mktemp("live")
    folder, old = into / "tls-setup", into / "old"
    assert tls_scaffold("new", str(folder), *WORDS).returncode == 0
    make(folder)
    shutil.copytree(folder / "certs", old)
    make(folder, *(f"req-{name}" for name in NAMES))
    with started() as noted:
        cluster_of(noted, into / "members", folder, NAMES, "3.5")
        own = (folder / "certs/ca.pem").read_bytes()
        yield Scene(folder, old, noted.members, own, next_ca(into / "next"))


@pytest.fixture
def level(scene: Scene) -> Scene:
    scene.level()
    return scene


def seconds(scene: Scene, *words: str) -> float:
    """Return how long a command takes, at best: now and then this machine does something else."""
    taken = []
    for _ in range(5):
        begun = time.monotonic()
        tls_scaffold(*words, cwd=scene.folder)
        taken.append(time.monotonic() - begun)
    return min(taken)


def states(live: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(port["member"], port["port"]): port["state"] for port in live["ports"]}


def only(live: dict[str, Any]) -> dict[str, Any]:
    (port,) = live["ports"]
    return port  # type: ignore[no-any-return]


def test_each_member_that_was_left_behind_is_named_and_no_other(
    level: Scene, request: pytest.FixtureRequest
) -> None:
    trusts = (level.own_ca, level.own_ca + level.next_ca)
    chance = random.Random(19)  # noqa: S311 - which members are left behind
    loaded = dict.fromkeys(NAMES, level.own_ca)
    for state in range(50 if request.config.getoption("--long") else LEFT_BEHIND):
        wanted = chance.choice(trusts)
        (level.folder / "certs/trust.pem").write_bytes(wanted)
        expected: dict[tuple[str, str], str] = {}
        restarts: list[str] = []
        for each in level.members:
            is_old = chance.random() < 0.4
            each.lay_out((level.old if is_old else level.folder / "certs") / f"{each.name}.pem")
            if chance.random() < 0.5:  # left behind in its trust file, or in the restart alone
                laid_out = chance.choice(trusts)
                each.trust(laid_out)
                if laid_out != loaded[each.name] and chance.random() < 0.7:
                    each.restart()
                    loaded[each.name] = laid_out
            if loaded[each.name] != wanted:
                restarts.append(each.name)
            found = REPLACE if is_old else RESTART if each.name in restarts else SAME
            expected |= {(each.name, "client"): found, (each.name, "peer"): found}

        done, live = level.look()

        assert (states(live), live["restart"]) == (expected, restarts), f"state {state}"
        assert done.returncode == (0 if set(expected.values()) == {SAME} else 4)


def test_what_is_served_is_found_in_the_folder(level: Scene, tmp_path: Path) -> None:
    first, second, third = level.members
    own, others = tmp_path / "own", tmp_path / "others"
    certs.ca(others)
    certs.member(others, hosts=("127.0.0.1",))
    own.mkdir()
    shutil.copytree(level.folder / "certs", own / "certs")
    certs.member(own, "ended", begin=certs.NOW - 3 * certs.DAY, life=certs.DAY)
    second.lay_out(level.folder / "certs/etcd1.pem")
    third.lay_out(others / "certs/etcd1.pem")
    first.lay_out(level.old / "etcd1.pem")

    done, live = level.look()

    by_member = {port["member"]: port for port in live["ports"] if port["port"] == "peer"}
    assert done.returncode == 4
    assert {name: port["state"] for name, port in by_member.items()} == dict.fromkeys(
        NAMES, REPLACE
    )
    assert by_member["etcd1"]["serves"].startswith("issued/etcd1-")
    assert "it serves an older one, `issued/etcd1-" in by_member["etcd1"]["reasons"][0]
    assert by_member["etcd2"]["serves"] == "certs/etcd1.pem"
    assert "it serves another's, `certs/etcd1.pem`" in by_member["etcd2"]["reasons"][0]
    assert by_member["etcd3"]["serves"] is None
    assert "it serves one of another CA" in by_member["etcd3"]["reasons"][0]

    first.lay_out(own / "certs/ended.pem")
    done, live = level.look("--endpoints", first.endpoint)
    assert done.returncode == 1  # nobody is let in with what has ended
    assert "what it serves ended" in only(live)["reasons"][1]
    assert only(live)["causes"] == ["server-expired"]

    certs.member(own, "elsewhere", hosts=("10.9.9.9",))
    first.lay_out(own / "certs/elsewhere.pem")
    assert only(level.look("--endpoints", first.endpoint)[1])["causes"] == ["server-host"]
    told = level.status("--endpoints", first.endpoint).stdout
    assert "server-host: etcd1" in told


def test_what_stands_behind_the_leaf_is_compared_too(level: Scene, tmp_path: Path) -> None:
    first = level.members[0]
    leaf = (level.folder / "certs/etcd1.pem").read_bytes()
    (tmp_path / "a.pem").write_bytes(leaf + level.next_ca)
    (tmp_path / "a-key.pem").write_bytes((level.folder / "certs/etcd1-key.pem").read_bytes())
    first.lay_out(tmp_path / "a.pem")

    done, live = level.look("--endpoints", first.endpoint)

    assert "lay out the bundles, etcd reads its pair anew: `" in done.stderr
    told = (
        "it serves 1 certificate behind its leaf, and `certs/etcd1.pem` has no certificates behind "
        "its leaf"
    )
    assert only(live)["reasons"] == [f"{REPLACE}: {told}"]


def test_a_pair_that_is_being_replaced_is_no_tls(level: Scene) -> None:
    first = level.members[0]
    first.lay_out(level.folder / "certs/etcd1.pem", level.folder / "certs/alice-key.pem")

    done, live = level.look("--endpoints", first.endpoint)

    assert done.returncode == 1
    assert only(live)["state"] == UNREACHABLE
    assert "the member can't use its own pair" in only(live)["reasons"][0]


def test_a_dead_member_and_a_silent_one_do_not_hold_up_the_others(level: Scene) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(closing(socket.socket()))
        silent.bind((NOBODY, 0))
        silent.listen()  # it takes connections, and never says a word
        full = stack.enter_context(closing(socket.socket()))
        full.bind((NOBODY, 0))
        full.listen(0)
        for _ in range(3):  # from now on nobody is taken: a black hole
            waiting = stack.enter_context(closing(socket.socket()))
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        dead = socket.socket()
        dead.bind((NOBODY, 0))
        refusing = dead.getsockname()[1]
        dead.close()
        ports = [silent.getsockname()[1], full.getsockname()[1], refusing]
        words = ",".join(
            [f"{NOBODY}:{port}" for port in ports] + [each.endpoint for each in level.members]
        )
        without = seconds(level, "status")
        took = seconds(level, "status", "--live", "--endpoints", words)
        done, live = level.look("--endpoints", words, "--timeout", "8")

    # With the start of the program, half a second where nothing else runs, less than 2.
    assert took < without + 1.5
    assert done.returncode == 1
    assert [port["state"] for port in live["ports"]] == [UNREACHABLE] * 3 + [SAME] * 3
    told = [port["reasons"][0] for port in live["ports"][:3]]
    assert told[0] in ("unreachable: no TLS: no answer within 8 s", told[1])
    assert told[1:] == ["unreachable: no answer within 8 s", "unreachable: connection refused"]


def test_a_look_at_three_members_takes_less_than_a_second(level: Scene) -> None:
    without = seconds(level, "status")
    assert seconds(level, "status", "--live", *with_ports(level.members)) < without + 1


def test_what_a_look_leaves_behind_is_said_and_is_so(level: Scene) -> None:
    first = level.members[0]
    said_till_now(first)

    done = level.status("--endpoints", first.endpoint)

    note = "note: looking without a certificate leaves a line in each member's log"
    assert note in done.stderr
    assert said_till_now(first).count("client didn't provide a certificate") == 1


def said_till_now(one: Running) -> str:
    """Return what a member's log has since the last time, up to a visit of our own."""
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((HOST, one.client), 60) as plain:
        own = f"{HOST}:{plain.getsockname()[1]}"
        with suppress(OSError), nobody.wrap_socket(plain) as channel:
            channel.recv(1)
    wait_for(lambda: f'"{own}"' in one.log.read_text(errors="replace"))
    return "".join(each for each in one.said().splitlines(keepends=True) if f'"{own}"' not in each)


def test_a_user_s_certificate_tells_version_authentication_and_holes(
    level: Scene, tmp_path: Path
) -> None:
    first = level.members[0]
    with started() as noted:
        old = member(noted, tmp_path, "etcd1", "3.4")
        old.lay_out(level.folder / "certs/etcd1.pem")
        old.trust(level.own_ca)
        old.start()
        trust, root = level.folder / "certs/trust.pem", level.folder / "certs/root.pem"
        files = (trust, root, root.with_name("root-key.pem"))
        words = ("--endpoints", f"{first.endpoint},{old.endpoint}", "--user", "alice")

        _, live = level.look(*words)
        told = [(each["version"], each["authentication"]) for each in live["ports"]]
        assert told == [("3.5.35", "off"), ("3.4.23", "off")]
        assert live["ports"][0]["holes"] == []
        assert "CVE-2026-33343" in [each["id"] for each in live["ports"][1]["holes"]]

        for each in (("user", "add", "root", "--no-password"), ("role", "add", "root")):
            old.ctl(*each, files=files, wait="30s")
        old.ctl("user", "grant-role", "root", "root", files=files, wait="30s")
        assert old.ctl("auth", "enable", files=files, wait="30s").returncode == 0
        _, live = level.look(*words)
        assert [each["authentication"] for each in live["ports"]] == ["off", "on"]

        found = run(OURS, "check", "--live", "--json", *words, cwd=level.folder, **PATIENT)
        findings = json.loads(found.stdout)["findings"]
        assert found.returncode == 0
        for one, expected in ((first, "live-authentication"), (old, "live-version")):
            here = one.endpoint.partition("=")[2]
            ids = {each["id"] for each in findings if here in each["message"]}
            assert ids == {expected}


def test_no_certificate_is_asked_for_by_a_member_that_lets_everybody_in(
    level: Scene, tmp_path: Path
) -> None:
    with started() as noted:
        open_to_all = member(noted, tmp_path, "etcd1", "3.5", with_client_auth=False)
        open_to_all.lay_out(level.folder / "certs/etcd1.pem")
        open_to_all.trust(level.own_ca)
        open_to_all.start()
        _, live = level.look("--endpoints", open_to_all.endpoint)
        assert (only(live)["state"], live["restart"]) == (RESTART, ["etcd1"])
        assert "asks for no certificate" in only(live)["reasons"][0]
        assert only(live)["trusts"] == []


@pytest.mark.parametrize(
    ("version", "flags"),
    [("3.4", ()), ("3.5", ("--tls-max-version=TLS1.2",)), ("3.6", ()), ("3.7", ())],
)
def test_the_loaded_cas_are_seen_on_every_version(
    version: str, flags: tuple[str, ...], level: Scene, tmp_path: Path
) -> None:
    with started() as noted:
        one = member(noted, tmp_path, "etcd1", version, *flags)
        one.lay_out(level.folder / "certs/etcd1.pem")
        one.trust(level.own_ca + level.next_ca)
        one.start()
        _, live = level.look(*with_ports([one]))
    assert live["restart"] == ["etcd1"]
    names = [[name.partition(",")[0] for name in port["trusts"]] for port in live["ports"]]
    assert names == [["CN=Autogenerated CA", "CN=The next CA"]] * 2
    assert {port["tls"] for port in live["ports"]} == {"TLSv1.2" if flags else "TLSv1.3"}


def test_peers_may_trust_a_ca_of_their_own(level: Scene) -> None:
    first = level.members[0]
    (level.folder / "certs/peer-trust.pem").write_bytes(level.next_ca)
    try:
        _, live = level.look(*with_ports([first]))
    finally:
        (level.folder / "certs/peer-trust.pem").unlink()
    assert states(live) == {("etcd1", "client"): SAME, ("etcd1", "peer"): RESTART}
    told = "it has not loaded `The next CA` of `certs/peer-trust.pem`, it still trusts"
    assert told in next(p for p in live["ports"] if p["port"] == "peer")["reasons"][0]


def test_metrics_of_members_come_with_a_look_alone(level: Scene) -> None:
    level.members[0].lay_out(level.old / "etcd1.pem")
    without = tls_scaffold("status", "--prometheus", "-", cwd=level.folder).stdout
    seen = level.status("--prometheus", "-", *with_ports(level.members)).stdout

    assert "tls_scaffold_live" not in without
    looked = re.compile(r"^(tls_scaffold_looked_seconds) \d+$", re.MULTILINE)
    assert looked.sub(r"\1 now", seen).startswith(looked.sub(r"\1 now", without))
    at = f'member="etcd1",port="client",address="{HOST}:{level.members[0].client}"'
    assert f'tls_scaffold_live_state{{{at},state="to be replaced"}} 1\n' in seen
    assert f"tls_scaffold_live_restart_needed{{{at}}} 0\n" in seen


def test_check_finds_what_was_left_behind(level: Scene) -> None:
    level.members[0].lay_out(level.old / "etcd1.pem")
    with closing(socket.create_server((NOBODY, 0))) as dead:
        words = ("check", "--live", "--json", *with_ports(level.members))
        words = (*words, "--endpoints", f"{NOBODY}:{dead.getsockname()[1]}")
    (level.folder / "certs/trust.pem").write_bytes(level.own_ca + level.next_ca)

    done = run(OURS, *words, cwd=level.folder, **PATIENT)

    found = {(each["id"], each["where"]) for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert sorted(found) == [
        (CLEAR_KEY, "certs/ca-key.pem"),
        ("live-pair", "certs/etcd1.pem"),
        ("live-reachable", "tls-scaffold.json"),
        *(("live-trust", f"certs/{name}.pem") for name in NAMES),
    ]
    assert tls_scaffold("check", cwd=level.folder).returncode == 0


def test_a_bundle_that_was_not_made_anew_is_told(level: Scene) -> None:
    assert tls_scaffold("bundle", "--tar", cwd=level.folder).returncode == 0
    assert "stale" not in tls_scaffold("status", cwd=level.folder).stderr

    make(level.folder, "req-alice")
    shutil.copy(level.folder / "certs/etcd2.pem", level.folder / "dist/etcd2/etcd2.pem")

    done = tls_scaffold("status", "--json", cwd=level.folder)
    assert json.loads(done.stdout)["stale_bundles"] == ["alice"]
    note = "note: `dist/alice` holds other files than `certs/`: `tls-scaffold bundle alice`"
    assert note in done.stderr
    shutil.rmtree(level.folder / "dist/alice")  # of its archive alone
    done = tls_scaffold("status", "--json", cwd=level.folder)
    assert json.loads(done.stdout)["stale_bundles"] == ["alice.tar.gz"]
    done = tls_scaffold("check", "--json", cwd=level.folder)
    found = [(each["id"], each["where"]) for each in json.loads(done.stdout)["findings"]]
    assert sorted(found) == [
        ("bundle-is-current", "dist/alice.tar.gz"),
        (CLEAR_KEY, "certs/ca-key.pem"),
    ]
    shutil.rmtree(level.folder / "dist")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--endpoints", "a b"), "`a b` is not an IP address or a host name"),
        (("--endpoints", "http://10.0.0.1:2379"), "only `https://` is looked at"),
        (("--endpoints", "10.0.0.1:99999"), "a port is 1 to 65535"),
        (("--endpoints", "10.0.0.999:1"), "`10.0.0.999` is not an IP address"),
        (("--endpoints", "a/b=10.0.0.1:1"), "is not an endpoint"),
        (("--endpoints", "etcd9=10.0.0.1:1"), "`etcd9`; did you mean `etcd"),
        (("--peer-endpoints", "web=10.0.0.1:1"), "its members: `etcd1`, `etcd2`, `etcd3`;"),
        (("--user", "nobody"), "nobody"),
    ],
)
def test_what_can_t_be_looked_at_is_told(words: tuple[str, ...], told: str, level: Scene) -> None:
    done = level.status(*words)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert done.stdout == ""


def test_the_options_of_a_look_need_one(level: Scene) -> None:
    done = tls_scaffold("status", "--endpoints", "10.0.0.1:1", cwd=level.folder)
    assert done.returncode == 2
    assert "go with `--live`" in done.stderr
