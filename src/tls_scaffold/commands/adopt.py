"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

from collections.abc import Iterable
from pathlib import Path

from tls_scaffold.disk import folder as files
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import journal, rehearsal, understood
from tls_scaffold.keeping.adoption import Adopted, adopted
from tls_scaffold.keeping.changes import Plan, Step
from tls_scaffold.keeping.takeover import FILE as ADOPTED
from tls_scaffold.keeping.takeover import Takeover, takeover_problems
from tls_scaffold.makefiles import foreign, gnumake, makefile
from tls_scaffold.makefiles.makefile import MAKEFILE, Survey
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, last_render

COMMAND = ("adopt",)
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
        raise ScaffoldError(f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`")
    there = {entry.name for entry in folder.iterdir()}  # `exists` finds `Makefile` itself where names have no case
    others = [name for name in gnumake.READ_FIRST if name in there]
    if others:
        raise ScaffoldError(f"make reads `{others[0]}` instead of `{MAKEFILE}`", hint=f"rename it to `{MAKEFILE}`")
    if not (folder / MAKEFILE).is_file():
        raise ScaffoldError(f"`{folder}` has no `{MAKEFILE}` to take over", hint="`tls-scaffold new` makes a folder")
    if "sh sign.sh" in (files.own_text(folder, MAKEFILE) or ""):
        hint = "put `tls-scaffold.json` back, or make one with `tls-scaffold new` in another folder and copy it"
        raise ScaffoldError(f"`{folder}` has a Makefile of ours, but its inventory is missing", hint=hint)


def _steps(folder: Path) -> Iterable[Step]:
    with ca_kept(folder):
        survey = makefile.survey(folder)
        if survey.unread:
            raise ScaffoldError("the Makefile signs in a way that is not understood", map(str, survey.unread))
        requests = {path for signing in survey.signings for path in (signing.request, signing.config) if path}
        read = adopted(survey.signings, files.own_texts(folder, sorted(requests)))
        inventory = _inventory(read)
        rendered = template.render(inventory)
        takeover = _takeover(folder, survey, read, rendered[MAKEFILE])
        record = _record(folder, takeover, rendered)
        rehearsal.check(folder, inventory, record, takeover, survey)
    yield Step(FILE, None, inventory.to_json())
    yield Step(LAST_RENDER, files.own_text(folder, LAST_RENDER), last_render(record))
    yield Step(ADOPTED, files.own_text(folder, ADOPTED), takeover.to_json())


def _inventory(read: Adopted) -> Inventory:
    try:
        return intake.of_data(read.inventory)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, CHANGE_FIRST) from None


def _takeover(folder: Path, survey: Survey, adopted: Adopted, ours: str) -> Takeover:
    parts = foreign.parts(files.own_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        raise ScaffoldError("the Makefile is not understood, and nothing was changed", parts.problems)
    leaves = {signing.output for signing in survey.signings if not signing.makes_ca}
    targets = {
        name: tuple(f"{output}.pem" for output in survey.makes.get(name, ()) if output in leaves)
        for name in parts.targets
    }
    lines = tuple(dict.fromkeys(parts.understood))
    found = Takeover(lines, {name: makes for name, makes in targets.items() if makes}, adopted.seeds, adopted.ca)
    problems = [problem.partition(": ")[2] for problem in takeover_problems(found)]
    if problems:
        hint = "give requests, configuration and CA such names in the Makefile, then adopt"
        raise ScaffoldError("`sync` could not take this folder over, and nothing was changed", problems, hint)
    return found


def _record(folder: Path, takeover: Takeover, rendered: dict[str, str]) -> dict[str, str]:
    """Return what counts as rendered last: of each file the part that was understood."""
    now = files.own_texts(folder, rendered)
    there = takeover.given(folder, now, rendered)
    scripts = [path for path in now if path.endswith(".sh") and now[path] != rendered[path]]
    if scripts:
        problems = [f"`{path}` has the name of a script of ours" for path in scripts]
        raise ScaffoldError("our scripts have no place in this folder", problems, "give yours another name")
    requests = {
        path: understood.base(path, there[path], text)
        for path, text in rendered.items()
        if path in there and path != FILE and (path.endswith(".json") or path in understood.ADDITIVE)
    }
    return {**requests, MAKEFILE: rendered[MAKEFILE]}
