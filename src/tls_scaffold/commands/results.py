"""What a command did, in one shape for all of them: for programs, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

from tls_scaffold.commands.typed import error_as_typed
from tls_scaffold.errors import ScaffoldError

VERSION = 1
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Result:
    """What was done, or would be in a dry run; paths are below the folder, and every key is there.

    `archived` are the paths of what went to the folder `archive`, or of which a copy did; `kept`
    what stays as a team has it, `present` the words of `add` that ask for what is there already.
    `next` has the commands to run, `error` is what ended it when something had been done.
    """

    command: str
    folder: str
    dry_run: bool = False
    changed: bool = False
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    archive: str | None = None
    conflicts: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    error: ScaffoldError | None = None

    def to_json(self, further: Mapping[str, object] = NOTHING) -> str:
        """Return it as a JSON document, with what one command has `further`."""
        folder = Path(self.folder)
        error = error_document(error_as_typed(self.error, folder)) if self.error else None
        return _text_of({**asdict(replace(self, error=None)), **further, "error": error})


def error_to_json(error: ScaffoldError) -> str:
    """Return an error as a JSON document: its problems have their places in parts."""
    return _text_of({"error": error_document(error)})


def error_document(error: ScaffoldError) -> dict[str, object]:
    """Return an error as data for JSON."""
    return {
        "summary": error.summary,
        "problems": [{**asdict(each.place), "message": each.message} for each in error.problems],
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }


def _text_of(document: dict[str, object]) -> str:
    return json.dumps({"version": VERSION, **document}, indent=2, ensure_ascii=False) + "\n"
