"""What a plan has to do with the lines of Makefile and record that are no component's of today."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.record import Record, parse_record
from tls_scaffold.makefiles.componentlines import component_line_of, component_lines, lines_naming
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.rendering.documents import LAST_RENDER


def lines_left_over(folder: Path, plan: Plan) -> Iterator[str]:
    """Yield each line of a component that goes though the last render did not have it.

    A merge in git has brought it back, or somebody by hand.
    """
    kept = {line.name for line in component_lines(plan.after(MAKEFILE))}
    known = {*_rendered_before(folder, plan).lines, *kept}
    for number, line in enumerate(plan.before(MAKEFILE).split("\n"), 1):
        component = component_line_of(line)
        if component and component.name not in known:
            yield f"{MAKEFILE}:{number} went: `{component.name}` was removed before"


def requests_in_use(folder: Path, plan: Plan) -> Iterator[str]:
    """Yield each request that nothing is rendered to any more, and that a line still names."""
    record = plan.step(LAST_RENDER)
    if not record:
        return
    text = makefile_after(folder, plan)
    wanted = parse_record(record.after or "", LAST_RENDER).documents
    for path in sorted(_rendered_before(folder, plan).documents.keys() - wanted.keys()):
        places = [f"{MAKEFILE}:{number}" for number in lines_naming(text, path)]
        if places:
            yield f"`{path}` stays: {', '.join(places)} needs it"


def has_lost_record(plan: Plan) -> bool:
    """Tell whether the record of the last render lacks something of what a plan notes, or all.

    What it has too much is left by a merge in git, which no command has to mend.
    """
    step = plan.step(LAST_RENDER)
    if not step:
        return False
    before, after = (
        {line.partition("\t")[0] for line in (text or "").split("\n")}
        for text in (step.before, step.after)
    )
    return not (after <= before and parse_record(step.before or "", LAST_RENDER))


def makefile_after(folder: Path, plan: Plan) -> str:
    """Return the text of the Makefile when a plan is done."""
    step = plan.step(MAKEFILE)
    return (step.after if step else own_text(folder, MAKEFILE)) or ""


def _rendered_before(folder: Path, plan: Plan) -> Record:
    """Return the record before a plan, which another run may have carried out already."""
    step = plan.step(LAST_RENDER)
    return parse_record((step.before if step else own_text(folder, LAST_RENDER)) or "", LAST_RENDER)
