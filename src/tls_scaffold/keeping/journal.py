"""A plan is carried out whole: it is written down first, so that the next command can end it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tls_scaffold.disk.folder import make_shelf, move_to_shelf, remove_inside, write_inside
from tls_scaffold.disk.gitcommand import is_tracked
from tls_scaffold.disk.obstacles import check_changeable
from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory.fields import Field
from tls_scaffold.keeping.authorities import copy_ca
from tls_scaffold.keeping.permitted import plan_problems
from tls_scaffold.keeping.plan import BESIDE, Note, Plan, Step, read_plan
from tls_scaffold.keeping.readback import (
    parse_table,
    printable_problem,
    refuse_problems,
)
from tls_scaffold.paths import LARGEST_FILE, NEW_SET, PENDING, STATE

# Every text before and after, with escapes, and all of them again in the record's.
LARGEST_JOURNAL = 16 * LARGEST_FILE
RULES = f"{STATE}/.gitignore"
# A folder that was adopted may have a .gitignore of the team's own, which knows nothing of our
# files. A journal that is committed would be carried out in somebody else's clone.
RULES_TEXT = "/.gitignore\n/.work.*\n/pending.json\n"
AWAY = "move it away and run `tls-scaffold sync`"
COMMANDS = ("add", "adopt", "remove", "revoke", "sync")


@dataclass(frozen=True)
class Entry:
    """What is being done: the command in words, and its plan."""

    command: tuple[str, ...]
    plan: Plan


def carry_out(folder: Path, entry: Entry) -> Plan:
    """Do what the plan says; the folder's lock is held.

    Returns the plan with what happened in its notes. A file that changed since the plan was made is
    not overwritten: ours is put beside it as `FILE.new`. Raises ScaffoldError as `check_plan`.
    """
    check_plan(folder, entry)
    if not os.path.lexists(folder / RULES):
        write_inside(folder, RULES, RULES_TEXT)
    write_inside(folder, PENDING, _to_json(entry))
    return _finish(folder, entry)


def check_plan(folder: Path, entry: Entry) -> None:
    """Raise ScaffoldError if the plan touches what it may not, or what can't be changed.

    Nothing is begun that the next command would refuse to finish.
    """
    _, problems = _read_entry(folder, json.loads(_to_json(entry)))
    if problems:
        # The user knows nothing of a plan's parts.
        messages = [problem.message for problem in problems]
        raise ScaffoldError("nothing was done: this would touch what no command may", messages)
    check_changeable(folder / path for path in _changed_paths(entry.plan))


def has_pending(folder: Path) -> bool:
    """Tell whether a killed command has left something to finish."""
    return os.path.lexists(folder / PENDING)


def finish_pending(folder: Path) -> Entry | None:
    """Do the rest of a plan that a killed command left; the lock is held.

    Returns its entry, None if there is none. Raises ScaffoldError, before anything is done, for
    whatever no command of ours can have written, and for one that git tracks: ours is ignored, and
    one that came with a clone was forged, or is of somebody else's folder.
    """
    text = own_text(folder, PENDING, LARGEST_JOURNAL)
    if text is None:
        return None
    if is_tracked(folder, PENDING):
        raise ScaffoldError(
            f"`{folder / PENDING}` is tracked by git: it is of no command that was killed here, "
            "and nothing was done",
            hint=f"`git rm --cached {PENDING}`, and {AWAY}",
        )
    try:
        data = parse_table(text, PENDING)
    except ScaffoldError as error:
        damaged = f"`{folder / PENDING}` is damaged: a killed command can't be finished"
        raise ScaffoldError(damaged, [error.summary], AWAY) from error
    entry, problems = _read_entry(folder, data)
    summary = f"`{folder / PENDING}` asks for what no command of ours does, and nothing was done"
    refuse_problems(PENDING, summary, problems, AWAY)
    return replace(entry, plan=_finish(folder, entry))


def _finish(folder: Path, entry: Entry) -> Plan:
    """Do a plan; an error tells how to go on without it, as its reason may be one that stays."""
    try:
        return _do(folder, entry.plan)
    except ScaffoldError as error:
        command = f"tls-scaffold {entry.command[0]}"
        way_out = f"to leave the rest of it undone, move `{folder / PENDING}` away"
        then = f"the next command finishes `{command}` then; {way_out}"
        raise ScaffoldError(
            error.summary, error.problems, f"{error.hint or 'mend that'}: {then}"
        ) from error


def _do(folder: Path, plan: Plan) -> Plan:
    if plan.moves or any(step.path.startswith(f"{plan.shelf}/") for step in plan.steps):
        make_shelf(folder, plan.shelf)
    if plan.ca:
        copy_ca(folder, plan.ca)
    notes = {note.path: note for note in plan.notes}
    for step in plan.steps:
        notes |= {note.path: note for note in _do_step(folder, plan.shelf, step)}
    for path in plan.moves:
        move_to_shelf(folder, path, folder / plan.shelf)
    # Until here a kill lets the next command do it all again, which changes nothing that is done.
    remove_inside(folder, PENDING)
    return replace(plan, notes=tuple(notes.values()))


def _do_step(folder: Path, shelf: str, step: Step) -> Iterator[Note]:
    """Give a file its text; where it was changed by hand meanwhile, it stays, and that is told."""
    current = own_text(folder, step.path)
    if current not in (step.before, step.after):
        yield Note("conflict", step.path)
        if step.after is not None:
            yield from _put_beside(folder, shelf, step.path + BESIDE, step.after)
    elif step.after is None:
        remove_inside(folder, step.path)
    elif current != step.after:
        write_inside(folder, step.path, step.after)


def _put_beside(folder: Path, shelf: str, beside: str, ours: str) -> Iterator[Note]:
    if own_text(folder, beside) not in (None, ours):
        move_to_shelf(folder, beside, make_shelf(folder, shelf))
        yield Note("archived", beside)
    write_inside(folder, beside, ours)


def _changed_paths(plan: Plan) -> Iterator[str]:
    yield PENDING
    yield from (step.path for step in plan.steps)
    for path in plan.moves:
        yield from (path, f"{plan.shelf}/{path}")
    if plan.ca:
        yield NEW_SET


def _to_json(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False) + "\n"


def _read_entry(folder: Path, data: Mapping[str, Any]) -> tuple[Entry, list[Problem]]:
    """Return the entry in a file's data, and each thing in it that no command writes.

    Raises ScaffoldError as `plan_problems`.
    """
    problems: list[Problem] = []
    table = Field("", data, problems).whole_table(("command", "plan"))
    command = table["command"].texts(printable_problem)
    if not command or command[0] not in COMMANDS:
        table["command"].refuse(f"it is none of {', '.join(f'`{name}`' for name in COMMANDS)}")
    entry = Entry(command, read_plan(table["plan"]))
    known = {problem.place for problem in problems}
    more = [each for each in plan_problems(folder, entry.plan) if each.place not in known]
    return entry, [*problems, *more]
