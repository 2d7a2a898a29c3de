"""What the commands that keep a folder share on the command line: how they tell what they did."""

import shlex
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.options import option
from tls_scaffold.cli.terminal import give, talk, warn
from tls_scaffold.words import visible

if TYPE_CHECKING:
    from tls_scaffold.keeping.plan import Note, Plan

LOST = "edited or out of date, which nobody can tell without the record of the last render"
SETTLE = "take what you want from each `FILE.new` into `FILE`, then delete `FILE.new`"
BELONGS = dict.fromkeys(("tls-scaffold.mk", "sign.sh"), "Makefile") | dict.fromkeys(
    ("rbac.sh", "rbac.tsv", "COMPONENTS.md", "Procfile"), "tls-scaffold.json"
)
dry_run_option = option(
    "--dry-run", is_flag=True, help="Show what would change as a unified diff, write nothing"
)


def tell(plan: "Plan", *, dry_run: bool) -> None:
    """Print a line for each file that was written, kept or could not be merged; a conflict ends with exit code 1.

    With `dry_run` it is the diff of what would change, on stdout.
    """
    if dry_run:
        from tls_scaffold.keeping.patch import unified

        give(unified(plan))
        return
    for note in plan.notes:
        talk(visible(line(note, plan.shelf)))
    for cn in plan.forgotten:
        again = f"etcdctl user delete -- {shlex.quote(cn)}"
        warn(f"etcd keeps the user `{cn}` and its rights until `{again}`")
    if plan.conflicts:
        talk(f"\nhint: {SETTLE}")
        click.get_current_context().exit(1)


def line(note: "Note", shelf: str) -> str:
    """Return what is said about one file."""
    words = {"unsure": "kept", "absent": "left"}
    home = BELONGS.get(
        note.path, "a file of another name, or keep the file and take its first line out"
    )
    more = {
        "replaced": f": it was edited, what it was is in {shelf}; edits belong in {home}",
        "kept": ": edited by hand",
        "unsure": f": {LOST}; `tls-scaffold sync --reset {note.path}` takes ours",
        "left": ": was there before",
        "absent": f" out: deleted by hand; `tls-scaffold sync --reset {note.path}` brings it back",
        "merged": ": with what was edited by hand",
        "archived": f" in {shelf}",
        "conflict": f": both you and tls-scaffold changed the same value; ours is in {note.path}.new",
    }
    return f"{words.get(note.verb, note.verb)} {note.path}{more.get(note.verb, '')}"
