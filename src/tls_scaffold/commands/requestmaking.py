"""`make csr` and `tls-scaffold requests make`: keys and CSRs for what needs a new certificate."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tls_scaffold.commands import handfolders
from tls_scaffold.commands.results import Result
from tls_scaffold.disk.folder import lock
from tls_scaffold.disk.locking import LOCK_SECONDS, check_parent
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import waiting_paths
from tls_scaffold.signing import awaiting, signer
from tls_scaffold.signing.custodies import check_followed
from tls_scaffold.signing.naming import signings_of_names
from tls_scaffold.signing.record import Record
from tls_scaffold.signing.waitingplan import plan_waiting
from tls_scaffold.spelling import RENEW_DAYS

NUMBER_OF_DAYS = re.compile(r"0|[1-9][0-9]{0,4}")


@dataclass(frozen=True)
class Made:
    """Keys and CSRs that were made, by the names of components each with its reasons.

    `waiting` are the names of all that waits for a signature then; `replaced` are those for which
    something older waited, which is in the archive now.
    """

    folder: Path
    made: dict[str, tuple[str, ...]]
    replaced: tuple[str, ...]
    waiting: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def next(self) -> tuple[str, ...]:
        """The command that packs what waits; nothing where nothing does."""
        return (handfolders.command(self.folder, "export FILE"),) if self.waiting else ()

    def result(self) -> Result:
        """Return it in the shape that all commands share."""
        return Result(
            "requests make",
            str(self.folder),
            changed=bool(self.made),
            written=tuple(path for name in self.made for path in waiting_paths(name)),
            warnings=self.warnings,
            next=self.next,
        )


def renewal() -> timedelta:
    """Return within what time what ends is asked for again: make's `RENEW_DAYS`, else 30 days.

    Raises ScaffoldError if that is no number of days.
    """
    text = os.environ.get("RENEW_DAYS") or str(RENEW_DAYS)
    if not NUMBER_OF_DAYS.fullmatch(text):
        raise ScaffoldError("RENEW_DAYS takes a number of days, up to 99999")
    return timedelta(days=int(text))


def make_requests(folder: Path, names: Sequence[str], within: timedelta, *, force: bool) -> Made:
    """Make a key and a CSR for each component that is missing, changed, or ends `within` that time.

    No names mean every component; with `force` all that is named gets new ones. What waits already,
    from the request of today, stays as it is: it may be in a pack that is on its way. Raises
    ScaffoldError with every problem, before anything is written.
    """
    handfolders.inventory_by_hand(folder)
    with lock(folder, wait=LOCK_SECONDS):
        check_followed(folder)
        signings = handfolders.signings_by_name(folder)
        every = tuple(signings.values())
        chosen = signings_of_names(every, names)
        record = Record(folder, folder)
        plan = plan_waiting(folder, chosen, every, record, within, force=force)
        awaiting.clear_answered(folder, every)
        if record.is_kept:
            record.note_cas()
            record.note(plan.unrecorded)
        for each in plan.to_make:
            request = content(folder, each.signing.request)
            signed = signer.new_csr(each.request)
            check_parent()
            awaiting.put_waiting(folder, each.signing.name, signed, request)
    made = {each.signing.name: each.reasons for each in plan.to_make}
    waiting = [name for name in signings if name in {*made, *(each.name for each in plan.waiting)}]
    return Made(folder, made, plan.replaced, tuple(waiting), plan.warnings)
