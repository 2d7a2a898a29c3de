"""The keys by which a signing service is asked: references to them, and what can be told of them.

No key is shown, kept or written.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.disk.files import NOT_THE_OWNER
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import VARIABLE, listed

HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2})*")
SHORTEST = 16  # bytes: 128 bits
LARGEST = 1 << 16
SHOWN = 5  # of the labels that have something in common
FILE_REFERENCE, VARIABLE_REFERENCE = "file:", "env:"

Holders = Mapping[tuple[str, str], str]
"""The reference of each key by label and name."""


@dataclass(frozen=True)
class KeyReport:
    """What is wrong with keys, what is to be said of them, and the files that are missing."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]


def reference_problem(reference: str) -> str:
    """Say why a text does not refer to a key of the server's; empty if it does.

    A wrong one may be the key itself: it is not shown.
    """
    if reference.startswith(VARIABLE_REFERENCE):
        is_fit = VARIABLE.fullmatch(reference.removeprefix(VARIABLE_REFERENCE)) is not None
    else:
        is_fit = reference.startswith(f"{FILE_REFERENCE}/") and reference.isprintable()
    return "" if is_fit else "it is neither `env:NAME` nor `file:/PATH`, as a reference to a key is"


def look_at_keys(references: Holders) -> KeyReport:
    """Return what can be told of the keys without the server.

    Two labels, or root and the others, must not have one key: whoever holds it signs for both.
    """
    problems: list[str] = []
    warnings: list[str] = []
    missing = []
    holders = defaultdict(list)
    for holder, reference in references.items():
        holders[reference].append(holder)
    problems += (_shared(f"`{each}`", found) for each, found in holders.items() if len(found) > 1)
    same: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for reference, found in holders.items():
        if not reference.startswith(FILE_REFERENCE):
            continue
        path = Path(reference.removeprefix(FILE_REFERENCE))
        try:
            content = plain(path, str(path), LARGEST)
        except FileNotFoundError:
            missing.append(str(path))
            continue
        except (OSError, ScaffoldError) as error:
            warnings.append(f"`{path}` can't be looked at: {_reason(error)}")
            continue
        if problem := _key_problem(content):
            problems.append(f"`{path}` {problem}")
        else:
            same[hashlib.sha256(bytes.fromhex(content.strip().decode())).hexdigest()] += found[:1]
        warnings += (f"`{path}` {each}" for each in _key_warnings(path, content))
    problems += (_shared("the same key", found) for found in same.values() if len(found) > 1)
    return KeyReport(tuple(problems), tuple(warnings), tuple(missing))


def _shared(what: str, holders: list[tuple[str, str]]) -> str:
    told = listed([f"`{label}` ({name})" for label, name in holders], SHOWN, quote="")
    return f"{told} have {what}: whoever holds it signs the names of all of them"


def _key_problem(content: bytes) -> str:
    """Say why a key is none; empty if it is one. cfssl takes an empty one, as anybody may have."""
    key = content.strip()
    # HMAC fills a short key up with zeros (RFC 2104): one of zeros alone is the empty one.
    if not key.strip(b"0"):
        return "is empty: cfssl would sign for everybody"
    if not HEXADECIMAL.fullmatch(key):
        return "is no key: hexadecimal digits, two a byte"
    if len(key) < 2 * SHORTEST:
        return f"is a key of less than {SHORTEST} bytes"
    return ""


def _key_warnings(path: Path, content: bytes) -> Iterator[str]:
    if content != content.strip():
        yield "ends in a line feed, or has a blank: with it cfssl 1.2.0 does not begin"
    if path.stat().st_mode & NOT_THE_OWNER:
        yield "may be read by others than its owner"


def _reason(error: OSError | ScaffoldError) -> str:
    return str(error.strerror if isinstance(error, OSError) else error.summary)
