"""What the commands that keep a folder share on the command line: how they tell what they did."""

from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import option
from tls_scaffold.cli.plansummary import few_paths, is_record, summary_lines
from tls_scaffold.cli.terminal import give, give_json, talk, talk_line, warn
from tls_scaffold.errors import ExitCode
from tls_scaffold.spelling import counted, escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.outcomes import Outcome
    from tls_scaffold.keeping.plan import Note, Plan

SINGLY = 3  # of the files that are kept
LOST = "edited or out of date, which nobody can tell without the record of the last render"
SETTLE = "take what you want from each `FILE.new` into `FILE`, then delete `FILE.new`"
# Where an edit belongs that somebody has made in a file that is replaced whole.
HOMES = {
    "tls-scaffold.mk": "Makefile",
    "sign.sh": "Makefile",
    "renewal.sh": "Makefile",
    "custody.sh": "Makefile",
    "rbac.sh": "tls-scaffold.json",
    "rbac.tsv": "tls-scaffold.json",
    "COMPONENTS.md": "tls-scaffold.json",
    "Procfile": "tls-scaffold.json",
}
dry_run_option = option(
    "--dry-run", is_flag=True, help="Show what would change as a unified diff, write nothing"
)


def tell_outcome(outcome: "Outcome", *, as_json: bool, then: "tuple[str, ...]" = ()) -> None:
    """Print what was done, or in a dry run the diff of what would be; what it leads to; what next.

    `then` are commands to run after its own.
    With `as_json` all of that is one document on stdout. A conflict ends with exit code 3.
    """
    plan = outcome.plan
    if as_json:
        give_json(outcome.result().to_json())
    else:
        for word in outcome.present:
            talk_line(f"`{word}` is there already")
        if outcome.command == "sync" and outcome.dry_run and plan:
            talk("`sync` would:")
            tell_summary(plan)
        tell_plan(plan, dry_run=outcome.dry_run)
        for warning in outcome.warnings:
            warn(warning)
        if (commands := (*outcome.next, *then)) and not outcome.dry_run:
            tell_next(commands)
    end_of_outcome(outcome, as_json=as_json)


def end_of_outcome(outcome: "Outcome", *, as_json: bool) -> None:
    """End with exit code 3 where what was done has left something to settle."""
    if not outcome.dry_run:
        end_on_conflicts(outcome.plan, hint="" if as_json else SETTLE)


def tell_change_on_the_way(outcome: "Outcome") -> None:
    """Print what a command did to the folder's files beside its own work, and what that means."""
    tell_plan(outcome.plan, dry_run=False)
    for warning in outcome.warnings:
        warn(escaped(warning))


def end_on_conflicts(plan: "Plan", hint: str = SETTLE) -> None:
    """End with exit code 3 if a person has to settle something, for which there is a hint."""
    if plan.conflicts:
        if hint:
            talk(f"\nhint: {hint}")
        click.get_current_context().exit(ExitCode.CONFLICT)


def tell_plan(plan: "Plan", *, dry_run: bool) -> None:
    """Print a line for each file that a person would look at, and one for all that are generated.

    In a folder that was made by hand every request is kept at every command: one line names many.
    With `dry_run` it is the diff of what would change, on stdout.
    """
    if dry_run:
        from tls_scaffold.keeping.patch import unified_diff

        give(unified_diff(plan))
        return
    told = [note for note in plan.notes if not is_record(note.path)]
    generated = [note for note in told if _is_generated(note)]
    kept = [note for note in told if note.verb == "kept"]
    if len(kept) > SINGLY:
        talk(f"kept, edited by hand: {few_paths([note.path for note in kept])}")
    for note in told:
        if note not in generated and (note not in kept or len(kept) <= SINGLY):
            talk_line(note_line(note, plan.shelf))
    if generated:
        talk(f"wrote what is generated: {counted(len(generated), 'file')}")


def tell_summary(plan: "Plan") -> None:
    """Print what a plan would do in a few lines."""
    for line in summary_lines(plan):
        talk(line)


def tell_next(commands: "tuple[str, ...]") -> None:
    """Print the commands to run, in their order."""
    talk("next: " + "\n      ".join(map(escaped, commands)))


def _is_generated(note: "Note") -> bool:
    """Tell a file that follows from others, and that nobody has to look at."""
    from tls_scaffold.paths import GENERATED, OURS_IF_SAID

    return note.verb == "wrote" and note.path in (*GENERATED, *OURS_IF_SAID)


def note_line(note: "Note", shelf: str) -> str:
    """Return what is said about one file."""
    path, verb = note.path, note.verb
    home = HOMES.get(path, "a file of another name, or keep the file and take its first line out")
    reset = f"`tls-scaffold sync --reset {path}`"
    was = f"what it was is in {shelf}; edits belong in {home}"
    lines = {
        "replaced": f"replaced {path}: it was edited, {was}",
        "remade": f"replaced {path}: git has merged it, or it was edited, {was}",
        "settled": f"settled {path}: git's conflict markers were in it, what it was is in {shelf}",
        "kept": f"kept {path}: edited by hand",
        "unsure": f"kept {path}: {LOST}; {reset} takes ours",
        "left": f"left {path}: was there before",
        "absent": f"left {path} out: deleted by hand; {reset} brings it back",
        "merged": f"merged {path}: with what was edited by hand",
        "archived": f"archived {path} in {shelf}",
        "conflict": f"conflict {path}: both you and tls-scaffold changed the same value; "
        f"ours is in {path}.new",
    }
    return lines.get(verb, f"{verb} {path}")
