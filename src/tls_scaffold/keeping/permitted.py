"""What a plan may touch: rendered files, requests, and what goes with a component taken out.

The CA's files, folders with hidden names and whatever else is in a folder are not a plan's, whoever
wrote it: a journal may come with a clone of the folder.
"""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.cfssl.readers import seems_config, seems_request
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.moving import is_in
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import own_text, own_texts
from tls_scaffold.errors import Problem, ScaffoldError, problem_of
from tls_scaffold.inventory import conflictmarkers, intake
from tls_scaffold.inventory.fields import short_text
from tls_scaffold.inventory.reach import RENDERED, SHELF, rendered_problem
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.keeping.adoptionnote import AdoptionNote, parse_note, read_note
from tls_scaffold.keeping.authorities import check_copy, is_of_ca
from tls_scaffold.keeping.plan import BESIDE, Plan, Step
from tls_scaffold.keeping.record import parse_record
from tls_scaffold.paths import ADOPTED, CA_REQUEST, CUSTODY, ENDINGS, REVOKED, waiting_paths
from tls_scaffold.rendering.documents import LAST_RENDER, is_request_text
from tls_scaffold.signing import revocations

STATE_FILES = (LAST_RENDER, ADOPTED, REVOKED)
NO_REQUEST = "does not look like a request of cfssl"


def paths_of_removed(old: Inventory, new: Inventory) -> tuple[str, ...]:
    """Return the paths of all that goes with the components that `new` has no more.

    These are pairs, CSRs, bundles and what waits for a signature.
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
    bundles = [f"{DIST}/{component.name}{ending}" for ending in ("", TAR)]
    return [*pair, *bundles, *waiting_paths(component.name)]


def plan_problems(folder: Path, plan: Plan) -> Iterator[Problem]:
    """Yield each thing that no plan for this folder may do, by its key, as `plan.moves[0]`.

    Raises ScaffoldError where the inventory that holds when it is done, or the note of `adopt`,
    can't be read.
    """
    shelf = plan.shelf if SHELF.fullmatch(plan.shelf) else ""
    if wrong := _error_of(_check_shelf, folder, plan, shelf):
        yield problem_of("plan.shelf", wrong)
    again = _repeated(step.path for step in plan.steps)
    # Where a disk has no cases, `A` may go when `a` comes.
    again |= _repeated((step.path.lower(), step.after is None) for step in plan.steps)
    for index, step in enumerate(plan.steps):
        wrong = _error_of(_check_step, folder, step, shelf)
        if wrong or index in again:
            yield problem_of(f"plan.steps[{index}].path", wrong or f"`{step.path}` stands twice")
    # The plan of a first sync takes the note away, which then is in the plan alone.
    notes = [
        parse_note(step.before, ADOPTED)
        for step in plan.steps
        if step.path == ADOPTED and step.after is None and step.before
    ]
    if wrong := _error_of(_check_ca, folder, plan.ca, notes):
        yield problem_of("plan.ca", wrong)
    if not plan.moves:
        return
    allowed, note = _movable(folder, plan, notes), read_note(folder)
    bases = [each.ca for each in (*notes, note) if each]
    again = _repeated(path.lower() for path in plan.moves)
    for index, path in enumerate(plan.moves):
        wrong = f"`{short_text(path)}` goes with nothing that this plan takes out"
        if path in allowed:
            wrong = _error_of(_check_move, folder, path, shelf, bases)
        if wrong or index in again:
            yield problem_of(f"plan.moves[{index}]", wrong or f"`{path}` stands twice")


def _error_of(check: Callable[..., object], *words: object) -> str:
    """Return what a check raises, on one line; empty if nothing is wrong."""
    try:
        check(*words)
    except ScaffoldError as error:
        return ", ".join(map(str, error.problems)) or error.summary
    return ""


def _repeated(items: Iterable[Hashable]) -> set[int]:
    """Return the places of what stood before already.

    Of two steps of a path, each could be looked at as the other.
    """
    first: dict[Hashable, int] = {}
    return {index for index, item in enumerate(items) if first.setdefault(item, index) != index}


def _check_shelf(folder: Path, plan: Plan, shelf: str) -> None:
    if plan.shelf != shelf or (plan.moves and not shelf):
        example = "such as `archive/20260131T235959Z`"
        raise ScaffoldError(f"`{short_text(plan.shelf)}` is no folder of the archive, {example}")
    if shelf:
        inside(folder, f"{shelf}/{FILE}")


def _check_ca(folder: Path, ca: str, notes: Iterable[AdoptionNote]) -> None:
    if ca not in ("", *(note.ca for note in notes)):
        raise ScaffoldError(f"`{short_text(ca)}` is not where `adopt` found a CA")
    if ca:
        check_copy(folder, ca)


def _check_step(folder: Path, step: Step, shelf: str) -> None:
    path, ours = step.path, step.path.removesuffix(BESIDE)
    is_copy = bool(shelf) and path.startswith(f"{shelf}/")
    if is_copy and (step.before is not None or step.after is None):
        raise ScaffoldError(f"`{short_text(path)}` is in the archive, where nothing is changed")
    rendered = ours.removeprefix(f"{shelf}/") if is_copy else ours
    if rendered not in STATE_FILES and (wrong := rendered_problem(rendered)):
        raise ScaffoldError(wrong)
    # The CA's goes where a CA of the team's own takes the place of ours.
    goes = step.after is None and ours == CA_REQUEST
    is_request = goes or ours not in (*STATE_FILES, *RENDERED)
    is_removal = step.after is None and path == ours and path != ADOPTED
    if is_removal and path != CUSTODY and not (is_request and is_request_text(step.before)):
        raise ScaffoldError(f"`{path}` is not taken away: it is no request as they are rendered")
    if path == REVOKED and step.after != revocations.with_merge_settled(step.before or ""):
        raise ScaffoldError(f"`{path}` is changed, and not only a merge in it settled")
    there = own_texts(folder, (path, path + BESIDE))
    if is_request and not is_copy:
        _check_requests(step, None if step.after is None else there.get(path))


def _check_requests(step: Step, replaced: str | None) -> None:
    """Raise ScaffoldError for a step with a text that is no request, as a team's own JSON."""
    for text in (step.before, step.after, replaced):
        # A merge in git that is settled had both sides in it.
        sides = () if text is None else conflictmarkers.sides(text) or (text,)
        if not all(map(seems_request, sides)):
            raise ScaffoldError(f"`{step.path}` {NO_REQUEST}")


