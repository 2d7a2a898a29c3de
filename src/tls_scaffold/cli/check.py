"""`tls-scaffold check` on the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.completion import offering, rule_ids
from tls_scaffold.cli.options import filled, json_option_for, option
from tls_scaffold.cli.terminal import Styled, give_json, say, talk
from tls_scaffold.errors import ExitCode
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.commands.check import Report

NOTHING_WITHOUT_MAKEFILE = "nothing found, and no Makefile was looked at: there is none"
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command()
@json_option_for("Print the findings as JSON")
@option("--sarif", "as_sarif", is_flag=True, help="Print them as SARIF, for code hosts")
@option(
    "--explain",
    "rule",
    metavar="ID",
    shell_complete=offering(rule_ids),
    help="Say what a rule asks for and why, and look at nothing",
)
@option(
    "--key-group",
    callback=filled,
    metavar="GROUP",
    help="Let this group read components' keys (left out: the inventory's `key_group`)",
)
@click.pass_obj
def check(
    folder: Path, /, rule: str | None, key_group: str, *, as_json: bool, as_sarif: bool
) -> None:
    """Look for mistakes in config/, the Makefile and certs/ before a live cluster finds them.

    Exits with 1 when there are errors. `ignore` in tls-scaffold.json switches rules off, each with
    a reason.
    """
    from tls_scaffold.commands import check as command

    if as_json and as_sarif:
        raise click.UsageError("`--json` and `--sarif` exclude each other")
    if rule is not None:
        say(command.explain(rule), end="")
        return

    from datetime import datetime, timezone

    report = command.check(folder, datetime.now(timezone.utc), key_group)
    if as_json or as_sarif:
        give_json(report.to_json() if as_json else report.to_sarif())
    else:
        say(*_text(report), end="")
        talk(_summary(report))
    sys.exit(ExitCode.REFUSED if report.errors else ExitCode.DONE)


def _text(report: "Report") -> Iterator[str | Styled]:
    for finding in report.findings:
        yield Styled(f"{finding.level}:", COLOURS[finding.level])
        yield f" {escaped(finding.where)}: {escaped(finding.message)} [{finding.id}]\n"
        yield f"  fix: {escaped(finding.fix)}\n"


def _summary(report: "Report") -> str:
    if not report.findings:
        return "nothing found" if report.has_makefile else NOTHING_WITHOUT_MAKEFILE
    levels = [finding.level for finding in report.findings]
    counts = ", ".join(_count(levels.count(level), level) for level in COLOURS if level in levels)
    if set(levels) == {"note"}:
        counts = f"nothing found but {counts}"
    return (
        f"{counts}\n\nhint: `tls-scaffold check --explain ID` says more about the rule in brackets"
    )


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
