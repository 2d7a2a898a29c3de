"""Rows become metrics in the text format that node_exporter's textfile collector reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tls_scaffold.paths import CRL
from tls_scaffold.spelling import escaped
from tls_scaffold.state.removed import Removed
from tls_scaffold.state.states import Row

EXPIRY = "tls_scaffold_certificate_not_after_seconds"
BEGIN = "tls_scaffold_certificate_not_before_seconds"
STATE = "tls_scaffold_certificate_state"
REMOVED = "tls_scaffold_removed_certificate_not_after_seconds"
CRL_END = "tls_scaffold_crl_next_update_seconds"
LOOKED = "tls_scaffold_looked_seconds"
READ = "tls_scaffold_folder_read"

HELP = {
    EXPIRY: "When the certificate expires, in seconds since 1970.",
    BEGIN: "When the certificate begins, in seconds since 1970.",
    STATE: "1 for the state that the certificate has.",
    REMOVED: "When the certificate of a component that is gone expires.",
    CRL_END: "When the next revocation list is to be there, in seconds since 1970.",
    LOOKED: "When the folder was looked at, in seconds since 1970.",
    READ: "1 for a folder that could be read whole, 0 for any other.",
}


@dataclass(frozen=True)
class Measured:
    """What is known of one folder: its rows, and what of components that are gone is valid still.

    Of several folders each has its path, the label `folder`; the one that is looked at alone has
    none. `is_read` tells whether it could be read whole, `looked` when; nobody knows when where
    nothing could be. `crl_end` is when the next revocation list is to be there, None without one.
    """

    rows: Sequence[Row]
    removed: Sequence[Removed] = ()
    folder: str | None = None
    is_read: bool = True
    looked: datetime | None = None
    crl_end: datetime | None = None


def metrics(folders: Sequence[Measured]) -> str:
    """Return when each certificate begins and expires, and the state that each has.

    Moments are in seconds since 1970. Those of components that are gone and are valid still have a
    metric of their own. When a folder was looked at, and whether it could be read, is there too.

    The format is Prometheus' text exposition format 0.0.4, in which the lines of a metric stand
    together; a missing certificate has a state only.
    """
    of_rows = [
        (_with_folder(_labels(row), each.folder), row)
        for each in folders
        for row in sorted(each.rows, key=lambda row: row.path)
    ]
    of_removed = [
        (_with_folder({"file": gone.path, "name": gone.name, "cn": gone.cn}, each.folder), gone)
        for each in folders
        for gone in each.removed
    ]
    of_lists = [(_with_folder({"file": CRL}, each.folder), each) for each in folders]
    of_folders = [(_with_folder({}, each.folder), each) for each in folders]
    return "".join(
        (
            family(EXPIRY, ((labels, _seconds(row.not_after)) for labels, row in of_rows)),
            family(STATE, (({**labels, "state": row.state}, 1) for labels, row in of_rows)),
            family(BEGIN, ((labels, _seconds(row.not_before)) for labels, row in of_rows)),
            family(REMOVED, ((labels, _seconds(gone.not_after)) for labels, gone in of_removed)),
            family(CRL_END, ((labels, _seconds(each.crl_end)) for labels, each in of_lists)),
            family(LOOKED, ((labels, _seconds(each.looked)) for labels, each in of_folders)),
            family(READ, ((labels, int(each.is_read)) for labels, each in of_folders)),
        )
    )


def family(name: str, samples: Iterable[tuple[Mapping[str, str], int | None]]) -> str:
    """Return the lines of one metric, which stand together; none where it has no sample."""
    lines = [
        f"{name}{_in_braces(labels)} {value}\n" for labels, value in samples if value is not None
    ]
    head = [f"# HELP {name} {HELP[name]}\n", f"# TYPE {name} gauge\n"]
    return "".join((*head, *lines)) if lines else ""


def _seconds(moment: datetime | None) -> int | None:
    return round(moment.timestamp()) if moment else None


def _labels(row: Row) -> dict[str, str]:
    return {"file": row.path, "name": row.name, "kind": row.kind or "", "cn": row.cn}


def _with_folder(labels: Mapping[str, str], folder: str | None) -> Mapping[str, str]:
    return labels if folder is None else {"folder": folder, **labels}


def _in_braces(labels: Mapping[str, str]) -> str:
    return f"{{{joined_labels(labels)}}}" if labels else ""


def joined_labels(labels: Mapping[str, str]) -> str:
    """Return labels as they stand in a metric's braces."""
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    return r"\n".join(
        escaped(line).replace("\\", r"\\").replace('"', r"\"") for line in text.split("\n")
    )
