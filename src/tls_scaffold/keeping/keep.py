"""How every command that keeps a folder goes about it: read, plan, and only then write, under the lock."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.cfssl.readers import seems_request
from tls_scaffold.disk import folder as files
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import intake, rbac
from tls_scaffold.inventory.rbac import FACTS
from tls_scaffold.inventory.reach import ENDINGS, RENDERED
from tls_scaffold.inventory.values import FILE, Inventory
from tls_scaffold.keeping import journal, takeover
from tls_scaffold.keeping import record as last
from tls_scaffold.keeping.authorities import is_of_ca
from tls_scaffold.keeping.changes import BESIDE, Note, Plan, Step, follow
from tls_scaffold.keeping.gone import Gone
from tls_scaffold.keeping.merge import common, merge
from tls_scaffold.keeping.permitted import NO_REQUEST
from tls_scaffold.keeping.takeover import Takeover
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.rendering import template
from tls_scaffold.rendering.documents import NOT_RECORDED, check_sizes
from tls_scaffold.words import meant


@dataclass(frozen=True)
class Change:
    """An inventory before and after a command.

    `moves` are the certificates that go to the archive with what it took out, `reset` the files that are
    rendered anew whatever was done to them.
    """

    old: Inventory
    new: Inventory
    moves: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()

    def requests(self, known: Mapping[str, str]) -> Iterator[str]:
        """Yield the requests of what was taken out that are not `known` as ours: the team wrote them by hand."""
        wanted = {component.request for component in self.new.components}
        paths = dict.fromkeys(component.request for component in self.old.components)
        yield from (path for path in paths if path not in wanted and path not in known)


def keep(folder: Path, command: tuple[str, ...], change: Callable[[], Change], *, again: bool = False) -> Plan:
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
        return journal.carry_out(folder, journal.Entry(command, plan)) if plan else same or plan


def preview(folder: Path, change: Change) -> Plan:
    """Return what `keep` would do. Raises ScaffoldError like it, and where a killed command left its work half done."""
    files.check(folder)
    if journal.pending(folder):
        raise ScaffoldError(
            f"a command was killed while it worked on `{folder}`",
            hint="`tls-scaffold sync` finishes its work",
        )
    record = last.read(folder)
    if record:
        return planned(folder, change, record, takeover.read(folder))
    assumed = {} if change.old == change.new else _assumed(folder, change.old)
    return planned(folder, change, assumed, takeover.read(folder)).without_record()


def _assumed(folder: Path, inventory: Inventory) -> dict[str, str]:
    """Return what was rendered last where no record tells: of each file what it has of the inventory's own render."""
    rendered = template.render(inventory)
    now = _with_line_feeds(_texts(folder, rendered))
    return {
        path: text if now[path] == text else common(path, now[path], text)
        for path, text in rendered.items()
        if path in now
    }


def planned(folder: Path, change: Change, record: Mapping[str, str], adopted: Takeover | None) -> Plan:
    """Return what makes a folder follow, where `record` is what was rendered last and `adopted` what `adopt` read."""
    rendered = template.render(change.new)
    _check_reset(change.reset, rendered)
    now = _texts(folder, [*rendered, *record])
    _check_requests(now, rendered)
    rendered[FILE] = _inventory_text(now.get(FILE, ""), change)
    given = _with_line_feeds(adopted.given(folder, now, rendered) if adopted else now)
    gone = Gone.of(change.old, record, rendered)
    new = makefile.components(rendered[MAKEFILE]) - makefile.components(record.get(MAKEFILE, ""))
    _check_outputs(folder, (output for _, output in sorted(new)), adopted)
    shelf = files.shelf(folder)
    plan = follow(now, gone.taken_from(record), rendered, shelf, gone.taken_from(given), change.reset)
    if not adopted and MAKEFILE not in plan.conflicts:
        plan = plan.with_more(gone.copies(shelf, given, record))
    plan = plan.with_more(_as_they_were(plan, change.reset))
    plan = adopted.finished(folder, plan, rendered) if adopted else plan
    check_sizes({step.path: step.after for step in plan.steps if step.after is not None})
    plan = replace(plan, forgotten=rbac.forgotten(record.get(FACTS, now.get(FACTS, "")), rendered[FACTS]))
    strangers = files.own_texts(folder, change.requests({**record, **rendered}))
    requests = [path for path, text in strangers.items() if seems_request(text)]
    left = [Note("left", path) for path in strangers if path not in requests]
    return replace(plan, notes=(*plan.notes, *left)).with_more(moves=(*requests, *change.moves))


def _check_reset(paths: Iterable[str], rendered: Mapping[str, str]) -> None:
    known = [path for path in rendered if path not in NOT_RECORDED]
    problems = [f"`{path}` is no file that is rendered here{meant(path, known)}" for path in paths if path not in known]
    if problems:
        raise ScaffoldError(
            "nothing is put back", problems, "it takes paths in the folder, as `Makefile` or `config/ca-config.json`"
        )


def _check_requests(now: Mapping[str, str], rendered: Mapping[str, str]) -> None:
    """Raise ScaffoldError for each request that is there and is something else: a team's JSON has many names."""
    requests = {path for path in rendered if path not in (*RENDERED, *NOT_RECORDED)}
    there = [path for path in now if path.removesuffix(BESIDE) in requests]
    problems = [f"`{path}` {NO_REQUEST}" for path in there if not seems_request(now[path])]
    if problems:
        hint = "mend it, move it away, or give the component another `request` in the inventory"
        raise ScaffoldError("nothing is written over what is no request", problems, hint)


def _check_outputs(folder: Path, outputs: Iterable[str], adopted: Takeover | None) -> None:
    """Raise ScaffoldError where `make` would sign over a CA: that of an adopted folder has any name."""
    bases = [adopted.ca] if adopted else []
    paths = [f"{output}{ending}" for output in outputs for ending in ENDINGS]
    problems = [
        f"`{path}` is a CA's" for path in paths if os.path.lexists(folder / path) and is_of_ca(folder, path, bases)
    ]
    if problems:
        raise ScaffoldError("a component can't have the files of a CA", problems, "give it another name or `output`")


def _as_they_were(plan: Plan, paths: Iterable[str]) -> Iterator[Step]:
    """Yield the steps that keep in the archive what is rendered anew."""
    for step in plan.steps:
        if step.path in paths and step.before is not None:
            yield Step(f"{plan.shelf}/{step.path}", None, step.before)


def _texts(folder: Path, paths: Iterable[str]) -> Mapping[str, str]:
    return files.own_texts(folder, (each for path in paths for each in (path, path + BESIDE)))


def _with_line_feeds(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Return texts without the CRs at the ends of lines: no edit, and neither make nor sh can read them."""
    return {path: text.replace("\r\n", "\n") for path, text in texts.items()}


def _inventory_text(text: str, change: Change) -> str:
    """Return the text of the new inventory, in the team's own order of fields as far as it can be kept."""
    if change.old == change.new:
        return text
    merged = merge(FILE, change.old.to_json(), text, change.new.to_json()).text
    return merged if intake.from_json(merged) == change.new else change.new.to_json()
