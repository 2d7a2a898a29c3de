"""`tls-scaffold rbac` on the command line."""

import json
from pathlib import Path

import click

from tls_scaffold.cli.causes import naming_causes
from tls_scaffold.cli.options import json_option_for, option
from tls_scaffold.cli.terminal import give, give_json, say, talk, warn
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ExitCode


@click.command(cls=Verb)
@option(
    "--diff",
    is_flag=True,
    help="Compare a live cluster with the inventory; exit 4 where they differ",
)
@json_option_for("With --diff: print the differences as JSON")
@click.pass_context
def rbac(context: click.Context, *, diff: bool, as_json: bool) -> None:
    """Print the script that brings etcd's users, roles and permissions in line with the inventory.

    It is the folder's rbac.sh: `make rbac` runs it, `make rbac-enable` switches authentication on.
    """
    if as_json and not diff:
        raise click.UsageError("--json goes with --diff")
    if diff:
        _compare(context, as_json=as_json)
    else:
        from tls_scaffold.commands import rbac as command

        give(command.script_text(context.obj))


def _compare(context: click.Context, *, as_json: bool) -> None:
    from tls_scaffold.commands import rbac as command

    folder: Path = context.obj
    with naming_causes(folder, of_live_members=True):
        differences = command.differences(folder)
    if as_json:
        documents = [vars(each) for each in differences]
        give_json(json.dumps(documents, indent=2, ensure_ascii=False) + "\n")
    else:
        for each in differences:
            say(f"{'+' if each.change == 'missing' else '-'} {'  '.join(each.words)}")
    for warning in command.not_compared(folder):
        warn(warning)
    if differences:
        talk("`make rbac` creates what is missing (+) and takes away what is too much (-)")
        context.exit(ExitCode.DRIFTED)
    talk("etcd holds what the inventory asks for")
