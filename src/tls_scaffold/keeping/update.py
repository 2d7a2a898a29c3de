"""How every command that keeps a folder goes about it: read, plan, and only then write, under the lock."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tls_scaffold.cfssl.readers import seems_request
from tls_scaffold.disk import folder as files
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers, rbac
from tls_scaffold.inventory.rbac import FACTS
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping import adoptionnote, journal, merge
from tls_scaffold.keeping import record as last
from tls_scaffold.keeping.adoptionnote import AdoptionNote
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.following import follow
from tls_scaffold.keeping.plan import BESIDE, Note, Plan, Step
from tls_scaffold.keeping.record import Record
from tls_scaffold.keeping.refusals import check_outputs, check_requests, check_reset
from tls_scaffold.makefiles.componentedits import Edited
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.paths import CERTS
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import check_sizes, recorded

Texts = Mapping[str, str]


def carry_out(
    folder: Path, command: tuple[str, ...], change: Callable[[], Change], *, again: bool = False
) -> Plan:
    """Change a folder's inventory and make the folder follow; returns what was done.

    `command` is what the user asked for: if a killed run of the same left its work half done, that is
    finished, and nothing else unless the command can be done `again`. Raises ScaffoldError, before
    anything is written, for whatever is wrong.
    """
    with files.lock(folder):
        left = journal.finish(folder)
        same = left.plan if left and left.command == command else None
        if same and not again:
            return same
        plan = preview(folder, change())
        done = journal.carry_out(folder, journal.Entry(command, plan)) if plan else same or plan
        if again and not done.conflicts:
            _record_valid(folder)
        return done


def _record_valid(folder: Path) -> None:
    """Note what is valid: a profile that nobody uses, say, is no reason for cfssl's make to sign all again."""
    if any((folder / CERTS).glob("*.pem")):
        from tls_scaffold.signing import recordcompletion

        recordcompletion.record_valid_pairs(folder)


def preview(folder: Path, change: Change) -> Plan:
    """Return what `carry_out` would do.

    Raises ScaffoldError like it, and where a killed command left its work half done.
    """
    files.check(folder)
    if journal.pending(folder):
        raise ScaffoldError(
            f"a command was killed while it worked on `{folder}`",
            hint="`tls-scaffold sync` finishes its work",
        )
    record = last.read(folder)
    if record:
        return plan_of(folder, change, record, adoptionnote.read(folder))
    assumed = _assumed_record(folder, change)
    return plan_of(folder, change, assumed, adoptionnote.read(folder)).without_record()


def _assumed_record(folder: Path, change: Change) -> Record:
    """Return what counts as rendered last where no record tells: what files have of the old inventory's own render."""
    if change.old == change.new:
        return Record()
    rendered = template.render(change.old)
    now = _with_line_feeds(_texts(folder, rendered))
    record = last.of_entries(
        entry for path, text in rendered.items() for entry in recorded(path, text)
    )
    there = {
        path: [merge.common(now[path], rendered[path])] for path in record.documents if path in now
    }
    return replace(record, documents={**record.documents, **there})


def plan_of(folder: Path, change: Change, record: Record, note: AdoptionNote | None) -> Plan:
    """Return what makes a folder follow, where `record` is what was rendered last and `note` what `adopt` noted."""
    rendered = template.render(change.new)
    check_reset(change.reset, rendered)
    now = _texts(folder, [*rendered, *record.documents])
    there = _with_line_feeds(now)
    conflictmarkers.refuse({path: text for path, text in there.items() if path == MAKEFILE})
    there = _with_merges_settled(there, record)
    check_requests(there, rendered)
    new = {(each.name, each.output) for each in change.new.components} - record.components
    check_outputs(folder, (output for _, output in sorted(new)), [note.ca] if note else [])
    rendered[FILE] = change.inventory_text(now.get(FILE, ""))
    there = note.with_what_was_understood(folder, there, rendered) if note else there
    plan = follow(now, record, rendered, files.shelf(folder), there, change.reset)
    plan = _with_makefile(
        plan, now, change.makefile(there.get(MAKEFILE, rendered[MAKEFILE]), record)
    )
    plan = plan.with_more(_copies(plan, change.reset))
    plan = note.ended(folder, plan, rendered) if note else plan
    check_sizes({step.path: step.after for step in plan.steps if step.after is not None})
    plan = replace(plan, forgotten=rbac.forgotten(now.get(FACTS, ""), rendered[FACTS]))
    return _with_strangers(plan, folder, change, {*record.documents, *rendered})


def _with_makefile(plan: Plan, now: Texts, makefile: Edited) -> Plan:
    """Return the plan with what becomes of the Makefile; a copy of it is kept if an edited line goes."""
    steps = (
        []
        if now.get(MAKEFILE) == makefile.text
        else [Step(MAKEFILE, now.get(MAKEFILE), makefile.text)]
    )
    if makefile.lost and MAKEFILE in now:
        steps.append(Step(f"{plan.shelf}/{MAKEFILE}", None, now[MAKEFILE]))
    return plan.with_more(steps, notes=[Note("kept", MAKEFILE)] if makefile.own else [])


def _with_strangers(plan: Plan, folder: Path, change: Change, known: Iterable[str]) -> Plan:
    """Return the plan with what is taken away that we never rendered: certificates, and requests written by hand."""
    strangers = files.own_texts(folder, change.requests(known))
    requests = [path for path, text in strangers.items() if seems_request(text)]
    left = [Note("left", path) for path in strangers if path not in requests]
    return plan.with_more(moves=(*requests, *change.moves), notes=left)


def _with_merges_settled(texts: Texts, record: Record) -> Texts:
    """Return texts by path, each request that has conflict markers with what both sides have."""
    settled = {
        path: merge.settled(text, record.documents.get(path, []))
        for path, text in texts.items()
        if path.endswith(".json") and conflictmarkers.marked_lines(text)
    }
    conflictmarkers.refuse({path: texts[path] for path, text in settled.items() if text is None})
    return {**texts, **{path: text for path, text in settled.items() if text is not None}}


def _copies(plan: Plan, reset: Iterable[str]) -> Iterator[Step]:
    """Yield the steps that keep in the archive what is rendered anew, and requests in which git met a conflict."""
    for step in plan.steps:
        is_settled = step.path.endswith(".json") and conflictmarkers.marked_lines(step.before or "")
        if step.before is not None and (step.path in reset or is_settled):
            yield Step(f"{plan.shelf}/{step.path}", None, step.before)


def _texts(folder: Path, paths: Iterable[str]) -> Mapping[str, str]:
    return files.own_texts(folder, (each for path in paths for each in (path, path + BESIDE)))


def _with_line_feeds(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Return texts without the CRs at the ends of lines: no edit, and neither make nor sh can read them."""
    return {path: text.replace("\r\n", "\n") for path, text in texts.items()}
