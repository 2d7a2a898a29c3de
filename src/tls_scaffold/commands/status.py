"""`tls-scaffold status`: the state of each certificate of a folder, and what to run about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tls_scaffold.commands import owedhooks
from tls_scaffold.commands.nextsteps import commands_of, steps_for
from tls_scaffold.commands.severalfolders import worst_code
from tls_scaffold.disk import files
from tls_scaffold.disk.backupfiles import note_on_backups
from tls_scaffold.disk.plainfiles import makefile_text, plain_or_empty
from tls_scaffold.errors import ExitCode, Problem, ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, LOOPBACKS, Inventory
from tls_scaffold.keeping.unsettled import refuse_unsettled
from tls_scaffold.makefiles.componentlines import strange_lines
from tls_scaffold.makefiles.origins import Origins
from tls_scaffold.paths import CA, CRL
from tls_scaffold.signing import revocationlists
from tls_scaffold.signing.rotation import Rotation, rotation_of, strange_old_cas
from tls_scaffold.signing.twincas import TwinCAs, twin_cas
from tls_scaffold.spelling import RENEW_DAYS, UTC_TIME, canonical_host
from tls_scaffold.state import advice, bundleages, cfsslscripts, contents, states
from tls_scaffold.state.entries import CA_KIND, Contents
from tls_scaffold.state.hindrances import hindrances
from tls_scaffold.state.lostkeys import lost_keys
from tls_scaffold.state.removed import Removed, still_valid
from tls_scaffold.state.renewals import EarlierCertificate, still_held
from tls_scaffold.state.states import DAY, Row
from tls_scaffold.state.statewords import (
    AWAITING_SIGNATURE,
    EXPIRING,
    ON_REQUEST,
    ORPHANED,
    STALE,
    VALID,
)

if TYPE_CHECKING:
    from tls_scaffold.live.served import LiveReport
    from tls_scaffold.state.prometheus import Measured

VERSION = 1
EXIT_CODES = {
    STALE: ExitCode.DRIFTED,
    ORPHANED: ExitCode.DRIFTED,
    EXPIRING: ExitCode.EXPIRING,
    VALID: ExitCode.DONE,
    ON_REQUEST: ExitCode.DONE,
    AWAITING_SIGNATURE: ExitCode.DRIFTED,
}
"""By states; the others are of certificates that are broken."""
RENEWAL = timedelta(days=RENEW_DAYS)


@dataclass(frozen=True)
class Report:
    """The rows of a folder, those in trouble first, and the commands that mend what they tell.

    `page` is the page of the documentation about the worst of them.
    `problem` is why the inventory that is there could not be read. `unread` has the commands of the
    Makefile that sign in a way that is not understood: nothing is known here of what they ask for.
    `removed` are certificates of components that are gone, which are valid still.
    `crl_end` is when the next revocation list is to be there; None where there is none.
    `earlier` are certificates that a CA had before it was signed again, and that hold still.
    `rotation` tells that one CA is taking the place of another, `strange_cas` what lies where the
    old one would and is none. `hooks_owed` are the components for which no hook has ended well.
    `strange_lines` are those of components that no command can keep as they stand.
    Without a Makefile, `scripts` are those in the folder that call cfssl.
    `backup` says that no backup which was made here has the CA of today; empty if there is no need.
    `own_hosts` are those that the inventory gives the component whose certificate is at a path.
    `live` is what was seen of running members, where that was asked for; `stale_bundles` are those
    that hold other certificates than `certs/`. `lost_keys` are those of CAs that should be here,
    `denied` the files that are another user's, `twin_cas` CAs of one name in the record,
    `hindrances` what keeps commands from writing.
    """

    rows: tuple[Row, ...]
    advice: tuple[str, ...]
    now: datetime
    problem: ScaffoldError | None = None
    unread: tuple[Problem, ...] = ()
    removed: tuple[Removed, ...] = ()
    own_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    within: timedelta = RENEWAL
    scripts: tuple[str, ...] = ()
    has_makefile: bool = True
    live: "LiveReport | None" = None
    stale_bundles: tuple[str, ...] = ()
    backup: str = ""
    earlier: tuple[EarlierCertificate, ...] = ()
    rotation: Rotation | None = None
    strange_cas: tuple[Problem, ...] = ()
    hooks_owed: tuple[str, ...] = ()
    crl_end: datetime | None = None
    page: str = ""
    lost_keys: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    strange_lines: tuple[Problem, ...] = ()
    twin_cas: tuple[TwinCAs, ...] = ()
    hindrances: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """How `status` ends: by what is worst, as what is broken, and then what has drifted."""
        found = {EXIT_CODES.get(row.state, ExitCode.REFUSED) for row in self.rows}
        # What is asked for is not known to be there, or can't be made.
        if self.unread or self.strange_lines or self.hindrances:
            found.add(ExitCode.DRIFTED)
        if self.live:
            found |= self.live.exit_codes
        return worst_code(found)

    def in_trouble(self) -> "Report":
        """Return the report without what is valid."""
        rows = (row for row in self.rows if row.state not in (VALID, ON_REQUEST))
        live = self.live and replace(self.live, rows=self.live.in_trouble())
        return replace(self, rows=tuple(rows), live=live)

    def hosts_of(self, row: Row) -> tuple[str, ...]:
        """Return the hosts of a row, the component's own first and loopback last.

        Members often share a request: without that all of them would begin alike.
        """
        own = [canonical_host(host) for host in self.own_hosts.get(row.path, ())]
        return tuple(sorted(row.hosts, key=lambda host: _rank(canonical_host(host), own)))

    def document(self) -> dict[str, Any]:
        """Return the rows as data for JSON: one object a component, the CA among them."""
        seen: dict[str, Any] = {}
        if self.live:
            from tls_scaffold.commands import live

            seen["live"] = live.document(self.live)
        return {
            "components": [_document(row) for row in self.rows],
            "removed": [_removed_document(each, self.now) for each in self.removed],
            "earlier_cas": [_earlier_document(each, self.now) for each in self.earlier],
            "stale_bundles": list(self.stale_bundles),
            "hooks_owed": list(self.hooks_owed),
            "lost_ca_keys": list(self.lost_keys),
            "denied": list(self.denied),
            "twin_cas": [path for twins in self.twin_cas for path in twins.cas],
            "hindrances": [each.place.path for each in self.hindrances],
            **seen,
        }

    def to_json(self) -> str:
        """Return the rows as JSON, with the version of its form."""
        return json.dumps({"version": VERSION, **self.document()}, indent=2) + "\n"

    def to_prometheus(self) -> str:
        """Return metrics in the text format of node_exporter."""
        from tls_scaffold.live import metrics
        from tls_scaffold.state import prometheus

        seen = metrics.live_metrics(self.live.rows) if self.live else ""
        return prometheus.metrics([self.measured()]) + seen

    def measured(self, folder: str | None = None) -> "Measured":
        """Return what metrics tell of it; of several folders each has its name."""
        from tls_scaffold.state.prometheus import Measured

        is_read = self.problem is None
        return Measured(self.rows, self.removed, folder, is_read, self.now, self.crl_end)

    def to_alerts(self) -> str:
        """Return Prometheus' alert rules over these metrics, YAML."""
        from tls_scaffold.commands.alerts import alert_rules

        return alert_rules((), self.within)

    def to_svg(self) -> str:
        """Return a picture of the certificates' lives, in the order of the table."""
        from tls_scaffold.state import timeline

        lives = [
            timeline.Life(row.name, row.state, row.not_before, row.not_after, row.kind == CA_KIND)
            for row in self.rows
        ]
        return timeline.timeline_svg(lives, self.now, self.within)


