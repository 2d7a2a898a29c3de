"""What comes next while one CA follows another, in order, and who is left behind in what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tls_scaffold.live.rotationports import RotationPort, Shows, Trusts
from tls_scaffold.live.served import REPLACE, RESTART, UNREACHABLE
from tls_scaffold.paths import TRUSTS
from tls_scaffold.signing.rotation import Rotation, Stage

READY = "ready"
"""The state of a port that is where its stage wants it; the others are those of `status --live`."""
TOLD_BEHIND = {
    Shows.OLD: "its leaf is old",
    Shows.ALONE: "its leaf is new, and the cross certificate is not behind it: who trusts the old "
    "CA refuses it",
    Shows.OTHER: "its leaf is of neither CA",
}


class State(Enum):
    """How far a task is; the values are words for people and for JSON."""

    DONE = "done"
    NOW = "to do"
    UNSEEN = "unseen"
    """Nobody can tell from here: of clients, and of members without a look at them."""
    LATER = "later"
    """Of what comes behind members, also where nobody looked at them."""


@dataclass(frozen=True)
class Task:
    """What is to be done, and by `who` where not all have: `does` says it, `command` does it."""

    id: str
    state: State
    does: str
    who: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True)
class Parties:
    """Whom a rotation is about, by name: `clients` are users and proxies, none of peers' CA."""

    members: tuple[str, ...]
    clients: tuple[str, ...]


def faults_of(seen: RotationPort, stage: Stage) -> tuple[tuple[str, str], ...]:
    """Return what a port is left behind in, as state and reason, the worst first."""
    return tuple(_faults(seen, stage))


def state_of(seen: RotationPort, stage: Stage) -> str:
    """Return the worst that a port is left behind in, or READY."""
    return next((state for state, _ in _faults(seen, stage)), READY)


def _faults(seen: RotationPort, stage: Stage) -> Iterator[tuple[str, str]]:
    if seen.unreachable:
        yield UNREACHABLE, seen.unreachable
        return
    # Without a cross certificate new leaves stand alone; some may have it behind them still.
    is_well = {Shows.CROSSED, Shows.ALONE} if stage is Stage.FINISHING else {Shows.CROSSED}
    if seen.shows not in is_well:
        yield REPLACE, TOLD_BEHIND[seen.shows]
    if seen.trusts is Trusts.UNKNOWN:
        yield RESTART, "it asks for no certificate: whoever reaches it is let in"
    elif seen.trusts is Trusts.NEITHER:
        yield RESTART, "it has loaded neither the old CA nor the new one"
    elif stage is Stage.REPLACING and seen.trusts is Trusts.NEW:
        yield RESTART, "it has loaded the new CA alone: it refuses who still shows an old leaf"
    elif stage is not Stage.REPLACING and seen.trusts is not Trusts.NEW:
        yield RESTART, "it has loaded the old CA"


def tasks_of(
    rotation: Rotation, parties: Parties, ports: Sequence[RotationPort] | None, program: str
) -> tuple[Task, ...]:
    """Return what is to be done from a stage on, in order.

    `ports` is what was seen of members, None where nobody looked. `program` is how our command is
    called on the folder.
    """
    trust = TRUSTS[rotation.ca]
    by_stage = {
        Stage.REPLACING: _replacing,
        Stage.TRUSTING: _trusting,
        Stage.FINISHING: _without_cross,
        Stage.ABORTING: _aborting,
    }
    members = _members(parties, ports, rotation.stage)
    return tuple(by_stage[rotation.stage](members, parties.clients, trust, f"{program} rotate"))


def _members(
    parties: Parties, ports: Sequence[RotationPort] | None, stage: Stage
) -> tuple[State, tuple[str, ...]]:
    """Return how far members are with what this stage wants of them, and who is left behind."""
    if ports is None:
        return State.UNSEEN, parties.members
    behind = (seen.member for seen in ports if state_of(seen, stage) != READY)
    names = tuple(dict.fromkeys(behind))
    return (State.NOW if names else State.DONE), names


def _replacing(
    members: tuple[State, tuple[str, ...]], clients: tuple[str, ...], trust: str, rotate: str
) -> Iterator[Task]:
    state, behind = members
    if clients:
        yield Task(
            "client-pairs",
            State.UNSEEN,
            "give clients their new pairs: certificate and key by one rename, and with all that "
            "stands behind the leaf; whoever reads them anew needs no restart",
            clients,
        )
    yield Task(
        "member-pairs",
        state,
        f"give members their new pairs, by one rename, and the trust file (`{trust}`, with both "
        "CAs); no restart",
        behind,
    )
    who = "clients" if clients else "members"
    yield Task(
        "trust",
        State.NOW if state is State.DONE else State.LATER,
        f"only when all {who} show new leaves: what is restarted after that refuses old ones",
        command=f"{rotate} trust",
    )
    yield Task(
        "member-restarts",
        State.LATER,
        f"give members the trust file (`{trust}`, with the new CA alone then), and restart them "
        "one after another",
    )
    if clients:
        yield Task("client-trust", State.LATER, "give clients the trust file", clients)
    yield Task("finish", State.LATER, "", command=f"{rotate} finish")


def _trusting(
    members: tuple[State, tuple[str, ...]], clients: tuple[str, ...], trust: str, rotate: str
) -> Iterator[Task]:
    state, behind = members
    yield Task(
        "member-restarts",
        state,
        f"give members the trust file (`{trust}`, with the new CA alone), and restart them one "
        "after another",
        behind,
    )
    if clients:
        yield Task("client-trust", State.UNSEEN, "give clients the trust file", clients)
    yield _finish(state, clients, rotate)


def _without_cross(
    members: tuple[State, tuple[str, ...]], clients: tuple[str, ...], trust: str, rotate: str
) -> Iterator[Task]:
    """Yield what is left where old and new refuse each other."""
    yield from _at_once(members, clients, trust)
    yield _finish(members[0], clients, rotate)


def tasks_after(
    rotation: Rotation, parties: Parties, ports: Sequence[RotationPort]
) -> tuple[Task, ...]:
    """Return what is left to do where members hang on a CA that the folder has no more.

    It was compromised, or given up before all had left it.
    """
    members = _members(parties, ports, rotation.stage)
    return tuple(_at_once(members, parties.clients, TRUSTS[rotation.ca]))


def _at_once(
    members: tuple[State, tuple[str, ...]], clients: tuple[str, ...], trust: str
) -> Iterator[Task]:
    state, behind = members
    yield Task(
        "member-restarts",
        state,
        f"give members their new pairs and the trust file (`{trust}`, with the new CA alone), and "
        "restart all of them: those with old files and those with new ones refuse each other",
        behind,
    )
    if clients:
        told = "give clients their new pairs and the trust file at the same time"
        yield Task("client-trust", State.UNSEEN, told, clients)


def _finish(state: State, clients: tuple[str, ...], rotate: str) -> Task:
    told = "only when all clients have the trust file" if clients else ""
    when = State.NOW if state is State.DONE else State.LATER
    return Task("finish", when, told, command=f"{rotate} finish")


def _aborting(
    _members: tuple[State, tuple[str, ...]], _clients: tuple[str, ...], _trust: str, rotate: str
) -> Iterator[Task]:
    yield Task("abort", State.NOW, "it was cut off: run it again", command=f"{rotate} abort")
