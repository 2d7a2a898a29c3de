"""`tls-scaffold check` of several folders: the findings of all, each with its folder."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tls_scaffold import checks
from tls_scaffold.checks import report
from tls_scaffold.checks.rule import Finding
from tls_scaffold.commands import check
from tls_scaffold.commands.results import error_document
from tls_scaffold.commands.severalfolders import look_at_each, worst_code
from tls_scaffold.errors import ExitCode, ScaffoldError


@dataclass(frozen=True)
class FolderFindings:
    """What the rules found in one folder, or why it can't be read."""

    folder: Path
    report: check.Report
    error: ScaffoldError | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules found; nothing where it can't be read."""
        return self.report.findings

    @property
    def exit_code(self) -> ExitCode:
        """How `check` ends for this folder alone."""
        if self.error:
            return self.error.exit_code
        return ExitCode.REFUSED if self.report.errors else ExitCode.DONE

    def document(self) -> dict[str, Any]:
        """Return it as data for JSON: what `check --json` has of one folder, and more."""
        return {
            "folder": str(self.folder),
            "findings": report.documents(self.findings),
            "error": error_document(self.error) if self.error else None,
        }


@dataclass(frozen=True)
class SeveralFindings:
    """Several folders: those that can't be read, then those with errors, then with warnings."""

    folders: tuple[FolderFindings, ...]

    @property
    def exit_code(self) -> ExitCode:
        """How `check` ends: by the worst of all folders."""
        return worst_code([each.exit_code for each in self.folders])

    def to_json(self) -> str:
        """Return the findings as JSON, by folder."""
        document = {
            "version": report.VERSION,
            "folders": [each.document() for each in self.folders],
        }
        return json.dumps(document, indent=2) + "\n"

    def to_sarif(self) -> str:
        """Return the findings for code hosts, each file by its path in the repository."""
        by_home = [(check.in_repository(each.folder), each.findings) for each in self.folders]
        return report.to_sarif(by_home, checks.RULES)


def findings_of(
    folders: Iterable[Path], closed: Mapping[Path, ScaffoldError], now: datetime, key_group: str
) -> SeveralFindings:
    """Return what the rules find in several folders, as `check.check` does in one.

    `closed` are those that can't be looked into. What a folder's inventory switches off is off
    there alone.
    """
    looks = look_at_each(folders, closed, lambda folder: check.check(folder, now, key_group))
    found = [
        FolderFindings(folder, seen or check.Report((), folder), error)
        for folder, seen, error in looks
    ]
    return SeveralFindings(tuple(sorted(found, key=_turn)))


def _turn(folder: FolderFindings) -> tuple[bool, bool, bool]:
    return folder.error is None, not folder.report.errors, not folder.findings
