"""CAs of one name and of different keys in a folder's record: two clones have made one each.

Nobody can tell what one of them has signed from what the other has, and each goes on signing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.paths import CA_KEYS, CERTS
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.foldercas import recorded_cas
from tls_scaffold.spelling import escaped

AGREE = (
    "keep the one that members trust, in each clone: `docs/record.md` says how its keys come there "
    "and where the other's go"
)


@dataclass(frozen=True)
class TwinCAs:
    """CAs of one subject, each with its path in the record; `here` is the path of that in `certs/`.

    Of one that was signed again with its key the newest certificate stands for all.
    """

    cas: Mapping[str, Certificate]
    here: str = ""

    def __str__(self) -> str:
        """Say which they are."""
        named = [
            f"`{path}`{f' (in `{CERTS}/`)' if path == self.here else ''}, SHA-256 {ca.sum}"
            for path, ca in self.cas.items()
        ]
        subject = escaped(next(iter(self.cas.values())).subject_text)
        return f"CAs of one name, `{subject}`, have different keys: {'; '.join(named)}"


def twin_cas(folder: Path, now: datetime) -> Iterator[TwinCAs]:
    """Yield the CAs of record and `certs/` that live and that only their keys tell apart."""
    for ca in CA_KEYS:
        own = certificates.read_at(folder / ca)
        # One that is not on record yet is at the next signing.
        known = {**recorded_cas(folder, ca), **({ca: own} if own else {})}
        living = {path: each for path, each in known.items() if not each.has_ended(now)}
        for twins in by_subject(living):
            if len(twins) > 1:
                here = (path for path, each in twins.items() if own and own.key_sum == each.key_sum)
                yield TwinCAs(twins, next(here, ""))


def by_subject(cas: Mapping[str, Certificate]) -> list[dict[str, Certificate]]:
    """Return CAs by path in a group for each subject, of each key the newest certificate."""
    groups: dict[object, dict[str, str]] = {}
    for path, ca in sorted(cas.items(), key=lambda each: each[1].not_before, reverse=True):
        groups.setdefault(ca.subject, {}).setdefault(ca.key_sum, path)
    return [{path: cas[path] for path in group.values()} for group in groups.values()]
