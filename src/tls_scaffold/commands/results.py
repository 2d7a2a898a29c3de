"""What a command did, in one shape for all of them: for programs, as JSON."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

from tls_scaffold.commands import keysingit
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory.conflictmarkers import marker_problems
from tls_scaffold.keeping import consequences
from tls_scaffold.keeping.plan import Plan
from tls_scaffold.keeping.teamlines import has_lost_record, makefile_after
from tls_scaffold.keeping.unsettled import unsettled_texts
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.maketargets import replaced_targets
from tls_scaffold.makefiles.unreadlines import unread_lines
from tls_scaffold.paths import ARCHIVE, CERTIFICATE_ENDING

VERSION = 1
NOTHING: Mapping[str, object] = MappingProxyType({})
# Those that work on the folder where a person is, unless it is named; not those that work on none,
# or on one that stands behind them, nor what is typed on the CA's machine.
ELSEWHERE = (
    *(r"new\b", r"adopt\b", r"restore\b", r"signer-config\b", r"roles\b", r"schema\b", "cfssl"),
    *(r"requests (?:sign|show)\b", r"[a-z -]+ --(?:help|explain|list)\b"),
)
COMMAND = re.compile(rf"`(?:tls-scaffold(?= (?!{'|'.join(ELSEWHERE)})[a-z])|make(?= (?!-C)|`))")
KEPT = ("kept", "merged", "unsure", "left", "absent")


@dataclass(frozen=True)
class Result:
    """What was done, or would be in a dry run; paths are below the folder, and every key is there.

    `archived` are the paths of what went to the folder `archive`, or of which a copy did; `kept`
    what stays as a team has it, `present` the words of `add` that ask for what is there already.
    `next` has the commands to run, `error` is what ended it when something had been done.
    """

    command: str
    folder: str
    dry_run: bool = False
    changed: bool = False
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    archive: str | None = None
    conflicts: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    error: ScaffoldError | None = None

    def to_json(self, further: Mapping[str, object] = NOTHING) -> str:
        """Return it as a JSON document, with what one command has `further`."""
        folder = Path(self.folder)
        error = error_document(error_as_typed(self.error, folder)) if self.error else None
        return _text_of({**asdict(replace(self, error=None)), **further, "error": error})


@dataclass(frozen=True)
class Outcome:
    """What `add`, `remove` or `sync` did, or would do: its plan, and what that leads to.

    `present` are the words that ask for what is there already. In a dry run `unsettled` are the
    conflict markers that git has left. `unread` is why make does not read all components' lines,
    `replaced` which targets of the team's own it does not make.
    """

    command: str
    folder: Path
    plan: Plan
    warnings: tuple[str, ...]
    dry_run: bool
    present: tuple[str, ...] = ()
    unsettled: tuple[Problem, ...] = ()
    unread: tuple[Problem, ...] = ()
    replaced: tuple[Problem, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the folder follows its inventory already, and nothing is left to a person."""
        left = self.unsettled or self.unread or has_lost_record(self.plan)
        return self.plan.is_done and not left

    @property
    def next(self) -> tuple[str, ...]:
        """The commands to run then; a conflict has to be settled first."""
        if self.plan.conflicts:
            return ()
        return tuple(
            make_command(self.folder, target) for target in consequences.targets_to_run(self.plan)
        )

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        plan = self.plan
        own = plan.own_steps
        copies = [
            step.path.removeprefix(f"{plan.shelf}/")
            for step in plan.steps
            if step.path.startswith(f"{ARCHIVE}/")
        ]
        # The files of a CA are no texts, and so no steps.
        pems = [note for note in plan.notes if note.path.endswith(CERTIFICATE_ENDING)]
        gone = (note.path for note in pems if note.verb == "archived")
        archived = tuple(sorted({*copies, *plan.moves, *gone}))
        written = {step.path for step in own if step.after is not None}
        written |= {note.path for note in pems if note.verb == "wrote"}
        return Result(
            self.command,
            str(self.folder),
            dry_run=self.dry_run,
            changed=bool(plan or written or archived),
            written=tuple(sorted(written)),
            removed=tuple(sorted(step.path for step in own if step.after is None)),
            kept=tuple(note.path for note in plan.notes if note.verb in KEPT),
            archived=archived,
            archive=plan.shelf if archived else None,
            conflicts=plan.conflicts,
            present=self.present,
            warnings=self.warnings,
            next=self.next,
        )


def outcome_of(
    command: str, folder: Path, plan: Plan, *, dry_run: bool, present: Iterable[str] = ()
) -> Outcome:
    """Return what came of a command that keeps a folder."""
    inventory = consequences.inventory_after(folder, plan)
    text = makefile_after(folder, plan)
    keys = dict.fromkeys(each.key_path for each in (*inventory.components, *component_lines(text)))
    names = {each.name for each in inventory.components}
    unread: tuple[Problem, ...] = ()
    replaced: tuple[Problem, ...] = ()
    with suppress(ScaffoldError):  # make gave no answer: what was done is told all the same
        unread = tuple(unread_lines(folder, text, names))
        replaced = tuple(replaced_targets(folder, text))
    warnings = (
        *consequences.warnings(folder, plan, inventory),
        *keysingit.warnings(folder, keys),
        *map(str, (*unread, *replaced)),
    )
    unsettled = marker_problems(unsettled_texts(folder)) if dry_run else ()
    return Outcome(
        command, folder, plan, warnings, dry_run, tuple(present), unsettled, unread, replaced
    )


def make_command(folder: Path, target: str = "") -> str:
    """Return the command that makes a target in a folder, as it is typed here."""
    return f"make{_place(folder)} {target}".rstrip()


def scaffold_command(folder: Path) -> str:
    """Return how `tls-scaffold` is called on a folder, as it is typed here."""
    return f"tls-scaffold{_place(folder)}"


def as_typed(text: str, folder: Path) -> str:
    """Return a text in which each command that it names is the one to type here, on a folder.

    Sentences of other rooms do not know where a person is.
    """
    place = _place(folder)
    return COMMAND.sub(lambda found: f"{found[0]}{place}", text) if place else text


def error_as_typed(error: ScaffoldError, folder: Path) -> ScaffoldError:
    """Return an error whose hint names commands as they are typed here.

    Its problems may quote lines of a Makefile, in which a command stays as it is.
    """
    told = ScaffoldError(error.summary, error.problems, as_typed(error.hint, folder))
    told.exit_code = error.exit_code
    return told


def _place(folder: Path) -> str:
    return "" if folder == Path() else f" -C {shlex.quote(str(folder))}"


def error_to_json(error: ScaffoldError) -> str:
    """Return an error as a JSON document: its problems have their places in parts."""
    return _text_of({"error": error_document(error)})


def error_document(error: ScaffoldError) -> dict[str, object]:
    """Return an error as data for JSON."""
    return {
        "summary": error.summary,
        "problems": [{**asdict(each.place), "message": each.message} for each in error.problems],
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }


def _text_of(document: dict[str, object]) -> str:
    return json.dumps({"version": VERSION, **document}, indent=2, ensure_ascii=False) + "\n"
