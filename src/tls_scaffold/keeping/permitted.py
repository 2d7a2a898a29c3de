"""What a plan may touch: a file of ours or a request in its place, and what goes with a component that is taken out.

The CA's files, folders with hidden names and whatever else is in a folder are not a plan's, whoever wrote it.
"""

import posixpath
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tls_scaffold.bundles.settings import DIST, TAR
from tls_scaffold.disk import folder as files
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.fields import shown
from tls_scaffold.inventory.reach import ENDINGS, RENDERED, SHELF, rendered_problem
from tls_scaffold.inventory.values import FILE, Component, Inventory
from tls_scaffold.keeping import record, takeover
from tls_scaffold.keeping.changes import BESIDE, Plan, Step
from tls_scaffold.paths import CA
from tls_scaffold.rendering.documents import LAST_RENDER, is_request

STATE_FILES = (LAST_RENDER, takeover.FILE)
BASE = CA.removesuffix(".pem")


def taken_out(old: Inventory, new: Inventory) -> tuple[str, ...]:
    """Return the paths of all that goes with the components that `new` has no more: pairs, CSRs and bundles."""
    kept = {path.lower() for component in new.components for path in _files(component)}
    return tuple(path for component in old.components for path in _files(component) if path.lower() not in kept)


def _files(component: Component) -> Iterator[str]:
    yield from (f"{component.output}{ending}" for ending in ENDINGS)
    yield from (f"{DIST}/{component.name}{ending}" for ending in ("", TAR))


def problems(folder: Path, plan: Plan) -> Iterator[str]:
    """Yield a line `plan.moves[0]: what is wrong` for each thing that no plan for this folder may do.

    Raises ScaffoldError where the inventory that holds when it is done can't be read.
    """
    shelf = plan.shelf if SHELF.fullmatch(plan.shelf) else ""
    if plan.shelf != shelf or (plan.moves and not shelf):
        yield f"plan.shelf: `{shown(plan.shelf)}` is no folder of the archive, such as `archive/20260131T235959Z`"
    elif shelf and (link := _link_problem(folder, f"{shelf}/{FILE}")):
        yield f"plan.shelf: {link}"
    for index, step in enumerate(plan.steps):
        wrong = _step_problem(step, shelf) or _link_problem(folder, step.path)
        if wrong:
            yield f"plan.steps[{index}].path: {wrong}"
    ended = [step.before for step in plan.steps if step.path == takeover.FILE and step.after is None]
    notes = [takeover.parsed(text, takeover.FILE) for text in ended if text]
    if plan.ca not in ("", *(note.ca for note in notes)):
        yield f"plan.ca: `{shown(plan.ca)}` is not where `adopt` found a CA"
    if plan.moves:
        allowed = _movable(folder, plan, notes)
        for index, path in enumerate(plan.moves):
            wrong = _move_problem(folder, path, shelf, allowed)
            if wrong:
                yield f"plan.moves[{index}]: {wrong}"


def _step_problem(step: Step, shelf: str) -> str:
    path, below = step.path, f"{shelf}/"
    if shelf and path.startswith(below):
        if step.before is not None or step.after is None:
            return f"`{shown(path)}` is in the archive, where nothing is changed"
        return rendered_problem(path.removeprefix(below).removesuffix(BESIDE))
    wrong = "" if path in STATE_FILES else rendered_problem(path.removesuffix(BESIDE))
    if wrong or step.after is not None or path.endswith(BESIDE) or path == takeover.FILE:
        return wrong
    if path in (*RENDERED, LAST_RENDER) or not is_request(step.before):
        return f"`{path}` is not taken away: it is no request as they are rendered"
    return ""


def _link_problem(folder: Path, path: str) -> str:
    try:
        files.inside(folder, path)
    except ScaffoldError as error:
        return error.summary
    return ""


def _movable(folder: Path, plan: Plan, notes: list[takeover.Takeover]) -> set[str]:
    """Return what the plan may move away, by what it says of the folder before and what holds when it is done."""
    steps = {step.path: step for step in plan.steps}
    change, rendered = steps.get(FILE), steps.get(LAST_RENDER)
    now = files.read_text(folder, FILE) or ""
    new = _inventory((change.after or "") if change and change.before == now else now)
    try:
        old = _inventory(change.before or "") if change else new
    except ScaffoldError:
        old = new
    recorded = record.parsed((rendered and rendered.before) or "", LAST_RENDER)
    sources = {seed.source for note in notes for seed in note.seeds.values()}
    wanted = {path.lower() for path in (*RENDERED, *(component.request for component in new.components))}
    requests = {*recorded, *sources, *(component.request for component in old.components)}
    authorities = {f"{base}{ending}" for base in (plan.ca, *(note.ca for note in notes)) for ending in ENDINGS}
    return {*taken_out(old, new), *(path for path in requests if path.lower() not in wanted)} - authorities


def _inventory(text: str) -> Inventory:
    return intake.from_json(text.removeprefix("\ufeff"))


def _move_problem(folder: Path, path: str, shelf: str, allowed: set[str]) -> str:
    if path not in allowed:
        return f"`{shown(path)}` goes with nothing that this plan takes out"
    moved = posixpath.join(shelf, path)
    wrong = _link_problem(folder, path) or _link_problem(folder, moved)
    if wrong:
        return wrong
    content, there = _content(folder / path), _content(folder / moved)
    if is_of_ca(folder, path):
        return f"`{path}` is the CA's"
    return f"`{moved}` is another file" if content and there is not None and content != there else ""


def is_of_ca(folder: Path, path: str, base: str = BASE) -> bool:
    """Tell whether a file is the certificate or the key of the CA at `base`, or a copy: adopted folders have one."""
    content = _content(folder / path)
    return bool(content) and content in (_content(folder / f"{base}.pem"), _content(folder / f"{base}-key.pem"))


def _content(path: Path) -> bytes | None:
    """Return the bytes of a plain file, None of anything else."""
    with suppress(OSError, ScaffoldError):
        return plain(path, str(path))
    return None
