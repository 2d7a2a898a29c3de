"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.obstacles import check_folder
from tls_scaffold.disk.plainfiles import own_text, own_texts
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.adoption import Adopted, describe_folder
from tls_scaffold.keeping.adoptionnote import AdoptionNote, note_problems
from tls_scaffold.keeping.neededprofiles import needed_config
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.keeping.record import record_of_entries
from tls_scaffold.keeping.trialsync import check_first_sync
from tls_scaffold.makefiles import foreign, gnumake, makefile
from tls_scaffold.makefiles.makefile import MAKEFILE, Survey
from tls_scaffold.makefiles.ourmakefile import includes_our_rules
from tls_scaffold.paths import ADOPTED, CONFIG, RULES
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import (
    LAST_RENDER,
    Entry,
    record_text,
    recorded,
)
from tls_scaffold.state.cfsslscripts import scripts_with_cfssl, way_to_adopt

COMMAND = ("adopt",)
SCRIPTS = (RULES, "sign.sh", "rbac.sh", "rbac.tsv")
CHANGE_FIRST = (
    "change what is told in the Makefile and the requests, then adopt: "
    "certificates lie below the folder, and users, members and the CA have CNs of their own"
)


def adopt(folder: Path, *, dry_run: bool = False) -> Plan:
    """Describe a folder made by hand in a new `tls-scaffold.json`.

    What was understood of it is noted for the first `sync`. No other file is changed, and with
    `dry_run` none at all. Raises ScaffoldError with everything that is not understood, and then
    nothing is written.
    """
    return write(folder, lambda: _plan(folder), dry_run=dry_run)


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


def _plan(folder: Path) -> Plan:
    _check_is_handmade(folder)
    return Plan().with_more(_steps(folder))


def check_has_no_inventory(folder: Path) -> None:
    """Raise ScaffoldError for a folder that is kept already."""
    if (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`"
        )


def _check_is_handmade(folder: Path) -> None:
    check_has_no_inventory(folder)
    # `exists` finds `Makefile` itself where names have no case.
    there = {entry.name for entry in folder.iterdir()}
    others = [name for name in gnumake.READ_FIRST if name in there]
    if others:
        raise ScaffoldError(
            f"make reads `{others[0]}` instead of `{MAKEFILE}`", hint=f"rename it to `{MAKEFILE}`"
        )
    if not (folder / MAKEFILE).is_file():
        raise _without_makefile(folder)
    if includes_our_rules(own_text(folder, MAKEFILE) or ""):
        raise ScaffoldError(
            f"`{folder}` has a Makefile of ours, but its inventory is missing",
            hint="put `tls-scaffold.json` back, "
            "or make one with `tls-scaffold new` in another folder and copy it",
        )


def _without_makefile(folder: Path) -> ScaffoldError:
    scripts = scripts_with_cfssl(folder)
    hint = "`tls-scaffold new` makes a folder"
    if scripts:
        hint = f"`{way_to_adopt(scripts[0])}` reads what it signs, and does not run it"
    return ScaffoldError(
        f"`{folder}` has no `{MAKEFILE}` to take over",
        [f"`{name}` calls cfssl" for name in scripts],
        hint,
    )


def _steps(folder: Path) -> list[Step]:
    with ca_kept(folder):
        survey = makefile.survey_targets(folder)
        if survey.unread:
            raise ScaffoldError(
                "the Makefile signs in a way that is not understood", map(str, survey.unread)
            )
        sources = {path for each in survey.signings for path in (each.request, each.config) if path}
        adopted = describe_folder(survey.signings, own_texts(folder, sorted(sources)))
        inventory = inventory_of(adopted)
        rendered = template.render(inventory)
        note = _note(folder, survey, adopted, rendered[MAKEFILE] + rendered[RULES])
        entries = tuple(last_rendered(folder, note, inventory, {}))
        check_first_sync(folder, inventory, record_of_entries(entries), note, survey)
    texts = {
        FILE: inventory.to_json(),
        LAST_RENDER: record_text(entries),
        ADOPTED: note.to_json(),
    }
    return [Step(path, own_text(folder, path), text) for path, text in texts.items()]


def inventory_of(adopted: Adopted) -> Inventory:
    """Return the inventory that describes a folder; ScaffoldError where none can."""
    try:
        return intake.of_data(adopted.inventory)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, CHANGE_FIRST) from None


def _note(folder: Path, survey: Survey, adopted: Adopted, ours: str) -> AdoptionNote:
    parts = foreign.take_apart(own_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        raise ScaffoldError(
            "the Makefile is not understood, and nothing was changed", parts.problems
        )
    leaves = {signing.output for signing in survey.signings if not signing.makes_ca}
    targets = {}
    for name in parts.targets:
        makes = [f"{output}.pem" for output in survey.makes.get(name, ()) if output in leaves]
        if makes:
            targets[name] = tuple(makes)
    lines = tuple(dict.fromkeys(parts.replaced))
    note = AdoptionNote(lines, targets, adopted.seeds, adopted.ca)
    problems = [problem.message for problem in note_problems(note)]
    if problems:
        hint = "give requests, configuration and CA such names in the Makefile, then adopt"
        raise ScaffoldError(
            "`sync` could not take this folder over, and nothing was changed", problems, hint
        )
    return note


def last_rendered(
    folder: Path, note: AdoptionNote, inventory: Inventory, written: Mapping[str, str]
) -> Iterator[Entry]:
    """Yield what counts as rendered last: all that we render in the place of files of the team.

    So whatever differs there counts as the team's own edit, and stays. `written` are texts that are
    on their way into the folder.
    """
    rendered = template.render(inventory)
    now = {**own_texts(folder, rendered), **written}
    scripts = [path for path in SCRIPTS if path in now and now[path] != rendered[path]]
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
