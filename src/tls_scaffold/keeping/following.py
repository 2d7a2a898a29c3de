"""How each file of a folder follows what is rendered, worked out from texts alone.

The Makefile has its own ways. Throughout, `yours` is what is there and `ours` what is rendered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tls_scaffold.cfssl import readers
from tls_scaffold.inventory import conflictmarkers
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.merge import is_as_rendered, merge_texts, says_the_same
from tls_scaffold.keeping.plan import BESIDE, Note, Plan, Step
from tls_scaffold.keeping.record import Record
from tls_scaffold.paths import (
    CUSTODY,
    GENERATED,
    MAKEFILE,
    MERGED_BY_LINES,
    OURS_IF_SAID,
    says_ours,
)
from tls_scaffold.rendering.documents import (
    LAST_RENDER,
    NOT_RECORDED,
    Entry,
    compact,
    record_text,
    recorded,
    sum_of,
)

A_TEAM_MAY_HAVE = ("Procfile", "COMPONENTS.md")  # and had them before we first wanted to write them
Texts = Mapping[str, str]


def plan_files(
    now: Texts,
    record: Record,
    rendered: Texts,
    shelf: str,
    yours: Texts,
    reset: Collection[str],
) -> Plan:
    """Return the plan that makes the files of `now`, but for the Makefile, follow `rendered`.

    `record` is what was rendered last, empty if that is lost; `shelf` the folder of the archive for
    what is taken away. `now` holds whatever there is of the paths of the others; `yours` is what
    counts as there. What is in `reset` becomes what is rendered, whatever was done to it. All by
    path below the folder.
    """
    draft = _Draft(shelf, yours, record)
    draft.entries += recorded(MAKEFILE, rendered.get(MAKEFILE, ""))
    for path, ours in rendered.items():
        if path in reset and path != MAKEFILE:
            draft.write(path, ours)
        elif path in (*GENERATED, *OURS_IF_SAID):
            draft.replace(path, ours)
        elif path.endswith(".json") and path not in NOT_RECORDED:
            draft.merge(path, ours)
    if CUSTODY not in rendered:
        draft.take_away_generated(CUSTODY)
    for path in record.documents:
        if path not in rendered and not path.endswith(BESIDE):
            draft.take_away(path)
    draft.take_away_settled()
    draft.texts[FILE] = rendered[FILE]
    draft.texts[LAST_RENDER] = record_text(draft.entries)
    steps = [
        Step(path, now.get(path), text)
        for path, text in draft.texts.items()
        if now.get(path) != text
    ]
    notes = tuple(Note(verb, path) for path, verb in draft.verbs.items())
    return Plan(shelf, notes=notes).with_more(steps, draft.moves)


@dataclass
class _Draft:
    """A plan that is being made, and the entries that will be recorded.

    `texts` are what files are to hold, None for one that is taken away; `verbs` what is said of
    them.
    """

    shelf: str
    yours: Texts
    record: Record
    texts: dict[str, str | None] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    verbs: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, ours: str) -> None:
        """Give a file the text that is rendered."""
        self.texts[path] = ours
        self.entries += recorded(path, ours)

    def keep_copy(self, path: str, yours: str) -> None:
        """Put a copy of a file into the archive."""
        self.texts[f"{self.shelf}/{path}"] = yours

    def replace(self, path: str, ours: str) -> None:
        """Let a file be what is rendered, unless it is the team's.

        What was edited goes to the archive.
        """
        yours, sums = self.yours.get(path), self.record.sums
        if yours is None:
            if path in OURS_IF_SAID and path in sums:
                self.verbs[path] = "absent"
                self.entries += recorded(path, ours)
            else:
                self.write(path, ours)
            return
        if path in OURS_IF_SAID and not says_ours(conflictmarkers.without_markers(yours)):
            return
        if yours != ours:
            if path in A_TEAM_MAY_HAVE and self.record and path not in sums:
                self.verbs[path] = "left"
                return
            # Of what git could not merge each side may have been edited, or neither.
            sides = conflictmarkers.sides(yours) or (yours,)
            is_edited = any(sum_of(side) not in sums.get(path, ()) for side in sides)
            if is_edited and not self._is_merged_by_lines(path, ours):
                self.keep_copy(path, yours)
                unmarked = "remade" if len(sums.get(path, ())) > 1 else "replaced"
                self.verbs[path] = "settled" if conflictmarkers.marked_lines(yours) else unmarked
        self.write(path, ours)

    def _is_merged_by_lines(self, path: str, ours: str) -> bool:
        """Tell whether git has merged two renders of a file, of which today's has each line."""
        was_merged = path in MERGED_BY_LINES and len(self.record.sums.get(path, ())) > 1
        return was_merged and set(self.yours[path].splitlines()) <= set(ours.splitlines())

    def merge(self, path: str, ours: str) -> None:
        """Merge a request or the configuration.

        Where both sides changed one value, ours is put beside it.
        """
        yours, beside, documents = self.yours.get(path), path + BESIDE, self.record.documents
        if yours is None:
            self.write(path, ours)
            return
        # A conflict whose `FILE.new` is gone has been settled by hand.
        is_settled = beside in documents and beside not in self.yours
        last = documents.get(beside if is_settled else path, [])
        is_known = not self.record or last or beside in documents
        if not is_known and not says_the_same(yours, ours):
            self.verbs[path] = "left"  # it was there before we first wanted to write it
            return
        merged = merge_texts(last, yours, ours)
        if merged.conflict:
            self._put_beside(beside, ours)
            self.entries += [(path, compact(each)) for each in last]
            self.verbs[path] = "conflict"
            return
        self.texts[path] = merged.text
        self.entries += recorded(path, ours)
        if not says_the_same(merged.text, ours):
            self.verbs[path] = "kept"

    def _put_beside(self, beside: str, ours: str) -> None:
        yours, last = self.yours.get(beside), self.record.documents.get(beside, [])
        entries = recorded(beside.removesuffix(BESIDE), ours)
        self.entries += [(beside, value) for _, value in entries]
        if yours is not None:
            if is_as_rendered(ours, last):
                return
            if not says_the_same(yours, ours) and not is_as_rendered(yours, last):
                self.keep_copy(beside, yours)
        self.texts[beside] = ours

    def take_away_generated(self, path: str) -> None:
        """Take away what is generated elsewhere, and in this folder not, or not any more.

        What was edited, or came from somebody else, goes to the archive: sign.sh would run it.
        """
        yours = self.yours.get(path)
        if yours is None:
            return
        if sum_of(yours) not in self.record.sums.get(path, ()):
            self.keep_copy(path, yours)
        self.texts[path] = None
        self.verbs[path] = "removed"

    def take_away(self, path: str) -> None:
        """Take away a request that is not wanted any more."""
        yours = self.yours.get(path)
        if yours is None:
            return
        if is_as_rendered(yours, self.record.documents[path]):
            self.texts[path] = None
            self.verbs[path] = "removed"
        elif not readers.seems_request(yours):  # a team's own, whatever the record says
            self.verbs[path] = "left"
        else:
            self.moves.append(path)
            self.verbs[path] = "archived"

    def take_away_settled(self) -> None:
        """Take away each `FILE.new` of ours that no conflict needs any more."""
        needed = {path for path, _ in self.entries}
        for beside, documents in self.record.documents.items():
            if not beside.endswith(BESIDE) or beside in needed:
                continue
            if is_as_rendered(self.yours.get(beside, ""), documents):
                self.texts[beside] = None
                self.verbs[beside] = "removed"
