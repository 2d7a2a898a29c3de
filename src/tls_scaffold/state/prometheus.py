"""Rows become metrics in the text format that node_exporter's textfile collector reads."""

from collections.abc import Iterable, Iterator, Mapping

from tls_scaffold.spelling import escaped
from tls_scaffold.state.removed import Removed
from tls_scaffold.state.states import Row

EXPIRY = "tls_scaffold_certificate_not_after_seconds"
STATE = "tls_scaffold_certificate_state"
REMOVED = "tls_scaffold_removed_certificate_not_after_seconds"


def metrics(rows: Iterable[Row], removed: Iterable[Removed] = ()) -> str:
    """Return when each certificate expires, in seconds since 1970, and the state that each has.

    Those of components that are gone and are valid still have a metric of their own.

    The format is Prometheus' text exposition format 0.0.4; a missing certificate has a state only.
    """
    listed = sorted(rows, key=lambda row: row.path)
    ends = [(row, row.not_after) for row in listed if row.not_after]
    return "".join(
        (
            f"# HELP {EXPIRY} When the certificate expires, in seconds since 1970.\n",
            f"# TYPE {EXPIRY} gauge\n",
            *(f"{EXPIRY}{{{_labels(row)}}} {end.timestamp():.0f}\n" for row, end in ends),
            f"# HELP {STATE} 1 for the state that the certificate has.\n# TYPE {STATE} gauge\n",
            *(f'{STATE}{{{_labels(row)},state="{row.state}"}} 1\n' for row in listed),
            *_removed_lines(removed),
        )
    )


def _removed_lines(removed: Iterable[Removed]) -> Iterator[str]:
    lines = []
    for each in removed:
        labels = joined_labels({"file": each.path, "name": each.name, "cn": each.cn})
        lines.append(f"{REMOVED}{{{labels}}} {each.not_after.timestamp():.0f}\n")
    if lines:
        yield f"# HELP {REMOVED} When the certificate of a component that is gone expires.\n"
        yield f"# TYPE {REMOVED} gauge\n"
        yield from lines


def _labels(row: Row) -> str:
    return joined_labels({"file": row.path, "name": row.name, "kind": row.kind or "", "cn": row.cn})


def joined_labels(labels: Mapping[str, str]) -> str:
    """Return labels as they stand in a metric's braces."""
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    return r"\n".join(
        escaped(line).replace("\\", r"\\").replace('"', r"\"") for line in text.split("\n")
    )
