"""What `check` finds, but for the note that nearly every folder of a test has."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from support import Done
from tls_scaffold.commands import check as command

CLEAR_KEY = "ca-key-in-the-clear"


def check(folder: Path, now: datetime, key_group: str = "") -> command.Report:
    """Return what `check` finds, without the note that the CA's key is in the clear."""
    report = command.check(folder, now, key_group)
    return replace(report, findings=tuple(each for each in report.findings if each.id != CLEAR_KEY))


def finds_nothing(done: Done) -> bool:
    """Tell whether a run of `check` ended well and printed nothing but that note."""
    findings = [line for line in done.stdout.splitlines() if not line.startswith("  fix: ")]
    told = [line for line in findings if f"[{CLEAR_KEY}]" not in line]
    return done.returncode == 0 and not told and done.stderr.startswith("nothing found")
