"""`tls-scaffold status` of several folders: one table, one document, one file of metrics."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tls_scaffold.commands import status
from tls_scaffold.commands.results import error_document
from tls_scaffold.commands.severalfolders import look_at_each, worst_code
from tls_scaffold.errors import ExitCode, ScaffoldError
from tls_scaffold.state import prometheus
from tls_scaffold.state.states import Row
from tls_scaffold.state.statewords import STATES, VALID

UNREADABLE = "unreadable"
STATES_OF_FOLDERS = (UNREADABLE, *STATES)


@dataclass(frozen=True)
class FolderStatus:
    """One folder: what is known of its certificates, and why something of it can't be read."""

    folder: Path
    report: status.Report | None
    error: ScaffoldError | None

    @property
    def name(self) -> str:
        """The folder, as it is called on the command line and in documents."""
        return str(self.folder)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its certificates, those in trouble first; none where nothing could be read."""
        return self.report.rows if self.report else ()

    @cached_property
    def trouble(self) -> tuple[Row, ...]:
        """Its certificates that are in trouble."""
        return self.report.in_trouble().rows if self.report else ()

    @property
    def state(self) -> str:
        """The worst of what is there, or that something can't be read."""
        if self.error:
            return UNREADABLE
        return min((row.state for row in self.rows), key=STATES.index, default=VALID)

    @property
    def exit_code(self) -> ExitCode:
        """How `status` ends for this folder alone."""
        if self.error:
            return self.error.exit_code
        return self.report.exit_code if self.report else ExitCode.DONE

    @property
    def measured(self) -> prometheus.Measured:
        """What metrics tell of it."""
        if self.report:
            return replace(self.report.measured(self.name), is_read=not self.error)
        return prometheus.Measured((), folder=self.name, is_read=False)

    def document(self) -> dict[str, Any]:
        """Return it as data for JSON: what `status --json` has of one folder, and more."""
        told: dict[str, Any] = self.report.document() if self.report else {}
        return {
            "folder": self.name,
            "state": self.state,
            "components": [],
            "removed": [],
            **told,
            "error": error_document(self.error) if self.error else None,
        }


@dataclass(frozen=True)
class SeveralStates:
    """Several folders, those in trouble first."""

    folders: tuple[FolderStatus, ...]

    @property
    def exit_code(self) -> ExitCode:
        """How `status` ends: by the worst of all folders."""
        return worst_code([each.exit_code for each in self.folders])

    def in_trouble(self) -> "SeveralStates":
        """Return the folders that `status` alone would not end with 0 for."""
        return SeveralStates(tuple(each for each in self.folders if each.exit_code))

    def to_json(self, *, failed: bool) -> str:
        """Return all folders as JSON; of `failed` ones what is in trouble alone."""
        found = (_failed(each) for each in self.in_trouble().folders) if failed else self.folders
        document = {"version": status.VERSION, "folders": [each.document() for each in found]}
        return json.dumps(document, indent=2) + "\n"

    def to_prometheus(self) -> str:
        """Return metrics in the text format of node_exporter, each with the label `folder`."""
        ordered = sorted(self.folders, key=lambda each: each.name)
        return prometheus.metrics([each.measured for each in ordered])

    def to_alerts(self, within: timedelta) -> str:
        """Return Prometheus' alert rules over these metrics, YAML."""
        from tls_scaffold.commands.alerts import alert_rules

        return alert_rules(sorted(each.name for each in self.folders), within)


def states_of(
    folders: Iterable[Path],
    closed: Mapping[Path, ScaffoldError],
    within: timedelta,
    now: datetime,
) -> SeveralStates:
    """Look at every certificate of several folders; `closed` are those that can't be looked into.

    What can't be read of one is its error. What ends `within` that time is expiring.
    """
    looks = look_at_each(folders, closed, lambda folder: status.status(folder, within, now))
    found = [
        FolderStatus(folder, report, error or (report.problem if report else None))
        for folder, report, error in looks
    ]
    # Sorting keeps the order in which they were named where nothing is worse.
    return SeveralStates(tuple(sorted(found, key=_turn)))


def _turn(folder: FolderStatus) -> tuple[int, bool]:
    return STATES_OF_FOLDERS.index(folder.state), not folder.exit_code


def _failed(folder: FolderStatus) -> FolderStatus:
    report = folder.report.in_trouble() if folder.report else None
    return FolderStatus(folder.folder, report, folder.error)
