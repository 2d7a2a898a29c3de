"""`tls-scaffold check` on the command line."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tls_scaffold.cli.completion import offering, rule_ids
from tls_scaffold.cli.livetable import begin_look, tell_look
from tls_scaffold.cli.lookoptions import ONE_FOLDER, live_options
from tls_scaffold.cli.options import filled, json_option_for, option, several_folders
from tls_scaffold.cli.pageplace import with_page_places
from tls_scaffold.cli.terminal import Styled, give_json, say, talk, tell_error_of_folder
from tls_scaffold.cli.verbs import Verb
from tls_scaffold.errors import ExitCode
from tls_scaffold.spelling import counted, escaped

if TYPE_CHECKING:
    from tls_scaffold.checks.rule import Finding
    from tls_scaffold.commands.check import Report
    from tls_scaffold.commands.live import LiveOptions
    from tls_scaffold.commands.severalchecks import SeveralFindings

NOTHING_WITHOUT_MAKEFILE = "nothing found, and no Makefile was looked at: there is none"
HINT = "hint: `tls-scaffold check --explain ID` says more about the rule in brackets"
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command(cls=Verb)
@several_folders
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
@live_options
@click.pass_obj
def check(  # noqa: PLR0913 - its options
    folder: Path,
    /,
    named: tuple[Path, ...],
    above: tuple[Path, ...],
    rule: str | None,
    key_group: str,
    live: "LiveOptions | None",
    *,
    as_json: bool,
    as_sarif: bool,
) -> None:
    """Look for mistakes in config/, the Makefile and certs/ before a live cluster finds them.

    With FOLDERs, or --all, in several folders. Exits with 1 when there are errors. `ignore` in
    tls-scaffold.json switches rules off in its folder, each with a reason.
    """
    from tls_scaffold.commands import check as command

    if as_json and as_sarif:
        raise click.UsageError("`--json` and `--sarif` exclude each other")
    if rule is not None:
        if as_json or as_sarif:
            form = "--json" if as_json else "--sarif"
            raise click.UsageError(f"`{form}` and `--explain` exclude each other")
        say(command.explain(rule), end="")
        return

    now = datetime.now(timezone.utc)
    if named or above:
        if live:
            raise click.UsageError(ONE_FOLDER)
        from tls_scaffold.commands import severalchecks
        from tls_scaffold.commands.severalfolders import folders_and_closed

        found = severalchecks.findings_of(*folders_and_closed(folder, named, above), now, key_group)
        _tell_several(found, as_json=as_json, as_sarif=as_sarif)
        sys.exit(found.exit_code)
    begun = begin_look(folder, live) if live else None
    report = command.check(folder, now, key_group, begun)
    if begun:
        tell_look()
    if as_json or as_sarif:
        give_json(report.to_json() if as_json else report.to_sarif())
    else:
        say(*_text(report.findings, folder), end="")
        talk(_summary(report))
    sys.exit(ExitCode.REFUSED if report.errors else ExitCode.DONE)


def _tell_several(found: "SeveralFindings", *, as_json: bool, as_sarif: bool) -> None:
    if as_json or as_sarif:
        give_json(found.to_json() if as_json else found.to_sarif())
    else:
        for each in found.folders:
            if each.error:
                tell_error_of_folder(each.folder, each.error)
            say(*_text(each.findings, each.folder, each.folder), end="")
        talk(_summary_of_several(found))


def _text(
    findings: "Iterable[Finding]", folder: Path, above: Path = Path()
) -> Iterator[str | Styled]:
    """Yield findings in a folder, whose places are told below `above`."""
    from tls_scaffold.commands.typed import as_typed

    for finding in findings:
        where = str(replace(finding.place, path=str(above / finding.place.path)))
        fix = with_page_places(as_typed(finding.fix, folder))
        yield Styled(f"{finding.level}:", COLOURS[finding.level])
        yield f" {escaped(where)}: {escaped(finding.message)} [{finding.id}]\n"
        yield f"  fix: {escaped(fix)}\n"


def _summary(report: "Report") -> str:
    if not report.findings:
        return "nothing found" if report.has_makefile else NOTHING_WITHOUT_MAKEFILE
    return f"{_counts(report.findings)}\n\n{HINT}"


def _summary_of_several(found: "SeveralFindings") -> str:
    folders = counted(len(found.folders), "folder")
    unread = sum(each.error is not None for each in found.folders)
    missed = f", {unread} can't be read" if unread else ""
    findings = [finding for each in found.folders for finding in each.findings]
    if not findings:
        return f"nothing found in {folders}{missed}"
    troubled = sum(bool(each.findings) for each in found.folders)
    return f"{_counts(findings)} in {troubled} of {folders}{missed}\n\n{HINT}"


def _counts(findings: "Sequence[Finding]") -> str:
    levels = [finding.level for finding in findings]
    counts = ", ".join(counted(levels.count(level), level) for level in COLOURS if level in levels)
    return f"nothing found but {counts}" if set(levels) == {"note"} else counts
