"""What a folder's members and clients trust: the certificates of `certs/trust.pem`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA, TRUST
from tls_scaffold.signing import certificates
from tls_scaffold.signing.certificates import Certificate

PUT_BACK = (
    f"put back what it was, or move it away: where `{TRUST}` is missing, `make` copies `{CA}` there"
)
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


def read_trust(folder: Path) -> Trust:
    """Return what others trust.

    Where only a Makefile of the team's own has made a CA, there is no such file: the CA's
    certificate stands for it.
    """
    if not os.path.lexists(folder / TRUST):
        return _read_file(folder, CA)
    trust, ca = _read_file(folder, TRUST), _read_file(folder, CA)
    problems = trust.problems
    if trust.cas and ca.cas and not _have_common_key(trust.cas, ca.cas):
        problems = (f"`{TRUST}` does not hold the CA that signs, `{CA}`",)
    return replace(trust, problems=problems, hint=PUT_BACK if problems else "")


def _read_file(folder: Path, path: str) -> Trust:
    if not (folder / path).exists():
        return Trust(path, "", (), (f"`{path}` is missing",))
    pem = content(folder, path)
    text = pem.decode(errors="replace")
    try:
        return Trust(path, text, certificates.read_all(pem, path))
    except ScaffoldError as error:
        return Trust(path, text, (), (error.without(path),), PUT_CA_BACK)


def _have_common_key(some: Iterable[Certificate], others: Iterable[Certificate]) -> bool:
    # By their keys: a CA's certificate may have been renewed since it was laid out, or signed by a
    # CA above it.
    keys = [each.parsed.public_key() for each in others]
    return any(each.parsed.public_key() in keys for each in some)
