"""Texts merged line by line, by the library merge3."""

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Lines = list[str]


@dataclass(frozen=True)
class Change:
    """`lines` in place of those of the base from `start` up to `end`.

    It is one of the line by line changes of a whole that goes from `first` up to `last`.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    first: int
    last: int

    @property
    def inserts(self) -> bool:
        """Whether it only puts lines in."""
        return self.start == self.end

    def meets(self, ours: "Change") -> bool:
        """Tell whether this change of yours and one of ours are about the same lines of the base.

        Ours never goes amid lines that you took out as a whole. Yours stays where ours takes out the lines around
        it, unless it hangs on them as the commands of a rule do.
        """
        if ours.inserts:
            return self.first < ours.start < self.last
        if self.inserts:
            hangs = self.lines[0][:1].isspace() and ours.first < self.start <= ours.last
            return hangs or ours.start < self.start < ours.end
        return max(self.start, ours.start) < min(self.end, ours.end)


def merge(base: str | None, yours: str, ours: str) -> str | None:
    """Return `yours` with every change from `base` to `ours` made in it, None if a line was changed in both.

    None too where lines were moved, so that one would be lost or doubled. Without a base that of `common` is taken.
    """
    from merge3 import Merge3

    theirs, new = yours.split("\n"), ours.split("\n")
    old = (common(yours, ours) if base is None else base).split("\n")
    merged: Lines = []
    for kind, *group in Merge3(old, theirs, new).merge_groups():
        part = _touching(*map(list, group)) if kind == "conflict" else group[0]
        if part is None:
            return None
        merged += part
    return None if _misplaces(merged, theirs, new) else "\n".join(merged)


def _misplaces(merged: Lines, yours: Lines, ours: Lines) -> bool:
    """Tell whether a line that both sides have is lost, or one that neither has twice is doubled."""
    counts, one, other = map(Counter, (merged, yours, ours))
    lost = any(line not in counts for line in one.keys() & other.keys())
    return lost or any(count > 1 and one[line] <= 1 and other[line] <= 1 for line, count in counts.items())


def common(yours: str, ours: str) -> str:
    """Return a base for a merge where none was recorded.

    What differs then counts as changed by you, and what is only on one side as added there.
    """
    new = ours.split("\n")
    opcodes = _opcodes(new, yours.split("\n"))
    base = (line for kind, start, end, _, _ in opcodes if kind in ("equal", "replace") for line in new[start:end])
    return "\n".join(base)


def _opcodes(one: Lines, other: Lines) -> Sequence[tuple[str, int, int, int, int]]:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _touching(base: Lines, yours: Lines, ours: Lines) -> Lines | None:
    """Merge what merge3, like diff3, calls a conflict only because a change begins where another ends.

    One line a component means that neighbours are changed independently. None if it is a true conflict.
    """
    one, other = list(_changes(base, yours)), list(_changes(base, ours))
    if any(change != against and change.meets(against) for change in one for against in other):
        return None
    merged: Lines = []
    at = 0
    for change in sorted(dict.fromkeys([*one, *_without_repeats(other, one)]), key=lambda each: (each.start, each.end)):
        merged += [*base[at : change.start], *change.lines]
        at = change.end
    return merged + base[at:]


def _changes(base: Lines, side: Lines) -> Iterator[Change]:
    """Yield the changes from `base` to `side`, each as small as it can be told apart."""
    for kind, start, end, first, last in _opcodes(base, side):
        lines = tuple(side[first:last])
        if kind == "delete" or (kind == "replace" and end - start == last - first):
            for at in range(start, end):
                yield Change(at, at + 1, lines[at - start : at - start + 1], start, end)
        elif kind != "equal":
            yield Change(start, end, lines, start, end)


def _without_repeats(changes: list[Change], known: list[Change]) -> list[Change]:
    """Leave out lines put in where the other side has put in the same ones among its own."""
    there = {change.start: change.lines for change in known if change.start == change.end}
    return [
        change
        for change in changes
        if change.start != change.end or not set(change.lines) <= set(there.get(change.start, ()))
    ]
