"""`tls-scaffold adopt --from-script`: what a shell script signs gets an inventory."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tls_scaffold.commands import keysingit
from tls_scaffold.commands.adopted import Taken, next_command, taken_certificates
from tls_scaffold.commands.adopting import (
    check_has_no_inventory,
    check_has_no_makefile,
    inventory_of,
    plan_without_makefile,
    without_hosts,
    write,
)
from tls_scaffold.commands.outcomes import Outcome
from tls_scaffold.disk.plainfiles import own_text, own_texts, read_file
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.keeping.adoption import Adopted, describe_folder
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.scriptrequests import OwnRequests, with_own_requests
from tls_scaffold.keeping.scriptsurvey import ScriptSurvey, Signed, Surroundings, survey_script
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import MIB
from tls_scaffold.reading import decoded

LARGEST_SCRIPT = MIB
NOT_CHANGED = "the script is not understood, and nothing was changed"
TAKE_OVER = "`tls-scaffold adopt` takes it over; where it only runs the script, move it away first"
CHANGE_FIRST = (
    "change what is told in the script, or in a copy of it, and adopt from that; "
    "`-C DIR` names the folder that it signs in"
)


@dataclass(frozen=True)
class ScriptAdopted:
    """What was written for a script, or would be, and what each certificate was taken for.

    `unread` are lines of cfssl that could not be followed, `left` commands that stay in the script.
    """

    folder: Path
    plan: Plan
    dry_run: bool
    taken: tuple[Taken, ...]
    unread: tuple[Problem, ...]
    left: tuple[Problem, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """Return it as a JSON document, in the shape that all commands share, and more."""
        done = Outcome("adopt", self.folder, self.plan, self.warnings, self.dry_run).result()
        further = {
            "taken": [asdict(each) for each in self.taken],
            "unread": list(map(str, self.unread)),
            "left": list(map(str, self.left)),
        }
        return done.to_json({"next": [next_command(self.folder)], **further})


def adopt_script(
    folder: Path, script: Path, arguments: Iterable[str], *, dry_run: bool
) -> ScriptAdopted:
    """Describe what a shell script would sign in a folder in a new `tls-scaffold.json`.

    The script is read, never run. Beside what `adopt` writes, the requests that the script writes
    itself are put into `config/`. Raises ScaffoldError as `adopt`.
    """
    check_has_no_inventory(folder)
    check_has_no_makefile(folder, ": what that signs counts", TAKE_OVER)
    survey = _survey(folder, script, arguments)
    own, adopted, texts = _describe(folder, survey)
    inventory = inventory_of(adopted, CHANGE_FIRST)
    taken = tuple(taken_certificates(folder, inventory, own.signings, texts))

    def make_plan() -> Plan:
        check_has_no_inventory(folder)
        return plan_without_makefile(folder, adopted, own.texts, CHANGE_FIRST)

    plan = write(folder, make_plan, dry_run=dry_run)
    left = (*survey.left, *_moved(survey.signed))
    told = (*keysingit.warnings(folder), *without_hosts(inventory))
    return ScriptAdopted(folder, plan, dry_run, taken, survey.unread, left, told)


def _survey(folder: Path, script: Path, arguments: Iterable[str]) -> ScriptSurvey:
    home = os.path.realpath(folder)
    text = decoded(read_file(script, LARGEST_SCRIPT), f"`{script}`")

    def read(path: str) -> str | None:
        with suppress(ScaffoldError):
            if path.startswith(f"{home}/"):
                return own_text(folder, path.removeprefix(f"{home}/"), LARGEST_SCRIPT)
        return None

    def is_there(path: str) -> bool:
        return path == home or (path.startswith(f"{home}/") and os.path.lexists(path))

    survey = survey_script(
        text, os.path.realpath(script), home, arguments, Surroundings(read, is_there, os.environ)
    )
    if not survey.signed:
        nothing = Problem(Place(), f"`{script}` has no line of cfssl that is run")
        told = (*survey.unread, *survey.left) or (nothing,)
        raise ScaffoldError(NOT_CHANGED, told, CHANGE_FIRST)
    return survey


def _describe(folder: Path, survey: ScriptSurvey) -> tuple[OwnRequests, Adopted, dict[str, str]]:
    """Return what a script signs, what that is as a folder, and all its requests by path."""
    own = with_own_requests(survey.signed)
    problems: list[Problem | str] = [*own.problems, *_signing_problems(own.signings)]
    problems += _taken(folder, own.texts)
    if problems:
        raise ScaffoldError(NOT_CHANGED, problems, CHANGE_FIRST)
    paths = {path for each in own.signings for path in (each.request, each.config) if path}
    texts = {**own_texts(folder, sorted(paths - own.texts.keys())), **own.texts}
    return own, describe_folder(own.signings, texts), texts


def _signing_problems(signings: Iterable[Signing]) -> Iterator[str]:
    """Say what no inventory can describe, in the words of a script."""
    every = [*signings]
    if not any(each.makes_ca for each in every):
        yield "the script makes no CA that could be followed (`cfssl gencert -initca`)"
    if all(each.makes_ca for each in every):
        yield "the script signs no certificate but CAs that could be followed"
    for each in every:
        if each.output.startswith(("/", "..")):
            yield f"{each.target}: `{each.certificate_path}` is not below the folder"


def _taken(folder: Path, texts: Mapping[str, str]) -> Iterator[str]:
    """Say which files that are there differ from what the script would write now."""
    for path, there in own_texts(folder, texts).items():
        if there.strip() != texts[path].strip():
            yield f"`{path}` is there, and the script writes another request: move one away"


def _moved(signed: Iterable[Signed]) -> Iterator[Problem]:
    """Tell the certificates whose files have other names in the end than a component's can have."""
    for each in signed:
        if any(each.moved):
            name = each.signing.certificate_path
            there = each.moved[0] or each.moved[1]
            yield Problem(each.place, f"`{name}` is moved to `{there}`, and make signs it anew")
