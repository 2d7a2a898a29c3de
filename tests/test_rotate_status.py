"""`rotate status` and `status --live` on real members while one CA follows another."""

import json
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotated import ALONE, BOTH, CROSSED, NAMES, NEW, OLD, OTHER, Scene, rotation_scene
from runningmembers import HOST, NEWEST, with_ports
from support import OURS, Done, run, tls_scaffold
from tls_scaffold.commands.live import LiveOptions
from tls_scaffold.commands.rotationlook import asking_members
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.rotationgates import Step
from tls_scaffold.signing.rotation import rotation_of

SEEN = 6  # random states, of 50 in the long form
pytestmark = pytest.mark.needs("etcd", "etcdctl", within=NEWEST["3.5"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with rotation_scene(tmp_path_factory.mktemp("rotation"), "3.5") as found:
        yield found


@pytest.fixture
def level(scene: Scene) -> Scene:
    scene.level()
    return scene


def rotation(scene: Scene, *words: str) -> tuple[Done, dict[str, Any]]:
    # A busy machine may keep a member waiting that has just been restarted.
    looking = words or ("--live", "--timeout", "10", *with_ports(scene.members))
    done = tls_scaffold("rotate", "status", "--json", *looking, cwd=scene.folder)
    document: dict[str, Any] = json.loads(done.stdout)
    return done, document


def live_of(scene: Scene) -> dict[str, Any]:
    words = ("status", "--live", "--json", "--timeout", "10", *with_ports(scene.members))
    found: dict[str, Any] = json.loads(tls_scaffold(*words, cwd=scene.folder).stdout)["live"]
    return found


def ask(scene: Scene, step: Step, *, force: bool = False) -> tuple[str, ...]:
    """Ask members before a step, as its command does; return its warnings."""
    clients, peers = with_ports(scene.members)[1::2]
    options = LiveOptions(tuple(clients.split(",")), tuple(peers.split(",")), seconds=10)
    found = rotation_of(scene.folder)
    assert found
    return asking_members(scene.folder, options, force=force)(found, step)


def refused_by(scene: Scene, step: Step) -> set[str]:
    """Return the members that hold up a step, whatever they do."""
    try:
        ask(scene, step)
    except ScaffoldError as error:
        return {each.message.split("`")[1] for each in error.problems}
    return set()


def test_each_member_that_is_left_behind_is_named_in_each_stage(
    level: Scene, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(22)  # noqa: S311 - which members are left behind, and in what
    for count in range(50 if request.config.getoption("--long") else SEEN):
        trust = chance.choice((BOTH, NEW))
        level.stage(trust)
        states = {
            each.name: (
                chance.choice((CROSSED, CROSSED, OLD, ALONE, OTHER)),
                chance.choice((OLD, BOTH, NEW))
                if chance.random() < 0.5
                else level.loaded[each.name],
            )
            for each in level.members
        }
        for each in level.members:
            level.lay_out(each, *states[each.name])
        replace = [name for name, (shows, _) in states.items() if shows != CROSSED]
        restart = [
            name for name, (_, loaded) in states.items() if (loaded == NEW) == (trust == BOTH)
        ]

        done, found = rotation(level)
        live = live_of(level)

        told = f"state {count}: {trust} {states}"
        ports = found["live"]["ports"]
        assert [(each["shows"], each["trusts"]) for each in ports] == [*states.values()] * 2, told
        assert (found["live"]["replace"], found["live"]["restart"]) == (replace, restart), told
        assert done.returncode == (4 if replace or restart else 0), told
        assert live["restart"] == restart, told
        to_replace = {each["member"] for each in live["ports"] if "to be replaced" in str(each)}
        assert to_replace == set(replace), told
        assert refused_by(level, Step.TRUST) == set(replace), told
        hangs = {name for name, (shows, loaded) in states.items() if OLD in (shows, loaded)}
        hangs |= {name for name, (_, loaded) in states.items() if loaded == BOTH}
        assert refused_by(level, Step.FINISH) == hangs, told
        new = {name for name, (_, loaded) in states.items() if loaded == NEW}
        assert refused_by(level, Step.ABORT) == new, told


def steps(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["step"], each["state"]) for each in found["steps"]]


def who(found: dict[str, Any]) -> dict[str, list[str]]:
    return {each["step"]: each["who"] for each in found["steps"] if each["who"]}


def test_the_steps_follow_each_other_and_clients_are_never_said_to_be_seen(level: Scene) -> None:
    first, second, third = level.members
    level.lay_out(third, OLD, OLD)
    done, found = rotation(level)
    assert (done.returncode, found["rotation"]["stage"]) == (4, "replacing")
    assert steps(found) == [
        ("client-pairs", "unseen"),
        ("member-pairs", "to do"),
        ("trust", "later"),
        ("member-restarts", "later"),
        ("client-trust", "later"),
        ("finish", "later"),
    ]
    assert who(found)["client-pairs"] == ["root", "alice"]
    assert who(found)["member-pairs"] == ["etcd3"]
    assert "can't be seen from outside" in done.stderr

    level.lay_out(third, CROSSED, OLD)
    done, found = rotation(level)
    assert done.returncode == 0
    assert steps(found)[1:3] == [("member-pairs", "done"), ("trust", "to do")]

    level.stage(NEW)
    level.lay_out(first, CROSSED, NEW)
    done, found = rotation(level)
    assert (done.returncode, found["rotation"]["stage"]) == (4, "trusting")
    assert steps(found) == [
        ("member-restarts", "to do"),
        ("client-trust", "unseen"),
        ("finish", "later"),
    ]
    assert who(found)["member-restarts"] == ["etcd2", "etcd3"]

    for each in (second, third):
        level.lay_out(each, CROSSED, NEW)
    done, found = rotation(level)
    assert done.returncode == 0
    assert steps(found) == [
        ("member-restarts", "done"),
        ("client-trust", "unseen"),
        ("finish", "to do"),
    ]
    assert found["steps"][-1]["command"] == "tls-scaffold rotate finish"


def test_without_a_look_the_folder_tells_the_stage_and_nobody_is_seen(level: Scene) -> None:
    done, found = rotation(level, "--json")
    assert (done.returncode, found["live"]) == (0, None)
    assert steps(found)[:3] == [
        ("client-pairs", "unseen"),
        ("member-pairs", "unseen"),
        ("trust", "later"),
    ]
    assert who(found)["member-pairs"] == [*NAMES]
    assert found["rotation"]["cross"]["subject"] == found["rotation"]["new"]["subject"]
    assert {each["shows"] for each in found["pairs"]} == {CROSSED}


def test_a_pair_of_the_folder_that_hangs_on_the_old_ca_is_named(level: Scene) -> None:
    alice = level.folder / "certs/alice.pem"
    kept = alice.read_bytes()
    try:
        alice.write_bytes((level.pairs[OLD] / "alice.pem").read_bytes())
        told = tls_scaffold("rotate", "status", cwd=level.folder)
        assert told.returncode == 4
        assert "  `certs/alice.pem` shows: old\n" in told.stdout
        alice.unlink()
        done, found = rotation(level, "--json")
        assert done.returncode == 4
        assert [each["shows"] for each in found["pairs"] if each["name"] == "alice"] == ["nothing"]
    finally:
        alice.write_bytes(kept)


def test_the_table_fits_and_says_who_restarts(level: Scene) -> None:
    level.stage(NEW)
    level.lay_out(level.members[0], CROSSED, NEW)
    words = ("rotate", "status", "--live", *with_ports(level.members))
    done = run(OURS, *words, cwd=level.folder, COLUMNS="80")
    assert max(map(len, done.stdout.splitlines())) <= 80
    row = next(line for line in done.stdout.splitlines() if line.startswith("etcd1"))
    assert "new with cross  new alone   ready" in row
    assert "restart, one after another: `etcd2`, `etcd3`" in done.stderr


def test_who_can_t_be_reached_holds_up_each_step_but_by_force(level: Scene) -> None:
    first, second, third = level.members
    with closing(socket.create_server((HOST, 0))) as free:
        nowhere = free.getsockname()[1]
    seen = replace(third, client=nowhere, peer=nowhere)
    gone = replace(level, members=[first, second, seen])

    done, found = rotation(gone)
    assert (done.returncode, found["live"]["unreachable"]) == (1, ["etcd3"])
    assert who(found)["member-pairs"] == ["etcd3"]
    for step in (Step.TRUST, Step.ABORT):
        with pytest.raises(ScaffoldError) as raised:
            ask(gone, step)
        assert str(raised.value).endswith(
            f"  `etcd3` can't be reached: connection refused (client port {HOST}:{nowhere}, "
            f"peer port {HOST}:{nowhere})\n\nhint: `--force` goes on without members that can't "
            "be reached"
        )
        (warning,) = ask(gone, step, force=True)
        assert warning.startswith("`etcd3` can't be reached: connection refused")

    # Who is seen to hang on the old CA is refused by force too.
    level.lay_out(first, OLD, OLD)
    with pytest.raises(ScaffoldError) as raised:
        ask(gone, Step.TRUST, force=True)
    assert "`etcd1` shows an old leaf (client port" in str(raised.value)
    assert "`--force`" not in str(raised.value)


def test_members_that_no_endpoint_names_are_asked_where_the_inventory_has_them(
    level: Scene,
) -> None:
    first = level.members[0]
    words = ("--live", "--endpoints", first.endpoint, "--peer-endpoints", first.peer_endpoint)
    done, found = rotation(level, *words, "--timeout", "0.3")
    assert done.returncode == 1
    assert {(each["member"], each["address"]) for each in found["live"]["ports"]} == {
        *(("etcd1", f"{HOST}:{port}") for port in (first.client, first.peer)),
        *(("etcd2", f"127.0.0.2:{port}") for port in (2379, 2380)),
        *(("etcd3", f"127.0.0.3:{port}") for port in (2379, 2380)),
    }


def test_check_and_status_want_no_restart_while_both_cas_are_trusted(level: Scene) -> None:
    done = tls_scaffold("check", "--live", "--json", *with_ports(level.members), cwd=level.folder)
    ids = {each["id"] for each in json.loads(done.stdout)["findings"]}
    assert not {each for each in ids if each.startswith("live-")}
    level.stage(NEW)
    done = tls_scaffold("check", "--live", "--json", *with_ports(level.members), cwd=level.folder)
    found = [each for each in json.loads(done.stdout)["findings"] if each["id"] == "live-trust"]
    assert {each["where"] for each in found} == {f"certs/{name}.pem" for name in NAMES}


def test_the_stages_before_and_after_are_told(level: Scene) -> None:
    certs = level.folder / "certs"
    chain, ca, old = certs / "chain.pem", certs / "ca.pem", certs / "old-ca.pem"
    kept = {path: path.read_bytes() for path in (chain, ca, old, certs / "old-ca-key.pem")}
    try:
        level.stage(NEW)
        chain.unlink()  # without a cross certificate, or on the way to the end
        for each in level.members[:2]:
            level.lay_out(each, ALONE, NEW)
        done, found = rotation(level)
        assert (done.returncode, found["rotation"]["stage"]) == (4, "finishing")
        assert found["rotation"]["cross"] is None
        assert who(found)["member-restarts"] == ["etcd3"]
        level.lay_out(level.members[2], CROSSED, NEW)
        done, found = rotation(level)
        assert done.returncode == 0
        assert steps(found)[-1] == ("finish", "to do")

        old.write_bytes(b"junk")
        told = tls_scaffold("rotate", "status", cwd=level.folder)
        assert told.returncode == 1
        assert "\n  certs/old-ca.pem: it holds no certificate\n" in told.stderr

        old.write_bytes(kept[old])
        ca.write_bytes(kept[old])
        done, found = rotation(level)
        assert (done.returncode, steps(found)) == (4, [("abort", "to do")])

        ca.write_bytes(kept[ca])
        for path in (old, certs / "old-ca-key.pem"):
            path.unlink()
        done, found = rotation(level)
        assert (done.returncode, found["rotation"], found["steps"]) == (0, None, [])
        assert "no CA follows another" in done.stderr
    finally:
        for path, pem in kept.items():
            path.write_bytes(pem)


def test_an_old_ca_that_ends_soon_is_told(level: Scene) -> None:
    certs_folder = level.folder / "certs"
    chain = certs_folder / "chain.pem"
    kept = chain.read_bytes()
    words = ("-CA", "certs/old-ca.pem", "-CAkey", "certs/old-ca-key.pem", "-days", "20")
    try:
        made = run("openssl", "x509", "-in", "certs/ca.pem", *words, cwd=level.folder)
        chain.write_text(made.stdout)
        done = tls_scaffold("rotate", "status", cwd=level.folder)
        assert done.returncode == 5
        assert "note: the old CA, or the cross certificate, ends " in done.stderr
    finally:
        chain.write_bytes(kept)


def test_of_peers_ca_their_ports_alone_are_asked_and_no_client_waits(
    level: Scene, tmp_path: Path
) -> None:
    folder = shutil.copytree(level.folder, tmp_path / "tls-setup")
    for name in ("ca.pem", "ca-key.pem", "old-ca.pem", "old-ca-key.pem"):
        place = (
            name.replace("ca", "peer-ca", 1) if name.startswith("ca") else f"old-peer-{name[4:]}"
        )
        (folder / "certs" / name).rename(folder / "certs" / place)
    (folder / "certs/chain.pem").rename(folder / "certs/peer-chain.pem")
    (folder / "certs/trust.pem").rename(folder / "certs/peer-trust.pem")
    for name in ("ca.pem", "ca-key.pem", "trust.pem"):
        shutil.copy(level.pairs[OLD] / name, folder / "certs")
    for name in NAMES:
        (folder / f"certs/{name}.pem").rename(folder / f"certs/peer-{name}.pem")
    inventory = json.loads((folder / "tls-scaffold.json").read_text())
    (folder / "tls-scaffold.json").write_text(json.dumps({**inventory, "peer_ca": True}))

    done, found = rotation(replace(level, folder=folder))

    assert done.returncode == 0
    assert {each["port"] for each in found["live"]["ports"]} == {"peer"}
    assert steps(found)[:2] == [("member-pairs", "done"), ("trust", "to do")]
    assert "client" not in done.stderr.replace("client didn't provide", "")
    assert [each["file"] for each in found["pairs"]] == [f"certs/peer-{each}.pem" for each in NAMES]


def test_who_hangs_on_a_ca_that_is_gone_is_named_in_the_short_order(
    level: Scene, tmp_path: Path
) -> None:
    """As after `rotate start --compromised`: the old CA is in the archive alone."""
    folder = shutil.copytree(level.folder, tmp_path / "tls-setup")
    for path in ("old-ca.pem", "old-ca-key.pem", "chain.pem"):
        (folder / "certs" / path).unlink()
    (folder / "certs/trust.pem").write_bytes(level.trusts[NEW])
    left = replace(level, folder=folder)
    level.lay_out(level.members[0], ALONE, NEW)

    done, found = rotation(left)

    assert (done.returncode, found["rotation"]["stage"]) == (4, "over")
    assert steps(found) == [("member-restarts", "to do"), ("client-trust", "unseen")]
    assert who(found) == {
        "member-restarts": ["etcd2", "etcd3"],
        "client-trust": ["root", "alice"],
    }
    assert found["live"]["restart"] == ["etcd2", "etcd3"]
    for each in level.members[1:]:
        level.lay_out(each, ALONE, NEW)
    done, found = rotation(left)
    assert (done.returncode, found["rotation"]) == (0, None)
    assert "and no member hangs on an earlier one" in done.stderr
