"""A signing service's folder as it is now: its files, and the record of what was written there."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tls_scaffold.disk.files import SECRET, telling, write_by_way_of
from tls_scaffold.disk.folder import move_to_archive
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import names, own_text
from tls_scaffold.disk.workfolders import clear_leftovers, work_folder
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory import formats
from tls_scaffold.inventory.custody import label_problem
from tls_scaffold.keeping.jsonmerge import Conflict, is_same, merge_values
from tls_scaffold.keeping.merge import json_text
from tls_scaffold.multiroot import rootsfile
from tls_scaffold.multiroot.rootsfile import RootsFile
from tls_scaffold.paths import STATE
from tls_scaffold.rendering.documents import sum_of

ROOTS = "roots.ini"
RECORDS = f"{STATE}/labels"
FIELDS = ("source", "rendered", "following", "sum")  # of a label in its record
OPEN = 0o777


@dataclass(frozen=True)
class Written:
    """What was written for a label: for which folder (from the service's), and the configuration.

    `rendered` is that as it was asked for, without edits by hand; None where there was none.
    `following` is what a run that was killed had decided on, and `sum` that of the text which it
    wrote, or had no time to write.
    """

    source: str
    rendered: Any = None
    following: Any = None
    sum: str = ""

    def base_of(self, text: str) -> Any:
        """Return what was asked for when a configuration was written last: its text tells which."""
        return self.following if self.sum and sum_of(text) == self.sum else self.rendered


@dataclass(frozen=True)
class SignerFolder:
    """A signing service's folder: the list of roots, and the labels that were written there."""

    path: Path
    roots: RootsFile = field(default_factory=RootsFile)
    roots_text: str | None = None
    labels: frozenset[str] = frozenset()

    def place_of(self, source: str) -> str:
        """Return where a folder is, as it is recorded: what moves with this one stays the same."""
        return os.path.relpath(source, self.path)

    def source_at(self, place: str) -> str:
        """Return the path of a folder of which that is recorded; links in it stay."""
        whole = os.path.join(os.path.abspath(self.path), place)  # noqa: PTH100, PTH118
        return os.path.normpath(whole)

    def config_text(self, label: str) -> str | None:
        """Return the text of a label's configuration, None where there is none."""
        return own_text(self.path, config_name(label))

    def written(self, label: str) -> Written | None:
        """Return what was written for a label; ScaffoldError where its record is none of ours."""
        text = own_text(self.path, record_name(label))
        return None if text is None else _parse_record(text, str(self.path / record_name(label)))


def config_name(label: str) -> str:
    """Return the name of a label's signing configuration."""
    return f"{label}.json"


def record_name(label: str) -> str:
    """Return the path of a label's record: a file each, as whitelists may be long."""
    return f"{RECORDS}/{label}.json"


def read_signer_folder(path: Path) -> SignerFolder:
    """Return what there is of a folder; an empty one where it is missing.

    Raises ScaffoldError where a file is not what it should be.
    """
    if not path.exists():
        return SignerFolder(path)
    inside(path, record_name("x"))
    roots = own_text(path, ROOTS)
    recorded = (Path(each).stem for each in names(path, RECORDS, ".json"))
    labels = frozenset(each for each in recorded if not label_problem(each))
    return SignerFolder(path, rootsfile.parse(roots or "", str(path / ROOTS)), roots, labels)


def merged_config(yours: str | None, ours: Mapping[str, Any], known: Written | None) -> str:
    """Return the text of a configuration in which what was edited by hand stays.

    Raises Conflict where both sides changed the same, or where it is another than `ours` and
    nothing is known of who wrote it.
    """
    if yours is None:
        return json_text(ours)
    try:
        there = json.loads(yours)
    except (ValueError, RecursionError):
        raise Conflict from None
    if is_same(there, ours):
        return yours
    base = known.base_of(yours) if known else None
    if base is None or not isinstance(there, dict):
        raise Conflict
    merged = merge_values(base, there, ours)
    return yours if is_same(merged, there) else json_text(merged)


def record_text(written: Written) -> str:
    """Return the text of a label's record."""
    return json_text({name: value for name, value in vars(written).items() if value})


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Put files of the folder in place, each by one rename; a new one is for its owner alone."""
    state = folder / STATE
    with telling(folder, "written"):
        (folder / RECORDS).mkdir(0o700, parents=True, exist_ok=True)
        clear_leftovers(state)
        with work_folder(state) as work:
            for path, text in texts.items():
                target = inside(folder, path)
                mode = target.stat().st_mode & OPEN if target.is_file() else SECRET
                write_by_way_of(work / target.name, target, text, mode)


def put_away(folder: Path, paths: Iterable[str]) -> str:
    """Move files of the folder to a new shelf of its archive, and return that; "" without files."""
    there = [path for path in paths if os.path.lexists(folder / path)]
    return move_to_archive(folder, there) if there else ""


def _parse_record(text: str, path: str) -> Written:
    document = formats.parse(text, path, "json")
    fields = document if isinstance(document, dict) else {}
    found = Written(**{"source": "", **{name: fields[name] for name in FIELDS if name in fields}})
    if not (isinstance(found.source, str) and found.source and isinstance(found.sum, str)):
        hint = "move it away: then what differs from what would be written is refused"
        raise ScaffoldError(f"`{path}` is no record of `signer-config`", hint=hint)
    return found
