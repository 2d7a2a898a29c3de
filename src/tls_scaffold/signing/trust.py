"""What a folder's members and clients trust: the certificates of `certs/trust.pem`.

Where peers have a CA of their own, they trust those of `certs/peer-trust.pem` in its place.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA, TRUSTS
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate

PUT_BACK = (
    "put back what it was, or move it away: where `{trust}` is missing, `make` copies `{ca}` there"
)
MINUTE = "%Y-%m-%d %H:%M UTC"
PUT_CA_BACK = "put the CA back; is it lost? `make regenerate` makes another"


@dataclass(frozen=True)
class Trust:
    """The file that others trust, by its path below the folder, and the CAs in it.

    They are several while one follows another. `problems` are what is wrong with it, a line each,
    and `hint` what helps then; a file that is missing has no text.
    """

    path: str
    text: str
    cas: tuple[Certificate, ...]
    problems: tuple[str, ...] = ()
    hint: str = ""


def read_trust(folder: Path, of_ca: str = CA) -> Trust:
    """Return what others trust of a CA, ours or that of peers, by its path.

    Where only a Makefile of the team's own has made a CA, there is no such file: the CA's
    certificate stands for it.
    """
    path = TRUSTS[of_ca]
    if not os.path.lexists(folder / path):
        return _read_file(folder, of_ca)
    trust, ca = _read_file(folder, path), _read_file(folder, of_ca)
    problems = trust.problems
    if trust.cas and ca.cas:
        same = _with_common_key(trust.cas, ca.cas)
        if not same:
            problems = (f"`{path}` does not hold the CA that signs, `{of_ca}`",)
        elif not {each.der for each in same} & {each.der for each in ca.cas}:
            problems = tuple(_unusable(path, same, datetime.now(timezone.utc)))
    hint = PUT_BACK.format(trust=path, ca=of_ca) if problems else ""
    return replace(trust, problems=problems, hint=hint)


def _read_file(folder: Path, path: str) -> Trust:
    if not (folder / path).exists():
        return Trust(path, "", (), (f"`{path}` is missing",))
    pem = content(folder, path)
    text = pem.decode(errors="replace")
    try:
        return Trust(path, text, certificates.read_all(pem, path))
    except ScaffoldError as error:
        return Trust(path, text, (), (error.without(path),), PUT_CA_BACK)


def _with_common_key(
    some: Iterable[Certificate], others: Iterable[Certificate]
) -> tuple[Certificate, ...]:
    # By their keys: a CA's certificate may have been renewed since it was laid out, or signed by a
    # CA above it.
    keys = [each.parsed.public_key() for each in others]
    return tuple(each for each in some if each.parsed.public_key() in keys)


def _unusable(path: str, cas: Iterable[Certificate], now: datetime) -> Iterator[str]:
    """Yield why none of a CA's certificates is one that others can trust; nothing if one is."""
    reasons = []
    for each in cas:
        if each.has_ended(now):
            reasons.append(f"the CA's certificate in `{path}` ended {each.not_after:{MINUTE}}")
        elif each.unknown_to_go:
            reasons.append(f"the CA's certificate in `{path}` {each.unknown_to_go}")
        else:
            return
    yield from reasons
