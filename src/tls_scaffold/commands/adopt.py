"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

from dataclasses import replace
from pathlib import Path

from tls_scaffold.commands import keysingit
from tls_scaffold.commands.adopted import (
    Adoption,
    Understood,
    taken_certificates,
    what_stays,
    without_cn,
)
from tls_scaffold.commands.adopting import (
    check_has_no_inventory,
    inventory_of,
    last_rendered,
    without_hosts,
    write,
)
from tls_scaffold.disk.plainfiles import own_text, own_texts
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping.adoption import Adopted, describe_folder
from tls_scaffold.keeping.adoptionnote import AdoptionNote, note_problems
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.keeping.record import record_of_entries
from tls_scaffold.keeping.trialsync import check_first_sync
from tls_scaffold.makefiles import foreign, gnumake, makefile
from tls_scaffold.makefiles.foreign import ForeignMakefile
from tls_scaffold.makefiles.ourmakefile import includes_our_rules
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import ADOPTED, MAKEFILE, RULES
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import (
    LAST_RENDER,
    record_text,
)
from tls_scaffold.state.cfsslscripts import scripts_with_cfssl, way_to_adopt

TAKE_APART = (
    "let the rules that sign hold lines of cfssl alone, and others what is not signing, "
    "then adopt; `tls-scaffold sign`, `status` and `check` take the folder as it is"
)
CHANGE_FIRST = (
    "change what is told in the Makefile and the requests, then adopt: "
    "certificates lie below the folder, and users, members and the CA have CNs of their own"
)


def adopt(folder: Path, *, dry_run: bool) -> Adoption:
    """Describe a folder made by hand in a new `tls-scaffold.json`.

    What was understood of it is noted for the first `sync`. No other file is changed, and with
    `dry_run` none at all. Raises ScaffoldError with everything that is not understood, and then
    nothing is written.
    """
    understood: list[Understood] = []

    def make_plan() -> Plan:
        _check_is_handmade(folder)
        plan, last = _understand(folder)
        understood.append(last)
        return plan

    plan = write(folder, make_plan, dry_run=dry_run)
    # What a killed run had written is finished without a new plan.
    last = understood[-1] if understood else _understand(folder)[1]
    return Adoption(folder, plan, last, dry_run, (*keysingit.warnings(folder), *last.lacking))


def _check_is_handmade(folder: Path) -> None:
    check_has_no_inventory(folder)
    gnumake.check_is_read(folder)
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


def _understand(folder: Path) -> tuple[Plan, Understood]:
    """Return what is to be written about a folder, and what it was understood to be."""
    with ca_kept(folder):
        survey = makefile.survey_makefile(folder)
        if survey.unread:
            summary = "the Makefile signs in a way that is not understood"
            raise ScaffoldError(summary, map(str, survey.unread), TAKE_APART)
        sources = {path for each in survey.signings for path in (each.request, each.config) if path}
        texts = own_texts(folder, sorted(sources))
        adopted = describe_folder(survey.signings, texts)
        inventory = inventory_of(adopted, CHANGE_FIRST)
        rendered = template.render(inventory)
        parts = _parts(folder, rendered[MAKEFILE] + rendered[RULES])
        note = _note(parts, survey, adopted)
        entries = tuple(last_rendered(folder, note, inventory, {}))
        record = record_of_entries(entries)
        first_sync = check_first_sync(folder, inventory, record, note, survey)
    taken = tuple(taken_certificates(folder, inventory, survey.signings, texts))
    stays = what_stays(inventory, note, parts, survey.signings, adopted.config)
    understood = Understood(
        taken,
        (*stays, *without_cn(taken)),
        replace(first_sync, steps=tuple(step for step in first_sync.steps if step.path != FILE)),
        without_hosts(inventory),
    )
    written = {
        FILE: inventory.to_json(),
        LAST_RENDER: record_text(entries),
        ADOPTED: note.to_json(),
    }
    steps = [Step(path, own_text(folder, path), text) for path, text in written.items()]
    return Plan().with_more(steps), understood


def _parts(folder: Path, ours: str) -> ForeignMakefile:
    """Take the folder's Makefile apart; ScaffoldError for what is neither signing nor its own."""
    parts = foreign.take_apart(own_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        summary = "the Makefile is not understood, and nothing was changed"
        raise ScaffoldError(summary, parts.problems, TAKE_APART)
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
