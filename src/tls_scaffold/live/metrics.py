"""What was seen of running members as metrics in the text format of node_exporter."""

from collections.abc import Iterator, Sequence

from tls_scaffold.live.served import LiveRow
from tls_scaffold.state.prometheus import joined_labels

EXPIRY = "tls_scaffold_live_certificate_not_after_seconds"
STATE = "tls_scaffold_live_state"
RESTART = "tls_scaffold_live_restart_needed"


def live_metrics(rows: Sequence[LiveRow]) -> str:
    """Return when what each port serves ends, its state, and whether its member has to restart."""
    listed = sorted(rows, key=lambda row: (row.member, row.port.side, row.port.address))
    return "".join(_lines(listed))


def _lines(rows: Sequence[LiveRow]) -> Iterator[str]:
    yield f"# HELP {EXPIRY} When what a port serves expires, in seconds since 1970.\n"
    yield f"# TYPE {EXPIRY} gauge\n"
    for row in rows:
        if row.leaf:
            yield f"{EXPIRY}{{{_labels(row)}}} {row.leaf.not_after.timestamp():.0f}\n"
    yield f"# HELP {STATE} 1 for the state that a port has.\n# TYPE {STATE} gauge\n"
    for row in rows:
        yield f'{STATE}{{{_labels(row)},state="{row.state}"}} 1\n'
    yield f"# HELP {RESTART} 1 where a member has not loaded what it is to trust.\n"
    yield f"# TYPE {RESTART} gauge\n"
    for row in rows:
        yield f"{RESTART}{{{_labels(row)}}} {row.restarts:d}\n"


def _labels(row: LiveRow) -> str:
    return joined_labels({"member": row.member, "port": row.port.side, "address": row.port.address})
