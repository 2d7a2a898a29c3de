"""What a plan may touch: a file of ours or a request in its place, and what goes with a component that is taken out.

The CA's files, folders with hidden names and whatever else is in a folder are not a plan's, whoever wrote it.
"""

import os
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.cfssl.readers import seems_config, seems_request
from tls_scaffold.disk import folder as files
from tls_scaffold.disk.moving import is_in
from tls_scaffold.errors import Problem, ScaffoldError, problem_of
from tls_scaffold.inventory import conflictmarkers, intake
from tls_scaffold.inventory.fields import shown
from tls_scaffold.inventory.reach import ENDINGS, RENDERED, SHELF, rendered_problem
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.keeping import adoptionnote, record
from tls_scaffold.keeping.authorities import copy_problem, is_of_ca
from tls_scaffold.keeping.plan import BESIDE, Plan, Step
from tls_scaffold.rendering.documents import LAST_RENDER, is_request

STATE_FILES = (LAST_RENDER, adoptionnote.FILE)
NO_REQUEST = "does not look like a request of cfssl"


def taken_out(old: Inventory, new: Inventory) -> tuple[str, ...]:
    """Return the paths of all that goes with the components that `new` has no more: pairs, CSRs and bundles."""
    kept = {path.lower() for component in new.components for path in _files(component)}
    return tuple(
        path
        for component in old.components
        for path in _files(component)
        if path.lower() not in kept
    )


def _files(component: Component) -> Iterator[str]:
    yield from (f"{component.output}{ending}" for ending in ENDINGS)
    yield from (f"{DIST}/{component.name}{ending}" for ending in ("", TAR))


def problems(folder: Path, plan: Plan) -> Iterator[Problem]:
    """Yield a problem for each thing that no plan for this folder may do.

    Raises ScaffoldError where the inventory that holds when it is done, or the note of `adopt`, can't be read.
    """
    shelf = plan.shelf if SHELF.fullmatch(plan.shelf) else ""
    if plan.shelf != shelf or (plan.moves and not shelf):
        yield problem_of(
            "plan.shelf",
            f"`{shown(plan.shelf)}` is no folder of the archive, such as `archive/20260131T235959Z`",
        )
    elif shelf and (link := _link_problem(folder, f"{shelf}/{FILE}")):
        yield problem_of("plan.shelf", link)
    again = _again(step.path for step in plan.steps)
    again |= _again(
        (step.path.lower(), step.after is None) for step in plan.steps
    )  # `A` may go where `a` comes
    for index, step in enumerate(plan.steps):
        wrong = _step_problem(step, shelf) or _content_problem(folder, step, shelf)
        if wrong or index in again:
            yield problem_of(f"plan.steps[{index}].path", wrong or f"`{step.path}` stands twice")
    ended = [
        step.before for step in plan.steps if step.path == adoptionnote.FILE and step.after is None
    ]
    notes = [adoptionnote.parsed(text, adoptionnote.FILE) for text in ended if text]
    if plan.ca not in ("", *(note.ca for note in notes)):
        yield problem_of("plan.ca", f"`{shown(plan.ca)}` is not where `adopt` found a CA")
    elif plan.ca and (wrong := copy_problem(folder, plan.ca)):
        yield problem_of("plan.ca", wrong)
    if plan.moves:
        allowed = _movable(folder, plan, notes)
        there = adoptionnote.read(folder)
        bases = [note.ca for note in (*notes, *([there] if there else []))]
        again = _again(path.lower() for path in plan.moves)
        for index, path in enumerate(plan.moves):
            wrong = _move_problem(folder, path, shelf, allowed, bases)
            if wrong or index in again:
                yield problem_of(f"plan.moves[{index}]", wrong or f"`{path}` stands twice")


def _again(items: Iterable[Hashable]) -> set[int]:
    """Return the places of what stood before already: of two of a path, each could be looked at as the other."""
    first: dict[Hashable, int] = {}
    return {index for index, item in enumerate(items) if first.setdefault(item, index) != index}


