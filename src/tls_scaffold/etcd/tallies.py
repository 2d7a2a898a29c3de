"""What clients that write all the time have lost: counted between two moments."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tls_scaffold.etcd.etcdctl import HOST


@dataclass(frozen=True)
class Endpoint:
    """Where a member listens for clients, and the host that its certificate is asked for."""

    member: str
    port: int
    address: str = HOST
    host: str = HOST


@dataclass(frozen=True)
class Failure:
    """A write that no member took in time: the client, and what each member last said to it."""

    client: str
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Refusal:
    """A member, where a client asked it, sent that client to the next one."""

    client: str
    endpoint: Endpoint
    reason: str


@dataclass(frozen=True)
class Write:
    """A write that has ended, at that time of the monotonic clock."""

    client: str
    ended: float
    refused: tuple[Refusal, ...]
    failure: Failure | None


@dataclass(frozen=True)
class Tally:
    """What all clients wrote between two moments.

    `longest_gap` is how many seconds a client went without a write that was taken, up to where that
    ended or the second moment; `refused` is each time that a client had to ask another member.
    """

    writes: int
    failures: tuple[Failure, ...]
    longest_gap: float
    refused: tuple[Refusal, ...]

    @property
    def refusals(self) -> Mapping[tuple[str, str], int]:
        """How often each member sent a client to the next one, by the member and the reason."""
        return Counter((each.endpoint.member, each.reason) for each in self.refused)

    @property
    def failovers(self) -> int:
        """How often a client had to ask another member."""
        return len(self.refused)


def tally(
    written: Sequence[Write], clients: Iterable[str], begun: float, begin: float, end: float
) -> Tally:
    """Count what clients wrote from one moment to another; they have written since `begun`.

    A write belongs to where it ends.
    """
    inside = [write for write in written if begin < write.ended <= end]
    refused = tuple(refusal for write in inside for refusal in write.refused)
    failures = tuple(write.failure for write in inside if write.failure)
    gaps = [_longest_gap(name, written, begun, begin, end) for name in clients]
    return Tally(len(inside) - len(failures), failures, max(gaps, default=0.0), refused)


def _longest_gap(
    client: str, written: Sequence[Write], begun: float, begin: float, end: float
) -> float:
    taken = [each.ended for each in written if each.client == client and not each.failure]
    before = [each for each in taken if each <= begin][-1:] or [min(begun, begin)]
    inside = [each for each in taken if begin < each <= end]
    return max(later - earlier for earlier, later in pairwise([*before, *inside, end]))
