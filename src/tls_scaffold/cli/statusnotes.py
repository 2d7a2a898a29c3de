"""What `status` notes beside its table, of one folder."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tls_scaffold.commands.status import Report

SHOWN_REMOVED = 10


def notes_on(report: "Report") -> Iterator[str]:
    """Yield what a report has beside its certificates, a line each."""
    from tls_scaffold.commands.owedhooks import owed_sentence
    from tls_scaffold.state.advice import AS_OWNER
    from tls_scaffold.state.hindrances import fix_of

    yield from (f"{each}; {fix_of(each.place.path)}" for each in report.hindrances)
    yield from _notes_on_makefile(report)
    for path in report.lost_keys:
        yield f"`{path}` is missing: what is signed goes on, and nothing more can be signed"
    if report.denied:
        first, *others = report.denied
        beside = f" and {len(others)} more" if others else ""
        told = f"can't be read by you: Permission denied; {AS_OWNER}"
        yield f"`{first}`{beside} {told}"
    for name in report.stale_bundles:
        told = f"holds other files than `certs/`: `tls-scaffold bundle {name}` makes it anew"
        yield f"`dist/{name}` {told}"
    if report.hooks_owed:
        yield owed_sentence(report.hooks_owed)
    yield from _notes_on_cas(report)
    if report.backup:
        yield report.backup
    yield from (each.sentence for each in report.earlier)
    yield from (each.sentence for each in report.removed[:SHOWN_REMOVED])
    if (more := len(report.removed) - SHOWN_REMOVED) > 0:
        yield f"{more} more of components that are gone are valid: `--json` lists them"


def _notes_on_makefile(report: "Report") -> Iterator[str]:
    from tls_scaffold.makefiles.componentlines import ONE_LINE
    from tls_scaffold.state.cfsslscripts import way_to_adopt

    if not report.has_makefile:
        yield "no Makefile was looked at: there is none"
    for name in report.scripts:
        yield f"`{name}` calls cfssl: `{way_to_adopt(name)}` reads what it signs"
    for each in report.unread:
        told = "signs in a way that is not understood, what it asks for is not known here"
        yield f"{each.place} {told}: {each.message}"
    for each in report.strange_lines:
        yield f"{each}, so no command keeps it: {ONE_LINE}"


def _notes_on_cas(report: "Report") -> Iterator[str]:
    from tls_scaffold.signing.rotation import PUT_OLD_BACK
    from tls_scaffold.signing.twincas import AGREE

    yield from (f"{each}: {AGREE}" for each in report.twin_cas)
    yield from (f"{each}: {PUT_OLD_BACK}" for each in report.strange_cas)
    if report.rotation:
        yield report.rotation.sentence
