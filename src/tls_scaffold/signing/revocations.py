"""`revoked.tsv`: what members are to refuse, a certificate a line; the team's data, for git.

It is the truth, and `certs/crl.der` is made from it. Lines are appended and never changed, so that
two branches can be put one after the other.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tls_scaffold import spelling
from tls_scaffold.disk.plainfiles import own_text
from tls_scaffold.errors import ConflictError, Place, Problem, ScaffoldError
from tls_scaffold.inventory import conflictmarkers
from tls_scaffold.paths import REVOKED
from tls_scaffold.spelling import UTC_TIME

SUPERSEDED = "superseded"
REASONS = (
    *("unspecified", "keyCompromise", "cACompromise", "affiliationChanged", SUPERSEDED),
    *("cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise"),
)
"""Those of RFC 5280, 5.3.1, that a whole list can have."""
OF_LEAVES = tuple(
    each for each in REASONS if each not in ("cACompromise", "certificateHold", "aACompromise")
)
"""Those for which a component's certificate is revoked for good."""
COLUMNS = ("serial", "name", "CA", "reason", "revoked", "end")
HEAD = f"# What members refuse, kept by `tls-scaffold revoke`: {', '.join(COLUMNS)} (UTC).\n"
UNKNOWN = "-"
SERIAL = re.compile("[0-9A-Fa-f]{1,40}", re.ASCII)  # 20 bytes (RFC 5280, 4.1.2.2)
LONGEST = 200
# etcd refuses what has ended before it looks into a list. A clock may be behind.
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Revocation:
    """A certificate that members are to refuse.

    `name` is the component's, `ca` the CN of the CA that signed it; empty, and None for its `end`,
    where that is not known. `reason` is one of REASONS. `at` and `end` are in UTC.
    """

    serial: int
    name: str
    ca: str
    reason: str
    at: datetime
    end: datetime | None = None

    @property
    def hexadecimal(self) -> str:
        """Its serial number as etcd's log has it: whole bytes, small letters."""
        return hexadecimal(self.serial)

    @property
    def line(self) -> str:
        """Its line in the file."""
        end = f"{self.end:{UTC_TIME}}" if self.end else UNKNOWN
        # A file in the archive, and the CN of a CA that was brought, may be called anything.
        name = UNKNOWN if spelling.label_problem(self.name) else self.name
        ca = UNKNOWN if spelling.text_problem(self.ca, LONGEST) else self.ca or UNKNOWN
        words = (self.hexadecimal, name, ca, self.reason)
        return "\t".join((*words, f"{self.at:{UTC_TIME}}", end)) + "\n"

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has ended so long ago that no list has to name it any more."""
        return self.end is not None and self.end + KEPT_FOR < now


@dataclass(frozen=True)
class Revoked:
    """What the file says: its text, what each serial number stands for, and what is wrong with it.

    Where a number stands there twice, as two branches may have revoked it, the first line counts.
    """

    text: str = ""
    by_serial: Mapping[int, Revocation] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def to_be_listed(self, now: datetime) -> tuple[Revocation, ...]:
        """Return what a list that is made `now` has to name."""
        return tuple(each for each in self.by_serial.values() if not each.is_over(now))

    def with_more(self, more: Iterable[Revocation]) -> "Revoked":
        """Return it with what it does not have yet, each in a line at its end."""
        new = {each.serial: each for each in more if each.serial not in self.by_serial}
        if not new:
            return self
        text = self.text or HEAD
        text += "" if text.endswith("\n") else "\n"
        lines = "".join(each.line for each in new.values())
        return Revoked(text + lines, {**self.by_serial, **new}, self.problems)


def hexadecimal(serial: int) -> str:
    """Return a serial number in whole bytes, as etcd's log and `openssl x509 -serial` have it."""
    digits = f"{serial:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def read_revoked(folder: Path) -> Revoked:
    """Return what a folder's `revoked.tsv` says; nothing where there is none.

    Mistakes are in the answer, and the other lines count. Raises ScaffoldError if it is no plain
    file, too large, or no text.
    """
    text = own_text(folder, REVOKED) or ""
    marked = conflictmarkers.marked_lines(text)
    problems = [Problem(Place(REVOKED, number), "a conflict marker") for number in marked]
    by_serial: dict[int, Revocation] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        words = line.rstrip("\r")
        if not words.strip() or words.startswith("#") or number in marked:
            continue
        found = _read_line(words)
        if isinstance(found, Revocation):
            by_serial.setdefault(found.serial, found)
        else:
            problems.append(Problem(Place(REVOKED, number), spelling.escaped(found)))
    return Revoked(text, by_serial, tuple(sorted(problems, key=lambda each: each.place.line)))


