"""A plan as a unified diff, in the form that git shows and `git apply` takes."""

import difflib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.paths import ARCHIVE, STATE

NOTHING = "/dev/null"
NO_NEWLINE = "\\ No newline at end of file\n"
Pair = tuple[int, int]


def unified_diff(plan: Plan) -> str:
    """Return the diff of everything that the plan would change, but for our own records.

    A file that only moves is shown by its names. What is kept of files as they were comes last.
    """
    steps = [step for step in plan.steps if not step.path.startswith(f"{STATE}/")]
    steps.sort(key=lambda step: step.path.startswith(f"{ARCHIVE}/"))
    lines = [line for step in steps for line in _diff_lines(step)]
    return "".join([*lines, *(_move_lines(plan, path) for path in plan.moves)])


def _diff_lines(step: Step) -> Iterator[str]:
    before, after = (_lines(text or "") for text in (step.before, step.after))
    if before or after:
        yield f"--- {NOTHING if step.before is None else f'a/{step.path}'}\n"
        yield f"+++ {NOTHING if step.after is None else f'b/{step.path}'}\n"
    for group in _Matcher(None, before, after, autojunk=False).get_grouped_opcodes():
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@\n"
        for kind, start, end, first, last in group:
            if kind == "equal":
                yield from (_signed(" ", line) for line in before[start:end])
                continue
            yield from (_signed("-", line) for line in before[start:end])
            yield from (_signed("+", line) for line in after[first:last])


def _signed(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n{NO_NEWLINE}"


def _range(start: int, end: int) -> str:
    """Return the lines from `start` up to `end`, as a hunk's head counts them.

    Where there are none, it is the line before.
    """
    length = end - start
    begin = start + bool(length)
    return f"{begin}" if length == 1 else f"{begin},{length}"


class _Matcher(difflib.SequenceMatcher[str]):
    """Compares between lines that stand once on both sides, as git's patience diff does.

    difflib alone would take an hour for 10,000 components: it looks at all lines for each that
    differs.
    """

    def get_matching_blocks(self) -> list[difflib.Match]:
        """Return the parts that are equal, in order, and the empty one that difflib wants last."""
        one, other = list(self.a), list(self.b)  # type: ignore[attr-defined]  # not in typeshed
        blocks: list[difflib.Match] = []
        at, there = 0, 0
        for end, last in [*_anchors(one, other), (len(one), len(other))]:
            gap = difflib.SequenceMatcher(None, one[at:end], other[there:last], autojunk=False)
            for block in gap.get_matching_blocks()[:-1]:
                _append(blocks, at + block.a, there + block.b, block.size)
            if end < len(one):
                _append(blocks, end, last, 1)
            at, there = end + 1, last + 1
        return [*blocks, difflib.Match(len(one), len(other), 0)]


def _append(blocks: list[difflib.Match], at: int, there: int, size: int) -> None:
    """Add an equal part to the others, or to the last of them where it goes on from that."""
    before = blocks[-1] if blocks else None
    if before and before.a + before.size == at and before.b + before.size == there:
        blocks[-1] = before._replace(size=before.size + size)
    else:
        blocks.append(difflib.Match(at, there, size))


def _anchors(one: Sequence[str], other: Sequence[str]) -> list[Pair]:
    """Return where the lines stand that both sides have once.

    They are as many as are in the same order on both.
    """
    counts, others = Counter(one), Counter(other)
    places = {line: at for at, line in enumerate(other) if others[line] == 1}
    pairs = [
        (at, places[line]) for at, line in enumerate(one) if counts[line] == 1 and line in places
    ]
    return _longest_run(pairs)


def _longest_run(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the most of some pairs that both their first and their second numbers sort.

    They come sorted by the first. This is patience sorting: a pair's length is that of the longest
    run that ends in it.
    """
    ends: list[int] = []  # the least number in which a run of each length ends
    lengths: list[int] = []
    for _, place in pairs:
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        lengths.append(length)
    found: list[Pair] = []
    wanted = len(ends) - 1
    for pair, length in zip(reversed(pairs), reversed(lengths), strict=True):
        if length == wanted and (not found or pair[1] < found[-1][1]):
            found.append(pair)
            wanted -= 1
    return found[::-1]


def _lines(text: str) -> list[str]:
    """Return the lines as git sees them: `splitlines` would end one at other characters too."""
    return [line for line in re.split("(?<=\n)", text) if line]


def _move_lines(plan: Plan, path: str) -> str:
    target = f"{plan.shelf}/{path}"
    names = f"rename from {path}\nrename to {target}\n"
    return f"diff --git a/{path} b/{target}\nsimilarity index 100%\n{names}"
