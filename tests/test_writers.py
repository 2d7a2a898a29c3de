"""Clients that write all the time, on real members that end, start again, and refuse them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import certs
from runningmembers import HOST, Running, cluster_of, started
from support import make, tls_scaffold, wait_for
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.etcdctl import Identity, identity_at
from tls_scaffold.etcd.tallies import Endpoint, Failure, Refusal, Tally, Write, tally
from tls_scaffold.etcd.writers import Client, Connection, Writers, writing

NAMES = ("etcd1", "etcd2", "etcd3")
WORDS = (
    *("--members", "127.0.0.1,127.0.0.2,127.0.0.3", "--proxies", "0"),
    *("--users", "root,alice", "--key", "ecdsa-256"),
)
pytestmark = pytest.mark.needs("etcd", "etcdctl", "make")


@dataclass(frozen=True)
class Scene:
    """A folder, the cluster that runs from copies of its files, and a pair of another CA."""

    folder: Path
    members: list[Running]
    stranger: Identity

    @property
    def trust(self) -> Path:
        return self.folder / "certs/trust.pem"

    @property
    def endpoints(self) -> list[Endpoint]:
        return [Endpoint(each.name, each.client) for each in self.members]

    def identity(self, name: str) -> Identity:
        return identity_at(self.folder / "certs" / name)

    def clients(self) -> tuple[Client, ...]:
        """Return alice twice: as one who connects for each write, and as one who stays."""
        alice = self.identity("alice")
        return tuple(
            Client(each.name, alice, self.trust, f"/{each.name}", each) for each in Connection
        )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    into = tmp_path_factory.mktemp("writers")
    folder = into / "tls-setup"
    assert tls_scaffold("new", str(folder), *WORDS).returncode == 0
    make(folder)
    certs.ca(into / "others")
    certs.leaf(into / "others", "alice")
    with started() as noted:
        cluster_of(noted, into / "members", folder, NAMES, "3.4", "--pre-vote=true")
        yield Scene(folder, noted.members, identity_at(into / "others/certs/alice"))


LONG = 60.0  # seconds: longer than a busy machine stalls
ELECTION = 0.5  # seconds: of the members, see runningmembers.py


def has_stalled(seen: Tally) -> bool:
    """Tell whether a machine may have stalled for an election's time: then somebody is sent on."""
    return seen.longest_gap > ELECTION


def of_time_alone(failure: Failure) -> bool:
    """Tell a write that no member took in time and that nobody has refused."""
    return not any("alert" in it or "not valid" in it for it in failure.reasons.values())


def step(writers: Writers) -> Tally:
    begin = writers.mark()
    writers.settle()
    return writers.since(begin)


def test_each_client_writes_what_etcd_then_has(scene: Scene) -> None:
    with writing(scene.clients(), scene.endpoints, deadline=LONG) as writers:
        seen = step(writers)

    files = (scene.trust, scene.identity("root").certificate, scene.identity("root").key)
    values = [
        scene.members[0]
        .ctl("get", f"/{each.name}", "--print-value-only", files=files, wait="30s")
        .stdout
        for each in Connection
    ]
    assert seen.failures == ()
    assert seen.refusals == {} or has_stalled(seen)
    assert seen.writes >= 6
    counted = {name: int(number) for name, number in map(str.split, values)}
    assert set(counted) == {"NEW", "KEPT"}
    assert sum(counted.values()) == writers.since(0).writes


def test_a_member_that_ends_and_starts_again_costs_no_write(scene: Scene) -> None:
    with writing(scene.clients(), scene.endpoints, deadline=LONG) as writers:
        quiet = step(writers)
        begin = writers.mark()
        for member in scene.members:
            member.stop()
            writers.settle()
            member.start()
            writers.settle()
        rolled = writers.since(begin)
        again = step(writers)

    assert (quiet.failures, rolled.failures, again.failures) == ((), (), ())
    assert all(each.failovers == 0 or has_stalled(each) for each in (quiet, again))
    assert {member for member, _ in rolled.refusals} == set(NAMES)
    assert writers.since(0).writes >= quiet.writes + rolled.writes + again.writes


def refused_clients(seen: Tally) -> set[str]:
    """Return whose writes failed because they were refused; a busy machine lets others be late."""
    return {each.client for each in seen.failures if not of_time_alone(each)}


