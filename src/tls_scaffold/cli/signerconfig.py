"""`tls-scaffold signer-config` on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tls_scaffold.cli.keeping import dry_run_option
from tls_scaffold.cli.options import CommaList, divided, filled, json_option, option
from tls_scaffold.cli.terminal import give, give_json, say, talk, talk_line, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.spelling import counted, escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.signerconfig import SignerOutcome


@click.command("signer-config", cls=Verb)
@click.argument("named", nargs=-1, metavar="[DIR]…", type=click.Path(path_type=Path))
@option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The service's folder: roots.ini, and LABEL.json for each label",
)
@option(
    "--all",
    "above",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="Sign for every folder of ours in DIR and below whose CA is remote; may be repeated",
)
@option(
    "--label",
    callback=filled,
    metavar="LABEL",
    help="Label of a single DIR whose inventory has none yet",
)
@option(
    "--at",
    "home",
    callback=filled,
    metavar="PATH",
    help="Where the server has FOLDER (left out: as before, at first FOLDER's own path)",
)
@option(
    "--certificate",
    callback=filled,
    metavar="PATH",
    help="The CA's certificate at the server; `{label}` in it stands for the label "
    "(left out: as before, at first FOLDER's ca/{label}.pem)",
)
@option(
    "--private",
    callback=filled,
    metavar="PATH",
    help="The CA's key there (left out: as before, at first FOLDER's ca/{label}-key.pem)",
)
@option(
    "--auth-key",
    callback=filled,
    metavar="REF",
    help="Where the server has the key that ordinary makes hold: env:NAME or file:/PATH "
    "(left out: as before, at first FOLDER's keys/{label}.key)",
)
@option(
    "--root-auth-key",
    callback=filled,
    metavar="REF",
    help="Where it has the key for root alone "
    "(left out: as before, at first FOLDER's keys/{label}-root.key)",
)
@option(
    "--nets",
    type=CommaList(),
    multiple=True,
    callback=divided,
    metavar="NET,…",
    help="Networks, such as 10.0.0.0/8, from which alone requests are taken (left out: as before)",
)
@option(
    "--remove",
    type=CommaList(),
    multiple=True,
    callback=divided,
    metavar="LABEL,…",
    help="Take labels out of FOLDER; their files go to its archive/",
)
@dry_run_option
@json_option
@click.pass_obj
def signer_config(base: Path, /, into: Path, *, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Write what cfssl's multirootca needs to sign for one folder or a thousand.

    DIR is a folder of ours, or an inventory file as `new --from` takes it; the current folder if
    none is given. Each is signed for under its label, by a policy a profile, for the names of its
    inventory alone; the CN `root` by a profile and a key of its own. What FOLDER has for others
    stays, edits by hand stay or are refused, and a second run changes nothing.
    """
    from tls_scaffold.commands.signerconfig import configure
    from tls_scaffold.commands.signeroptions import SignerOptions

    outcome = configure(base, into, SignerOptions(**given), dry_run=dry_run)
    if as_json:
        give_json(outcome.to_json())
    else:
        _tell(outcome)


def _tell(outcome: "SignerOutcome") -> None:
    from tls_scaffold.keeping.patch import unified_diff
    from tls_scaffold.multiroot.notes import NOT_CHECKED, READ_AT_START

    plan = outcome.decision.plan
    if outcome.dry_run:
        give(unified_diff(plan))
    else:
        for step in plan.steps:
            say(str(outcome.into / step.path))
    for path in plan.moves:
        verb = "would go" if outcome.dry_run else "went"
        talk_line(f"`{path}` {verb} to `{outcome.shelf or 'archive'}`")
    _tell_counts(outcome)
    for warning in outcome.warnings:
        warn(escaped(warning))
    if outcome.is_changed:
        talk("what cfssl does not check:")
        for note in NOT_CHECKED:
            talk(f"- {note}")
    if outcome.next and not outcome.dry_run:
        for command in outcome.next:
            talk_line(f"next: {command}")
    if outcome.is_changed:
        talk(READ_AT_START)


def _tell_counts(outcome: "SignerOutcome") -> None:
    served, others = outcome.found.served, outcome.decision.others
    names = sum(len(policy.names) for each in served for policy in each.policies)
    if served:
        change = "" if outcome.is_changed else ", as before"
        talk(f"signs for {counted(len(served), 'label')}, {counted(names, 'name')}{change}")
    if others:
        talk(f"and as before for {counted(len(others), 'label')} of folders not looked at")
    if left_out := outcome.found.left_out:
        talk(f"left out: {counted(len(left_out), 'folder')} whose CA is not remote")