def _movable(folder: Path, plan: Plan, notes: Iterable[AdoptionNote]) -> set[str]:
    """Return what the plan may move away.

    That is told by what it says of the folder before, and by what holds when it is done.
    """
    steps = {step.path: step for step in plan.steps}
    change, rendered = steps.get(FILE), steps.get(LAST_RENDER)
    now = own_text(folder, FILE) or ""
    new = intake.from_json((change.after or "") if change and change.before == now else now)
    try:
        old = intake.from_json(change.before or "") if change else new
    except ScaffoldError:
        old = new
    record = parse_record((rendered and rendered.before) or "", LAST_RENDER)
    sources = {seed.source for note in notes for seed in note.seeds.values()}
    requests = {*record.documents, *sources, *(each.request for each in old.components)}
    rendered_files = [path for path in RENDERED if path != CA_REQUEST or not new.ca.own]
    kept = {path.lower() for path in (*rendered_files, *(each.request for each in new.components))}
    return {*paths_of_removed(old, new), *(path for path in requests if path.lower() not in kept)}


def _check_move(folder: Path, path: str, shelf: str, bases: Iterable[str]) -> None:
    """Raise ScaffoldError unless a file may go to a shelf.

    Nothing there is written over, and no CA is moved.
    """
    source, target = inside(folder, path), inside(folder, f"{shelf}/{path}")
    if not os.path.lexists(source):
        return
    if is_of_ca(folder, path, bases):
        raise ScaffoldError(
            f"`{path}` is a CA's, which is never moved: move it to where you keep it"
        )
    with telling(path, "compared"):
        if os.path.lexists(target) and not is_in(source, target):
            raise ScaffoldError(f"`{shelf}/{path}` is another file")
    if path.lower().endswith(".json"):
        text = own_text(folder, path) or ""
        if not (seems_request(text) or seems_config(text)):
            raise ScaffoldError(f"`{path}` {NO_REQUEST}")
