"""`rotate status` and `status --live` on real members while one CA follows another."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import certs
from rotated import follow, replace_leaves
from runningmembers import NEWEST, Running, member, started, with_ports
from support import Done, make, tls_scaffold
from tls_scaffold.commands.live import LiveOptions
from tls_scaffold.commands.rotationlook import check_members
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.rotationgates import Step
from tls_scaffold.signing.rotation import rotation_of

NAMES = ("etcd1", "etcd2", "etcd3")
WORDS = (
    *("--members", "127.0.0.1,127.0.0.2,127.0.0.3", "--proxies", "0"),
    *("--users", "root,alice", "--key", "ecdsa-256"),
)
OLD, CROSSED, ALONE, OTHER = "old", "new with cross", "new alone", "another's"
BOTH, NEW = "old and new", "new alone"
READY, REPLACE, RESTART, UNREACHABLE = (
    "ready",
    "to be replaced",
    "restart needed",
    "unreachable",
)
SEEN = 6  # random states, of 50 in the long form
pytestmark = pytest.mark.needs("etcd", "etcdctl", within=NEWEST["3.5"])


@dataclass
class Scene:
    """A folder in a rotation, each kind of pair and of trust file, and three members alone."""

    folder: Path
    pairs: dict[str, Path]
    trusts: dict[str, bytes]
    members: list[Running]
    loaded: dict[str, str]

    def lay_out(self, one: Running, shows: str, trusts: str) -> None:
        """Let a member show a pair and have loaded a trust file."""
        one.lay_out(self.pairs[shows] / f"{one.name}.pem")
        if trusts != self.loaded[one.name]:
            one.trust(self.trusts[trusts])
            one.restart()
            self.loaded[one.name] = trusts

    def stage(self, trusts: str) -> None:
        """Bring the folder to the stage that its trust file tells."""
        (self.folder / "certs/trust.pem").write_bytes(self.trusts[trusts])

    def level(self) -> None:
        self.stage(BOTH)
        for each in self.members:
            self.lay_out(each, CROSSED, OLD)

    def rotation(self, *words: str) -> tuple[Done, dict[str, Any]]:
        looking = words or ("--live", *with_ports(self.members))
        done = tls_scaffold("rotate", "status", "--json", *looking, cwd=self.folder)
        document: dict[str, Any] = json.loads(done.stdout)
        return done, document

    def live(self) -> dict[str, Any]:
        done = tls_scaffold(
            *("status", "--live", "--json", *with_ports(self.members)), cwd=self.folder
        )
        found: dict[str, Any] = json.loads(done.stdout)["live"]
        return found

    def options(self) -> LiveOptions:
        clients, peers = with_ports(self.members)[1::2]
        return LiveOptions(tuple(clients.split(",")), tuple(peers.split(",")))

    def asks(self, step: Step, *, force: bool = False) -> tuple[str, ...]:
        """Ask members before a step: the problems that hold it up, or else the warnings."""
        rotation = rotation_of(self.folder)
        assert rotation
        return check_members(self.folder, rotation, step, self.options(), force=force)

    def refused_by(self, step: Step) -> set[str]:
        """Return the members that hold up a step, whatever they do."""
        try:
            self.asks(step)
        except ScaffoldError as error:
            return {each.message.split("`")[1] for each in error.problems}
        return set()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    into = tmp_path_factory.mktemp("rotation")
    folder = into / "tls-setup"
    assert tls_scaffold("new", str(folder), *WORDS).returncode == 0
    make(folder)
    old = shutil.copytree(folder / "certs", into / "old")
    signer = follow(folder)
    replace_leaves(folder, signer, NAMES, ("root", "alice"))
    crossed = shutil.copytree(folder / "certs", into / "crossed")
    certs.ca(into / "others", cn="Another CA")
    for name in NAMES:
        certs.member(into / "others", name, hosts=("127.0.0.1",))
    trusts = {
        OLD: (folder / "certs/old-ca.pem").read_bytes(),
        NEW: (folder / "certs/ca.pem").read_bytes(),
    }
    trusts[BOTH] = trusts[NEW] + trusts[OLD]
    pairs = {OLD: old, CROSSED: crossed, ALONE: signer / "certs", OTHER: into / "others/certs"}
    with started() as noted:
        found = Scene(folder, pairs, trusts, [], dict.fromkeys(NAMES, OLD))
        for name in NAMES:
            # Each is a cluster of its own, which needs no other to begin.
            one = member(noted, into / "members", name, "3.5")
            found.members.append(one)
            one.lay_out(pairs[OLD] / f"{name}.pem")
            one.trust(trusts[OLD])
            one.start()
        yield found


@pytest.fixture
def level(scene: Scene) -> Scene:
    scene.level()
    return scene


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

        done, found = level.rotation()
        live = level.live()

        told = f"state {count}: {trust} {states}"
        ports = found["live"]["ports"]
        assert [(each["shows"], each["trusts"]) for each in ports] == [*states.values()] * 2, told
        assert (found["live"]["replace"], found["live"]["restart"]) == (replace, restart), told
        assert done.returncode == (4 if replace or restart else 0), told
        assert live["restart"] == restart, told
        to_replace = {each["member"] for each in live["ports"] if "to be replaced" in str(each)}
        assert to_replace == set(replace), told
        assert level.refused_by(Step.TRUST) == set(replace), told
        hangs = {name for name, (shows, loaded) in states.items() if OLD in (shows, loaded)}
        hangs |= {name for name, (_, loaded) in states.items() if loaded == BOTH}
        assert level.refused_by(Step.FINISH) == hangs, told
        new = {name for name, (_, loaded) in states.items() if loaded == NEW}
        assert level.refused_by(Step.ABORT) == new, told
