"""`rotate status` and `status --live` on real members while one CA follows another."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from rotated import ALONE, BOTH, CROSSED, NEW, OLD, OTHER, Scene, rotation_scene
from runningmembers import NEWEST, with_ports
from support import Done, tls_scaffold
from tls_scaffold.commands.live import LiveOptions
from tls_scaffold.commands.rotationlook import check_members
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
    looking = words or ("--live", *with_ports(scene.members))
    done = tls_scaffold("rotate", "status", "--json", *looking, cwd=scene.folder)
    document: dict[str, Any] = json.loads(done.stdout)
    return done, document


def live_of(scene: Scene) -> dict[str, Any]:
    words = ("status", "--live", "--json", *with_ports(scene.members))
    found: dict[str, Any] = json.loads(tls_scaffold(*words, cwd=scene.folder).stdout)["live"]
    return found


def ask(scene: Scene, step: Step, *, force: bool = False) -> tuple[str, ...]:
    """Ask members before a step, as its command does; return its warnings."""
    clients, peers = with_ports(scene.members)[1::2]
    options = LiveOptions(tuple(clients.split(",")), tuple(peers.split(",")))
    found = rotation_of(scene.folder)
    assert found
    return check_members(scene.folder, found, step, options, force=force)


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