def _step_problem(step: Step, shelf: str) -> str:
    path, below = step.path, f"{shelf}/"
    if shelf and path.startswith(below):
        if step.before is not None or step.after is None:
            return f"`{shown(path)}` is in the archive, where nothing is changed"
        return rendered_problem(path.removeprefix(below).removesuffix(BESIDE))
    wrong = "" if path in STATE_FILES else rendered_problem(path.removesuffix(BESIDE))
    if wrong or step.after is not None or path.endswith(BESIDE) or path == adoptionnote.FILE:
        return wrong
    if path in (*RENDERED, LAST_RENDER) or not is_request(step.before):
        return f"`{path}` is not taken away: it is no request as they are rendered"
    return ""


def _content_problem(folder: Path, step: Step, shelf: str) -> str:
    """Say why a step can't be done where it leads: to a link, or to JSON that is no request."""
    try:
        there = files.own_texts(folder, (step.path, step.path + BESIDE))
    except ScaffoldError as error:
        return ", ".join(map(str, error.problems)) or error.summary
    ours = (*STATE_FILES, *RENDERED)
    if step.path.removesuffix(BESIDE) in ours or (shelf and step.path.startswith(f"{shelf}/")):
        return ""
    over = None if step.after is None else there.get(step.path)
    texts = (text for text in (step.before, step.after, over) if text is not None)
    # A merge in git that is settled had both sides in it.
    requests = (each for text in texts for each in conflictmarkers.sides(text) or (text,))
    return "" if all(map(seems_request, requests)) else f"`{step.path}` {NO_REQUEST}"


def _link_problem(folder: Path, path: str) -> str:
    try:
        files.inside(folder, path)
    except ScaffoldError as error:
        return error.summary
    return ""


def _movable(folder: Path, plan: Plan, notes: list[adoptionnote.AdoptionNote]) -> set[str]:
    """Return what the plan may move away, by what it says of the folder before and what holds when it is done."""
    steps = {step.path: step for step in plan.steps}
    change, rendered = steps.get(FILE), steps.get(LAST_RENDER)
    now = files.own_text(folder, FILE) or ""
    new = _inventory((change.after or "") if change and change.before == now else now)
    try:
        old = _inventory(change.before or "") if change else new
    except ScaffoldError:
        old = new
    recorded = record.parsed((rendered and rendered.before) or "", LAST_RENDER)
    sources = {seed.source for note in notes for seed in note.seeds.values()}
    wanted = {
        path.lower() for path in (*RENDERED, *(component.request for component in new.components))
    }
    requests = {*recorded.documents, *sources, *(component.request for component in old.components)}
    return {*taken_out(old, new), *(path for path in requests if path.lower() not in wanted)}


def _inventory(text: str) -> Inventory:
    return intake.from_json(text.removeprefix("\ufeff"))


def _move_problem(
    folder: Path, path: str, shelf: str, allowed: set[str], bases: Iterable[str]
) -> str:
    if path not in allowed:
        return f"`{shown(path)}` goes with nothing that this plan takes out"
    source, target = folder / path, folder / shelf / path
    wrong = _link_problem(folder, path) or _link_problem(folder, f"{shelf}/{path}")
    if wrong or not os.path.lexists(source):
        return wrong
    if is_of_ca(folder, path, bases):
        return f"`{path}` is a CA's, which is never moved: move it to where you keep it"
    try:
        if os.path.lexists(target) and not is_in(source, target):
            return f"`{shelf}/{path}` is another file"
        text = files.own_text(folder, path) if path.lower().endswith(".json") else None
    except (OSError, ScaffoldError) as error:
        return (
            error.summary
            if isinstance(error, ScaffoldError)
            else f"`{path}` can't be compared: {error.strerror}"
        )
    return (
        ""
        if text is None or seems_request(text) or seems_config(text)
        else f"`{path}` {NO_REQUEST}"
    )
