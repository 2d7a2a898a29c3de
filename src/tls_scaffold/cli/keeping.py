"""What the commands that keep a folder share on the command line: how they tell what they did."""

import shlex
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import give, talk, warn
from tls_scaffold.errors import ExitCode
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.keeping.plan import Note, Plan

LOST = "edited or out of date, which nobody can tell without the record of the last render"
SETTLE = "take what you want from each `FILE.new` into `FILE`, then delete `FILE.new`"
# Where an edit belongs that somebody has made in a file that is replaced whole.
HOMES = {
    "tls-scaffold.mk": "Makefile",
    "sign.sh": "Makefile",
    "rbac.sh": "tls-scaffold.json",
    "rbac.tsv": "tls-scaffold.json",
    "COMPONENTS.md": "tls-scaffold.json",
    "Procfile": "tls-scaffold.json",
}
dry_run_option = option(
    "--dry-run", is_flag=True, help="Show what would change as a unified diff, write nothing"
)


def tell_plan(plan: "Plan", *, dry_run: bool) -> None:
    """Print a line for each file that was written, kept or could not be merged.

    A conflict ends with exit code 3. With `dry_run` it is the diff of what would change, on stdout.
    """
    if dry_run:
        from tls_scaffold.keeping.patch import unified_diff

        give(unified_diff(plan))
        return
    for note in plan.notes:
        talk(escaped(note_line(note, plan.shelf)))
    for cn in plan.forgotten:
        again = f"etcdctl user delete -- {shlex.quote(cn)}"
        warn(f"etcd keeps the user `{cn}` and its rights until `{again}`")
    if plan.conflicts:
        talk(f"\nhint: {SETTLE}")
        click.get_current_context().exit(ExitCode.CONFLICT)


def note_line(note: "Note", shelf: str) -> str:
    """Return what is said about one file."""
    path, verb = note.path, note.verb
    home = HOMES.get(path, "a file of another name, or keep the file and take its first line out")
    reset = f"`tls-scaffold sync --reset {path}`"
    lines = {
        "replaced": f"replaced {path}: it was edited, what it was is in {shelf}; "
        f"edits belong in {home}",
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
