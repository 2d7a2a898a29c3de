"""`tls-scaffold rotate`."""

from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.lookoptions import place_options
from tls_scaffold.cli.options import json_option, option
from tls_scaffold.cli.rotatestatus import status
from tls_scaffold.cli.sign import means
from tls_scaffold.cli.terminal import can_ask, give_json, say_line, talk, talk_line, warn
from tls_scaffold.cli.verbs import VerbGroup
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.live import LiveOptions
    from tls_scaffold.commands.rotate import Turned

FORCED = "Go on without members that can't be reached"


@click.group(cls=VerbGroup)
def rotate() -> None:
    """Put another CA in the place of the folder's, while the cluster runs.

    `start` makes the new CA and signs everything with it, so that whoever trusts the old CA accepts
    it too. When all show their new certificates, `trust` lays out the new CA alone. When each
    member has been restarted with that, `finish` takes the old CA out of the folder. `abort` goes
    back, until the first of these restarts. Each can be run again; docs/ca-rotation.md has the
    whole order.
    """


@rotate.command()
@option("--peer-ca", is_flag=True, help="The CA of peers, not the other one")
@option("--compromised", is_flag=True, help="Its key was stolen: nobody is to trust it any more")
@option("--yes", is_flag=True, help="Do not ask before what `--compromised` breaks")
@json_option
@click.pass_obj
def start(folder: Path, /, *, peer_ca: bool, compromised: bool, yes: bool, as_json: bool) -> None:
    """Make another CA and sign everything with it.

    The old CA signs the new one too, while it is trusted. Behind each certificate stands the new
    CA's as the old one signed it, and the trust file holds both: old and new certificates are taken
    by old and new trust. A CA that was compromised goes to the archive alone, which interrupts the
    cluster.
    """
    from tls_scaffold.commands import rotate as command
    from tls_scaffold.commands import rotatetold as told
    from tls_scaffold.paths import CA, PEER_CA

    if compromised and not yes:
        _ask_to_break()
    done, turned = command.start(
        folder, PEER_CA if peer_ca else CA, means(), _now(), is_compromised=compromised
    )
    if as_json:
        then = ["trust"] if turned.stage else []
        give_json(told.result("start", folder, turned, *then))
        return
    _tell(folder, turned, told.started(folder, done, turned), told.after_start(turned))


@rotate.command()
@place_options
@option("--force", is_flag=True, help=FORCED)
@json_option
@click.pass_obj
def trust(folder: Path, /, live: "LiveOptions", *, force: bool, as_json: bool) -> None:
    """Let only the new CA be trusted, when all show new pairs.

    Every member is asked without a certificate. Refused while one, or a bundle, still shows a
    certificate of the old CA. What clients show can't be seen from outside: whoever shows an old
    one then is refused by each member that is restarted.
    """
    from tls_scaffold.commands import rotate as command
    from tls_scaffold.commands import rotatetold as told
    from tls_scaffold.commands.rotationlook import asking_members

    turned = command.trust(folder, _now(), asking_members(folder, live, force=force))
    if as_json:
        give_json(told.result("trust", folder, turned, "finish"))
        return
    _tell(folder, turned, told.trusting(turned), told.after_trust(turned))


@rotate.command()
@place_options
@option("--force", is_flag=True, help=f"{FORCED}, and although a file hangs on the old CA")
@json_option
@click.pass_obj
def finish(folder: Path, /, live: "LiveOptions", *, force: bool, as_json: bool) -> None:
    """Take the old CA out, when all members were restarted.

    All trust the new CA alone then. The certificates stay the same, without the cross certificate
    behind them. Every member is asked without a certificate. Refused, each named, while something
    still hangs on the old CA; `--force` is for what is gone or can't be reached. Before `rotate
    trust` was run it is refused in any case.
    """
    from tls_scaffold.commands import rotate as command
    from tls_scaffold.commands import rotatetold as told
    from tls_scaffold.commands.rotationlook import asking_members

    turned = command.finish(
        folder, _now(), asking_members(folder, live, force=force), is_forced=force
    )
    if as_json:
        give_json(told.result("finish", folder, turned))
        return
    _tell(folder, turned, told.finished(turned), told.after_finish())


@rotate.command()
@place_options
@option("--force", is_flag=True, help=FORCED)
@json_option
@click.pass_obj
def abort(folder: Path, /, live: "LiveOptions", *, force: bool, as_json: bool) -> None:
    """Go back to the old CA, which all members trust still.

    Every member is asked without a certificate; one that was restarted with the new CA alone holds
    it up. What the old CA signed comes back from the archive where that is what is asked for today;
    the rest is signed again. The new CA goes to the archive, and its number is not given again.
    """
    from tls_scaffold.commands import rotate as command
    from tls_scaffold.commands import rotatetold as told
    from tls_scaffold.commands.rotationlook import asking_members

    done, turned = command.abort(folder, means(), _now(), asking_members(folder, live, force=force))
    if as_json:
        give_json(told.result("abort", folder, turned))
        return
    _tell(folder, turned, told.given_up(folder, done, turned), told.after_abort(turned))


rotate.add_command(status)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _ask_to_break() -> None:
    """Ask whether a running cluster may be interrupted; ScaffoldError where nobody is here."""
    talk("a cluster that runs is interrupted: who has been restarted refuses who has not")
    if not can_ask():
        raise ScaffoldError(
            "nothing was changed: there is no terminal to ask on", hint="`--yes` does not ask"
        )
    click.confirm("Give the old CA up at once?", abort=True, err=True)


def _tell(folder: Path, turned: "Turned", done: Iterable[str], then: Iterable[str]) -> None:
    from tls_scaffold.commands import rotatetold as told
    from tls_scaffold.commands.typed import as_typed

    for line in (*done, *told.bundled(turned)):
        say_line(line)
    for warning in turned.warnings:
        warn(escaped(as_typed(warning, folder)))
    for line in then:
        talk_line(as_typed(line, folder))
