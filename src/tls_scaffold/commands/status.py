"""`tls-scaffold status`: the state of each certificate of a folder, and what to run about it."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tls_scaffold.disk import files
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError, UsageError
from tls_scaffold.inventory import intake
from tls_scaffold.inventory.values import FILE, RENEW_DAYS, Inventory
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.makefiles.places import Places
from tls_scaffold.state import contents, states
from tls_scaffold.state.entries import CA_KIND, Contents
from tls_scaffold.state.states import Row

VERSION = 1
FEW = 5  # targets that a line has room for


@dataclass(frozen=True)
class Report:
    """The rows of a folder, those in trouble first, and the commands that mend what they tell.

    `problem` is why the inventory that is there could not be read. `unread` has, as where and what, the commands of
    the Makefile that sign in a way that is not understood: nothing is known here of what they ask for.
    """

    rows: tuple[Row, ...]
    advice: tuple[str, ...]
    now: datetime
    problem: ScaffoldError | None = None
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether every certificate is valid."""
        return all(row.state == "valid" for row in self.rows)

    def to_json(self) -> str:
        """Return the rows as JSON: one object a component, the CA among them."""
        document = {"version": VERSION, "components": [_document(row) for row in self.rows]}
        return json.dumps(document, indent=2) + "\n"

    def to_prometheus(self) -> str:
        """Return metrics in the text format of node_exporter."""
        from tls_scaffold.state import prometheus

        return prometheus.metrics(self.rows)

    def to_svg(self) -> str:
        """Return a picture of the certificates' lives, the CA's first."""
        from tls_scaffold.state import timeline

        ordered = sorted(self.rows, key=lambda row: (row.kind != CA_KIND, row.path))
        lives = [
            timeline.Life(row.name, row.state, row.not_before, row.not_after)
            for row in ordered
            if row.not_before and row.not_after
        ]
        return timeline.svg(lives, self.now)


def status(folder: Path, within: timedelta, now: datetime) -> Report:
    """Look at every certificate of a folder, or of an archived set; what ends `within` that time is expiring.

    Without an inventory that can be read the folder itself is asked. Raises ScaffoldError where the folder or its
    Makefile can't be read.
    """
    inventory, problem = _inventory(folder)
    found = contents.read(folder, inventory)
    rows = states.rows(found, now, within)
    if not found.has_makefile:
        return Report(rows, (), now, problem)
    text = content(folder, MAKEFILE).decode("utf-8", "replace")
    places = Places(text)
    unread = tuple((places.unread(each), each.line) for each in found.unread)
    return Report(
        rows, tuple(_advice(folder, text, found, rows, within, now)), now, problem, unread
    )


def _inventory(folder: Path) -> tuple[Inventory | None, ScaffoldError | None]:
    try:
        return (intake.load(folder) if (folder / FILE).exists() else None), None
    except ScaffoldError as error:
        return None, error


def write(path: Path, text: str) -> None:
    """Put a file that the command line named in place, whole, or write into a device or a pipe of that name.

    Raises UsageError where the file would be a certificate, a key or a CSR, ScaffoldError where it can't be written.
    """
    if path.suffix.lower() in (".pem", ".csr"):
        raise UsageError(
            f"`{path}` is called like a certificate, a key or a CSR: nothing is written there"
        )
    with files.telling(path, "written"):
        if _is_stream(path):
            path.write_text(text, encoding="utf-8")
        else:
            files.write(path, text)


def _is_stream(path: Path) -> bool:
    """Tell whether a name stands for what is read as it is written: a pipe, a device, or `/dev/stdout`."""
    if path.is_symlink() and path.parent.resolve().parts[1:2] in (("dev",), ("proc",)):
        return True
    return path.exists() and not path.is_file()


def _document(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "cn": row.cn,
        "hosts": list(row.hosts),
        "key": row.key,
        "not_after": f"{row.not_after:%Y-%m-%dT%H:%M:%SZ}" if row.not_after else None,
        "days_left": row.days_left,
        "state": row.state,
        "reasons": list(row.reasons),
    }


def _advice(
    folder: Path,
    text: str,
    found: Contents,
    rows: tuple[Row, ...],
    within: timedelta,
    now: datetime,
) -> Iterator[str]:
    """Yield the commands to run; where the CA is at fault nothing that it signs can be mended before.

    First comes the one that names what is wrong with requests and configurations that can't be read. `text` is the
    Makefile's.
    """
    make = "make" if folder == Path() else f"make -C {shlex.quote(str(folder))}"
    renews = makefile.renews(text)
    unread = {entry.path for entry in found.entries if entry.unread}
    if unread:
        yield (
            "tls-scaffold check"
            if folder == Path()
            else f"tls-scaffold -C {shlex.quote(str(folder))} check"
        )
    # A new CA is no help where the one that is there can't be compared with its request.
    of_cas = {
        row.state
        for row in rows
        if row.kind == CA_KIND and (row.state != "stale" or row.path not in unread)
    }
    states_of = {row.path: row.state for row in rows if row.kind not in (CA_KIND, None)}
    if renews and of_cas & {"expired", "stale", "expiring"}:
        yield f"{make} regenerate"
    if of_cas & {"mismatched", "expired"} or (
        "missing" in of_cas and {*states_of.values()} - {"missing"}
    ):
        return
    not_yet = {row.path for row in rows if row.not_before and row.not_before > now}
    ends = {path for path, state in states_of.items() if state in ("expired", "expiring")} - not_yet
    own = {f"{output}.pem" for _, output in makefile.components(text)}
    gone = {
        path
        for path, state in states_of.items()
        if state == "missing" and not (folder / path).exists()
    }
    if renews and (gone or ends - own):
        yield make
    if renews and ends & own:
        days = -(-within // timedelta(days=1))
        yield f"{make} renew" + (f" RENEW_DAYS={days}" if days > RENEW_DAYS else "")
    by_hand = ("missing", "mismatched", "stale") + (() if renews else ("expired", "expiring"))
    done = gone if renews else set()
    again = _targets(
        found,
        {path for path, state in states_of.items() if state in by_hand} - done | not_yet,
        of_cas,
    )
    if again:
        yield f"{make} {' '.join(again) if len(again) <= FEW else 'req'}"


def _targets(found: Contents, paths: set[str], of_cas: set[str]) -> list[str]:
    """Return the targets that sign some certificates, before them those of a CA that is missing."""
    made = [
        entry.signing.target for entry in found.entries if entry.kind == CA_KIND and entry.signing
    ]
    signed = [
        entry.signing.target
        for entry in found.leaves
        if entry.signing and entry.path in paths and not entry.unread
    ]
    return list(dict.fromkeys([*(made if "missing" in of_cas else []), *signed]))
