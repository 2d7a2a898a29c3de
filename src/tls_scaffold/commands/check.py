"""`tls-scaffold check`: what the rules find in a folder, before a live cluster does."""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold import checks
from tls_scaffold.checks import looking, report
from tls_scaffold.checks.rule import ERROR, Finding
from tls_scaffold.commands import live
from tls_scaffold.errors import UsageError
from tls_scaffold.spelling import did_you_mean, nearest


@dataclass(frozen=True)
class Report:
    """What the rules found, by file, in a folder, and whether that has a Makefile."""

    findings: tuple[Finding, ...]
    folder: Path = Path()
    has_makefile: bool = True

    @property
    def errors(self) -> int:
        """How many of the findings are errors."""
        return sum(finding.level == ERROR for finding in self.findings)

    def to_json(self) -> str:
        """Return the findings as JSON."""
        return report.to_json(self.findings)

    def to_sarif(self) -> str:
        """Return the findings for code hosts, which know a file by its path in the repository."""
        return report.to_sarif([(in_repository(self.folder), self.findings)], checks.RULES)


def check(folder: Path, now: datetime, key_group: str, begun: live.Begun | None = None) -> Report:
    """Return what the rules find in a folder; the group `key_group` may read components' keys.

    `begun` is the look at running members, where that was asked for. Raises ScaffoldError where
    there is nothing to look at.
    """
    view = looking.look_at_folder(folder, now, key_group)
    if begun:
        view = replace(view, live=begun.report(now))
    return Report(checks.run_rules(view), folder, has_makefile=bool(view.makefile))


def in_repository(folder: Path) -> str:
    """Return a folder's path in its git repository, or from here; empty for that itself."""
    home = folder.resolve()
    top = next(
        (each for each in (home, *home.parents) if os.path.lexists(each / ".git")), Path.cwd()
    )
    return "" if home == top else Path(os.path.relpath(home, top)).as_posix()


def explain(rule_id: str) -> str:
    """Return what is known of a rule; UsageError if there is none of this id."""
    rule = next((rule for rule in checks.RULES if rule.id == rule_id), None)
    if rule:
        return rule.explanation()
    raise UsageError(
        f"there is no rule `{rule_id}`{did_you_mean(rule_id, checks.IDS)}",
        [f"`{each}`" for each in nearest(rule_id, checks.IDS)],
        hint="these are the likest; a finding has its rule's id in brackets, and "
        "`docs/reference/rules.md` has all",
    )
