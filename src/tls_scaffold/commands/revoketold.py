"""What `revoke` tells: what was done, and the truth about what it stops and what it does not."""

from collections.abc import Iterator
from dataclasses import replace

from tls_scaffold.commands.nextsteps import about_revoked
from tls_scaffold.commands.results import Result
from tls_scaffold.commands.revoke import Done
from tls_scaffold.commands.typed import as_typed
from tls_scaffold.etcd.versions import REVOKED_LET_IN
from tls_scaffold.keeping.consequences import user_kept
from tls_scaffold.paths import CRL, REVOKED
from tls_scaffold.signing.revocations import Revocation
from tls_scaffold.spelling import MINUTE, UTC_TIME, counted
from tls_scaffold.spelling import listed as quoted

BY_RENAME = (
    f"give each member `{CRL}` by a rename (its bundle has it): etcd reads it at each new "
    "connection, and refuses everybody while it is missing, empty or half there"
)
GO_ON = "connections and watches that are open go on until their member is restarted"
# No inventory says which etcd runs.
HOLE = f"on etcd {REVOKED_LET_IN.releases} {REVOKED_LET_IN.sentence} ({REVOKED_LET_IN.name})"
RESTART = (
    "members have not looked into a list till now: each needs its new bundle and one restart, and "
    "refuses nobody before"
)
ELSEWHERE = (
    f"the CA's key is not here: whoever has it makes the list of what `{REVOKED}` names; until "
    "members have that they refuse nobody"
)


def sentences(done: Done) -> Iterator[str]:
    """Yield what was done, or would be, a line each."""
    listed = done.listed
    verb = "would revoke" if done.dry_run else "revoked"
    for path in done.signed:
        yield f"{'would sign' if done.dry_run else 'signed'} {path} again"
    for each in listed.revoked:
        yield f"{verb} {_of(each)}"
    if listed.number is not None:
        yield f"wrote {CRL}: it names {counted(listed.count, 'certificate')}"
    elif done.dry_run and listed.written:
        yield f"would write {quoted(listed.written, quote='')}"
    if listed.archive:
        yield f"archived {CRL} in {listed.archive}: nobody can read it"
    if not (listed.revoked or listed.written or listed.is_elsewhere or done.told):
        yield f"nothing is new: `{CRL}` names all that is revoked"


def _of(revoked: Revocation) -> str:
    whose = f"{revoked.name or 'a certificate'}, serial number {revoked.hexadecimal}"
    end = f", valid until {revoked.end:{MINUTE}}" if revoked.end else ""
    return f"{whose}{end} ({revoked.reason})"


def follows(done: Done) -> Iterator[str]:
    """Yield what somebody has to know or do then, a line each."""
    yield from (as_typed(each, done.folder) for each in _follows(done))


def _follows(done: Done) -> Iterator[str]:
    listed = done.listed
    yield from done.told
    if listed.is_first:
        yield RESTART
    if done.dry_run:
        return
    if listed.is_elsewhere:
        yield ELSEWHERE
    if done.signed:
        names = ", ".join(f"`{path}`" for path in done.signed)
        yield f"lay out {names} before the list: who still shows the older one is shut out by it"
    if listed.is_to_be_handed_out and listed.inventory.members:
        yield BY_RENAME
    if listed.revoked:
        yield GO_ON
        yield from (user_kept(cn) for cn in _gone_users(done))
        yield HOLE
    for each in done.refused:
        yield f"`{each.certificate_path}` is revoked: members refuse it"
    if done.refused:
        yield about_revoked(listed.inventory, done.refused)


def _gone_users(done: Done) -> Iterator[str]:
    """Yield the CNs of what was revoked that etcd may have a user of, and no component has."""
    inventory = done.listed.inventory
    there = {inventory.members_cn, *(each.cn for each in inventory.components)}
    yield from (cn for cn in done.cns if cn not in there)


def result(done: Done) -> Result:
    """Return what was done in the shape that all commands share."""
    listed = done.listed
    return Result(
        "revoke",
        str(done.folder),
        dry_run=done.dry_run,
        changed=bool(listed.written or done.signed),
        written=tuple(sorted(listed.written)),
        archived=(CRL,) if listed.archive else (),
        archive=listed.archive or None,
        signed=done.signed,
        warnings=tuple(follows(done)),
        next=done.next,
    )


def to_json(done: Done, of: Result) -> str:
    """Return the result of the command that revoked as JSON, with what is new in `revoked.tsv`.

    Where that did more than to revoke, what came of this is put to it.
    """
    own = result(done)
    if of.command != own.command:
        of = replace(
            of,
            changed=of.changed or own.changed,
            written=tuple(sorted({*of.written, *own.written})),
            warnings=(*own.warnings, *of.warnings),
            next=(*of.next, *own.next),
        )
    return of.to_json({"revoked": [_document(each) for each in done.listed.revoked]})


def _document(revoked: Revocation) -> dict[str, object]:
    end = f"{revoked.end:{UTC_TIME}}" if revoked.end else None
    named = {"name": revoked.name or None, "ca": revoked.ca or None, "reason": revoked.reason}
    return {
        "serial": revoked.hexadecimal,
        **named,
        "revoked": f"{revoked.at:{UTC_TIME}}",
        "end": end,
    }
