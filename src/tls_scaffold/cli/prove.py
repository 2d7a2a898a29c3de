"""`tls-scaffold prove` on the command line."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.causes import naming_causes
from tls_scaffold.cli.completion import offering, user_names
from tls_scaffold.cli.options import CommaList, divided, etcd_option, json_option_for, option
from tls_scaffold.cli.terminal import counting, give_json, say, talk, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ExitCode

if TYPE_CHECKING:
    from tls_scaffold.commands.prove import Proof


@click.command(cls=Verb)
@etcd_option
@option(
    "--user",
    "names",
    type=CommaList(),
    multiple=True,
    callback=divided,
    metavar="NAME",
    shell_complete=offering(user_names),
    help="Let only this user try (repeatable)",
)
@json_option_for("Print what was tried and checked as JSON")
@click.pass_context
def prove(
    context: click.Context, directory: Path | None, names: tuple[str, ...], *, as_json: bool
) -> None:
    """Show on a real etcd that each user may do what it should, and nothing else.

    Starts a throw-away cluster on loopback from the folder's own certificates, with what `bundle`
    gives the members, applies rbac.sh, and lets users, members and strangers try whatever etcd's
    API can do. What the proof replaces (addresses and ports, data directory, initial state, whom
    clients are trusted by, waiting for the disk) is told. Exit 1 on any surprise; what only this
    version of etcd lets through is a warning.
    """
    from tls_scaffold.etcd.extra import require_grpc

    require_grpc()
    from tls_scaffold.commands import prove as command

    with counting("tried") as progress, naming_causes(context.obj, of_live_members=False):
        starting = partial(talk, "starting a throw-away cluster")
        proof = command.prove(context.obj, names, directory, starting, progress)
    if as_json:
        give_json(json.dumps(_document(proof), indent=2, ensure_ascii=False) + "\n")
    else:
        from tls_scaffold.cli.prooftable import text

        say(text(proof))
    for hole, count in proof.let_through.items():
        fixed = ", ".join(hole.fixed)
        warn(f"{hole.name}: {hole.sentence}; fixed in etcd {fixed} (attempts: {count})")
    _tell_verdict(proof)
    if proof.surprises:
        context.exit(ExitCode.REFUSED)


def _tell_verdict(proof: "Proof") -> None:
    where = f"on etcd {proof.version}, {proof.of_members}"
    holes = sum(proof.let_through.values())
    if proof.surprises:
        talk(f"{proof.surprises} of {proof.count} went otherwise than they should, {where}")
    elif holes:
        talk(f"{proof.count - holes} of {proof.count} went as they should, {where}")
        talk(f"{holes} were let through that a newer etcd refuses: see the warnings")
    else:
        talk(f"all {proof.count} went as they should, {where}")


def _document(proof: "Proof") -> dict[str, object]:
    return {
        "etcd": proof.version,
        "members": proof.members,
        "untried": proof.untried,
        "replaced": proof.replaced,
        "attempts": [{**vars(each), "holds": each.holds} for each in proof.attempts],
        "checks": [{**vars(each), "holds": each.holds} for each in proof.checks],
        "warnings": [
            {
                "name": hole.name,
                "sentence": hole.sentence,
                "fixed": hole.fixed,
                "attempts": count,
            }
            for hole, count in proof.let_through.items()
        ],
        "surprises": proof.surprises,
    }
