"""The record of the last render, read back.

What it names is taken away or merged, so it names rendered files only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.conflictmarkers import without_markers
from tls_scaffold.inventory.fields import short_text
from tls_scaffold.inventory.reach import output_problem, rendered_problem, request_problem
from tls_scaffold.keeping.plan import BESIDE
from tls_scaffold.keeping.readback import refuse_problems
from tls_scaffold.makefiles.componentlines import ComponentLine, component_line_of
from tls_scaffold.paths import CA_REQUEST, CONFIG, GENERATED, OURS_IF_SAID, PEER_CA_REQUEST
from tls_scaffold.rendering.documents import LAST_RENDER, Entry, is_request_document
from tls_scaffold.spelling import SHA256, name_problem

HINT = (
    "put back the record that git has, or move this one away: "
    "without one `tls-scaffold sync` keeps what differs"
)


@dataclass(frozen=True)
class Record:
    """What was rendered last, by path.

    Two branches that git has merged may have left several values of one. `sums` are of the files
    that are replaced whole, `documents` the data of JSON, also of what was put beside as
    `FILE.new`; `lines` are the components' in the Makefile, by name.
    """

    sums: Mapping[str, list[str]] = field(default_factory=dict)
    documents: Mapping[str, list[Any]] = field(default_factory=dict)
    lines: Mapping[str, list[ComponentLine]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether there is one, and not lost."""
        return bool(self.sums or self.documents or self.lines)

    @property
    def components(self) -> set[tuple[str, str]]:
        """Name and output of each component."""
        return {(line.name, line.output) for lines in self.lines.values() for line in lines}


def read_record(folder: Path) -> Record:
    """Return what was rendered last; an empty record if it is lost or damaged.

    Raises ScaffoldError with every entry that no render can have had.
    """
    return parse_record(own_text(folder, LAST_RENDER) or "", str(folder / LAST_RENDER))


def parse_record(text: str, place: str) -> Record:
    """Return the record in a text as `read_record` does; `place` is what messages call it.

    Where git has left conflict markers, what both sides have counts.
    """
    lines = (line for line in without_markers(text).split("\n") if line)
    try:
        record = record_of_entries(
            (key, value) for key, _, value in (line.partition("\t") for line in lines)
        )
    except ScaffoldError:
        return Record()  # a damaged record counts as lost: what differs is kept then
    summary = f"`{place}` names what is never rendered, and nothing was done"
    refuse_problems(
        LAST_RENDER, summary, [Problem(Place(), each) for each in _problems(record)], HINT
    )
    return record


def record_of_entries(entries: Iterable[Entry]) -> Record:
    """Return the record of some entries; ScaffoldError for one that can't be understood."""
    sums: dict[str, list[str]] = {}
    documents: dict[str, list[Any]] = {}
    lines: dict[str, list[ComponentLine]] = {}
    for key, value in entries:
        if value.startswith("{"):
            documents.setdefault(key, []).append(formats.parse(value, key, "json"))
        elif SHA256.fullmatch(value):
            sums.setdefault(key, []).append(value)
        else:
            # A component's entry is its line in the Makefile, in two halves.
            text = f"{key} {value}"
            line = component_line_of(text)
            if line is None or str(line) != text:
                raise ScaffoldError(f"`{short_text(text)}` is not a component's line")
            lines.setdefault(line.name, []).append(line)
    return Record(sums, documents, lines)


def _problems(record: Record) -> Iterator[str]:
    for path in record.sums:
        if path not in (*GENERATED, *OURS_IF_SAID):
            yield f"`{short_text(path)}` is no file that is rendered here"
    for path, documents in record.documents.items():
        ours = path.removesuffix(BESIDE)
        if ours not in (CA_REQUEST, PEER_CA_REQUEST, CONFIG) and request_problem(ours):
            yield f"`{short_text(path)}` is no file that is rendered here"
        elif ours != CONFIG and not all(map(is_request_document, documents)):
            yield f"`{path}` is recorded with data that is no request as they are rendered"
    for line in (line for lines in record.lines.values() for line in lines):
        if name_problem(line.name) or output_problem(line.output) or rendered_problem(line.request):
            yield f"`{short_text(str(line))}` is no component's line as they are rendered"
