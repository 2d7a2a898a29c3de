"""What a plan may touch: rendered files, requests, and what goes with a component taken out.

The CA's files, folders with hidden names and whatever else is in a folder are not a plan's, whoever
wrote it: a journal may come with a clone of the folder.
"""

import os
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.cfssl.readers import seems_config, seems_request
from tls_scaffold.disk.moving import is_in
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.texts import own_text, own_texts
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers, intake
from tls_scaffold.inventory.fields import shown
from tls_scaffold.inventory.reach import RENDERED, SHELF, rendered_problem
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.keeping import adoptionnote
from tls_scaffold.keeping.adoptionnote import AdoptionNote
from tls_scaffold.keeping.authorities import copy_problem, is_of_ca
from tls_scaffold.keeping.plan import BESIDE, Plan, Step
from tls_scaffold.keeping.readback import Problem
from tls_scaffold.keeping.record import parse_record
from tls_scaffold.paths import ENDINGS
from tls_scaffold.rendering.documents import LAST_RENDER, is_request

STATE_FILES = (LAST_RENDER, adoptionnote.FILE)
NO_REQUEST = "does not look like a request of cfssl"


def paths_of_removed(old: Inventory, new: Inventory) -> tuple[str, ...]:
    """Return the paths of all that goes with the components that `new` has no more.

    These are pairs, CSRs and bundles.
    """
    kept = {path.lower() for component in new.components for path in _files_of(component)}
    return tuple(
        path
        for component in old.components
        for path in _files_of(component)
        if path.lower() not in kept
    )


def _files_of(component: Component) -> list[str]:
    pair = [f"{component.output}{ending}" for ending in ENDINGS]
    return [*pair, *(f"{DIST}/{component.name}{ending}" for ending in ("", TAR))]


def plan_problems(folder: Path, plan: Plan) -> Iterator[Problem]:
    """Yield each thing that no plan for this folder may do, by its key, as `plan.moves[0]`.

    Raises ScaffoldError where the inventory that holds when it is done, or the note of `adopt`,
    can't be read.
    """
    shelf = plan.shelf if SHELF.fullmatch(plan.shelf) else ""
    if plan.shelf != shelf or (plan.moves and not shelf):
        example = "such as `archive/20260131T235959Z`"
        yield Problem("plan.shelf", f"`{shown(plan.shelf)}` is no folder of the archive, {example}")
    elif shelf and (link := _link_problem(folder, f"{shelf}/{FILE}")):
        yield Problem("plan.shelf", link)
    yield from _problems_of_steps(folder, plan.steps, shelf)
    # The plan of a first sync takes the note away, which then is in the plan alone.
    notes = [
        adoptionnote.parse_note(step.before, adoptionnote.FILE)
        for step in plan.steps
        if step.path == adoptionnote.FILE and step.after is None and step.before
    ]
    if plan.ca not in ("", *(note.ca for note in notes)):
        yield Problem("plan.ca", f"`{shown(plan.ca)}` is not where `adopt` found a CA")
    elif plan.ca and (wrong := copy_problem(folder, plan.ca)):
        yield Problem("plan.ca", wrong)
    if plan.moves:
        yield from _problems_of_moves(folder, plan, shelf, notes)


def _problems_of_steps(folder: Path, steps: Iterable[Step], shelf: str) -> Iterator[Problem]:
    steps = tuple(steps)
    # Where a disk has no cases, `A` may go when `a` comes; but neither twice.
    again = _repeated(step.path for step in steps)
    again |= _repeated((step.path.lower(), step.after is None) for step in steps)
    for index, step in enumerate(steps):
        wrong = _step_problem(step, shelf) or _content_problem(folder, step, shelf)
        if wrong or index in again:
            yield Problem(f"plan.steps[{index}].path", wrong or f"`{step.path}` stands twice")


def _problems_of_moves(
    folder: Path, plan: Plan, shelf: str, notes: list[AdoptionNote]
) -> Iterator[Problem]:
    allowed = _movable(folder, plan, notes)
    there = adoptionnote.read_note(folder)
    bases = [note.ca for note in (*notes, *([there] if there else []))]
    again = _repeated(path.lower() for path in plan.moves)
    for index, path in enumerate(plan.moves):
        if path not in allowed:
            wrong = f"`{shown(path)}` goes with nothing that this plan takes out"
        else:
            wrong = _move_problem(folder, path, shelf, bases)
        if wrong or index in again:
            yield Problem(f"plan.moves[{index}]", wrong or f"`{path}` stands twice")


