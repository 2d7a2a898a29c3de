"""How each file of a folder follows what is rendered, worked out from texts alone; the Makefile has its own ways."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tls_scaffold.cfssl import readers
from tls_scaffold.inventory import conflictmarkers
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.merge import is_as_rendered, merge, says_the_same
from tls_scaffold.keeping.plan import BESIDE, Note, Plan, Step
from tls_scaffold.keeping.record import Record
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import GENERATED, OURS_IF_SAID
from tls_scaffold.rendering.documents import (
    LAST_RENDER,
    NOT_RECORDED,
    Entry,
    compact,
    record_text,
    recorded,
    sum_of,
)

SAYS_SO = "made by tls-scaffold"
A_TEAM_MAY_HAVE = ("Procfile", "COMPONENTS.md")  # and had them before we first wanted to write them
Texts = Mapping[str, str]


@dataclass
class _Draft:
    """A plan that is being made, and what will be recorded."""

    shelf: str
    texts: dict[str, str | None] = field(default_factory=dict)
    record: list[Entry] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, verb: str, path: str) -> None:
        self.notes.append(Note(verb, path))

    def write(self, path: str, text: str) -> None:
        """Give a file the text that is rendered."""
        self.texts[path] = text
        self.record += recorded(path, text)

    def keep_copy(self, path: str, text: str) -> None:
        self.texts[f"{self.shelf}/{path}"] = text


def follow(
    now: Texts,
    record: Record,
    rendered: Texts,
    shelf: str,
    there: Texts | None = None,
    reset: Collection[str] = (),
) -> Plan:
    """Return the plan that makes the files of `now`, but for the Makefile, follow `rendered`.

    `record` is what was rendered last, empty if that is lost; `shelf` the folder of the archive for what is
    taken away. `now` holds whatever there is of the paths of the others; `there` is what counts as there,
    if that is not the same. What is in `reset` becomes what is rendered, whatever was done to it. All by path
    below the folder.
    """
    draft = _Draft(shelf, record=[*recorded(MAKEFILE, rendered.get(MAKEFILE, ""))])
    there = now if there is None else there
    for path, text in rendered.items():
        if path in reset and path != MAKEFILE:
            draft.write(path, text)
        elif path in (*GENERATED, *OURS_IF_SAID):
            _replace(draft, path, there.get(path), record, text)
        elif path.endswith(".json") and path not in NOT_RECORDED:
            _merge(draft, path, there, record, text)
    for path in record.documents:
        if path not in rendered and not path.endswith(BESIDE):
            _take_away(draft, path, there.get(path), record)
    _settle(draft, there, record)
    draft.texts[FILE] = rendered[FILE]
    draft.texts[LAST_RENDER] = record_text(draft.record)
    steps = (
        Step(path, now.get(path), text)
        for path, text in draft.texts.items()
        if now.get(path) != text
    )
    return Plan(shelf, notes=tuple(draft.notes)).with_more(steps, draft.moves)


def _replace(draft: _Draft, path: str, yours: str | None, record: Record, ours: str) -> None:
    """Let a file that is rendered be what is rendered, unless it is the team's; what was edited goes to the archive."""
    if yours is None and path in OURS_IF_SAID and path in record.sums:
        draft.note("absent", path)
        draft.record += recorded(path, ours)
        return
    if (
        yours is not None
        and path in OURS_IF_SAID
        and SAYS_SO not in yours.partition("\n")[0].lower()
    ):
        return
    if yours not in (None, ours) and path in A_TEAM_MAY_HAVE and record and path not in record.sums:
        draft.note("left", path)
        return
    edited = yours not in (None, ours) and sum_of(yours or "") not in record.sums.get(path, ())
    if edited and not conflictmarkers.marked_lines(yours or ""):
        draft.keep_copy(path, yours or "")
        draft.note("replaced", path)
    draft.write(path, ours)


def _merge(draft: _Draft, path: str, there: Texts, record: Record, ours: str) -> None:
    """Merge a request or the configuration, or put ours beside it where both sides changed one value."""
    yours, beside = there.get(path), path + BESIDE
    # A conflict whose `FILE.new` is gone has been settled by hand.
    is_settled = beside in record.documents and beside not in there
    last = record.documents.get(beside if is_settled else path, [])
    if yours is None:
        draft.write(path, ours)
        return
    if record and not last and beside not in record.documents and not says_the_same(yours, ours):
        draft.note("left", path)  # it was there before we first wanted to write it
        return
    merged = merge(last, yours, ours)
    if merged.conflict:
        _put_beside(draft, beside, there, record, ours)
        draft.record += [(path, compact(each)) for each in last]
        draft.note("conflict", path)
        return
    draft.texts[path] = merged.text
    draft.record += recorded(path, ours)
    if not says_the_same(merged.text, ours):
        draft.note("kept", path)


def _put_beside(draft: _Draft, beside: str, there: Texts, record: Record, ours: str) -> None:
    rendered = record.documents.get(beside, [])
    draft.record += [(beside, value) for _, value in recorded(beside.removesuffix(BESIDE), ours)]
    if beside in there and is_as_rendered(ours, rendered):
        return
    if (
        beside in there
        and not says_the_same(there[beside], ours)
        and not is_as_rendered(there[beside], rendered)
    ):
        draft.keep_copy(beside, there[beside])
    draft.texts[beside] = ours


def _settle(draft: _Draft, there: Texts, record: Record) -> None:
    """Take away each `FILE.new` of ours that no conflict needs any more."""
    needed = {path for path, _ in draft.record}
    for beside, documents in record.documents.items():
        if (
            beside.endswith(BESIDE)
            and beside not in needed
            and is_as_rendered(there.get(beside, ""), documents)
        ):
            draft.texts[beside] = None
            draft.note("removed", beside)


def _take_away(draft: _Draft, path: str, yours: str | None, record: Record) -> None:
    """Take away a request that is not wanted any more."""
    if yours is None:
        return
    if is_as_rendered(yours, record.documents[path]):
        draft.texts[path] = None
        draft.note("removed", path)
    elif not readers.seems_request(yours):  # a team's own, whatever the record says
        draft.note("left", path)
    else:
        draft.moves.append(path)
        draft.note("archived", path)