def known_revocations(folder: Path) -> Mapping[int, Revocation]:
    """Return what members are to refuse, by serial number, as far as it can be read.

    etcd goes by the number alone. `check` tells of what can't be read.
    """
    with suppress(ScaffoldError):
        return read_revoked(folder).by_serial
    return {}


def load_revoked(folder: Path) -> Revoked:
    """Return what a folder's `revoked.tsv` says.

    Raises ScaffoldError with every mistake in it, ConflictError where a merge is not settled.
    """
    found = read_revoked(folder)
    if conflictmarkers.marked_lines(found.text):
        raise ConflictError(
            f"a merge in git is not settled in `{REVOKED}`: nothing was done",
            found.problems,
            "`tls-scaffold sync` keeps the lines of both sides; the line "
            f"`{REVOKED} merge=union` in `.gitattributes` lets git do that",
        )
    if found.problems:
        raise ScaffoldError(
            f"`{REVOKED}` is not understood: nothing was done",
            found.problems,
            f"a line is {', '.join(COLUMNS)}, with tabs between them: a serial number in "
            f"hexadecimal, times as 2026-01-31T23:59:59Z, `{UNKNOWN}` for what is not known; "
            "git has what it was",
        )
    return found


def with_merge_settled(text: str) -> str:
    """Return the text of `revoked.tsv` with the lines of both sides where git left markers.

    What either has revoked stays so. Lines that both have are there once.
    """
    if not conflictmarkers.marked_lines(text):
        return text
    lines = conflictmarkers.without_markers(text).split("\n")
    kept = dict.fromkeys(line.rstrip("\r") for line in lines if line.strip())
    return "".join(f"{line}\n" for line in kept)


def _read_line(line: str) -> Revocation | str:
    """Return what a line says, or what is wrong with it."""
    words = line.split("\t")
    if len(words) != len(COLUMNS):
        return f"it has {len(words)} columns, and not {len(COLUMNS)} with tabs between them"
    serial, name, ca, reason, revoked, end = words
    at, ends = _moment(revoked), _moment(end)
    wrong = []
    if not _is_serial(serial):
        wrong.append(f"`{serial}` is no serial number in hexadecimal")
    if _known(name) and (problem := spelling.label_problem(name)):
        wrong.append(problem)
    if _known(ca) and (problem := spelling.text_problem(ca, LONGEST)):
        wrong.append(problem)
    if reason not in REASONS:
        wrong.append(f"`{reason}` is none of {', '.join(REASONS)}")
    if not at:
        wrong.append(f"`{revoked}` is no time in UTC")
    if _known(end) and not ends:
        wrong.append(f"`{end}` is no time in UTC")
    if wrong or not at:
        return "; ".join(wrong)
    return Revocation(int(serial, 16), _known(name), _known(ca), reason, at, ends)


def _is_serial(text: str) -> bool:
    return bool(SERIAL.fullmatch(text)) and int(text, 16) > 0


def _known(text: str) -> str:
    return "" if text == UNKNOWN else text


def _moment(text: str) -> datetime | None:
    with suppress(ValueError):
        return datetime.strptime(text, UTC_TIME).replace(tzinfo=timezone.utc)
    return None
