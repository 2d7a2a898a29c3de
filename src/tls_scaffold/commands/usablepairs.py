"""What bundles and proofs take from a folder: the CAs that are trusted, and pairs that fit them."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tls_scaffold.bundles import members
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.disk.plainfiles import content, text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CA, KEY_ENDING, TRUST
from tls_scaffold.signing import certificates, pairchecks
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.signer import utc_now

SIGN_AGAIN = (
    "`make` signs what is missing, `make req-NAME` signs again; "
    "a CA that was changed can be put back instead"
)
EVERY_KIND = ("member", "proxy", "user")
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
    cas, problems = pairchecks.read_cas(pem, path)
    hint = PUT_CA_BACK if problems else ""
    return Trust(path, pem.decode(errors="replace"), cas, tuple(problems), hint)


def _have_common_key(some: Iterable[Certificate], others: Iterable[Certificate]) -> bool:
    # By their keys: a CA's certificate may have been renewed since it was laid out, or signed by a
    # CA above it.
    keys = [each.parsed.public_key() for each in others]
    return any(each.parsed.public_key() in keys for each in some)


def usable_pairs(
    folder: Path,
    inventory: Inventory,
    components: Iterable[Component],
    trust: Trust,
    summary: str,
    known_by_cn: Collection[str] = EVERY_KIND,
) -> dict[Component, Pems]:
    """Return what lies in the folder for these components.

    Raises ScaffoldError, its first line `summary`, with everything that consumers would only hint
    at. A certificate is looked at further only if all of them are sound. `known_by_cn` are the
    kinds of components whose CNs have to be those of the inventory.
    """
    pairs: dict[Component, Pems] = {}
    problems = list(trust.problems)
    for each in components:
        paths = (f"{each.output}.pem", f"{each.output}{KEY_ENDING}")
        missing = [f"`{path}` is missing" for path in paths if not (folder / path).exists()]
        problems += missing
        if not missing:
            certificate, key = (text(folder, path) for path in paths)
            problems += pairchecks.pair_faults(
                certificate.encode(), key.encode(), each.output, trust.cas, trust.path
            )
            pairs[each] = Pems(certificate, key, trust.text)
    if problems:
        raise ScaffoldError(summary, problems, trust.hint or SIGN_AGAIN)
    problems = [
        members.cn_problem(
            inventory, each, certificates.read(pems.certificate.encode(), each.output).cn
        )
        for each, pems in pairs.items()
        if each.kind in known_by_cn
    ]
    if any(problems):
        reason = "the peers of members are known by their CNs"
        raise ScaffoldError(f"{summary}: {reason}", filter(None, problems), members.CN_HINT)
    lives = {f"{each.output}.pem": pems.certificate.encode() for each, pems in pairs.items()}
    lives = {trust.path: trust.text.encode(), **lives}
    if problems := pairchecks.outside_lifetime(lives, utc_now()):
        reason = "certificates are not valid now"
        raise ScaffoldError(f"{summary}: {reason}", problems, pairchecks.CLOCK_HINT)
    return pairs
