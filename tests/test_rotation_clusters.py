"""Rotations on real clusters of three, clients writing all the time: no write is lost.

With `--log-cli-level=INFO` each prints its figures as a row of the table in `docs/ca-rotation.md`.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from promises.tracing import calls
from rotationclusters import NAMES, Cluster, Rotation, refused_by_tls, running_cluster, written_to
from support import BIN, run
from tls_scaffold.etcd.tallies import Tally

VERSIONS = (
    "3.5",
    *(pytest.param(each, marks=pytest.mark.long) for each in ("3.4", "3.6", "3.7")),
)
ALL_LONG = tuple(
    pytest.param(each, marks=pytest.mark.long) for each in ("3.4", "3.5", "3.6", "3.7")
)
ROTATIONS = 2  # in the long form, one after another on one cluster
LAST_CALL = {"start": 400, "trust": 150, "finish": 250, "abort": 350}
"""At which of its calls that write a command is killed at the latest: it has some more."""
IS_DONE = {
    "start": "is being replaced (replacing)",
    **dict.fromkeys(("finish", "abort"), "no CA of this folder is being replaced"),
}
"""What says that a command which was killed had been decided on: the same again is refused."""
Steps = list[tuple[str, Callable[[], object]]]
FIGURES = logging.getLogger(__name__)
pytestmark = pytest.mark.needs("make", "cfssl", "etcd", "strace")


@pytest.fixture
def rotations(request: pytest.FixtureRequest) -> int:
    return ROTATIONS if request.config.getoption("--long") else 1


def tell(version: str, what: str, tally: Tally) -> None:
    """Log the figures of a rotation as a row of a table."""
    FIGURES.info(
        *("| %s | %s | %d | %d | %.2f s | %d |", version, what, tally.writes),
        *(len(tally.failures), tally.longest_gap, tally.failovers),
    )


def refuses(cluster: Cluster, step: str, *names: str) -> None:
    """Let a step be refused, which names these members and no others."""
    said = cluster.rotate(step, code=1).stderr
    assert {name for name in NAMES if f"  `{name}` " in said} == {*names}, said


def cut_off(cluster: Cluster, *words: str) -> None:
    """Kill a command before one of its calls that write, and run it again to its end.

    Bundles are made anew then, as is said of those that a killed command has left.
    """
    command = (str(BIN / "tls-scaffold"), "-C", str(cluster.folder), "rotate", *words)
    at = cluster.chance.randrange(1, LAST_CALL[words[0]])
    calls(command, cluster.folder, kill_at=at)
    again = cluster.ours("rotate", *words)
    is_done = IS_DONE.get(words[0], again.stderr + "…") in again.stderr
    assert again.returncode == 0 or is_done, f"killed at {at}: {again.stderr}"
    cluster.bundle()


def ready_for(cluster: Cluster, step: str) -> None:
    """Take a step of which status says that all that can be seen is ready for it."""
    cluster.is_ready()
    cut_off(cluster, step)


def files_of_all(rotation: Rotation, names: tuple[str, ...] = NAMES) -> Steps:
    return [(f"{name}'s files", partial(rotation.member_files, name)) for name in names]


def restarts_of(rotation: Rotation, names: tuple[str, ...]) -> Steps:
    return [(f"{name} restarted", partial(rotation.member_restart, name)) for name in names]


def last_files(rotation: Rotation) -> Steps:
    return [
        *files_of_all(rotation),
        ("the early client's last pair", lambda: rotation.client_pairs("early")),
        ("the late client's last pair", lambda: rotation.client_pairs("late")),
    ]


def whole(rotation: Rotation) -> Steps:
    """Return the steps of a rotation in the order of the page.

    The early client gets all as soon as it may, the late one as late as it may.
    """
    cluster = rotation.cluster
    first, *others = NAMES
    return [
        ("rotate start", lambda: cut_off(cluster, "start")),
        ("the early client's pair", lambda: rotation.client_pairs("early")),
        ("trust before any member", lambda: refuses(cluster, "trust", *NAMES)),
        *files_of_all(rotation, (first,)),
        ("trust before the others", lambda: refuses(cluster, "trust", *others)),
        *files_of_all(rotation, tuple(others)),
        ("the late client's pair", lambda: rotation.client_pairs("late")),
        ("rotate trust", lambda: ready_for(cluster, "trust")),
        ("finish before any restart", lambda: refuses(cluster, "finish", *NAMES)),
        *restarts_of(rotation, (first,)),
        ("the early client's trust", lambda: rotation.client_trust("early")),
        ("abort after a restart", lambda: refuses(cluster, "abort", first)),
        ("finish before the others", lambda: refuses(cluster, "finish", *others)),
        *restarts_of(rotation, tuple(others)),
        ("the late client's trust", lambda: rotation.client_trust("late")),
        ("rotate finish", lambda: ready_for(cluster, "finish")),
        *last_files(rotation),
    ]


def of_peers(rotation: Rotation) -> Steps:
    """Return the steps for the CA of peers: clients have no part in it."""
    cluster = rotation.cluster
    first, *others = NAMES
    return [
        ("rotate start", lambda: cut_off(cluster, "start", "--peer-ca")),
        *files_of_all(rotation, (first,)),
        ("trust before the others", lambda: refuses(cluster, "trust", *others)),
        *files_of_all(rotation, tuple(others)),
        ("rotate trust", lambda: ready_for(cluster, "trust")),
        *restarts_of(rotation, (first,)),
        ("finish before the others", lambda: refuses(cluster, "finish", *others)),
        *restarts_of(rotation, tuple(others)),
        ("rotate finish", lambda: ready_for(cluster, "finish")),
        *files_of_all(rotation),
    ]


def given_up(rotation: Rotation) -> Steps:
    """Return the steps of a rotation that is given up when half has been laid out."""
    cluster = rotation.cluster
    first, second, _ = NAMES
    return [
        ("rotate start", lambda: cut_off(cluster, "start")),
        ("the early client's pair", lambda: rotation.client_pairs("early")),
        *files_of_all(rotation, (first, second)),
        *restarts_of(rotation, (first,)),  # with both CAs: no harm
        ("rotate abort", lambda: cut_off(cluster, "abort")),
        ("the early client's files", lambda: rotation.client_pairs("early")),
        *files_of_all(rotation),
        *restarts_of(rotation, (first, second)),
    ]


def costs_no_write(
    cluster: Cluster, what: str, steps_of: Callable[[Rotation], Steps], count: int
) -> None:
    """Take the steps of rotations one after another; of each a member is killed in one step."""
    # An election that a busy machine takes seconds for is no refusal: those are told by themselves.
    with written_to(cluster, deadline=30) as rotation:
        for _ in range(count):
            begin = rotation.writers.mark()
            steps = steps_of(rotation)
            at = cluster.chance.randrange(len(steps))
            rotation.take(steps, at)
            tally = rotation.writers.since(begin)
            tell(cluster.version, f"{what}; a member killed at `{steps[at][0]}`", tally)
            assert not tally.failures
            cluster.is_level()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rotation_costs_no_write_whichever_member_is_killed_at_whatever_moment(
    version: str, rotations: int, tmp_path: Path
) -> None:
    with running_cluster(tmp_path, version) as cluster:
        costs_no_write(cluster, "the CA", whole, rotations)


@pytest.mark.parametrize("version", ALL_LONG)
def test_a_rotation_of_peers_costs_no_write(version: str, rotations: int, tmp_path: Path) -> None:
    with running_cluster(tmp_path, version, peer_ca=True) as cluster:
        costs_no_write(cluster, "the CA of peers", of_peers, rotations)
        costs_no_write(cluster, "the CA beside that of peers", whole, 1)


@pytest.mark.parametrize("version", ALL_LONG)
def test_a_rotation_that_is_given_up_costs_no_write(
    version: str, rotations: int, tmp_path: Path
) -> None:
    with running_cluster(tmp_path, version) as cluster:
        costs_no_write(cluster, "given up", given_up, rotations)


@pytest.mark.parametrize("version", ALL_LONG)
def test_without_a_cross_certificate_writes_are_lost_as_it_was_said(
    version: str, tmp_path: Path
) -> None:
    """A member that was restarted and one that was not refuse each other, and so their clients."""
    first, second, third = NAMES
    with running_cluster(tmp_path, version) as cluster, written_to(cluster) as rotation:
        said = cluster.rotate("start", "--compromised", "--yes").stderr
        assert "those that were restarted and those that were not refuse each other" in said
        begin = rotation.writers.mark()
        rotation.member_files(first)
        cluster.restart_alone(first)
        # No member talks to it, so it serves nobody: its port for peers tells what it has loaded.
        told = run(
            str(BIN / "tls-scaffold"), "-C", str(cluster.folder), "rotate", "status", "--live"
        )
        assert f"restart, one after another: `{second}`, `{third}`" in told.stderr
        rotation.writers.settle()
        one = rotation.writers.since(begin)

        step = rotation.writers.mark()
        rotation.member_files(second)
        cluster.restart_alone(second)
        cluster.wait(first, second)  # which have most of the votes
        rotation.writers.settle(1, seconds=20)
        old = rotation.writers.since(step)

        rotation.client_files("early")
        rotation.client_files("late")
        rotation.member_files(third)
        cluster.restart_alone(third)
        cluster.wait(*NAMES)
        rotation.writers.settle()
        step = rotation.writers.mark()
        rotation.writers.settle()
        new = rotation.writers.since(step)
        tell(version, "without a cross certificate", rotation.writers.since(begin))
        assert not one.failures
        assert old.failures
        assert (new.failures, refused_by_tls(new)) == ((), [])
        cluster.is_ready()
        cluster.is_level()
