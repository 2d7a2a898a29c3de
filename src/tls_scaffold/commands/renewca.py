"""`tls-scaffold renew-ca`: the CAs' certificates again, with the same names and keys."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tls_scaffold.commands.results import Result
from tls_scaffold.commands.rotationrefusals import (
    INSTEAD,
    LOOK_FOR_KEY,
    check_none_is_under_way,
)
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.disk.plainfiles import makefile_text, plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.keptfolder import check_is_kept
from tls_scaffold.makefiles.componentlines import component_lines
from tls_scaffold.makefiles.ourmakefile import includes_our_rules, signings_of_lines
from tls_scaffold.paths import CA, CA_KEY, CA_KEYS, PEER_CA
from tls_scaffold.signing import certificates, renewal
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.custodies import BRING_KEY, check_followed
from tls_scaffold.signing.renewal import Renewed
from tls_scaffold.spelling import MINUTE, UTC_TIME, listed

RENEWCA = "cfssl gencert -renewca -ca CA -ca-key KEY"


def renew_ca(folder: Path, password: CAPassword, now: datetime) -> tuple[Renewed, ...]:
    """Sign a folder's CAs again; what they signed goes on being valid and is not signed again.

    That is the CA and, where peers have one of their own, that one; beside a CA that was brought it
    is that of peers alone. `password` opens keys that are encrypted. Raises ScaffoldError, before
    anything is written, where the folder is none of ours, its CA is renewed elsewhere, or a key is
    not here or another one's.
    """
    check_is_kept(folder)
    text = makefile_text(folder)
    if not includes_our_rules(text):
        raise ScaffoldError(
            f"`{folder}` is no folder of ours", hint="`tls-scaffold adopt` makes it one"
        )
    with lock(folder, wait=LOCK_SECONDS):
        check_followed(folder)
        check_newest(folder)
        check_none_is_under_way(folder)
        cas = _renewed_here(folder)
        signings = signings_of_lines(component_lines(text))
        return renewal.renew_cas(folder, cas, signings, password, now)


def _renewed_here(folder: Path) -> tuple[str, ...]:
    """Return the CAs that a folder signs again; ScaffoldError where there is none."""
    inventory = intake.load(folder)
    held, brings = inventory.ca, "`tls-scaffold sync --ca FILE` brings the new certificate"
    if held.key is KeyPlace.REMOTE:
        raise ScaffoldError(
            f"the CA's key is not here: {', '.join(held.remotes)} sign for this folder",
            hint=f"the CA is signed again where its key is (`{RENEWCA}`); {brings}",
        )
    # One that is asked for and yet to be made is none to sign again.
    peers = (PEER_CA,) if inventory.peer_ca and _is_there(folder, PEER_CA) else ()
    if held.own and not peers:
        raise ScaffoldError(
            "this folder has a CA of its own, which was brought: it is not signed again here",
            hint=f"its owner signs it again (`{RENEWCA}`), and {brings}",
        )
    if held.own:
        if not (folder / CA_KEY).is_file():
            raise ScaffoldError(f"`{CA_KEY}` is not here", hint=BRING_KEY)
        return peers
    if not (folder / CA_KEY).exists() and (folder / CA).exists():
        elsewhere = (
            f"the CA is signed again where it is: `{RENEWCA} | cfssljson -bare ca`; {brings}"
        )
        raise ScaffoldError(
            f"the key of `{CA}` is not here",
            hint=f"{LOOK_FOR_KEY}{INSTEAD[CA]}" if held.has_key_here else elsewhere,
        )
    return (CA, *peers)


def _is_there(folder: Path, ca: str) -> bool:
    return any(os.path.lexists(folder / half) for half in (ca, CA_KEYS[ca]))


def doubts(folder: Path, now: datetime) -> Iterator[str]:
    """Yield what speaks against the clock before CAs are signed by it, a line each."""
    with suppress(ScaffoldError):  # of which the renewal tells
        for path in _renewed_here(folder):
            if certificates.read(plain_or_empty(folder / path), path).has_ended(now):
                by = f"by this machine's clock, {now:{MINUTE}}"
                yield f"`{path}` has ended, {by}: is it wrong, nobody takes the new one yet"


def left(renewed: Sequence[Renewed]) -> str:
    """Return what there is to tell of a CA that was not signed again; empty where all were."""
    is_all = any(each.path == CA for each in renewed)
    return "" if is_all else f"{CA} was brought: it is not signed again here"


def sentences(renewed: Renewed, now: datetime) -> Iterator[str]:
    """Yield what there is to tell of a CA that was signed again, a line each."""
    trust = renewed.trust
    old_end, new_end = (f"{each.not_after:{MINUTE}}" for each in (renewed.old, renewed.new))
    yield f"signed {renewed.path} again, with the same name and key: it ends {new_end} now"
    yield f"  what it signed goes on being valid; the certificate that was is {renewed.archived}"
    if renewed.old.has_ended(now):
        yield f"  it ended {old_end}: what runs takes nothing until it has the new {trust}"
        yield "  and has been restarted"
    else:
        yield f"  until {old_end} each member and client has to get the new {trust} and to be"
        yield "  restarted; which of them has can't be seen from outside"


def warnings(renewed: Renewed) -> Iterator[str]:
    """Yield what a person has to do beside that, a line each."""
    if not renewed.has_new_trust:
        yield f"`{renewed.trust}` is not `{renewed.path}` alone, and stays: put the new one into it"
    if paths := renewed.ending_with_old:
        ends = "ends" if len(paths) == 1 else "end"
        yield f"{listed(paths)} {ends} with the old one: `make renew` signs again"


def to_json(folder: Path, renewed: Sequence[Renewed], before: Sequence[str]) -> str:
    """Return what was done as JSON in the shape of all commands; `before` was told before that.

    The one before ends `until` then: whoever runs has to have the new one, and been restarted.
    """
    paths = tuple(each.path for each in renewed)
    done = Result(
        "renew-ca",
        str(folder),
        changed=True,
        written=(*paths, *(each.trust for each in renewed if each.has_new_trust)),
        kept=(CA,) if left(renewed) else (),
        archived=paths,
        archive=renewed[0].archived.removesuffix(f"/{paths[0]}"),
        signed=paths,
        warnings=(*before, *(warning for each in renewed for warning in warnings(each))),
    )
    ends = [
        {
            "ca": each.path,
            "not_after": f"{each.new.not_after:{UTC_TIME}}",
            "until": f"{each.old.not_after:{UTC_TIME}}",
        }
        for each in renewed
    ]
    return done.to_json({"renewed": ends})
