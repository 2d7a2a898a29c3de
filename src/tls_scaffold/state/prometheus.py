"""Rows become metrics in the text format that node_exporter's textfile collector reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tls_scaffold.spelling import escaped
from tls_scaffold.state.removed import Removed
from tls_scaffold.state.states import Row

EXPIRY = "tls_scaffold_certificate_not_after_seconds"
STATE = "tls_scaffold_certificate_state"
REMOVED = "tls_scaffold_removed_certificate_not_after_seconds"
READ = "tls_scaffold_folder_read"


@dataclass(frozen=True)
class Measured:
    """What is known of one folder: its rows, and what of components that are gone is valid still.

    Of several folders each has its path, the label `folder`; the one that is looked at alone has
    none. `is_read` tells whether it could be read whole.
    """

    rows: Sequence[Row]
    removed: Sequence[Removed] = ()
    folder: str | None = None
    is_read: bool = True


def metrics(folders: Sequence[Measured]) -> str:
    """Return when each certificate expires, in seconds since 1970, and the state that each has.

    Those of components that are gone and are valid still have a metric of their own; of several
    folders another one tells which could be read.

    The format is Prometheus' text exposition format 0.0.4, in which the lines of a metric stand
    together; a missing certificate has a state only.
    """
    listed = [
        (row, _labels(row, each.folder))
        for each in folders
        for row in sorted(each.rows, key=lambda row: row.path)
    ]
    ends = [(labels, row.not_after) for row, labels in listed if row.not_after]
    return "".join(
        (
            f"# HELP {EXPIRY} When the certificate expires, in seconds since 1970.\n",
            f"# TYPE {EXPIRY} gauge\n",
            *(f"{EXPIRY}{{{labels}}} {end.timestamp():.0f}\n" for labels, end in ends),
            f"# HELP {STATE} 1 for the state that the certificate has.\n# TYPE {STATE} gauge\n",
            *(f'{STATE}{{{labels},state="{row.state}"}} 1\n' for row, labels in listed),
            *_removed_lines(folders),
            *_read_lines(folders),
        )
    )


def _removed_lines(folders: Sequence[Measured]) -> Iterator[str]:
    lines = []
    for folder in folders:
        for each in folder.removed:
            labels = {"file": each.path, "name": each.name, "cn": each.cn}
            place = joined_labels(_with_folder(labels, folder.folder))
            lines.append(f"{REMOVED}{{{place}}} {each.not_after.timestamp():.0f}\n")
    if lines:
        yield f"# HELP {REMOVED} When the certificate of a component that is gone expires.\n"
        yield f"# TYPE {REMOVED} gauge\n"
        yield from lines


def _read_lines(folders: Sequence[Measured]) -> Iterator[str]:
    several = [each for each in folders if each.folder is not None]
    if several:
        yield f"# HELP {READ} 1 for a folder that could be read whole, 0 for any other.\n"
        yield f"# TYPE {READ} gauge\n"
    for each in several:
        yield f"{READ}{{{joined_labels(_with_folder({}, each.folder))}}} {each.is_read:d}\n"


def _labels(row: Row, folder: str | None) -> str:
    labels = {"file": row.path, "name": row.name, "kind": row.kind or "", "cn": row.cn}
    return joined_labels(_with_folder(labels, folder))


def _with_folder(labels: Mapping[str, str], folder: str | None) -> Mapping[str, str]:
    return labels if folder is None else {"folder": folder, **labels}


def joined_labels(labels: Mapping[str, str]) -> str:
    """Return labels as they stand in a metric's braces."""
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    return r"\n".join(
        escaped(line).replace("\\", r"\\").replace('"', r"\"") for line in text.split("\n")
    )
