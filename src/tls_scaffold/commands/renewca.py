"""`tls-scaffold renew-ca`: the CA's certificate again, with the same name and key."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.results import Result
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.makefiles.ourmakefile import includes_our_rules, signings_of_lines
from tls_scaffold.paths import CA, CA_KEY, TRUST
from tls_scaffold.signing import renewal
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.renewal import Renewed
from tls_scaffold.spelling import MINUTE, listed

LOCK_SECONDS = 60.0
MOST_TOLD = 10
RENEWCA = "cfssl gencert -renewca -ca CA -ca-key KEY"


def renew_ca(folder: Path, password: CAPassword, now: datetime) -> Renewed:
    """Sign a folder's CA again; what it signed goes on being valid and is not signed again.

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
        _check_custody(folder)
        signings = signings_of_lines(component_lines(text))
        return renewal.renew_ca(folder, signings, password, now)


def _check_custody(folder: Path) -> None:
    """Raise ScaffoldError where a folder's CA is not signed again here."""
    held = intake.load(folder).ca
    brings = "`tls-scaffold sync --ca FILE` brings the new certificate"
    if held.own:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought: it is not signed again here",
            hint=f"its owner signs it again (`{RENEWCA}`), and {brings}",
        )
    if not (folder / CA_KEY).exists() and (folder / CA).exists():
        raise ScaffoldError(
            f"the key of `{CA}` is not here",
            hint=f"the CA is signed again where it is: `{RENEWCA} | cfssljson -bare ca`; {brings}",
        )


def sentences(renewed: Renewed, now: datetime) -> Iterator[str]:
    """Yield what there is to tell of a CA that was signed again, a line each."""
    old_end, new_end = (f"{each.not_after:{MINUTE}}" for each in (renewed.old, renewed.new))
    yield f"signed {CA} again, with the same name and key: it ends {new_end} now"
    yield f"  what it signed goes on being valid; the certificate that was is {renewed.archived}"
    if renewed.old.has_ended(now):
        yield f"  it ended {old_end}: what runs takes nothing until it has the new {TRUST}"
        yield "  and has been restarted"
    else:
        yield f"  until {old_end} each member and client has to get the new {TRUST} and to be"
        yield "  restarted; which of them has can't be seen from outside"


def warnings(renewed: Renewed) -> Iterator[str]:
    """Yield what a person has to do beside that, a line each."""
    if not renewed.has_new_trust:
        yield f"`{TRUST}` is not `{CA}` alone, and stays: put the new one into it"
    if paths := renewed.ending_with_old:
        ends = "ends" if len(paths) == 1 else "end"
        yield f"{listed(paths, MOST_TOLD)} {ends} with the old one: `make renew` signs again"


def result(folder: Path, renewed: Renewed) -> Result:
    """Return what was done in the shape that all commands share."""
    archive, _, path = renewed.archived.rpartition(f"/{CA}")
    del path
    return Result(
        "renew-ca",
        str(folder),
        changed=True,
        written=(CA, TRUST) if renewed.has_new_trust else (CA,),
        archived=(CA,),
        archive=archive,
        signed=(CA,),
        warnings=tuple(warnings(renewed)),
    )