def _rank(host: str, own: Sequence[str]) -> int:
    if host in own:
        return own.index(host)
    return len(own) + (host in LOOPBACKS)


def status(folder: Path, within: timedelta, now: datetime) -> Report:
    """Look at every certificate of a folder, or of an archived set.

    What ends `within` that time is expiring. Without an inventory that can be read the folder
    itself is asked. Raises ScaffoldError where the folder or its Makefile can't be read, and
    ConflictError where a merge in git is not settled.
    """
    if (folder / FILE).exists():
        refuse_unsettled(folder)
    inventory, problem = _inventory(folder)
    found = contents.contents_of_folder(folder, inventory)
    rows = states.status_rows(found, now, within)
    components = inventory.components if inventory else ()
    own_hosts = {each.certificate_path: each.hosts for each in components}
    if not found.has_makefile:
        is_kept = inventory is not None or contents.is_archived(folder)
        return Report(
            rows,
            (),
            now,
            problem,
            own_hosts=own_hosts,
            within=within,
            scripts=() if is_kept else cfsslscripts.scripts_with_cfssl(folder),
            has_makefile=is_kept,
        )
    text = makefile_text(folder)
    origins = Origins(text)
    unread = tuple(map(origins.told_unread, found.unread))
    steps = steps_for(folder, inventory, found, rows, now)
    return Report(
        rows,
        commands_of(steps, folder, within),
        now,
        problem,
        unread,
        still_valid(folder, inventory, found, now) if inventory else (),
        own_hosts,
        within,
        stale_bundles=bundleages.stale_bundles(folder, inventory) if inventory else (),
        backup=note_on_backups(folder, _pin_of_ca(found)),
        earlier=still_held(folder, found, now),
        rotation=rotation_of(folder),
        strange_cas=strange_old_cas(folder),
        hooks_owed=_hooks_owed(folder),
        crl_end=revocationlists.next_update(plain_or_empty(folder / CRL)),
        page=advice.page(folder, found, rows, steps, now),
        lost_keys=lost_keys(folder, found),
        denied=tuple(path for each in found.entries for path in each.denied),
        twin_cas=tuple(twin_cas(folder, now)),
        hindrances=tuple(hindrances(folder, inventory)),
        strange_lines=tuple(strange_lines(text, {each.name for each in components})),
    )