def _repeated(items: Iterable[Hashable]) -> set[int]:
    """Return the places of what stood before already.

    Of two steps of a path, each could be looked at as the other.
    """
    first: dict[Hashable, int] = {}
    return {index for index, item in enumerate(items) if first.setdefault(item, index) != index}


def _step_problem(step: Step, shelf: str) -> str:
    """Say why no plan has a step, told from itself alone; empty if one may."""
    path = step.path
    if _is_on_shelf(path, shelf):
        if step.before is not None or step.after is None:
            return f"`{shown(path)}` is in the archive, where nothing is changed"
        return rendered_problem(path.removeprefix(f"{shelf}/").removesuffix(BESIDE))
    wrong = "" if path in STATE_FILES else rendered_problem(path.removesuffix(BESIDE))
    if wrong or step.after is not None or path.endswith(BESIDE) or path == adoptionnote.FILE:
        return wrong
    if path in (*RENDERED, LAST_RENDER) or not is_request(step.before):
        return f"`{path}` is not taken away: it is no request as they are rendered"
    return ""


def _content_problem(folder: Path, step: Step, shelf: str) -> str:
    """Say why a step can't be done where it leads: to a link, or to JSON that is no request."""
    try:
        there = own_texts(folder, (step.path, step.path + BESIDE))
    except ScaffoldError as error:
        return ", ".join(error.problems) or error.summary
    is_ours = step.path.removesuffix(BESIDE) in (*STATE_FILES, *RENDERED)
    if is_ours or _is_on_shelf(step.path, shelf):
        return ""
    replaced = None if step.after is None else there.get(step.path)
    for text in (step.before, step.after, replaced):
        # A merge in git that is settled had both sides in it.
        sides = () if text is None else conflictmarkers.sides(text) or (text,)
        if not all(map(seems_request, sides)):
            return f"`{step.path}` {NO_REQUEST}"
    return ""


def _is_on_shelf(path: str, shelf: str) -> bool:
    return bool(shelf) and path.startswith(f"{shelf}/")


def _link_problem(folder: Path, path: str) -> str:
    try:
        inside(folder, path)
    except ScaffoldError as error:
        return error.summary
    return ""


def _movable(folder: Path, plan: Plan, notes: list[AdoptionNote]) -> set[str]:
    """Return what the plan may move away.

    That is told by what it says of the folder before, and by what holds when it is done.
    """
    steps = {step.path: step for step in plan.steps}
    change, rendered = steps.get(FILE), steps.get(LAST_RENDER)
    now = own_text(folder, FILE) or ""
    new = _inventory((change.after or "") if change and change.before == now else now)
    try:
        old = _inventory(change.before or "") if change else new
    except ScaffoldError:
        old = new
    record = parse_record((rendered and rendered.before) or "", LAST_RENDER)
    sources = {seed.source for note in notes for seed in note.seeds.values()}
    requests = {*record.documents, *sources, *(each.request for each in old.components)}
    kept = {path.lower() for path in (*RENDERED, *(each.request for each in new.components))}
    return {*paths_of_removed(old, new), *(path for path in requests if path.lower() not in kept)}


def _inventory(text: str) -> Inventory:
    return intake.from_json(text.removeprefix("\ufeff"))


def _move_problem(folder: Path, path: str, shelf: str, bases: Iterable[str]) -> str:
    """Say why a file can't go to a shelf: nothing there is written over, and no CA is moved."""
    source, target = folder / path, folder / shelf / path
    wrong = _link_problem(folder, path) or _link_problem(folder, f"{shelf}/{path}")
    if wrong or not os.path.lexists(source):
        return wrong
    if is_of_ca(folder, path, bases):
        return f"`{path}` is a CA's, which is never moved: move it to where you keep it"
    try:
        if os.path.lexists(target) and not is_in(source, target):
            return f"`{shelf}/{path}` is another file"
        text = own_text(folder, path) if path.lower().endswith(".json") else None
    except ScaffoldError as error:
        return error.summary
    except OSError as error:
        return f"`{path}` can't be compared: {error.strerror}"
    is_right = text is None or seems_request(text) or seems_config(text)
    return "" if is_right else f"`{path}` {NO_REQUEST}"
