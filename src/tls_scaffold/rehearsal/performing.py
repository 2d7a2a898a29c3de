"""Roll-outs carried out step by step under constant writes, and what the clients saw of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.tallies import Endpoint, Refusal, Tally
from tls_scaffold.etcd.writers import Writers, writing
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.rehearsal.causes import causes_of, causes_of_start
from tls_scaffold.rehearsal.stage import Stage, UnhealthyError, user_of
from tls_scaffold.rehearsal.states import State
from tls_scaffold.rehearsal.steps import RollOut, Step, steps_of
from tls_scaffold.signing.signer import utc_now

AS_IT_IS = "as it is"
NOTHING_WRITTEN = Tally(0, (), 0.0, ())
MOST_MEETINGS = 12  # of which a cause is looked for: each takes handshakes
PAUSE = 0.05  # seconds between two writes of a client, where no more than FEW write
FEW = 4
LOOKS = 3  # times that a refusal is seen before it counts: an election passes by itself
SETTLED_BY = 1.0  # seconds that are waited longer than a write may take
GAP = 2.0  # seconds: as long as one member is asked
# What is said where an answer came too late, or somebody was not there yet.
LATE = (
    "no answer",
    "timed out",
    "deadline exceeded",
    "no leader",
    "leader changed",
    "is not healthy after",
    "connection lost",
    "connect call failed",
    "connection refused",
)
OF_TLS = ("tls", "x509", "certificate", "ssl")  # words of what waiting does not mend


@dataclass(frozen=True)
class Trouble:
    """What went wrong in a step, in words, and the cause where it is known.

    `who` are the users, or the members, that did not get on with the members `where`; of a member
    by itself there is nobody else.
    """

    what: str
    who: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    found: Found | None = None


@dataclass(frozen=True)
class Row:
    """One step: what was done, what the clients saw meanwhile, what went wrong.

    With `is_end` it could not be done, and nobody would go on.
    """

    step: str
    tally: Tally
    troubles: tuple[Trouble, ...] = ()
    is_end: bool = False

    @property
    def is_well(self) -> bool:
        """Whether no write failed, and everybody is let in everywhere behind it."""
        return not (self.tally.failures or self.troubles)

    @property
    def is_late(self) -> bool:
        """Whether no cause is known, and all that is told is of time alone."""
        told = [*self.reasons, *(each.what for each in self.troubles)]
        is_of_time = all(map(_is_of_time, told))
        has_waited = self.is_end or self.tally.longest_gap >= GAP
        return has_waited and is_of_time and not any(each.found for each in self.troubles)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What each client was told last by each member where a write of it failed, each once."""
        reasons = {
            f"{user_of(failure.client)} at {member}: {reason}"
            for failure in self.tally.failures
            for member, reason in failure.reasons.items()
        }
        return tuple(sorted(reasons))


