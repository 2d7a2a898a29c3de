"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tls_scaffold.disk import folder as files
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import handmade, journal, record, trialsync
from tls_scaffold.keeping.adoption import Adopted, adopted
from tls_scaffold.keeping.adoptionnote import FILE as ADOPTED
from tls_scaffold.keeping.adoptionnote import AdoptionNote, note_problems
from tls_scaffold.keeping.plan import Plan, Step
from tls_scaffold.makefiles import foreign, gnumake, makefile
from tls_scaffold.makefiles.makefile import MAKEFILE, Survey
from tls_scaffold.paths import RULES
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import (
    LAST_RENDER,
    NOT_RECORDED,
    Entry,
    compact,
    record_text,
    recorded,
)

COMMAND = ("adopt",)
SCRIPTS = (RULES, "sign.sh", "rbac.sh", "rbac.tsv")
CHANGE_FIRST = (
    "change what is told in the Makefile and the requests, then adopt: certificates lie below the folder, "
    "and users, members and the CA have CNs of their own"
)


def adopt(folder: Path, *, dry_run: bool = False) -> Plan:
    """Describe a folder made by hand in a new `tls-scaffold.json`, and note what was understood of it.

    No other file is changed, and with `dry_run` none at all. Raises ScaffoldError with everything that is
    not understood, and then nothing is written.
    """
    if dry_run:
        _check(folder)
        return Plan().with_more(_steps(folder))
    files.check(folder)
    with files.lock(folder):
        left = journal.finish(folder)
        if left and left.command == COMMAND:
            return left.plan
        _check(folder)
        return journal.carry_out(folder, journal.Entry(COMMAND, Plan().with_more(_steps(folder))))


def _check(folder: Path) -> None:
    files.check(folder)
    if (folder / FILE).exists():
        raise ScaffoldError(
            f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`"
        )
    there = {
        entry.name for entry in folder.iterdir()
    }  # `exists` finds `Makefile` itself where names have no case
    others = [name for name in gnumake.READ_FIRST if name in there]
    if others:
        raise ScaffoldError(
            f"make reads `{others[0]}` instead of `{MAKEFILE}`", hint=f"rename it to `{MAKEFILE}`"
        )
    if not (folder / MAKEFILE).is_file():
        raise ScaffoldError(
            f"`{folder}` has no `{MAKEFILE}` to take over", hint="`tls-scaffold new` makes a folder"
        )
    if f"include {RULES}" in (files.own_text(folder, MAKEFILE) or ""):
        hint = "put `tls-scaffold.json` back, or make one with `tls-scaffold new` in another folder and copy it"
        raise ScaffoldError(
            f"`{folder}` has a Makefile of ours, but its inventory is missing", hint=hint
        )


def _steps(folder: Path) -> Iterable[Step]:
    with ca_kept(folder):
        survey = makefile.survey_targets(folder)
        if survey.unread:
            raise ScaffoldError(
                "the Makefile signs in a way that is not understood", map(str, survey.unread)
            )
        requests = {
            path
            for signing in survey.signings
            for path in (signing.request, signing.config)
            if path
        }
        read = adopted(survey.signings, files.own_texts(folder, sorted(requests)))
        inventory = _inventory(read)
        rendered = template.render(inventory)
        note = _note(folder, survey, read, rendered[MAKEFILE] + rendered[RULES])
        entries = tuple(_understood(folder, note, rendered))
        trialsync.check(folder, inventory, record.of_entries(entries), note, survey)
    yield Step(FILE, None, inventory.to_json())
    yield Step(LAST_RENDER, files.own_text(folder, LAST_RENDER), record_text(entries))
    yield Step(ADOPTED, files.own_text(folder, ADOPTED), note.to_json())


def _inventory(read: Adopted) -> Inventory:
    try:
        return intake.of_data(read.inventory)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, CHANGE_FIRST) from None


def _note(folder: Path, survey: Survey, adopted: Adopted, ours: str) -> AdoptionNote:
    parts = foreign.take_apart(files.own_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        raise ScaffoldError(
            "the Makefile is not understood, and nothing was changed", parts.problems
        )
    leaves = {signing.output for signing in survey.signings if not signing.makes_ca}
    targets = {
        name: tuple(f"{output}.pem" for output in survey.makes.get(name, ()) if output in leaves)
        for name in parts.targets
    }
    lines = tuple(dict.fromkeys(parts.replaced))
    found = AdoptionNote(
        lines, {name: makes for name, makes in targets.items() if makes}, adopted.seeds, adopted.ca
    )
    problems = [problem.message for problem in note_problems(found)]
    if problems:
        hint = "give requests, configuration and CA such names in the Makefile, then adopt"
        raise ScaffoldError(
            "`sync` could not take this folder over, and nothing was changed", problems, hint
        )
    return found


def _understood(folder: Path, note: AdoptionNote, rendered: dict[str, str]) -> Iterator[Entry]:
    """Yield what counts as rendered last: the components, and of requests and configuration what was understood."""
    now = files.own_texts(folder, rendered)
    scripts = [path for path in SCRIPTS if path in now and now[path] != rendered[path]]
    if scripts:
        problems = [f"`{path}` has the name of a script of ours" for path in scripts]
        raise ScaffoldError(
            "our scripts have no place in this folder", problems, "give yours another name"
        )
    there = note.with_what_was_understood(folder, now, rendered)
    yield from recorded(MAKEFILE, rendered[MAKEFILE])
    for path, text in rendered.items():
        if path in there and path.endswith(".json") and path not in NOT_RECORDED:
            yield path, compact(handmade.base(path, there[path], text))
