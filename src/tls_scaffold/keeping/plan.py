"""A plan: what has to happen in a folder so that it follows its inventory; what is said of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.readback import printable_problem
from tls_scaffold.paths import ARCHIVE, MAKEFILE
from tls_scaffold.rendering.documents import LAST_RENDER
from tls_scaffold.spelling import cn_problem

BESIDE = ".new"
VERBS = (
    "wrote",
    "replaced",
    "remade",
    "merged",
    "kept",
    "unsure",
    "settled",
    "left",
    "absent",
    "removed",
    "archived",
    "conflict",
)
LAST = (MAKEFILE, FILE, LAST_RENDER)  # in this order, when all that they speak of is there


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

    The files of `moves` go to the folder `shelf` of the archive, where some steps have put copies
    of others. `ca` is where a CA (its files without `.pem`) is copied from where `certs/` has none;
    `forgotten` are CNs that nothing is asked for any more, although etcd may have users of them.
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
    def is_done(self) -> bool:
        """Whether the folder follows its inventory already: nothing to do, or only to note it."""
        steps = [step for step in self.steps if step.path != LAST_RENDER]
        return not (steps or self.moves or self.ca or self.conflicts or self.unsure)

    def with_more(
        self,
        steps: Iterable[Step] = (),
        moves: Iterable[str] = (),
        ca: str = "",
        notes: Iterable[Note] = (),
    ) -> "Plan":
        """Return the plan with more to do, everything in its turn and with a note for each file."""
        by_path = {step.path: step for step in (*self.steps, *steps)}
        moves = tuple(dict.fromkeys((*self.moves, *moves)))
        verbs = dict.fromkeys(moves, "archived")
        for path, step in by_path.items():
            verbs[path] = "removed" if step.after is None else "wrote"
        all_notes = {path: Note(verb, path) for path, verb in verbs.items()}
        for note in (*self.notes, *notes):
            # What was edited by hand and is kept is merged if something of ours goes into it.
            is_merged = note.verb == "kept" and note.path in verbs
            all_notes[note.path] = Note("merged", note.path) if is_merged else note
        return replace(
            self,
            steps=tuple(sorted(by_path.values(), key=_turn)),
            moves=moves,
            notes=tuple(all_notes[path] for path in sorted(all_notes)),
            ca=ca or self.ca,
        )

    def step(self, path: str) -> Step | None:
        """Return what is done to a file; None where nothing is."""
        return next((step for step in self.steps if step.path == path), None)

    def before(self, path: str) -> str:
        """Return the text that a file had, empty where it had none or nothing is done to it."""
        step = self.step(path)
        return (step and step.before) or ""

    def after(self, path: str) -> str:
        """Return the text that a file gets, empty where it gets none or nothing is done to it."""
        step = self.step(path)
        return (step and step.after) or ""

    @property
    def own_steps(self) -> list[Step]:
        """The steps but for copies that the archive gets."""
        return [step for step in self.steps if not step.path.startswith(f"{ARCHIVE}/")]

    def copies(self, paths: Collection[str]) -> list[Step]:
        """Return the steps that keep in the archive what some of the files are before."""
        return [
            Step(f"{self.shelf}/{step.path}", None, step.before)
            for step in self.steps
            if step.before is not None and step.path in paths
        ]

    def without_record(self) -> "Plan":
        """Return the plan of a folder whose record is lost.

        Whether what differs was edited or is old can't be told.
        """
        notes = tuple(
            replace(note, verb="unsure") if note.verb == "kept" else note for note in self.notes
        )
        return replace(self, notes=notes)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The files that both sides changed."""
        return self._paths_with("conflict")

    @property
    def unsure(self) -> tuple[str, ...]:
        """The files that are kept as they differ, although nobody knows whether by an edit."""
        return self._paths_with("unsure")

    def _paths_with(self, verb: str) -> tuple[str, ...]:
        return tuple(note.path for note in self.notes if note.verb == verb)


def _turn(step: Step) -> tuple[int, str]:
    """Return when it is a step's turn.

    Copies for the archive go first, then what the Makefile names, and what is taken away goes when
    nothing speaks of it any more.
    """
    if step.path.startswith(f"{ARCHIVE}/"):
        return -1, step.path
    if step.after is None:
        return len(LAST) + 1, step.path
    return LAST.index(step.path) + 1 if step.path in LAST else 0, step.path


def read_plan(field: Field) -> Plan:
    """Return the plan in a field of what is read back; its mistakes are noted there."""
    table = field.whole_table(tuple(Plan.__dataclass_fields__))
    return Plan(
        shelf=table["shelf"].text(),
        steps=tuple(_read_step(each) for each in table["steps"].list_items()),
        moves=table["moves"].texts(),
        notes=tuple(_read_note(each) for each in table["notes"].list_items()),
        ca=table["ca"].text(),
        forgotten=table["forgotten"].texts(cn_problem),
    )


def _read_step(field: Field) -> Step:
    table = field.whole_table(("path", "before", "after"))
    before, after = (
        None if table[name].value is None else table[name].text() for name in ("before", "after")
    )
    return Step(table["path"].text(), before, after)


def _read_note(field: Field) -> Note:
    table = field.whole_table(("verb", "path"))
    return Note(table["verb"].text(_verb_problem), table["path"].text(printable_problem))


def _verb_problem(text: str) -> str:
    return "" if text in VERBS else f"`{text}` is unknown"
