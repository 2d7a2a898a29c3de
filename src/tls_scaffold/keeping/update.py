"""How every command that keeps a folder goes about it: read, plan, and only then write."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cfssl.readers import seems_request
from tls_scaffold.disk.folder import lock_kept, new_shelf
from tls_scaffold.disk.obstacles import check_folder
from tls_scaffold.disk.plainfiles import own_text, own_texts
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import conflictmarkers, rbac
from tls_scaffold.inventory.values import FILE
from tls_scaffold.keeping import journal
from tls_scaffold.keeping.adoptionnote import AdoptionNote, read_note
from tls_scaffold.keeping.change import Change
from tls_scaffold.keeping.following import plan_files
from tls_scaffold.keeping.merge import base_of_texts, settle_markers
from tls_scaffold.keeping.neededprofiles import needed_config
from tls_scaffold.keeping.plan import BESIDE, Note, Plan, Step
from tls_scaffold.keeping.record import Record, read_record, record_of_entries
from tls_scaffold.keeping.refusals import (
    check_doubled,
    check_lines,
    check_outputs,
    check_requests,
    check_reset,
)
from tls_scaffold.makefiles.componentedits import Edited
from tls_scaffold.makefiles.componentlines import lines_naming
from tls_scaffold.paths import CERTS, CONFIG, CUSTODY, MAKEFILE, REVOKED
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import check_sizes, recorded
from tls_scaffold.signing import revocations

if TYPE_CHECKING:
    from tls_scaffold.keeping.cafiles import CAFiles

Texts = Mapping[str, str]


def change_folder(
    folder: Path,
    command: tuple[str, ...],
    read_change: Callable[[], Change],
    *,
    dry_run: bool = False,
    again: bool = False,
) -> Plan:
    """Change a folder's inventory and make the folder follow; return what was done.

    `command` is what the user asked for: if a killed run of the same left its work half done, that
    is finished, and nothing else unless the command can be done `again`. With `dry_run` only return
    what would be done. Raises ScaffoldError, before anything is written, for whatever is wrong.
    """
    if dry_run:
        change = read_change()
        plan = plan_change(folder, change)
        return _with_ca_notes(plan, _ca_files(folder, change, plan))
    with lock_kept(folder):
        # The change is read after that: what a killed run had begun is a part of the folder then.
        pending = journal.finish_pending(folder)
        finished = pending.plan if pending and pending.command == command else None
        if finished and not again:
            done = finished
        else:
            change = read_change()
            plan = plan_change(folder, change)
            done = finished or plan
            files = _ca_files(folder, change, plan)
            entry = journal.Entry(command, plan)
            if files:
                from tls_scaffold.keeping import cafiles

                journal.check_plan(folder, entry)
                cafiles.put_in_place(folder, files, plan.shelf)
            if plan:
                done = journal.carry_out(folder, entry)
            if files:
                cafiles.take_away(folder, files, plan.shelf)
            done = _with_ca_notes(done, files)
        steps = (*done.steps, *(pending.plan.steps if pending else ()))
        has_new_config = any(step.path == CONFIG for step in steps)
        if (again or has_new_config) and not done.conflicts:
            _record_valid(folder)
        return done


def _ca_files(folder: Path, change: Change, plan: Plan) -> "CAFiles | None":
    """Return what becomes of the CA's files; None where who holds it stays the same."""
    # Where nothing else is left of a command that was killed, the key may still have to leave.
    if not (change.says_custody or change.brought):
        return None
    from tls_scaffold.keeping import cafiles

    is_alone = change.is_of_custody_alone
    texts = {
        step.path: (step.after or "").encode()
        for step in plan.steps
        if step.path == CONFIG and is_alone
    }
    files = cafiles.plan_ca_files(folder, change.old.ca, change.new.ca, change.brought, texts)
    return files or None


def _with_ca_notes(plan: Plan, files: "CAFiles | None") -> Plan:
    if not files:
        return plan
    notes = [Note("wrote", path) for path in files.written]
    return replace(plan, notes=(*plan.notes, *notes, *(Note("archived", p) for p in files.gone)))


def _record_valid(folder: Path) -> None:
    """Note which certificates are what is asked for.

    To cfssl's make any new sum of a configuration is a reason to sign all again; that of a profile
    which nobody uses, say, is none.
    """
    if any((folder / CERTS).glob("*.pem")):
        from tls_scaffold.signing import recordcompletion

        recordcompletion.record_valid_pairs(folder)


def plan_change(folder: Path, change: Change) -> Plan:
    """Return what `change_folder` would do.

    Raises ScaffoldError like it, and where a killed command left its work half done.
    """
    check_folder(folder)
    if journal.has_pending(folder):
        raise ScaffoldError(
            f"a command was killed while it worked on `{folder}`",
            hint="`tls-scaffold sync` finishes its work",
        )
    facts = own_text(folder, rbac.FACTS) or ""
    change = replace(change, new=rbac.remembering(change.new, facts))
    record = read_record(folder)
    if record:
        return make_plan(folder, change, record, read_note(folder))
    # It may be a folder of before the record, or one whose record was not committed.
    assumed = _assumed_record(folder, change)
    return make_plan(folder, change, assumed, read_note(folder)).without_record()


