"""A plan as a unified diff, in the form that git shows and `git apply` takes."""

import difflib
import re
from collections.abc import Iterator

from tls_scaffold.keeping.changes import Plan, Step

NOTHING = "/dev/null"
NO_NEWLINE = "\\ No newline at end of file\n"


def unified(plan: Plan) -> str:
    """Return the diff of everything that the plan would change; a file that only moves is shown by its names."""
    return "".join(
        [*(line for step in plan.steps for line in _step(step)), *(_move(plan, path) for path in plan.moves)]
    )


def _step(step: Step) -> Iterator[str]:
    names = (NOTHING if step.before is None else f"a/{step.path}", NOTHING if step.after is None else f"b/{step.path}")
    before, after = (_lines(text or "") for text in (step.before, step.after))
    for line in difflib.unified_diff(before, after, *names):
        yield line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}"


def _lines(text: str) -> list[str]:
    """Return the lines as git sees them: `splitlines` would end one at other characters too."""
    return [line for line in re.split("(?<=\n)", text) if line]


def _move(plan: Plan, path: str) -> str:
    target = f"{plan.shelf}/{path}"
    names = f"rename from {path}\nrename to {target}\n"
    return f"diff --git a/{path} b/{target}\nsimilarity index 100%\n{names}"
