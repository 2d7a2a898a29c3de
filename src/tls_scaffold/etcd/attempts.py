"""What somebody tries, what should come of it in this version of etcd, and what does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tls_scaffold.etcd import calls
from tls_scaffold.etcd.calls import ALLOWED, DENIED, Caller
from tls_scaffold.etcd.etcdctl import Cluster
from tls_scaffold.etcd.methods import Call
from tls_scaffold.etcd.versions import Hole

Progress = Callable[[int, int], object]
"""Is told how many of how many are done."""


@dataclass(frozen=True)
class Try:
    """A call, and whether it should be allowed.

    `hole` is what lets it through in this version of etcd all the same.
    """

    operation: str
    call: Call
    right: bool
    hole: Hole | None = None


@dataclass(frozen=True)
class Turn:
    """What one caller tries one after another, with these keys; none where it is about no keys."""

    user: str
    keys: str
    caller: Caller
    tries: tuple[Try, ...]


@dataclass(frozen=True)
class Attempt:
    """One try: what happened and what should, both `allowed`, `denied` or the text of an error.

    `hole` names what etcd let through although newer versions do not.
    """

    user: str
    keys: str
    operation: str
    seen: str
    expected: str
    hole: str = ""

    @property
    def holds(self) -> bool:
        """Whether it went as it should, or as it must in this version."""
        return self.seen == self.expected or bool(self.hole)


def carry_out(cluster: Cluster, turns: Sequence[Turn], progress: Progress) -> tuple[Attempt, ...]:
    """Let everybody take their turns, all at the same time."""
    done = 0

    def ended() -> None:
        nonlocal done
        done += 1
        progress(done, len(turns))

    sequences = [(turn.caller, [each.call for each in turn.tries]) for turn in turns]
    answers = calls.ask(cluster, sequences, ended)
    return tuple(
        _attempt(turn, each, answer.outcome)
        for turn, of_turn in zip(turns, answers, strict=True)
        for each, answer in zip(turn.tries, of_turn, strict=True)
    )


def _attempt(turn: Turn, tried: Try, seen: str) -> Attempt:
    expected = ALLOWED if tried.right else DENIED
    let_through = tried.hole is not None and (seen, expected) == (ALLOWED, DENIED)
    hole = tried.hole.name if tried.hole and let_through else ""
    return Attempt(turn.user, turn.keys, tried.operation, seen, expected, hole)