def _assumed_record(folder: Path, change: Change) -> Record:
    """Return what counts as rendered last where no record tells.

    It is what files have of the old inventory's own render.
    """
    if change.old == change.new:
        return Record()
    rendered = template.render(change.old)
    now = _with_line_feeds(_read_texts(folder, rendered))
    record = record_of_entries(
        entry for path, text in rendered.items() for entry in recorded(path, text)
    )
    there = {
        path: [base_of_texts(now[path], rendered[path])] for path in record.documents if path in now
    }
    return replace(record, documents={**record.documents, **there})


def make_plan(folder: Path, change: Change, record: Record, note: AdoptionNote | None) -> Plan:
    """Return what makes a folder follow.

    `record` is what was rendered last, and `note` what `adopt` noted.
    """
    rendered = template.render(change.new)
    check_reset(change.reset, rendered)
    now = _read_texts(folder, [*rendered, *record.documents, *record.sums, CUSTODY])
    yours = _with_line_feeds(now)
    if MAKEFILE in yours:
        conflictmarkers.refuse({MAKEFILE: yours[MAKEFILE]})
        names = {each.name for each in change.new.components}
        known = {*record.lines, *(each.name for each in change.old.components)}
        check_lines(yours[MAKEFILE], names, known - names)
    yours = _with_merges_settled(yours, record)
    check_requests(yours, rendered)
    added = {(each.name, each.output) for each in change.new.components} - record.components
    check_outputs(folder, (output for _, output in sorted(added)), [note.ca] if note else [])
    rendered[FILE] = change.inventory_text(now.get(FILE, ""))
    if note:
        yours = note.with_what_was_understood(folder, yours, rendered)
    if CONFIG not in change.reset:
        components = change.new.components
        rendered[CONFIG] = needed_config(rendered[CONFIG], yours.get(CONFIG), components)
    makefile = change.edited_makefile(
        yours.get(MAKEFILE, rendered[MAKEFILE]), record, lambda path: (folder / path).exists()
    )
    check_doubled(yours.get(MAKEFILE, ""), makefile.text, change.new.components)
    # What a line still signs from stays, as the team's own from now on.
    gone = {*record.documents, *change.left_requests(rendered)} - rendered.keys()
    used = {path for path in gone if lines_naming(makefile.text, path)}
    taken = {path: each for path, each in record.documents.items() if path not in used}
    record = replace(record, documents=taken)
    plan = plan_files(now, record, rendered, new_shelf(folder), yours, change.reset)
    plan = _with_makefile(plan, now, makefile)
    # Nothing else has what is rendered anew, nor a request in which git met a conflict.
    settled = [path for path, text in now.items() if _is_marked_json(path, text)]
    plan = plan.with_more(plan.copies((*change.reset, *settled)))
    if note:
        plan = note.ended(folder, plan, rendered)
    check_sizes({step.path: step.after for step in plan.steps if step.after is not None})
    plan = _with_revocations_settled(plan, folder)
    plan = replace(plan, forgotten=rbac.forgotten(now.get(rbac.FACTS, ""), rendered[rbac.FACTS]))
    return _with_strangers(plan, folder, change, {*record.documents, *rendered, *used})


def _with_makefile(plan: Plan, now: Texts, makefile: Edited) -> Plan:
    """Return the plan with what becomes of the Makefile; a copy is kept if an edited line goes."""
    before = now.get(MAKEFILE)
    steps = [] if before == makefile.text else [Step(MAKEFILE, before, makefile.text)]
    if makefile.lost and before is not None:
        steps.append(Step(f"{plan.shelf}/{MAKEFILE}", None, before))
    return plan.with_more(steps, notes=[Note("kept", MAKEFILE)] if makefile.own else [])


def _with_revocations_settled(plan: Plan, folder: Path) -> Plan:
    """Return the plan with what both sides of a merge have revoked, where git left markers."""
    text = own_text(folder, REVOKED) or ""
    settled = revocations.with_merge_settled(text)
    if text == settled:
        return plan
    steps = [Step(f"{plan.shelf}/{REVOKED}", None, text), Step(REVOKED, text, settled)]
    return plan.with_more(steps, notes=[Note("settled", REVOKED)])


def _with_strangers(plan: Plan, folder: Path, change: Change, known: Iterable[str]) -> Plan:
    """Return the plan with what is taken away that we never rendered.

    These are certificates, and requests that were written by hand.
    """
    strangers = own_texts(folder, change.left_requests(known))
    requests = [path for path, text in strangers.items() if seems_request(text)]
    left = [Note("left", path) for path in strangers if path not in requests]
    return plan.with_more(moves=(*requests, *change.moves), notes=left)


def _with_merges_settled(texts: Texts, record: Record) -> Texts:
    """Return texts by path, each request that has conflict markers with what both sides have."""
    settled = {
        path: settle_markers(text, record.documents.get(path, []))
        for path, text in texts.items()
        if _is_marked_json(path, text)
    }
    conflictmarkers.refuse({path: texts[path] for path, text in settled.items() if text is None})
    return {**texts, **{path: text for path, text in settled.items() if text is not None}}


def _is_marked_json(path: str, text: str) -> bool:
    return path.endswith(".json") and bool(conflictmarkers.marked_lines(text))


def _read_texts(folder: Path, paths: Iterable[str]) -> Texts:
    return own_texts(folder, (each for path in paths for each in (path, path + BESIDE)))


def _with_line_feeds(texts: Texts) -> Texts:
    """Return texts without the CRs at the ends of lines.

    They are no edit, and neither make nor sh can read them.
    """
    return {path: text.replace("\r\n", "\n") for path, text in texts.items()}
