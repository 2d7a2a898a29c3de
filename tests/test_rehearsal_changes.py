"""What `tls-scaffold rehearse` takes for the next state, whoever holds the CA; nothing is run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from companies import MIDDLE, ROOT, SIGNER, written, written_key
from conftest import Factory
from keeping import change
from support import contents, make, tls_scaffold
from test_revoke_custodies import ELSEWHERE, GIVEN
from tls_scaffold.commands.rehearsalchanges import (
    Change,
    next_states,
    read_begin,
    read_change,
    refused_here,
)
from tls_scaffold.commands.rehearsalcopy import copy_folder
from tls_scaffold.commands.rehearse import Rehearsal, hints, mends
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.tallies import Endpoint, Failure, Refusal, Tally
from tls_scaffold.live import causes
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.rehearsal.performing import Performance, Row, Trouble
from tls_scaffold.rehearsal.states import State
from tls_scaffold.signing.mirrors import Mirror

WORDS = ("--members", "10.0.0.1", "--proxies", "0", "--users", "root,alice", "--key", "ecdsa-256")
pytestmark = pytest.mark.needs("make", "cfssl", "cfssljson", "openssl")


def states_of(folder: Path, into: Path, change: Change) -> list[State]:
    """Return the state that there is, with other keys, and those that a change leads to."""
    into.mkdir()
    mirror = Mirror()
    first = read_begin(folder, "certs")
    mirror.know_cas(first.certificates)
    copy_folder(folder, into / "copy", mirror)

    def like(state: State) -> State:
        mirror.know_cas(state.certificates)
        return state.mapped(mirror.like)

    return [like(first), *(each.state for each in next_states(folder, change, into / "copy", like))]


def shapes(state: State) -> dict[str, list[str]]:
    """Return the subjects of what each holds, its leaf first."""
    return {name: [each.subject_text for each in held.chain] for name, held in state.held.items()}


def serials(state: State) -> dict[str, int]:
    return {name: held.chain[0].parsed.serial_number for name, held in state.held.items()}


@dataclass(frozen=True)
class Mode:
    """Who holds the CA: how a folder of that kind comes to be, and what it refuses."""

    made: Callable[[Factory, Path], Path]
    rotate: str = ""
    rotates_elsewhere: str = ""
    regenerate: str = ""


def encrypted(folder: Factory, _tmp_path: Path) -> Path:
    path = folder(*WORDS, "--encrypt-ca-key")
    make(path, SIGNER="tls-scaffold", **GIVEN)
    return path


def encrypted_with_peers(folder: Factory, _tmp_path: Path) -> Path:
    path = folder(*WORDS, "--encrypt-ca-key", "--peer-ca")
    make(path, SIGNER="tls-scaffold", **GIVEN)
    return path


def elsewhere(mode: str) -> Callable[[Factory, Path], Path]:
    def made(folder: Factory, tmp_path: Path) -> Path:
        path = folder(*WORDS)
        make(path, SIGNER="tls-scaffold")
        ELSEWHERE[mode](path, tmp_path / "machine")
        done = tls_scaffold("-C", str(path), "sync")
        assert done.returncode == 0, done.stderr
        return path

    return made


def remote(folder: Factory, tmp_path: Path) -> Path:
    """Return a folder with a service whose CA is one of its own, in place of one brought."""
    path = elsewhere("remote")(folder, tmp_path)
    pin = read_begin(path, "certs").held["alice"].trust[0].sum
    change(path, ca={"key": "remote", "remotes": ["http://127.0.0.1:1"], "sha256": pin})
    done = tls_scaffold("-C", str(path), "sync")
    assert done.returncode == 0, done.stderr
    return path


def below_a_root(_folder: Factory, tmp_path: Path) -> Path:
    file = written(tmp_path / "ca.pem", SIGNER, MIDDLE, ROOT)
    key = written_key(tmp_path / "ca.key", SIGNER, GIVEN["CFSSL_CA_PK_PASSWORD"].encode())
    path = tmp_path / "tls-setup"
    done = tls_scaffold("new", str(path), *WORDS, "--ca", str(file), "--ca-key", str(key))
    assert done.returncode == 0, done.stderr
    make(path, SIGNER="tls-scaffold", **GIVEN)
    return path


BROUGHT = "this folder has a CA of its own, which was brought"
NO_CA_HERE = "makes no CA here"
MODES = {
    "encrypted": Mode(encrypted),
    "offline": Mode(
        elsewhere("offline"),
        rotates_elsewhere="the key of this folder's CA is on another machine",
        regenerate=NO_CA_HERE,
    ),
    "remote": Mode(
        remote,
        rotates_elsewhere="the CA's key is not here: http://127.0.0.1:1",
        regenerate=NO_CA_HERE,
    ),
    "below a company's root": Mode(below_a_root, rotate=BROUGHT, regenerate=NO_CA_HERE),
    "remote and brought": Mode(elsewhere("remote"), rotate=BROUGHT, regenerate=NO_CA_HERE),
    "encrypted, and one of peers": Mode(encrypted_with_peers),
    "brought without its key": Mode(
        elsewhere("own without its key"), rotate=BROUGHT, regenerate=NO_CA_HERE
    ),
}
LONG = list(MODES)[4:]


@pytest.fixture(
    params=[
        pytest.param(each, id=name, marks=[pytest.mark.long] if name in LONG else [])
        for name, each in MODES.items()
    ]
)
def mode(request: pytest.FixtureRequest) -> Mode:
    chosen: Mode = request.param
    return chosen


def test_no_key_and_no_password_is_needed_whoever_holds_the_ca(
    folder: Factory, tmp_path: Path, mode: Mode
) -> None:
    path = mode.made(folder, tmp_path)
    assert tls_scaffold("-C", str(path), "bundle").returncode == 0
    was = contents(path)

    def next_of(kind: str, argument: str = "") -> list[State]:
        return states_of(path, tmp_path / f"{kind} {argument}", Change(kind, argument))

    before, made = next_of("make")
    assert made.held == before.held

    before, renewed = next_of("renew")
    assert shapes(renewed) == shapes(before)
    assert not set(serials(renewed).values()) & set(serials(before).values())
    assert all(renewed.held[name].trust == before.held[name].trust for name in before.held)

    before, grown = next_of("add-member", "etcd9=10.0.0.9")
    assert "etcd9" in grown.held.keys() - before.held.keys()
    assert shapes(grown)["etcd9"][1:] == shapes(before)["alice"][1:]

    before, renamed = next_of("cn", "alice=alice.b")
    assert renamed.held["alice"].chain[0].cn == "alice.b"
    assert shapes(renamed)["root"] == shapes(before)["root"]

    before, laid_out = next_of("to", "dist")
    assert laid_out.held == before.held

    for kind, refusal, count in (("rotate", mode.rotate, 3), ("regenerate", mode.regenerate, 1)):
        if refusal:
            with pytest.raises(ScaffoldError) as caught:
                next_of(kind)
            assert refusal in caught.value.summary
            assert "`tls-scaffold rehearse to certs --from dist`" in caught.value.hint
            continue
        before, *after = next_of(kind)
        assert len(after) == count
        old, new = (state.held["alice"].trust for state in (before, after[-1]))
        assert not {each.cn for each in old} & {each.cn for each in new}
    notes = refused_here(path, Change("rotate"))
    assert mode.rotate or bool(notes) == bool(mode.rotates_elsewhere)
    assert mode.rotates_elsewhere in " ".join(notes)
    assert contents(path) == was


@pytest.mark.parametrize("options", [("--peer-ca",), ("--compromised",)], ids=" ".join)
def test_no_second_rotation_begins_in_one_that_is_under_way(
    signed: Factory, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = signed(*WORDS, "--peer-ca")
    assert tls_scaffold("-C", str(path), "rotate", "start").returncode == 0
    chosen = {"of_peers": "--peer-ca" in options, "is_compromised": "--compromised" in options}

    went_on = states_of(path, tmp_path / "on", Change("rotate"))
    for number, wanted in enumerate((read_change(["rotate"], **chosen), Change("regenerate"))):
        with pytest.raises(ScaffoldError, match="the CA is being replaced") as caught:
            states_of(path, tmp_path / f"other {number}", wanted)
        assert "`tls-scaffold rotate abort` goes back" in caught.value.hint

    assert [each.name for each in went_on[1:]][-1] == "`rotate finish`"


BUSY, REFUSED = "no answer", "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca"


def row(reason: str, gap: float, *troubles: Trouble) -> Row:
    refusal = Refusal("alice new", Endpoint("etcd1", 2379), reason)
    failure = Failure("alice new", {"etcd1": reason})
    return Row("a step", Tally(3, (failure,), gap, (refusal,)), troubles)


@pytest.mark.parametrize(
    ("rows", "is_told"),
    [
        pytest.param([row(BUSY, 5.2)], True, id="no answer"),
        pytest.param([row(BUSY, 5.2, Trouble("`a` is not healthy after 30 s"))], True, id="late"),
        pytest.param(
            [row(BUSY, 5.2, Trouble("`a` is not healthy after 30 s: remote error: tls: …"))],
            False,
            id="late by TLS",
        ),
        pytest.param([row(BUSY, 0.2)], False, id="no gap"),
        pytest.param([row(REFUSED, 5.2)], False, id="refused"),
        pytest.param(
            [row(BUSY, 5.2, Trouble("it trusts another", found=Found(causes.SERVER_CA, "")))],
            False,
            id="a cause",
        ),
        pytest.param([row(BUSY, 5.2), row(REFUSED, 5.2)], False, id="one of both"),
        pytest.param([], False, id="all well"),
    ],
)
def test_that_a_machine_may_be_too_busy_is_told_where_time_alone_failed(
    rows: list[Row], *, is_told: bool
) -> None:
    performance = Performance(tuple(rows), ())
    rehearsal = Rehearsal("3.5.0", Change(), (), (), (), (), performance)

    told = " ".join(hints(rehearsal))

    assert ("too busy" in told and "`--deadline 20`" in told) == is_told


def test_what_mends_another_ca_at_one_stroke_is_a_rotation() -> None:
    found = Found(causes.SERVER_CA, "", "etcd1")

    (instead,) = mends(found, Path(), Change("regenerate"))

    assert "`tls-scaffold rotate start`" in instead
    assert mends(found, Path(), Change("make")) == (
        "`tls-scaffold bundle etcd1`",
        "lay it out: etcd reads a pair at each handshake",
    )
    host = Found(causes.SERVER_HOST, "", "etcd1")
    assert mends(host, Path(), Change("regenerate")) == mends(host, Path(), Change("make"))
    (expected,) = mends(found, Path(), Change("rotate", is_compromised=True))
    assert "docs/ca-rotation.md" in expected
