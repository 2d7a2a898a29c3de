"""What `adopt` tries before it writes anything: the first sync, in a temporary folder.

make itself is asked there what it would sign.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from tls_scaffold.disk.folder import write_inside
from tls_scaffold.disk.plainfiles import read_text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Inventory
from tls_scaffold.keeping.adoptionnote import AdoptionNote
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.record import Record
from tls_scaffold.keeping.samesignings import signed_otherwise
from tls_scaffold.keeping.update import make_plan
from tls_scaffold.makefiles import askedmake
from tls_scaffold.makefiles.blocks import split_into_blocks
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.gnumake import READ_FIRST
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.rendering import template

SIGNED_TWICE = (
    "write what signs into rules of the Makefile itself: "
    "not a macro, an included file or another Makefile"
)
OURS = ("req", "all")  # what signs everything after a sync: each by its name, and what is missing


def check_first_sync(
    folder: Path,
    inventory: Inventory,
    record: Record,
    note: AdoptionNote,
    survey: Survey,
) -> Plan:
    """Ask make whether a folder would sign the same after its first sync, by our lines alone.

    `record` is what counts as rendered last, `survey` what the folder's own Makefile signs. Returns
    what that sync would do. Raises ScaffoldError with every certificate that would be another, or
    would be signed by another line, or another number of times.
    """
    plan = make_plan(folder, Change(inventory, inventory), record, note)
    with tempfile.TemporaryDirectory(prefix="tls-scaffold-") as name:
        synced = Path(name).resolve()
        _copy_as_planned(folder, synced, plan)
        ours = template.render(inventory)[MAKEFILE]
        left = _goals_left(read_text(synced, MAKEFILE) or "", ours, survey)
        found = {goal: askedmake.survey_goal(synced, goal) for goal in (*OURS, *left)}
        others = list(signed_otherwise(folder, survey.signings, synced, found["req"].signings))
    before = _counted(survey.signings)
    problems = [
        problem for goal in OURS for problem in _miscounted(before, _counted(found[goal].signings))
    ]
    # Only where the numbers are right is there something to say of single lines.
    problems = problems or [
        problem for goal, after in found.items() for problem in _beside_ours(goal, after)
    ]
    if problems:
        raise ScaffoldError(
            "the Makefile is not understood, and nothing was changed",
            dict.fromkeys(problems),
            SIGNED_TWICE,
        )
    if others:
        raise ScaffoldError(
            "certificates would be others after `sync`, and nothing was changed", others
        )
    return plan


def _goals_left(text: str, ours: str, survey: Survey) -> list[str]:
    """Return the targets that signed before, and whose commands are in the Makefile still.

    Ours are left out.
    """
    there = {name for block in split_into_blocks(text) if block.recipe for name in block.names}
    own = there - {name for block in split_into_blocks(ours) for name in block.names}
    return [goal for goal, made in survey.makes.items() if made and goal in own]


def _counted(signings: Iterable[Signing]) -> Counter[str]:
    """Return how many times each certificate but the CA's is signed, by output."""
    return Counter(signing.output for signing in signings if not signing.makes_ca)


def _miscounted(before: Counter[str], after: Counter[str]) -> Iterator[str]:
    for output in before | after:
        if before[output] != after[output]:
            yield (
                f"`{output}.pem` would be signed {after[output]} times after `sync`, "
                f"now {before[output]}"
            )


def _beside_ours(goal: str, after: Survey) -> Iterator[str]:
    """Yield what a goal would sign by lines that are not ours, all of which count as taken over."""
    for signing in after.signings:
        if signing not in after.own:
            yield (
                f"{goal}: `{signing.certificate_path}` would still be signed "
                "by a line of its own after `sync`"
            )
    for each in after.unread:
        yield f"{goal}: `{each.line}` would stay"


def _copy_as_planned(folder: Path, target: Path, plan: Plan) -> None:
    """Fill a temporary folder with links to another's files, and with what the plan would write."""
    written = {step.path: step.after for step in plan.steps if step.after is not None}
    changed = {parent for path in written for parent in (folder / path).parents}
    _link_entries(folder, target, changed, target)
    for path, text in written.items():
        write_inside(target, path, text)


def _link_entries(folder: Path, target: Path, changed: Collection[Path], left_out: Path) -> None:
    """Fill a folder with links to all that another has, but with folders of its own if `changed`.

    And where a Makefile is: a make that is called there would run where the link leads. `left_out`
    is the copy itself, where the directory of temporary files lies in the folder.
    """
    for entry in folder.iterdir():
        if entry.resolve() == left_out:
            continue
        if entry.is_dir() and (entry in changed or _has_a_makefile(entry)):
            (target / entry.name).mkdir()
            _link_entries(entry, target / entry.name, changed, left_out)
        else:
            (target / entry.name).symlink_to(entry.resolve())


def _has_a_makefile(entry: Path) -> bool:
    there = any((entry / name).is_file() for name in (MAKEFILE, *READ_FIRST))
    return there and not entry.is_symlink() and os.access(entry, os.R_OK | os.X_OK)
