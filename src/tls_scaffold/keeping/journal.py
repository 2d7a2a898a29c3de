"""A plan is carried out whole: written down first, then done, so that the next command ends what a kill cut off."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tls_scaffold.disk import folder as files
from tls_scaffold.disk.healing import STATE
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.keeping.changes import BESIDE, Note, Plan, Step

FILE = f"{STATE}/pending.json"


@dataclass(frozen=True)
class Entry:
    """What is being done: the command in words, and its plan."""

    command: tuple[str, ...]
    plan: Plan


def carry_out(folder: Path, entry: Entry) -> Plan:
    """Do what the plan says; the folder's lock is held. Returns the plan with what happened in its notes.

    A file that changed since the plan was made is not overwritten: ours is put beside it as `FILE.new`.
    """
    files.write(folder, FILE, json.dumps(asdict(entry), ensure_ascii=False) + "\n")
    return _do(folder, entry.plan)


def finish(folder: Path) -> Entry | None:
    """Do the rest of a plan that a killed command left; the lock is held. Returns its entry, None if there is none."""
    text = files.read_text(folder, FILE)
    if text is None:
        return None
    try:
        entry = _entry(files.parsed(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        hint = "remove it and run `tls-scaffold sync`"
        raise ScaffoldError(f"`{folder / FILE}` is damaged: a killed command can't be finished", hint=hint) from error
    return replace(entry, plan=_do(folder, entry.plan))


def pending(folder: Path) -> bool:
    """Tell whether a killed command has left something to finish."""
    return (folder / FILE).exists()


def _entry(data: dict[str, Any]) -> Entry:
    plan = data["plan"]
    return Entry(
        command=tuple(data["command"]),
        plan=Plan(
            shelf=files.named(plan["shelf"]),
            steps=tuple(_step(**step) for step in plan["steps"]),
            moves=tuple(files.named(path) for path in plan["moves"]),
            notes=tuple(Note(str(note["verb"]), files.named(note["path"])) for note in plan["notes"]),
            ca=files.named(plan["ca"]),
            forgotten=tuple(str(cn) for cn in plan["forgotten"]),
        ),
    )


def _step(path: object, before: object, after: object) -> Step:
    if not (isinstance(before, str | None) and isinstance(after, str | None)):
        raise TypeError(path)
    return Step(files.named(path), before, after)


def _do(folder: Path, plan: Plan) -> Plan:
    if plan.moves or any(step.path.startswith(f"{plan.shelf}/") for step in plan.steps):
        files.archive(folder, plan.shelf)
    if plan.ca:
        files.take_ca(folder, plan.ca)
    missed = {note.path: note for step in plan.steps for note in _missed(folder, plan.shelf, step)}
    for path in plan.moves:
        files.move_away(folder, path, folder / plan.shelf)
    files.remove(folder, FILE)
    notes = {note.path: note for note in plan.notes} | missed
    return replace(plan, notes=tuple(notes.values()))


def _missed(folder: Path, shelf: str, step: Step) -> Iterator[Note]:
    """Give a file its text, or yield what is to be told where it was changed meanwhile, by hand, and stays."""
    current = files.read_text(folder, step.path)
    if current not in (step.before, step.after):
        yield Note("conflict", step.path)
        if step.after is not None:
            yield from _put_beside(folder, shelf, step.path + BESIDE, step.after)
    elif step.after is None:
        files.remove(folder, step.path)
    elif current != step.after:
        files.write(folder, step.path, step.after)


def _put_beside(folder: Path, shelf: str, beside: str, ours: str) -> Iterator[Note]:
    if files.read_text(folder, beside) not in (None, ours):
        files.move_away(folder, beside, files.archive(folder, shelf))
        yield Note("archived", beside)
    files.write(folder, beside, ours)
