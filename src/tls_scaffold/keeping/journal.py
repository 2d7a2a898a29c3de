"""A plan is carried out whole: written down first, then done, so that the next command ends what a kill cut off."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from tls_scaffold import words
from tls_scaffold.disk import folder as files
from tls_scaffold.disk.mounts import check_changeable
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.fields import Field
from tls_scaffold.keeping import permitted, readback
from tls_scaffold.keeping.plan import BESIDE, VERBS, Note, Plan, Step
from tls_scaffold.paths import CERTS, LARGEST, STATE

FILE = f"{STATE}/pending.json"
LARGEST_ENTRY = (
    16 * LARGEST
)  # every text before and after, with escapes, and all of them again in the record's
AWAY = "move it away and run `tls-scaffold sync`"
COMMANDS = (("add",), ("adopt",), ("remove",), ("sync",))
PLAN = tuple(each.name for each in fields_of(Plan))


@dataclass(frozen=True)
class Entry:
    """What is being done: the command in words, and its plan."""

    command: tuple[str, ...]
    plan: Plan


def carry_out(folder: Path, entry: Entry) -> Plan:
    """Do what the plan says; the folder's lock is held. Returns the plan with what happened in its notes.

    A file that changed since the plan was made is not overwritten: ours is put beside it as `FILE.new`. Raises
    ScaffoldError, before anything is done, if the plan touches what it may not, or what can't be changed: nothing is
    begun that the next command would refuse to finish.
    """
    text = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
    _, problems = _parsed(folder, json.loads(text))
    if problems:
        messages = [
            problem.partition(": ")[2] for problem in problems
        ]  # the user knows nothing of a plan's parts
        raise ScaffoldError("nothing was done: this would touch what no command may", messages)
    check_changeable(folder / path for path in _changed(entry.plan))
    files.write(folder, FILE, text)
    return _finished(folder, entry)


def _changed(plan: Plan) -> Iterator[str]:
    yield FILE
    yield from (step.path for step in plan.steps)
    for path in plan.moves:
        yield from (path, f"{plan.shelf}/{path}")
    if plan.ca:
        yield f"{CERTS}/.new"


def finish(folder: Path) -> Entry | None:
    """Do the rest of a plan that a killed command left; the lock is held. Returns its entry, None if there is none.

    Raises ScaffoldError, before anything is done, for whatever no command of ours can have written.
    """
    text = files.own_text(folder, FILE, LARGEST_ENTRY)
    if text is None:
        return None
    try:
        data = readback.table(text, FILE)
    except ScaffoldError as error:
        damaged = f"`{folder / FILE}` is damaged: a killed command can't be finished"
        raise ScaffoldError(damaged, [error.summary], AWAY) from error
    entry, problems = _parsed(folder, data)
    summary = f"`{folder / FILE}` asks for what no command of ours does, and nothing was done"
    readback.refuse(FILE, summary, problems, AWAY)
    return replace(entry, plan=_finished(folder, entry))


def _finished(folder: Path, entry: Entry) -> Plan:
    """Do a plan; an error tells how to go on without it, as its reason may be one that stays."""
    try:
        return _do(folder, entry.plan)
    except ScaffoldError as error:
        command = f"tls-scaffold {entry.command[0]}"
        way_out = f"to leave the rest of it undone, move `{folder / FILE}` away"
        then = f"the next command finishes `{command}` then; {way_out}"
        raise ScaffoldError(
            error.summary, error.problems, f"{error.hint or 'mend that'}: {then}"
        ) from error


def pending(folder: Path) -> bool:
    """Tell whether a killed command has left something to finish."""
    return os.path.lexists(folder / FILE)


def _parsed(folder: Path, data: Mapping[str, Any]) -> tuple[Entry, list[str]]:
    """Return the entry in a file's data, and a line `key: what is wrong` for each thing that no command writes.

    Raises ScaffoldError as `permitted.problems`.
    """
    problems: list[str] = []
    entry = _entry(Field("", data, problems))
    told = {_key(problem) for problem in problems}
    more = [
        problem for problem in permitted.problems(folder, entry.plan) if _key(problem) not in told
    ]
    return entry, [*problems, *more]


def _key(problem: str) -> str:
    return problem.partition(": ")[0]


def _entry(whole: Field) -> Entry:
    table = whole.whole_table(("command", "plan"))
    command = tuple(word.text(_word_problem) for word in table["command"].list_items())
    if command[:1] not in COMMANDS:
        known = ", ".join(f"`{name}`" for (name,) in COMMANDS)
        table["command"].refuse(f"it is none of {known}")
    plan = table["plan"].whole_table(PLAN)
    return Entry(
        command,
        Plan(
            shelf=plan["shelf"].text(),
            steps=tuple(_step(each) for each in plan["steps"].list_items()),
            moves=tuple(each.text() for each in plan["moves"].list_items()),
            notes=tuple(_note(each) for each in plan["notes"].list_items()),
            ca=plan["ca"].text(),
            forgotten=tuple(cn.text(words.cn_problem) for cn in plan["forgotten"].list_items()),
        ),
    )


def _step(field: Field) -> Step:
    table = field.whole_table(("path", "before", "after"))
    before, after = (
        None if table[name].value is None else table[name].text() for name in ("before", "after")
    )
    return Step(table["path"].text(), before, after)


def _note(field: Field) -> Note:
    table = field.whole_table(("verb", "path"))
    return Note(table["verb"].text(_verb_problem), table["path"].text(_word_problem))


def _verb_problem(text: str) -> str:
    return "" if text in VERBS else f"`{text}` is unknown"


def _word_problem(text: str) -> str:
    return words.text_problem(text, LARGEST) if text else "it is empty"


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
    current = files.own_text(folder, step.path)
    if current not in (step.before, step.after):
        yield Note("conflict", step.path)
        if step.after is not None:
            yield from _put_beside(folder, shelf, step.path + BESIDE, step.after)
    elif step.after is None:
        files.remove(folder, step.path)
    elif current != step.after:
        files.write(folder, step.path, step.after)


def _put_beside(folder: Path, shelf: str, beside: str, ours: str) -> Iterator[Note]:
    if files.own_text(folder, beside) not in (None, ours):
        files.move_away(folder, beside, files.archive(folder, shelf))
        yield Note("archived", beside)
    files.write(folder, beside, ours)
