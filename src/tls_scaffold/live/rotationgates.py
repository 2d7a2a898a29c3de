"""What live members forbid while one CA follows another: the one home of that judgement.

`rotate trust`, `finish` and `abort` refuse by it, and `rotate status` says by it what comes next.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.rotationports import RotationPort, Shows, Trusts


class Step(Enum):
    """A step of a rotation that is taken when members are ready; the values are its verbs."""

    TRUST = "trust"
    FINISH = "finish"
    ABORT = "abort"


SUMMARIES = {
    Step.TRUST: "not every member shows a new leaf with the cross certificate behind it",
    Step.FINISH: "members hang on the old CA still",
    Step.ABORT: "members refuse old leaves already",
}
HINTS = {
    Step.TRUST: "lay out what `tls-scaffold bundle` makes of the members; nothing is restarted for "
    "that",
    Step.FINISH: "lay out what `tls-scaffold bundle` makes of these members, and restart them one "
    "after another",
    Step.ABORT: "go on with the rotation; or lay out a trust file with both CAs there, and restart "
    "them one after another",
}
FORCED = "`--force` goes on without members that can't be reached"
SHOWN = {
    Shows.OLD: "shows an old leaf",
    Shows.ALONE: "shows a new leaf without the cross certificate behind it",
    Shows.OTHER: "shows a leaf of neither CA",
}


def holds_up(step: Step, seen: RotationPort) -> str:
    """Say what a port that was reached does that forbids a step; empty where it does not.

    The words follow the member's name.
    """
    if seen.unreachable:
        return ""
    if step is Step.TRUST:
        # Whoever is restarted then refuses old leaves, and who was not yet takes the cross alone.
        return SHOWN.get(seen.shows, "")
    if step is Step.ABORT:
        is_new = seen.trusts is Trusts.NEW
        return "has loaded the new CA alone: it refuses old leaves" if is_new else ""
    parts = []
    if seen.trusts in (Trusts.OLD, Trusts.BOTH):
        parts.append("has loaded the old CA")
    if seen.shows is Shows.OLD:
        parts.append(SHOWN[Shows.OLD])
    return " and ".join(parts)


def check(step: Step, ports: Sequence[RotationPort], *, force: bool) -> tuple[str, ...]:
    """Return warnings, of members that could not be reached; with `force` these hold nobody up.

    Raises ScaffoldError that names each member that forbids the step, what it does, and who could
    not be reached.
    """
    wrong = _by_member((seen, holds_up(step, seen)) for seen in ports)
    silent = _by_member(
        (seen, f"can't be reached: {seen.unreachable}") for seen in ports if seen.unreachable
    )
    if not wrong and (force or not silent):
        return silent
    summary, hints = SUMMARIES[step], [HINTS[step]]
    if not wrong:
        summary, hints = f"what members do can't be seen before `rotate {step.value}`", []
    if silent and not force:
        hints.append(FORCED)
    raise ScaffoldError(summary, (*wrong, *silent), "; ".join(hints))


def _by_member(told: Iterable[tuple[RotationPort, str]]) -> tuple[str, ...]:
    """Return a line for each member and what it does, with the ports where that is so."""
    places: dict[tuple[str, str], list[str]] = {}
    for seen, does in told:
        if does:
            places.setdefault((seen.member, does), []).append(
                f"{seen.port.side} port {seen.port.address}".rstrip()
            )
    return tuple(f"`{member}` {does} ({', '.join(at)})" for (member, does), at in places.items())
