"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tls_scaffold.commands.adopted import (
    Adoption,
    Understood,
    taken_certificates,
    what_stays,
    without_cn,
)
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
from tls_scaffold.makefiles.foreign import ForeignMakefile
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

COMMAND = ("adopt",)
SCRIPTS = (RULES, "sign.sh", "rbac.sh", "rbac.tsv")
CHANGE_FIRST = (
    "change what is told in the Makefile and the requests, then adopt: "
    "certificates lie below the folder, and users, members and the CA have CNs of their own"
)


def adopt(folder: Path, *, dry_run: bool = False) -> Adoption:
    """Describe a folder made by hand in a new `tls-scaffold.json`.

    What was understood of it is noted for the first `sync`. No other file is changed, and with
    `dry_run` none at all. Raises ScaffoldError with everything that is not understood, and then
    nothing is written.
    """
    check_folder(folder)
    plan, understood = Plan(), None
    if dry_run or not journal.has_pending(folder):
        _check_is_handmade(folder)
        plan, understood = _understand(folder)
    if dry_run:
        return Adoption(folder, plan, understood, dry_run)
    # All that can be refused is refused before the lock, which makes `archive/` in the folder.
    if plan:
        journal.check_plan(folder, journal.Entry(COMMAND, plan))
    with lock(folder):
        pending = journal.finish_pending(folder)
        if pending and pending.command == COMMAND:
            return Adoption(folder, pending.plan, _understand(folder)[1], dry_run)
        # Another run may have ended meanwhile, or have left its work half done.
        if not plan or (folder / FILE).exists():
            _check_is_handmade(folder)
            plan, understood = _understand(folder)
        done = journal.carry_out(folder, journal.Entry(COMMAND, plan))
        return Adoption(folder, done, understood, dry_run)


def _check_is_handmade(folder: Path) -> None:
    if (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`"
        )
    # `exists` finds `Makefile` itself where names have no case.
    there = {entry.name for entry in folder.iterdir()}
    others = [name for name in gnumake.READ_FIRST if name in there]
    if others:
        raise ScaffoldError(
            f"make reads `{others[0]}` instead of `{MAKEFILE}`", hint=f"rename it to `{MAKEFILE}`"
        )
    if not (folder / MAKEFILE).is_file():
        raise ScaffoldError(
            f"`{folder}` has no `{MAKEFILE}` to take over", hint="`tls-scaffold new` makes a folder"
        )
    if includes_our_rules(own_text(folder, MAKEFILE) or ""):
        raise ScaffoldError(
            f"`{folder}` has a Makefile of ours, but its inventory is missing",
            hint="put `tls-scaffold.json` back, "
            "or make one with `tls-scaffold new` in another folder and copy it",
        )


def _understand(folder: Path) -> tuple[Plan, Understood]:
    """Return what is to be written about a folder, and what it was understood to be."""
    with ca_kept(folder):
        survey = makefile.survey_makefile(folder)
        if survey.unread:
            raise ScaffoldError(
                "the Makefile signs in a way that is not understood", map(str, survey.unread)
            )
        sources = {path for each in survey.signings for path in (each.request, each.config) if path}
        texts = own_texts(folder, sorted(sources))
        adopted = describe_folder(survey.signings, texts)
        inventory = _inventory(adopted)
        rendered = template.render(inventory)
        parts = _parts(folder, rendered[MAKEFILE] + rendered[RULES])
        note = _note(parts, survey, adopted)
        entries = tuple(_entries(folder, note, inventory))
        record = record_of_entries(entries)
        first_sync = check_first_sync(folder, inventory, record, note, survey)
    taken = tuple(taken_certificates(folder, inventory, survey.signings))
    stays = what_stays(inventory, note, parts, survey.signings, adopted.config)
    understood = Understood(
        taken,
        (*stays, *without_cn(taken)),
        replace(first_sync, steps=tuple(step for step in first_sync.steps if step.path != FILE)),
    )
    written = {
        FILE: inventory.to_json(),
        LAST_RENDER: record_text(entries),
        ADOPTED: note.to_json(),
    }
    steps = [Step(path, own_text(folder, path), text) for path, text in written.items()]
    return Plan().with_more(steps), understood


def _inventory(adopted: Adopted) -> Inventory:
    try:
        return intake.of_data(adopted.inventory, users_are_enough=True)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, CHANGE_FIRST) from None


def _parts(folder: Path, ours: str) -> ForeignMakefile:
    """Take the folder's Makefile apart; ScaffoldError for what is neither signing nor its own."""
    parts = foreign.take_apart(own_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        raise ScaffoldError(
            "the Makefile is not understood, and nothing was changed", parts.problems
        )
    return parts


def _note(parts: ForeignMakefile, survey: Survey, adopted: Adopted) -> AdoptionNote:
    leaves = {signing.output for signing in survey.signings if not signing.makes_ca}
    targets = {}
    for name in parts.targets:
        made = survey.makes.get(name, ())
        if made or name in parts.needed:
            targets[name] = tuple(f"{output}.pem" for output in made if output in leaves)
    lines = tuple(dict.fromkeys(parts.replaced))
    note = AdoptionNote(lines, targets, adopted.seeds, adopted.ca)
    problems = [problem.message for problem in note_problems(note)]
    if problems:
        hint = "give requests, configuration and CA such names in the Makefile, then adopt"
        raise ScaffoldError(
            "`sync` could not take this folder over, and nothing was changed", problems, hint
        )
    return note


def _entries(folder: Path, note: AdoptionNote, inventory: Inventory) -> Iterator[Entry]:
    """Yield what counts as rendered last: all that we render in the place of files of the team.

    So whatever differs there counts as the team's own edit, and stays.
    """
    rendered = template.render(inventory)
    now = own_texts(folder, rendered)
    scripts = [path for path in SCRIPTS if path in now and now[path] != rendered[path]]
    if scripts:
        problems = [f"`{path}` has the name of a script of ours" for path in scripts]
        raise ScaffoldError(
            "our scripts have no place in this folder", problems, "give yours another name"
        )
    yours = note.with_what_was_understood(folder, now, rendered)
    rendered[CONFIG] = needed_config(rendered[CONFIG], yours.get(CONFIG), inventory.components)
    for path, text in rendered.items():
        if path == MAKEFILE or (path in yours and path.endswith(".json")):
            yield from recorded(path, text)
