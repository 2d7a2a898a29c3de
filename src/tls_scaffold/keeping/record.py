"""The record of the last render, read back: what it names is taken away or merged, so it names rendered files only."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.disk import folder as files
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.fields import shown
from tls_scaffold.inventory.reach import RENDERED, rendered_problem
from tls_scaffold.keeping import readback
from tls_scaffold.keeping.changes import BESIDE
from tls_scaffold.rendering.documents import LAST_RENDER, NOT_RECORDED, is_request

HINT = "put back the record that git has, or move this one away: without one `tls-scaffold sync` keeps what differs"


def read(folder: Path) -> dict[str, str]:
    """Return what was rendered last, path to text; empty if the record is lost or damaged.

    Raises ScaffoldError with every entry that no render can have had.
    """
    return parsed(files.own_text(folder, LAST_RENDER) or "", str(folder / LAST_RENDER))


def parsed(text: str, place: str) -> dict[str, str]:
    """Return the record in a text as `read` does; `place` is what messages call it."""
    try:
        entries = readback.table(text, LAST_RENDER)
        record = {path: "\n".join(_lines(value)) for path, value in entries.items()}
    except (ScaffoldError, TypeError):  # lost, or with the marks of a merge in it
        return {}
    summary = f"`{place}` names what is never rendered, and nothing was done"
    readback.refuse(LAST_RENDER, summary, list(_problems(record)), HINT)
    return record


def _lines(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _problems(record: dict[str, str]) -> Iterator[str]:
    for path, text in record.items():
        ours = path.removesuffix(BESIDE)
        if ours in NOT_RECORDED or rendered_problem(ours):
            yield f"`{shown(path)}` is no file that is rendered here"
        elif ours not in RENDERED and not is_request(text):
            yield f"`{path}` is recorded with a text that is no request as they are rendered"
