"""A plan in a few lines that a person can judge, before its diff."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tls_scaffold.paths import ARCHIVE, GENERATED, OURS_IF_SAID, STATE
from tls_scaffold.spelling import listed

if TYPE_CHECKING:
    from tls_scaffold.keeping.plan import Plan

SHOWN = 6
STAYS = ("kept", "left", "unsure")


def summary_lines(plan: "Plan") -> Iterator[str]:
    """Yield what a plan would do to the files of a folder, a line for each kind of thing."""
    steps = [step for step in plan.steps if not is_record(step.path)]
    copies = [step.path for step in steps if step.path.startswith(f"{ARCHIVE}/")]
    own = [step for step in steps if step.path not in (*GENERATED, *OURS_IF_SAID, *copies)]
    generated = [step.path for step in steps if step.path in (*GENERATED, *OURS_IF_SAID)]
    archived = (*(path.removeprefix(f"{plan.shelf}/") for path in copies), *plan.moves)
    stays = [note.path for note in plan.notes if note.verb in STAYS]
    lines = {
        "write": [step.path for step in own if step.before is None],
        "change": [step.path for step in own if None not in (step.before, step.after)],
        "take away": [step.path for step in own if step.after is None],
        "leave as they are": stays,
        "ask you about": plan.conflicts,
        "write what is generated": generated,
        f"keep in {plan.shelf}": archived,
        "copy to certs/ the CA": [f"{plan.ca}.pem"] if plan.ca else [],
    }
    yield from (f"  {verb}: {few_paths(paths)}" for verb, paths in lines.items() if paths)


def is_record(path: str) -> bool:
    """Tell a file in which tls-scaffold keeps what it rendered: nobody has to look at it."""
    return path.startswith(f"{STATE}/")


def few_paths(paths: Iterable[str]) -> str:
    """Return the first of some paths in their order, and how many more there are."""
    return listed(sorted(paths), SHOWN, quote="")
