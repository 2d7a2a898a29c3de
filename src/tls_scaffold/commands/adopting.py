"""What every way to adopt has in common: an inventory is written, and what counts as rendered."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.obstacles import check_folder
from tls_scaffold.disk.plainfiles import own_text, own_texts
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.adoption import Adopted
from tls_scaffold.keeping.adoptionnote import AdoptionNote, note_problems
from tls_scaffold.keeping.neededprofiles import needed_config
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.makefiles.gnumake import READ_FIRST
from tls_scaffold.paths import ADOPTED, CONFIG, MAKEFILE, SCRIPTS
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, Entry, record_text, recorded
from tls_scaffold.spelling import listed

COMMAND = ("adopt",)
FEW = 3  # names that a line has room for


def write(folder: Path, make_plan: Callable[[], Plan], *, dry_run: bool) -> Plan:
    """Carry out the plan of an adoption, or what a killed one has left; only return it if dry.

    `make_plan` raises ScaffoldError where the folder can't be adopted, or is already.
    """
    check_folder(folder)
    plan = Plan()
    if dry_run or not journal.has_pending(folder):
        plan = make_plan()
    if dry_run:
        return plan
    # All that can be refused is refused before the lock, which makes `archive/` in the folder.
    if plan:
        journal.check_plan(folder, journal.Entry(COMMAND, plan))
    with lock(folder):
        pending = journal.finish_pending(folder)
        if pending and pending.command == COMMAND:
            return pending.plan
        # Another run may have ended meanwhile, or have left its work half done.
        if not plan or (folder / FILE).exists():
            plan = make_plan()
        return journal.carry_out(folder, journal.Entry(COMMAND, plan))


def without_hosts(inventory: Inventory) -> tuple[str, ...]:
    """Say which members have no address in an inventory: others have to find them."""
    homeless = [each.name for each in inventory.members if not each.hosts]
    if not homeless:
        return ()
    return (
        (
            f"no `hosts` are known of {listed(homeless, FEW)}: `tls-scaffold bundle` and `make "
            f"rbac` need each member's, in `{FILE}`"
        ),
    )


def check_has_no_inventory(folder: Path) -> None:
    """Raise ScaffoldError for a folder that is kept already."""
    if (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`"
        )


def check_has_no_makefile(folder: Path, why: str, hint: str) -> None:
    """Raise ScaffoldError, which says `why`, for a folder with a file that make reads."""
    there = [name for name in (MAKEFILE, *READ_FIRST) if os.path.lexists(folder / name)]
    if there:
        raise ScaffoldError(f"`{folder}` has a `{there[0]}`{why}", hint=hint)


def inventory_of(adopted: Adopted, change_first: str) -> Inventory:
    """Return the inventory that describes a folder; ScaffoldError with a hint where none can."""
    try:
        return intake.of_data(adopted.inventory, users_are_enough=True)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, change_first) from None


def plan_without_makefile(
    folder: Path, adopted: Adopted, texts: Mapping[str, str], change_first: str
) -> Plan:
    """Return what is written of a folder that has no Makefile to take over.

    `texts` are requests, and a configuration, that go into it.
    """
    inventory = inventory_of(adopted, change_first)
    note = AdoptionNote((), {}, adopted.seeds, adopted.ca)
    if wrong := note_problems(note):
        summary = "`sync` could not take this folder over, and nothing was changed"
        raise ScaffoldError(summary, [each.message for each in wrong], change_first)
    new = {
        **texts,
        FILE: inventory.to_json(),
        LAST_RENDER: record_text(last_rendered(folder, note, inventory, texts)),
        ADOPTED: note.to_json(),
    }
    steps = [Step(path, own_text(folder, path), text) for path, text in new.items()]
    return Plan().with_more(step for step in steps if step.before != step.after)


def last_rendered(
    folder: Path, note: AdoptionNote, inventory: Inventory, written: Mapping[str, str]
) -> Iterator[Entry]:
    """Yield what counts as rendered last: all that we render in the place of files of the team.

    So whatever differs there counts as the team's own edit, and stays. `written` are texts that are
    on their way into the folder.
    """
    rendered = template.render(inventory)
    now = {**own_texts(folder, rendered), **written}
    scripts = [path for path in SCRIPTS if path in now and now[path] != rendered.get(path)]
    if scripts:
        problems = [f"`{path}` has the name of a script of ours" for path in scripts]
        raise ScaffoldError(
            "our scripts have no place in this folder", problems, "give yours another name"
        )
    yours = note.with_what_was_understood(folder, now, rendered)
    rendered[CONFIG] = needed_config(rendered[CONFIG], yours.get(CONFIG), inventory.components)
    for path, text in rendered.items():
        if path in yours and (path == MAKEFILE or path.endswith(".json")):
            yield from recorded(path, text)
