"""`tls-scaffold status --alerts`: rules for Prometheus over the metrics of `--prometheus`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tls_scaffold.bundles.settings import to_yaml
from tls_scaffold.live import metrics as live
from tls_scaffold.state.prometheus import BEGIN, CRL_END, EXPIRY, LOOKED, READ, STATE, joined_labels

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR = 365 * DAY
LAST = 7 * DAY
OLD = 2 * DAY
"""The age of a look that is too old: who looks once a day has missed one."""
NIGHTS = 2 * DAY
"""How long an end that is near is no alarm: a timer that renews each night comes first."""
WARNING, CRITICAL = "warning", "critical"
LEAVES = 'kind=~"member|proxy|user"'
CAS = 'kind="ca"'
# Empty where one folder is looked at alone: its metrics have no such label.
WHERE = "{{ with $labels.folder }} ({{ . }}){{ end }}"
LEFT = "in {{ $value | humanizeDuration }}"


@dataclass(frozen=True)
class Alert:
    """One rule: its name, PromQL that has a sample where it is to fire, and what it says.

    `lasting` is how long that has to be so.
    """

    name: str
    expression: str
    severity: str
    summary: str
    description: str
    lasting: timedelta = HOUR

    def document(self) -> dict[str, object]:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": f"{self.lasting // HOUR}h",
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


def alert_rules(folders: Sequence[str], within: timedelta) -> str:
    """Return a file of rules, YAML, for the metrics of these folders; none is the one of `-C`.

    What ends `within` that time, and what is lost, is told as a warning; in the last week, or what
    is broken, it is critical.
    """
    rules = [alert.document() for alert in _alerts(folders, within)]
    return to_yaml({"groups": [{"name": "tls-scaffold", "rules": rules}]})


def _alerts(folders: Sequence[str], within: timedelta) -> Iterator[Alert]:
    last = min(LAST, within)
    leaves = f"{EXPIRY}{{{LEAVES}}}"
    # Nobody renews these, and members refuse them now.
    but_revoked = f'unless ignoring (state) ({STATE}{{state="revoked"}} == 1)'
    yield Alert(
        "TLSCertificateEndsSoon",
        f"{_left(leaves, within)} {but_revoked}",
        WARNING,
        f"{{{{ $labels.name }}}}{WHERE} ends {LEFT}",
        "`make renew` has not signed it again: is its timer on? What ends with its CA needs "
        "`make renew-ca` first.",
        NIGHTS,
    )
    yield Alert(
        "TLSCertificateEnds",
        f"{_left(leaves, last)} {but_revoked}",
        CRITICAL,
        f"{{{{ $labels.name }}}}{WHERE} ends {LEFT}",
        "Then nobody takes it any more. `make renew` signs it again; lay it out where it is used.",
    )
    life = f"{EXPIRY} - {BEGIN}"
    yield Alert(
        "TLSCAEndsSoon",
        # A year is no alarm for a CA that lives for less than two.
        f"{_left(f'{EXPIRY}{{{CAS}}}', YEAR)} and {life} >= {_seconds(2 * YEAR)} "
        f"or {_left(f'{EXPIRY}{{{CAS}}}', within)}",
        WARNING,
        f"the CA {{{{ $labels.cn }}}}{WHERE} ends {LEFT}",
        "Until then everybody needs its next certificate, and a restart: `make renew-ca`.",
    )
    yield Alert(
        "TLSCertificateBroken",
        f'{STATE}{{state=~"mismatched|missing|expired"}} == 1',
        CRITICAL,
        f"{{{{ $labels.name }}}}{WHERE} is {{{{ $labels.state }}}}",
        "`tls-scaffold status` says why, and what mends it.",
    )
    yield Alert(
        "TLSServedCertificateEnds",
        _left(live.EXPIRY, last),
        CRITICAL,
        f"member {{{{ $labels.member }}}} serves what ends {LEFT}",
        "What was renewed has not reached it: `tls-scaffold status --live` says what to do.",
    )
    yield Alert(
        "TLSRevocationListEndsSoon",
        _left(CRL_END, within),
        WARNING,
        f"the next revocation list{WHERE} is to be there {LEFT}",
        "etcd goes on to read the old one; make a new one all the same.",
    )
    yield Alert(
        "TLSLookFailed",
        f"{READ} == 0",
        WARNING,
        f"a folder{WHERE} can't be read whole",
        "What is wrong there, no other alarm tells: `tls-scaffold status` does.",
    )
    yield Alert(
        "TLSLookTooOld",
        f"time() - {LOOKED} > {_seconds(OLD)}",
        WARNING,
        f"nobody has looked{WHERE} for {{{{ $value | humanizeDuration }}}}",
        "`tls-scaffold status --prometheus` has to run again and again, and end without an error.",
    )
    yield Alert(
        "TLSLookMissing",
        " or ".join(f"absent({each})" for each in _looked_at(folders)),
        WARNING,
        f"there are no metrics of a folder{WHERE}",
        "`tls-scaffold status --prometheus` writes them, node_exporter's textfile collector reads "
        "them.",
    )


def _looked_at(folders: Sequence[str]) -> Iterator[str]:
    """Yield the series that are there if each folder was looked at."""
    for folder in folders:
        yield f"{LOOKED}{{{joined_labels({'folder': folder})}}}"
    if not folders:
        yield LOOKED


def _left(series: str, time: timedelta) -> str:
    """Return PromQL for what ends in less than that time, with the seconds that are left."""
    return f"{series} - time() < {_seconds(time)}"


def _seconds(time: timedelta) -> int:
    return time // timedelta(seconds=1)