@dataclass(frozen=True)
class Performance:
    """What was done, in its order; `not_done` are steps that could not be tried any more."""

    rows: tuple[Row, ...]
    not_done: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether all was done, and nothing went wrong."""
        return not self.not_done and all(row.is_well for row in self.rows)

    @property
    def may_be_busy(self) -> bool:
        """Whether what went wrong may be a machine that was too busy: all told is of time alone."""
        rows = [row for row in self.rows if not row.is_well]
        return bool(rows) and all(row.is_late for row in rows)

    @property
    def written(self) -> int:
        """How many writes a member took."""
        return sum(row.tally.writes for row in self.rows)

    @property
    def failed(self) -> int:
        """How many writes no member took."""
        return sum(len(row.tally.failures) for row in self.rows)


def perform(
    stage: Stage,
    begin: State,
    roll_outs: Sequence[RollOut],
    users: Sequence[str],
    *,
    deadline: float,
    progress: Callable[[str], object],
) -> Performance:
    """Start the cluster as it is in the state `begin`, then carry out the roll-outs, in a row.

    Authentication is on where somebody has rights. A write has `deadline` seconds. Raises
    ScaffoldError where a user can't write at all.
    """
    clients = list(stage.clients(begin, users))
    try:
        stage.begin(begin)
    except UnhealthyError as error:
        troubles = tuple(_troubles_of_member(stage, error))
        return Performance((Row(AS_IT_IS, NOTHING_WRITTEN, troubles),), ())
    if begin.has_rights:
        stage.apply_rights(begin, users)
    rows: list[Row] = []
    not_done: list[str] = []
    pause = PAUSE * max(1, len(clients) / FEW)
    with writing(clients, stage.endpoints(), deadline=deadline, pause=pause) as writers:
        steps = (step for each in roll_outs for step in steps_of(each, stage, writers))
        for step in chain([Step(AS_IT_IS, lambda: None)], steps):
            if not_done or (rows and rows[-1].is_end):
                not_done.append(step.name)
                continue
            progress(step.name)
            rows.append(_row(step, stage, writers, deadline + SETTLED_BY))
    return Performance(tuple(rows), tuple(not_done))


def _row(step: Step, stage: Stage, writers: Writers, seconds: float) -> Row:
    begin = writers.mark()
    troubles: tuple[Trouble, ...] = ()
    is_end = False
    try:
        step.act()
    except UnhealthyError as error:
        troubles, is_end = tuple(_troubles_of_member(stage, error)), True
    except ScaffoldError as error:
        troubles, is_end = (Trouble(stage.loopback.told(error.without(""))),), True
    left = _still_refused(stage, writers, seconds)
    if not left:
        left = tuple(_refused_to_etcdctl(stage, writers))
    troubles += tuple(_troubles_of_clients(stage, writers, left))
    return Row(step.name, writers.since(begin), troubles, is_end)


def _is_of_time(told: str) -> bool:
    text = told.lower()
    return any(each in text for each in LATE) and not any(each in text for each in OF_TLS)


def _still_refused(stage: Stage, writers: Writers, seconds: float) -> tuple[Refusal, ...]:
    """Return who is refused where when a step is over; what passes by itself is none."""
    refused: tuple[Refusal, ...] = ()
    for _ in range(LOOKS):
        begin = writers.mark()
        # Each client comes to every member.
        writers.settle(len(stage.endpoints()) + 1, seconds)
        seen = writers.since(begin)
        refused = seen.refused
        if not refused or seen.failures:
            break
    return refused


def _refused_to_etcdctl(stage: Stage, writers: Writers) -> Iterator[Refusal]:
    """Yield the members that etcdctl can't use where our own clients can.

    What clients show is looked at by etcd itself: the files of one are enough.
    """
    client = writers.clients[0]
    endpoints = {each.member: each for each in reversed(stage.endpoints())}
    for name, why in stage.unhealthy_to_etcdctl(client).items():
        yield Refusal(client.name, endpoints[name], f"etcdctl: {why}")


def _troubles_of_clients(
    stage: Stage, writers: Writers, refused: Iterable[Refusal]
) -> Iterator[Trouble]:
    clients = {client.name: client for client in writers.clients}
    by_meeting: dict[tuple[str, Endpoint], Refusal] = {}
    for each in refused:
        by_meeting.setdefault((user_of(each.client), each.endpoint), each)
    told: dict[str, Trouble] = {}
    for (user, endpoint), refusal in [*by_meeting.items()][:MOST_MEETINGS]:
        if endpoint.member not in stage.running:
            continue
        meeting = stage.meeting_of(clients[refusal.client], endpoint)
        for cause in causes_of(meeting, refusal.reason, utc_now()) or (None,):
            what = stage.loopback.told(cause.knows if cause else refusal.reason)
            key = cause.cause.id if cause else what
            known = told.get(key, Trouble(what, found=cause))
            told[key] = _with(known, user, endpoint.member)
    yield from told.values()


def _troubles_of_member(stage: Stage, error: UnhealthyError) -> Iterator[Trouble]:
    """Yield why a member did not start, or why it and the others do not meet."""
    at_start = causes_of_start(error.told, utc_now())
    for found in at_start:
        yield Trouble(stage.loopback.told(error.told), (), (error.member,), found)
    told: dict[str, Trouble] = {}
    for meeting, found in error.found:
        trouble = Trouble(stage.loopback.told(found.knows), found=found)
        known = told.get(found.cause.id, trouble)
        told[found.cause.id] = _with(known, meeting.name, meeting.port.member)
    yield from told.values()
    if not (at_start or told):
        what = f"{error.summary}: {error.told}" if error.told else error.summary
        yield Trouble(stage.loopback.told(what), (), (error.member,))


def _with(trouble: Trouble, who: str, where: str) -> Trouble:
    return replace(
        trouble,
        who=tuple(sorted({*trouble.who, who})),
        where=tuple(sorted({*trouble.where, where})),
    )