def _hooks_owed(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(owedhooks.owed(folder))
    except ScaffoldError:
        return ()


def _pin_of_ca(found: Contents) -> str:
    ca = next((each.certificate for each in found.entries if each.path == CA), None)
    return ca.sum if ca else ""


def _inventory(folder: Path) -> tuple[Inventory | None, ScaffoldError | None]:
    try:
        return intake.load_if_any(folder), None
    except ScaffoldError as error:
        return None, error


def write(path: Path, text: str) -> None:
    """Write a file that the command line named, whole, or into a device or pipe.

    Raises UsageError where the file would be a certificate, a key or a CSR, ScaffoldError where it
    can't be written.
    """
    if path.suffix.lower() in (".pem", ".csr"):
        raise UsageError(
            f"`{path}` is called like a certificate, a key or a CSR: nothing is written there"
        )
    with files.telling(path, "written"):
        if _is_stream(path):
            path.write_text(text, encoding="utf-8")
        else:
            files.write(path, text)


def _is_stream(path: Path) -> bool:
    """Tell a pipe, a device or `/dev/stdout`: what is read as it is written."""
    home = path.parent.resolve()  # /dev/shm is a disk like any other
    if path.is_symlink() and (home == Path("/dev") or home.is_relative_to("/proc")):
        return True
    return path.exists() and not path.is_file()


def _document(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "cn": row.cn,
        "hosts": list(row.hosts),
        "key": row.key,
        "not_after": f"{row.not_after:{UTC_TIME}}" if row.not_after else None,
        "days_left": row.days_left,
        "state": row.state,
        "reasons": list(row.reasons),
    }


def _removed_document(removed: Removed, now: datetime) -> dict[str, Any]:
    return {
        "name": removed.name,
        "cn": removed.cn,
        "file": removed.path,
        "opens_peers": removed.opens_peers,
        "not_after": f"{removed.not_after:{UTC_TIME}}",
        "days_left": (removed.not_after - now) // DAY,
    }


def _earlier_document(earlier: EarlierCertificate, now: datetime) -> dict[str, Any]:
    return {
        "ca": earlier.ca,
        "file": earlier.path,
        "not_after": f"{earlier.not_after:{UTC_TIME}}",
        "days_left": (earlier.not_after - now) // DAY,
        "restart": not earlier.is_below,
    }