def said_by_all(seen: Tally) -> list[Mapping[str, str]]:
    """Return what was said to each write that all members were asked for and refused."""
    reasons = [each.reasons for each in seen.failures if not of_time_alone(each)]
    return [each for each in reasons if set(each) == set(NAMES)]


def test_what_no_member_takes_is_a_failure_with_what_each_said(scene: Scene) -> None:
    with writing(scene.clients(), scene.endpoints, deadline=2) as writers:
        writers.settle()
        for client in scene.clients():
            writers.equip(client.name, scene.stranger, scene.trust)
        refused = step(writers)
        wait_for(lambda: said_by_all(writers.since(0)), 120)
        seen = writers.since(0)
        writers.equip("KEPT", scene.stranger, scene.trust, reconnect=True)
        both = step(writers)
        for client in scene.clients():
            writers.equip(client.name, client.identity, client.trust)
        writers.settle(1)
        mended = step(writers)

    # Who stays connected shows nobody a certificate.
    assert refused_clients(refused) == {"NEW"}
    assert refused_clients(both) == {"NEW", "KEPT"}
    assert refused.longest_gap > 1
    # A busy machine may leave no time to ask all of them in each write.
    for reasons in said_by_all(seen):
        assert any(re.search("alert (bad certificate|unknown ca)", it) for it in reasons.values())
    assert refused_clients(mended) == set()
    assert mended.writes > 0


def test_a_host_that_the_member_s_certificate_lacks_is_a_failure_that_says_so(scene: Scene) -> None:
    elsewhere = [Endpoint(each.member, each.port, HOST, "10.9.9.9") for each in scene.endpoints]
    with writing(scene.clients(), scene.endpoints, deadline=1) as writers:
        writers.settle()
        writers.reach([elsewhere[0], *scene.endpoints[1:]])
        one = step(writers)
        writers.reach(elsewhere)
        all_of_them = step(writers)

    told = "not valid for '10.9.9.9'"
    assert {member for member, reason in one.refusals if told in reason} == {"etcd1"}
    others = [each.reasons.get(name, "") for each in one.failures for name in NAMES[1:]]
    assert not [reason for reason in others if told in reason]
    assert one.writes > 0
    assert refused_clients(all_of_them) == {"NEW"}
    assert any(told in each.reasons.get("etcd2", "") for each in all_of_them.failures)


def test_a_silence_is_a_gap_and_then_a_failure(scene: Scene) -> None:
    with writing(scene.clients(), scene.endpoints, deadline=1) as writers:
        writers.settle()
        begin = writers.mark()
        for member in scene.members:
            member.stop()
        both = {"NEW", "KEPT"}
        wait_for(lambda: {each.client for each in writers.since(begin).failures} == both, 60)
        alone = writers.since(begin)
        for member in scene.members:
            member.start(wait=False)
        for member in scene.members:
            member.wait()
        writers.settle()
        whole = writers.since(begin)

    assert alone.writes <= 2
    assert 1 < alone.longest_gap < whole.longest_gap


def test_files_that_nobody_can_use_are_refused_before_anything_is_written(scene: Scene) -> None:
    mixed = Identity(scene.identity("alice").certificate, scene.stranger.key)
    first, _ = scene.clients()
    bad = Client(first.name, mixed, first.trust, first.key, first.connection)

    with pytest.raises(ScaffoldError, match="can't be used here"), writing([bad], scene.endpoints):
        pass
    with writing([first], scene.endpoints) as writers:
        with pytest.raises(ScaffoldError, match="can't be used here"):
            writers.equip(first.name, mixed, first.trust)
        assert step(writers).failures == ()


def test_what_was_written_counts_where_it_ended() -> None:
    refusal = Refusal("a", Endpoint("etcd1", 1), "no answer")
    written = [
        Write("a", 1.0, (), None),
        Write("b", 1.5, (), None),
        Write("a", 2.5, (refusal,), None),
        Write("b", 5.0, (), None),
    ]

    first, second = tally(written, "ab", 0, 0, 2), tally(written, "ab", 0, 2, 6)

    assert (first.writes, first.longest_gap, first.failovers) == (2, 1.5, 0)
    assert (second.writes, second.longest_gap, second.failovers) == (2, 3.5, 1)
    assert second.refusals == {("etcd1", "no answer"): 1}
