"""`tls-scaffold adopt`: a folder made by hand gets an inventory."""

import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tls_scaffold.cfssl import durations
from tls_scaffold.disk import folder as files
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats, intake
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import journal
from tls_scaffold.keeping import keep as keeping
from tls_scaffold.keeping.adoption import CONFIG, Adopted, adopted
from tls_scaffold.keeping.changes import Plan, Step
from tls_scaffold.keeping.merge import common
from tls_scaffold.keeping.takeover import FILE as ADOPTED
from tls_scaffold.keeping.takeover import Takeover
from tls_scaffold.makefiles import foreign, makefile
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.makeblocks import blocks
from tls_scaffold.makefiles.makefile import MAKEFILE, Survey
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import LAST_RENDER, last_render

COMMAND = ("adopt",)
CHANGE_FIRST = (
    "change what is told in the Makefile and the requests, then adopt: certificates lie below the folder, "
    "and users, members and the CA have CNs of their own"
)
SIGNED_TWICE = "write what signs into rules of the Makefile itself, not into a macro or a file that it includes"
HOUR = timedelta(hours=1)
OURS = ("req", "all")  # what signs everything after a sync: each by its name, and what is missing
ADDITIVE = (".gitignore",)  # with the requests: where our lines join those of the team


def adopt(folder: Path, *, dry_run: bool = False) -> Plan:
    """Describe a folder made by hand in a new `tls-scaffold.json`, and note what was understood of it.

    No other file is changed, and with `dry_run` none at all. Raises ScaffoldError with everything that is
    not understood, and then nothing is written.
    """
    if dry_run:
        _check(folder)
        return Plan().with_more(_steps(folder))
    files.check(folder)
    with files.lock(folder, "tls-scaffold adopt"):
        left = journal.finish(folder)
        if left and left.command == COMMAND:
            return left.plan
        _check(folder)
        return journal.carry_out(folder, journal.Entry(COMMAND, Plan().with_more(_steps(folder))))


def _check(folder: Path) -> None:
    files.check(folder)
    if (folder / FILE).exists():
        raise ScaffoldError(f"`{folder / FILE}` exists: the folder has its inventory", hint="`tls-scaffold sync`")
    if not (folder / MAKEFILE).is_file():
        raise ScaffoldError(f"`{folder}` has no `{MAKEFILE}` to take over", hint="`tls-scaffold new` makes a folder")
    if "sh sign.sh" in (files.read_text(folder, MAKEFILE) or ""):
        hint = "put `tls-scaffold.json` back, or make one with `tls-scaffold new` in another folder and copy it"
        raise ScaffoldError(f"`{folder}` has a Makefile of ours, but its inventory is missing", hint=hint)
    there = {entry.name for entry in folder.iterdir()}  # `exists` finds `Makefile` itself where names have no case
    others = [name for name in makefile.READ_FIRST if name in there]
    if others:
        raise ScaffoldError(f"make reads `{others[0]}` instead of `{MAKEFILE}`", hint=f"rename it to `{MAKEFILE}`")


def _steps(folder: Path) -> Iterable[Step]:
    survey = makefile.survey(folder)
    if survey.unread:
        raise ScaffoldError("the Makefile signs in a way that is not understood", map(str, survey.unread))
    requests = {path for signing in survey.signings for path in (signing.request, signing.config) if path}
    found = {path: files.read_text(folder, path) for path in requests if files.inside(folder, path)}
    read = adopted(survey.signings, {path: text for path, text in found.items() if text is not None})
    inventory = _inventory(read)
    rendered = template.render(inventory)
    takeover = _takeover(folder, survey, read, rendered[MAKEFILE])
    record = _record(folder, takeover, rendered)
    _prove(folder, inventory, record, takeover, survey)
    yield Step(FILE, None, inventory.to_json())
    yield Step(LAST_RENDER, files.read_text(folder, LAST_RENDER), last_render(record))
    yield Step(ADOPTED, files.read_text(folder, ADOPTED), takeover.to_json())


def _inventory(read: Adopted) -> Inventory:
    try:
        return intake.of_data(read.inventory)
    except ScaffoldError as error:
        summary = "no inventory can describe this folder, and nothing was changed"
        raise ScaffoldError(summary, error.problems, CHANGE_FIRST) from None


def _takeover(folder: Path, survey: Survey, adopted: Adopted, ours: str) -> Takeover:
    parts = foreign.parts(files.read_text(folder, MAKEFILE) or "", ours)
    if parts.problems:
        raise ScaffoldError("the Makefile is not understood, and nothing was changed", parts.problems)
    leaves = {signing.output for signing in survey.signings if not signing.makes_ca}
    targets = {
        name: tuple(f"{output}.pem" for output in survey.makes.get(name, ()) if output in leaves)
        for name in parts.targets
    }
    lines = tuple(dict.fromkeys(parts.understood))
    return Takeover(lines, {name: makes for name, makes in targets.items() if makes}, adopted.seeds, adopted.ca)


def _record(folder: Path, takeover: Takeover, rendered: dict[str, str]) -> dict[str, str]:
    """Return what counts as rendered last: of each file the part that was understood."""
    now = {path: text for path in rendered if (text := files.read_text(folder, path)) is not None}
    there = takeover.given(folder, now, rendered)
    scripts = [path for path in now if path.endswith(".sh") and now[path] != rendered[path]]
    if scripts:
        problems = [f"`{path}` has the name of a script of ours" for path in scripts]
        raise ScaffoldError("our scripts have no place in this folder", problems, "give yours another name")
    requests = {
        path: _understood(path, there[path], text)
        for path, text in rendered.items()
        if path in there and path != FILE and (path.endswith(".json") or path in ADDITIVE)
    }
    return {**requests, MAKEFILE: rendered[MAKEFILE]}


