"""Roll-outs carried out step by step under constant writes, and what the clients saw of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import chain

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.etcd.tallies import Endpoint, Refusal, Tally
from tls_scaffold.etcd.writers import PAUSE, Writers, writing
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.rehearsal.causes import causes_of, causes_of_start
from tls_scaffold.rehearsal.stage import Stage, UnhealthyError, user_of
from tls_scaffold.rehearsal.states import State
from tls_scaffold.rehearsal.steps import RollOut, Step, steps_of

AS_IT_IS = "as it is"
NOTHING_WRITTEN = Tally(0, (), 0.0, ())
MOST_MEETINGS = 12  # of which a cause is looked for: each takes handshakes
FEW = 4  # clients that write as fast as they may: more of them are slower
LOOKS = 3  # times that a refusal is seen before it counts: an election passes by itself
SETTLE_SECONDS = 8.0


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
    def reasons(self) -> tuple[str, ...]:
        """What each client was told last by each member where a write of it failed, each once."""
        return tuple(
            dict.fromkeys(
                f"{user_of(failure.client)} at {member}: {reason}"
                for failure in self.tally.failures
                for member, reason in failure.reasons.items()
            )
        )


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
    with_rights: bool,
    progress: Callable[[str], object] = lambda _step: None,
) -> Performance:
    """Start the cluster as it is in the state `begin`, then carry out the roll-outs, in a row.

    With `with_rights` authentication is on. Raises ScaffoldError where the cluster does not start.
    """
    try:
        stage.begin(begin)
    except UnhealthyError as error:
        troubles = tuple(_troubles_of_member(stage, error))
        return Performance((Row(AS_IT_IS, NOTHING_WRITTEN, troubles),), ())
    if with_rights:
        stage.apply_rights(begin, users)
    clients = list(stage.clients(begin, users))
    rows: list[Row] = []
    not_done: list[str] = []
    with writing(clients, stage.endpoints(), pause=PAUSE * max(1, len(clients) / FEW)) as writers:
        steps = (step for each in roll_outs for step in steps_of(each, stage, writers))
        for step in chain([Step(AS_IT_IS, lambda: None)], steps):
            if not_done or (rows and rows[-1].is_end):
                not_done.append(step.name)
                continue
            progress(step.name)
            rows.append(_row(step, stage, writers))
    return Performance(tuple(rows), tuple(not_done))


def _row(step: Step, stage: Stage, writers: Writers) -> Row:
    begin = writers.mark()
    troubles: tuple[Trouble, ...] = ()
    is_end = False
    try:
        step.act()
    except UnhealthyError as error:
        troubles, is_end = tuple(_troubles_of_member(stage, error)), True
    except ScaffoldError as error:
        told = ": ".join((error.summary, *map(str, error.problems)))
        troubles, is_end = (Trouble(stage.loopback.told(told)),), True
    left = _still_refused(stage, writers)
    troubles += tuple(_troubles_of_clients(stage, writers, left))
    return Row(step.name, writers.between(begin), troubles, is_end)


def _still_refused(stage: Stage, writers: Writers) -> tuple[Refusal, ...]:
    """Return who is refused where when a step is over; what passes by itself is none."""
    refused: tuple[Refusal, ...] = ()
    for _ in range(LOOKS):
        begin = writers.mark()
        # Each client comes to every member.
        writers.settle(len(stage.endpoints()) + 1, SETTLE_SECONDS)
        seen = writers.between(begin)
        refused = seen.refused
        if not refused or seen.failures:
            break
    return refused


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
        for cause in causes_of(meeting, refusal.reason, _now()) or (None,):
            what = stage.loopback.told(cause.knows if cause else refusal.reason)
            key = cause.cause.id if cause else what
            known = told.get(key, Trouble(what, found=cause))
            told[key] = replace(
                known,
                who=tuple(dict.fromkeys((*known.who, user))),
                where=tuple(dict.fromkeys((*known.where, endpoint.member))),
            )
    yield from told.values()


def _troubles_of_member(stage: Stage, error: UnhealthyError) -> Iterator[Trouble]:
    """Yield why a member did not start, or why it and the others do not meet."""
    known: set[str] = set()
    for cause in causes_of_start(error.told, _now()):
        known.add(cause.cause.id)
        yield Trouble(stage.loopback.told(error.told), (), (error.member,), cause)
    for meeting in stage.meetings_of_peers(error.member):
        for cause in causes_of(meeting, "", _now()):
            if cause.cause.id not in known:
                known.add(cause.cause.id)
                what = stage.loopback.told(cause.knows)
                yield Trouble(what, (meeting.name,), (meeting.port.member,), cause)
    if not known:
        told = f"{error.summary}: {error.told}" if error.told else error.summary
        yield Trouble(stage.loopback.told(told), (), (error.member,))


def _now() -> datetime:
    return datetime.now(timezone.utc)
