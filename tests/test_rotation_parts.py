"""What a port forbids and what it is left behind in: every state of it, in each stage."""

from datetime import datetime
from pathlib import Path

import pytest

import certs
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.endpoints import CLIENT, PEER, Port
from tls_scaffold.live.rotationgates import Step, check, holds_up
from tls_scaffold.live.rotationports import RotationPort, Shows, Trusts
from tls_scaffold.live.rotationsteps import READY, state_of
from tls_scaffold.paths import CA, PEER_CA
from tls_scaffold.signing import certificates
from tls_scaffold.signing.foldercas import followed_ca
from tls_scaffold.signing.rotation import Stage

pytestmark = pytest.mark.fast

REPLACE, RESTART = "to be replaced", "restart needed"
SEEN = [each for each in Shows if each is not Shows.NOTHING]


def port(shows: Shows, trusts: Trusts, side: str = CLIENT, why: str = "") -> RotationPort:
    return RotationPort(Port("etcd1", side, "10.0.0.1", 2379), shows, trusts, unreachable=why)


@pytest.mark.parametrize("shows", SEEN)
@pytest.mark.parametrize("trusts", Trusts)
def test_a_step_is_held_up_by_what_would_be_refused_after_it(shows: Shows, trusts: Trusts) -> None:
    seen = port(shows, trusts)
    hangs = trusts in (Trusts.OLD, Trusts.BOTH) or shows is Shows.OLD
    assert bool(holds_up(Step.TRUST, seen)) == (shows is not Shows.CROSSED)
    assert bool(holds_up(Step.FINISH, seen)) == hangs
    assert bool(holds_up(Step.ABORT, seen)) == (trusts is Trusts.NEW)


@pytest.mark.parametrize(
    ("stage", "shown", "loaded"),
    [
        (Stage.REPLACING, {Shows.CROSSED}, {Trusts.OLD, Trusts.BOTH}),
        (Stage.TRUSTING, {Shows.CROSSED}, {Trusts.NEW}),
        (Stage.FINISHING, {Shows.CROSSED, Shows.ALONE}, {Trusts.NEW}),
    ],
)
@pytest.mark.parametrize("shows", SEEN)
@pytest.mark.parametrize("trusts", Trusts)
def test_a_port_is_ready_where_it_shows_and_has_loaded_what_its_stage_wants(
    stage: Stage, shown: set[Shows], loaded: set[Trusts], shows: Shows, trusts: Trusts
) -> None:
    seen = port(shows, trusts)
    wanted = READY if trusts in loaded else RESTART
    assert state_of(seen, stage) == (wanted if shows in shown else REPLACE)
    if state_of(seen, stage) == READY:  # so that exit code 0 lets the next step pass
        step = Step.TRUST if stage is Stage.REPLACING else Step.FINISH
        assert not holds_up(step, seen)


def test_a_refusal_has_a_line_for_each_member_and_what_it_does() -> None:
    seen = [port(Shows.OLD, Trusts.BOTH), port(Shows.OLD, Trusts.BOTH, PEER)]
    with pytest.raises(ScaffoldError) as raised:
        check(Step.FINISH, seen, force=True)
    assert str(raised.value).startswith(
        "members hang on the old CA still\n  `etcd1` has loaded the old CA and shows an old leaf "
        "(client port 10.0.0.1:2379, peer port 10.0.0.1:2379)\n"
    )


def recorded(folder: Path, name: str, cn: str, begin: datetime) -> certificates.Certificate:
    """Put a CA into a folder's record, and return it."""
    made = folder / f"made-{name}"
    certs.ca(made, cn=cn, begin=begin)
    pem = (made / "certs/ca.pem").read_bytes()
    (folder / "issued").mkdir(exist_ok=True)
    (folder / f"issued/ca-{name}.pem").write_bytes(pem)
    return certificates.read(pem, name)


def test_the_ca_before_todays_is_the_last_that_began_before_it(tmp_path: Path) -> None:
    day = certs.DAY
    recorded(tmp_path, "0000000001", "first", certs.NOW - 9 * day)
    before = recorded(tmp_path, "0000000002", "second", certs.NOW - 6 * day)
    today = recorded(tmp_path, "0000000003", "today's", certs.NOW - 3 * day)
    recorded(tmp_path, "0000000004", "given up", certs.NOW - day)
    (tmp_path / "issued/ca-0000000005.pem").write_text("junk")

    assert followed_ca(tmp_path, today, CA) == before
    assert followed_ca(tmp_path, today, PEER_CA) is None