def _understood(path: str, yours: str, ours: str) -> str:
    """Return the base for a merge: lines of ours and profiles are added, and hosts to a request; the rest stays.

    The expiry that the inventory has from them is understood too, in other words or where their CA ends before it.
    A request without `names` or `key` asks for none. The empty host of the Calico guide's requests is
    understood, and goes: it makes an empty DNS name.
    """
    if path in ADDITIVE:
        there = yours.split("\n")
        return "\n".join(line for line in ours.split("\n") if line in there)
    if path == CONFIG:
        return _with_their_expiry(common(path, yours, ours, fill_lists=False), yours, ours)
    there, new = json.loads(yours), json.loads(ours)
    if not ("hosts" in there and "hosts" in new):
        return ours
    hosts = [host for host in new["hosts"] if host in (there["hosts"] or ())]
    return json.dumps({**new, "hosts": [*hosts, *([""] if "" in (there["hosts"] or ()) else [])]})


def _with_their_expiry(base: str, yours: str, ours: str) -> str:
    """Return the base of the signing configuration with their own default expiry where ours stands for it."""
    try:
        there, new, document = (formats.parse(text, CONFIG, "json") for text in (yours, ours, base))
    except ScaffoldError:  # whoever merges them says so
        return base
    own = dict(_expiries(there))
    theirs, our = (each.get("", {}).get("expiry") for each in (own, dict(_expiries(new))))
    lasts, ends = (durations.parse(each) if isinstance(each, str) else None for each in (theirs, our))
    if lasts is None or ends is None or lasts % HOUR or lasts < ends:
        return base
    for name, profile in _expiries(document):
        if profile["expiry"] == our and own.get(name, {}).get("expiry") == theirs:
            profile["expiry"] = theirs
    return json.dumps(document)


def _expiries(config: Any) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the profiles of a signing configuration that say how long, by name; the default has none."""
    signing = config.get("signing") if isinstance(config, dict) else None
    profiles = signing.get("profiles") if isinstance(signing, dict) else None
    default = signing.get("default") if isinstance(signing, dict) else None
    for name, profile in (("", default), *(profiles.items() if isinstance(profiles, dict) else ())):
        if isinstance(profile, dict) and "expiry" in profile:
            yield name, profile


def _prove(
    folder: Path,
    inventory: Inventory,
    record: dict[str, str],
    takeover: Takeover,
    survey: Survey,
) -> None:
    """Ask make whether the folder would sign the same certificates after a sync, ours alone; ScaffoldError if not."""
    plan = keeping.planned(folder, keeping.Change(inventory, inventory), record, takeover)
    before = Counter(signing.output for signing in survey.signings if not signing.makes_ca)
    with tempfile.TemporaryDirectory(prefix="tls-scaffold-") as name:
        synced = Path(name)
        _copy(folder, synced, plan)
        left = _left(files.read_text(synced, MAKEFILE) or "", record[MAKEFILE], survey)
        found = {goal: makefile.of_goal(synced, goal) for goal in (*OURS, *left)}
    problems = [problem for goal in OURS for problem in _miscounted(before, found[goal].signings)]
    problems = problems or [problem for goal, after in found.items() for problem in _beside_ours(goal, after)]
    if problems:
        raise ScaffoldError(
            "the Makefile is not understood, and nothing was changed", dict.fromkeys(problems), SIGNED_TWICE
        )


def _left(text: str, ours: str, survey: Survey) -> list[str]:
    """Return the targets that signed before, and whose commands are in a Makefile still, though not ours."""
    there = {name for block in blocks(text) if block.recipe for name in block.names}
    own = there - {name for block in blocks(ours) for name in block.names}
    return [goal for goal, made in survey.makes.items() if made and goal in own]


def _miscounted(before: Counter[str], signings: Iterable[Signing]) -> Iterable[str]:
    after = Counter(signing.output for signing in signings if not signing.makes_ca)
    for output in before | after:
        if before[output] != after[output]:
            yield f"`{output}.pem` would be signed {after[output]} times after `sync`, now {before[output]}"


def _beside_ours(goal: str, after: Survey) -> Iterable[str]:
    """Yield what a goal would have signed by lines that are not ours, all of which count as gone."""
    for signing in after.signings:
        if signing not in after.own:
            yield f"{goal}: `{signing.output}.pem` would still be signed by a line of its own after `sync`"
    for each in after.unread:
        yield f"{goal}: `{each.line}` would stay"


def _copy(folder: Path, target: Path, plan: Plan) -> None:
    """Fill a temporary folder with links to the files of another, and with what the plan would write."""
    written = {step.path: step.after for step in plan.steps if step.after is not None}
    _link(folder, target, {parent for path in written for parent in (folder / path).parents})
    for path, text in written.items():
        files.write(target, path, text)


def _link(folder: Path, target: Path, real: Collection[Path]) -> None:
    """Fill a folder with links to all that another has, but with folders of its own where `real` names them."""
    for entry in folder.iterdir():
        if entry in real and entry.is_dir():
            (target / entry.name).mkdir()
            _link(entry, target / entry.name, real)
        else:
            (target / entry.name).symlink_to(entry.resolve())
