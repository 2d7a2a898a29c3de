"""What has to happen in a folder so that it follows its inventory: worked out whole, nothing touched."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tls_scaffold.cfssl import readers
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.merge import merge
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.rendering.documents import LAST_RENDER, NOT_RECORDED, last_render

BESIDE = ".new"
SIGNING = (MAKEFILE, "sign.sh")  # with the requests: what a folder can't sign without
VERBS = ("wrote", "merged", "kept", "unsure", "left", "absent", "removed", "archived", "conflict")
LAST = (MAKEFILE, FILE, LAST_RENDER)  # in this order, when all that they speak of is there
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One file's text before and after; None where there is no file."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Note:
    """What is said about one file, by one of VERBS."""

    verb: str
    path: str


@dataclass(frozen=True)
class Plan:
    """What to do, in this order, so that every part of it leaves a folder that works.

    The files of `moves` go to the folder `shelf` of the archive, where some steps have put copies of others.
    `ca` is where a CA (its files without `.pem`) is copied from where `certs/` has none; `forgotten` are CNs
    that nothing is asked for any more, although etcd may have users of them.
    """

    shelf: str = ""
    steps: tuple[Step, ...] = ()
    moves: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    ca: str = ""
    forgotten: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.steps or self.moves or self.ca)

    @property
    def done(self) -> bool:
        """Whether the folder follows its inventory already: nothing to do but to note it, no conflict to settle."""
        steps = [step for step in self.steps if step.path != LAST_RENDER]
        return not (steps or self.moves or self.ca or self.conflicts or self.unsure)

    def with_more(self, steps: Iterable[Step] = (), moves: Iterable[str] = (), ca: str = "") -> "Plan":
        """Return the plan with more to do, everything in its turn and with a note for each file."""
        steps = {step.path: step for step in (*self.steps, *steps)}.values()
        moves = dict.fromkeys((*self.moves, *moves))
        verbs = dict.fromkeys(moves, "archived")
        verbs |= {step.path: "removed" if step.after is None else "wrote" for step in steps}
        told = {note.path: _as_done(note, verbs) for note in self.notes}
        notes = {**{path: Note(verb, path) for path, verb in verbs.items()}, **told}
        said = tuple(notes[path] for path in sorted(notes))
        return replace(self, steps=tuple(sorted(steps, key=_turn)), moves=tuple(moves), notes=said, ca=ca or self.ca)

    def without_record(self) -> "Plan":
        """Return the plan of a folder whose record is lost: whether what differs was edited or is old can't be told."""
        notes = tuple(replace(note, verb="unsure") if note.verb == "kept" else note for note in self.notes)
        return replace(self, notes=notes)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The files that both sides changed."""
        return self._told("conflict")

    @property
    def unsure(self) -> tuple[str, ...]:
        """The files that are kept because they differ, although nobody knows whether they were edited."""
        return self._told("unsure")

    def _told(self, verb: str) -> tuple[str, ...]:
        return tuple(note.path for note in self.notes if note.verb == verb)


@dataclass
class _Draft:
    shelf: str
    texts: dict[str, str | None] = field(default_factory=dict)
    record: dict[str, str] = field(default_factory=dict)
    moves: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def follow(
    now: Texts,
    record: Texts,
    rendered: Texts,
    shelf: str,
    given: Texts | None = None,
    reset: Collection[str] = (),
) -> Plan:
    """Return the plan that makes the files of `now` follow `rendered`.

    `record` is what was rendered last, empty if that is lost; `shelf` the folder of the archive for what is
    taken away. `now` holds whatever there is of the paths of the others; `given` is what counts as there,
    if that is not the same. What is in `reset` becomes what is rendered, whatever was done to it. All by path
    below the folder.
    """
    draft, there = _Draft(shelf), now if given is None else given
    paths = dict.fromkeys([*rendered, *(path for path in record if not path.endswith(BESIDE))])
    for path in paths:
        if path in reset:
            draft.texts[path] = draft.record[path] = rendered[path]
        elif path not in NOT_RECORDED:
            _file(draft, path, there, record, rendered.get(path))
        _settle(draft, path, there, record)
    draft.texts[FILE] = rendered[FILE]
    draft.texts[LAST_RENDER] = last_render(draft.record)
    steps = (Step(path, now.get(path), text) for path, text in draft.texts.items() if now.get(path) != text)
    return Plan(shelf, notes=tuple(draft.notes)).with_more(steps, draft.moves)


def _as_done(note: Note, verbs: Mapping[str, str]) -> Note:
    """Call merged what was edited by hand and is kept, if something of ours is written into it."""
    return replace(note, verb="merged") if note.verb == "kept" and note.path in verbs else note


def _turn(step: Step) -> tuple[int, str]:
    if step.after is None:
        return len(LAST) + 1, step.path
    return LAST.index(step.path) + 1 if step.path in LAST else 0, step.path


def _file(draft: _Draft, path: str, now: Texts, record: Texts, ours: str | None) -> None:
    """Decide about one file: `ours` is what would be rendered, None if it is not wanted any more."""
    yours, base = now.get(path), _base(path, now, record)
    if ours is None:
        _unwanted(draft, path, yours, base)
    elif yours is None:
        _absent(draft, path, base, ours)
    elif base is None and record and path + BESIDE not in record:
        _strange(draft, path, yours, ours)
    else:
        _both(draft, path, now, record, ours)


def _base(path: str, now: Texts, record: Texts) -> str | None:
    """Return what was rendered last; a conflict whose `FILE.new` is gone has been settled by hand."""
    beside = path + BESIDE
    return record[beside] if beside in record and beside not in now else record.get(path)


def _strange(draft: _Draft, path: str, yours: str, ours: str) -> None:
    """Leave alone what was there before we first wanted to write it."""
    if yours == ours:
        draft.record[path] = ours
    else:
        draft.notes.append(Note("left", path))


def _unwanted(draft: _Draft, path: str, yours: str | None, base: str | None) -> None:
    if yours is None:
        return
    if yours == base:
        draft.texts[path] = None
        draft.notes.append(Note("removed", path))
    elif path.lower().endswith(".json") and not readers.seems_request(yours):  # a team's own, whatever the record says
        draft.notes.append(Note("left", path))
    else:
        draft.moves.append(path)
        draft.notes.append(Note("archived", path))


def _absent(draft: _Draft, path: str, base: str | None, ours: str) -> None:
    if base is None or path in SIGNING or path.startswith("config/"):
        draft.texts[path] = ours
    else:
        draft.notes.append(Note("absent", path))
    draft.record[path] = ours


def _both(draft: _Draft, path: str, now: Texts, record: Texts, ours: str) -> None:
    base = _base(path, now, record)
    merged = merge(path, base, now[path], ours)
    if merged.conflict or (
        path == MAKEFILE and makefile.signs_twice(merged.text) and not makefile.signs_twice(now[path])
    ):
        _put_beside(draft, path + BESIDE, now, record, ours)
        draft.record |= {path + BESIDE: ours} | ({} if base is None else {path: base})
        draft.notes.append(Note("conflict", path))
        return
    draft.texts[path] = merged.text
    draft.record[path] = ours
    if merged.text != ours:
        draft.notes.append(Note("kept", path))


def _put_beside(draft: _Draft, beside: str, now: Texts, record: Texts, ours: str) -> None:
    if beside in now and record.get(beside) == ours:
        return
    if now.get(beside) not in (None, ours, record.get(beside)):
        draft.texts[f"{draft.shelf}/{beside}"] = now[beside]
    draft.texts[beside] = ours


def _settle(draft: _Draft, path: str, now: Texts, record: Texts) -> None:
    """Take away a `FILE.new` of ours that no conflict needs any more."""
    beside = path + BESIDE
    if beside in record and beside not in draft.record and now.get(beside) == record[beside]:
        draft.texts[beside] = None
        draft.notes.append(Note("removed", beside))
