"""`tls-scaffold rehearse` on the command line."""

import json
from pathlib import Path

import click

from tls_scaffold.cli.options import Seconds, etcd_option, json_option_for, option
from tls_scaffold.cli.pageplace import with_page_places
from tls_scaffold.cli.terminal import give_json, say, talk
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ExitCode


@click.command(cls=Verb)
@click.argument("words", nargs=-1, metavar="[CHANGE]")
@option(
    "--from",
    "begin",
    default="certs",
    metavar="STATE",
    help="Begin with STATE in place of what certs/ holds",
)
@etcd_option
@option("--peer-ca", is_flag=True, help="With `rotate`: the CA of peers, not the other one")
@option("--compromised", is_flag=True, help="With `rotate`: its key was stolen; this loses writes")
@option(
    "--deadline",
    type=Seconds(1, 300),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a write may take before it has failed: more on a machine that is busy",
)
@json_option_for("Print the steps as JSON")
@click.pass_context
def rehearse(  # noqa: PLR0913 - its options
    context: click.Context,
    words: tuple[str, ...],
    begin: str,
    directory: Path | None,
    deadline: float,
    *,
    peer_ca: bool,
    compromised: bool,
    as_json: bool,
) -> None:
    """Roll out what comes next on a throw-away cluster, while the folder's users write.

    \b
    CHANGE is what comes next:
      make                       what `sync` and `make` would do now (the default)
      renew                      everything signed again
      rotate                     another CA, step by step (--peer-ca, --compromised)
      regenerate                 another CA at one stroke
      add-member NAME=HOST       one more member
      cn NAME=CN                 another CN of a member or a user (`members`: of all)
      to STATE                   another state
    STATE is `certs`, `dist` (the bundles), or a revision of git.

    The cluster runs with certificates like the folder's, under keys that are made for it, each
    host on an address of loopback. Pairs are replaced, members restarted, clients' trust
    replaced, in the order in which that is to be done. Exit 1 if one write failed or a member
    refuses a client when a step is over, with the cause as `explain` tells it.
    """  # noqa: D301 - click takes the backspace for lines that stay as they are
    from tls_scaffold.etcd.extra import require_grpc

    require_grpc()
    from tls_scaffold.commands import rehearse as command
    from tls_scaffold.commands.rehearsalchanges import read_change

    change = read_change(words, of_peers=peer_ca, is_compromised=compromised)
    talk("starting a throw-away cluster")
    rehearsal = command.rehearse(context.obj, change, begin, directory, deadline, _tell_step)
    if as_json:
        give_json(json.dumps(command.document(rehearsal, context.obj), indent=2) + "\n")
    else:
        from tls_scaffold.cli.rehearsaltable import text

        say(with_page_places(text(rehearsal, context.obj)))
    talk(command.verdict(rehearsal))
    for hint in command.hints(rehearsal):
        talk(f"hint: {hint}")
    if not rehearsal.performance.is_well:
        context.exit(ExitCode.REFUSED)


def _tell_step(name: str) -> None:
    talk(f"step: {name}")
