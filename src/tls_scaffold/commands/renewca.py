"""`tls-scaffold renew-ca`: the CA's certificate again, with the same name and key."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.results import Result
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import Custody
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.makefiles.ourmakefile import includes_our_rules, signings_of_lines
from tls_scaffold.paths import CA, CA_KEY, PEER_CA, TRUSTS
from tls_scaffold.signing import renewal
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.renewal import Renewed
from tls_scaffold.spelling import MINUTE, listed

LOCK_SECONDS = 60.0
MOST_TOLD = 10
RENEWCA = "cfssl gencert -renewca -ca CA -ca-key KEY"


def renew_ca(folder: Path, password: CAPassword, now: datetime) -> tuple[Renewed, ...]:
    """Sign a folder's CAs again; what they signed goes on being valid and is not signed again.

    `password` opens a key that is encrypted. Raises ScaffoldError, before anything is written,
    where the folder is none of ours, its CA is renewed elsewhere, or the key is not here or another
    one's.
    """
    text = content(folder, MAKEFILE).decode("utf-8", "replace")
    if not includes_our_rules(text):
        raise ScaffoldError(
            f"`{folder}` is no folder of ours", hint="`tls-scaffold adopt` makes it one"
        )
    with lock(folder, wait=LOCK_SECONDS):
        inventory = intake.load(folder)
        _check_custody(folder, inventory.ca)
        signings = signings_of_lines(component_lines(text))
        renewed = [renewal.renew_ca(folder, CA, signings, password, now)]
        if inventory.peer_ca:
            shelf = renewed[0].shelf
            again = renewal.renew_ca(folder, PEER_CA, signings, password, now, shelf=shelf)
            renewed.append(again)
        return tuple(renewed)


def _check_custody(folder: Path, held: Custody) -> None:
    """Raise ScaffoldError where a folder's CA is not signed again here."""
    brings = "`tls-scaffold sync --ca FILE` brings the new certificate"
    where_it_is = f"the CA is signed again where it is: `{RENEWCA} | cfssljson -bare ca`; {brings}"
    if not held.has_key_here:  # it may have been brought too: that is no reason of its own
        raise ScaffoldError("the CA's key is not here", hint=where_it_is)
    if held.own:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought: it is not signed again here",
            hint=f"its owner signs it again (`{RENEWCA}`), and {brings}",
        )
    if not (folder / CA_KEY).exists() and (folder / CA).exists():
        raise ScaffoldError(
            f"the key of `{CA}` is not here",
            hint=where_it_is,
        )


def sentences(renewed: Renewed, now: datetime) -> Iterator[str]:
    """Yield what there is to tell of a CA that was signed again, a line each."""
    path, trust = renewed.path, TRUSTS[renewed.path]
    archived = f"{renewed.shelf}/{path}"
    old_end, new_end = (f"{each.not_after:{MINUTE}}" for each in (renewed.old, renewed.new))
    yield f"signed {path} again, with the same name and key: it ends {new_end} now"
    yield f"  what it signed goes on being valid; the certificate that was is {archived}"
    if renewed.old.has_ended(now):
        yield f"  it ended {old_end}: what runs takes nothing until it has the new {trust}"
        yield "  and has been restarted"
    else:
        yield f"  until {old_end} each member and client has to get the new {trust} and to be"
        yield "  restarted; which of them has can't be seen from outside"


def warnings(renewed: Renewed) -> Iterator[str]:
    """Yield what a person has to do beside that, a line each."""
    if not renewed.has_new_trust:
        trust = TRUSTS[renewed.path]
        yield f"`{trust}` is not `{renewed.path}` alone, and stays: put the new one into it"
    if paths := renewed.ending_with_old:
        ends = "ends" if len(paths) == 1 else "end"
        yield f"{listed(paths, MOST_TOLD)} {ends} with the old one: `make renew` signs again"


def result(folder: Path, renewed: Sequence[Renewed]) -> Result:
    """Return what was done in the shape that all commands share."""
    paths = tuple(each.path for each in renewed)
    trusts = tuple(TRUSTS[each.path] for each in renewed if each.has_new_trust)
    return Result(
        "renew-ca",
        str(folder),
        changed=True,
        written=(*paths, *trusts),
        archived=paths,
        archive=renewed[0].shelf,
        signed=paths,
        warnings=tuple(warning for each in renewed for warning in warnings(each)),
    )
