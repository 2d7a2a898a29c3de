"""What a folder's members and clients trust: the certificates of `certs/trust.pem`.

Where peers have a CA of their own, they trust those of `certs/peer-trust.pem` in its place.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from tls_scaffold.disk.plainfiles import content
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.paths import CA, CHAINS, TRUSTS
from tls_scaffold.signing import certificates, chains
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.spelling import MINUTE

PUT_BACK = (
    "put back what it was, or move it away: where `{trust}` is missing, `make` copies `{ca}` there"
)
PUT_CA_BACK = "put the CA back; is it lost? `make regenerate` makes another"
BRING_AGAIN = "put back what it was; `tls-scaffold sync --ca FILE` brings the CA again"


@dataclass(frozen=True)
class Trust:
    """The file that others trust, by its path below the folder, and the CAs in it.

    They are several while one follows another. `problems` are what is wrong with it, a line each,
    and `hint` what helps then; a file that is missing has no text. `chain` are the CAs between them
    and what is signed here, which stand behind each certificate; `above` those above the one that
    signs, the root included.
    """

    path: str
    text: str
    cas: tuple[Certificate, ...]
    problems: tuple[str, ...] = ()
    hint: str = ""
    chain: tuple[Certificate, ...] = ()
    above: tuple[Certificate, ...] = ()

    @property
    def signers(self) -> tuple[Certificate, ...]:
        """The CAs of which a signature is taken by whoever trusts the file."""
        return (*self.cas, *self.chain)


def read_trust(folder: Path, of_ca: str = CA) -> Trust:
    """Return what others trust of a CA, ours or that of peers, by its path.

    Where only a Makefile of the team's own has made a CA, there is no such file: the CA's
    certificate stands for it.
    """
    path = TRUSTS[of_ca]
    has_chain = os.path.lexists(folder / CHAINS[of_ca])
    if not os.path.lexists(folder / path) and not has_chain:
        return _read_file(folder, of_ca)
    trust, ca = _read_file(folder, path), _read_file(folder, of_ca)
    problems, now = trust.problems, datetime.now(timezone.utc)
    chain = chains.chain_of(folder, of_ca)
    if trust.cas and ca.cas:
        same = _with_common_key(trust.cas, ca.cas)
        way = () if same else chains.way_up(ca.cas[0], chain, trust.cas)
        if way:
            trust = replace(trust, chain=way[:-1], above=way[1:])
            problems = tuple(_broken_links(way, now))
        elif not same:
            above = f", nor the root above it by way of `{CHAINS[of_ca]}`" if has_chain else ""
            problems = (f"`{path}` does not hold the CA that signs, `{of_ca}`{above}",)
        elif not {each.der for each in same} & {each.der for each in ca.cas}:
            problems = tuple(_unusable(path, same, now))
    is_brought = has_chain and of_ca == CA and custody_of(folder).own
    hint = BRING_AGAIN if is_brought else PUT_BACK.format(trust=path, ca=of_ca)
    return replace(trust, problems=problems, hint=hint if problems else "")


def _read_file(folder: Path, path: str) -> Trust:
    if not (folder / path).exists():
        return Trust(path, "", (), (f"`{path}` is missing",))
    pem = content(folder, path)
    text = pem.decode(errors="replace")
    try:
        certificates.check_headers(pem, path)
        return Trust(path, text, certificates.read_all(pem, path))
    except ScaffoldError as error:
        hint = BRING_AGAIN if custody_of(folder).own else PUT_CA_BACK
        return Trust(path, text, (), (error.without(path),), hint)


def _with_common_key(
    some: Iterable[Certificate], others: Iterable[Certificate]
) -> tuple[Certificate, ...]:
    # By their keys: a CA's certificate may have been renewed since it was laid out, or signed by a
    # CA above it.
    keys = [each.public_key for each in others]
    return tuple(each for each in some if each.public_key in keys)


def _broken_links(way: Sequence[Certificate], now: datetime) -> Iterator[str]:
    """Yield why nobody gets from the CA that signs to the one that is trusted, the last."""
    for each in way[:-1]:  # nobody looks at the signature of what is trusted
        if each.unverified_by_go:
            yield f"the CA `{each.cn}` is signed with {each.unverified_by_go}, which Go refuses"
    for each in way[1:]:
        name = f"the CA `{each.cn}` above `{CA}`"
        if each.has_ended(now):
            yield f"{name} ended {each.not_after:{MINUTE}}"
        if each.unknown_to_go:
            yield f"{name} {each.unknown_to_go}"


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
