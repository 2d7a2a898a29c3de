"""What came of a command that keeps a folder: its plan, and what that leads to."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.commands import keysingit
from tls_scaffold.commands.results import Result
from tls_scaffold.commands.typed import make_command
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

KEPT = ("kept", "merged", "unsure", "left", "absent")


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
