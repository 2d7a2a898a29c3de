"""What bundles and proofs take from a folder: the CAs that are trusted, and pairs that fit them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from tls_scaffold.bundles import members
from tls_scaffold.bundles.settings import Pems
from tls_scaffold.commands.nextsteps import about_revoked, what_mends
from tls_scaffold.disk.plainfiles import text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.inventory.values import Component, Inventory
from tls_scaffold.paths import CA
from tls_scaffold.signing.differences import HOSTS
from tls_scaffold.signing.matching import signed_by
from tls_scaffold.signing.signer import utc_now
from tls_scaffold.signing.trust import Trust, read_trust
from tls_scaffold.state import states
from tls_scaffold.state.contents import contents_of_folder
from tls_scaffold.state.entries import KEY, SIGNER, Contents, Entry, Fault
from tls_scaffold.state.statewords import EXPIRED, MISSING, REVOKED, STATES

CA_CHANGED = "; a CA that was changed can be put back instead"
CLOCK = "is the clock right? "


def usable_pairs(
    folder: Path,
    inventory: Inventory,
    components: Iterable[Component],
    trusts: Mapping[str, Trust],
    summary: str,
    *,
    for_proof: bool = False,
) -> dict[Component, Pems]:
    """Return what lies in the folder for these components; `trusts` are those of their CAs.

    Raises ScaffoldError, its first line `summary`, with everything that `status` says of them and
    that consumers would only hint at: a certificate that is missing, expired, mismatched, or stale
    in what somebody would go wrong with. A proof runs on loopback, where members need no address
    of their own, and itself tells which user has the members' CN.
    """
    contents, now = contents_of_folder(folder, inventory), utc_now()
    known = {entry.path: entry for entry in contents.entries}
    entries = {each: known.get(each.certificate_path) for each in components}
    cn_problems = [
        members.cn_problem(inventory, each, entry.cn)
        for each, entry in entries.items()
        if entry and entry.certificate and (each.kind == "member" or not for_proof)
    ]
    if any(cn_problems):
        reason = "the peers of members are known by their CNs"
        raise ScaffoldError(f"{summary}: {reason}", filter(None, cn_problems), members.CN_HINT)
    faults = _faults_by_path(entries, known, now)
    if for_proof:
        faults = {
            path: tuple(fault for fault in found if fault.about != HOSTS)
            for path, found in faults.items()
        }
    problems = [
        *(problem for trust in trusts.values() for problem in trust.problems),
        *_told(faults, [state for state in STATES if state != EXPIRED]),
        *_untrusted(entries, trusts),
    ]
    if problems:
        hints = [trust.hint for trust in trusts.values() if trust.hint]
        hint = "; ".join(hints) or _what_mends(folder, inventory, contents, faults, now)
        raise ScaffoldError(summary, problems, hint)
    if problems := _told(faults, [EXPIRED]):
        hint = f"{CLOCK}{_what_mends(folder, inventory, contents, faults, now)}"
        raise ScaffoldError(f"{summary}: certificates are not valid now", problems, hint)
    return {each: _pems(folder, each, trusts[each.ca]) for each in entries}


def trusts_of(folder: Path, components: Iterable[Component]) -> dict[str, Trust]:
    """Return what those trust to whom these components show themselves, by the path of the CA."""
    # That of clients first, which all have.
    return {
        ca: read_trust(folder, ca) for ca in dict.fromkeys((CA, *(each.ca for each in components)))
    }


def _what_mends(
    folder: Path,
    inventory: Inventory,
    contents: Contents,
    faults: Mapping[str, tuple[Fault, ...]],
    now: datetime,
) -> str:
    """Say what `status` would: one decision tells both what to run.

    What is revoked is not signed again because somebody follows a hint.
    """
    troubled = {path for path, found in faults.items() if any(fault.hinders for fault in found)}
    is_of_other_ca = any(fault.about == SIGNER for found in faults.values() for fault in found)
    revoked = [
        each
        for each in inventory.components
        if any(fault.state == REVOKED for fault in faults.get(each.certificate_path, ()))
    ]
    told = [about_revoked(inventory, revoked)] if revoked else []
    others = troubled - {each.certificate_path for each in revoked}
    if others or not told:
        instead = CA_CHANGED if is_of_other_ca else ""
        told.append(what_mends(folder, inventory, contents, others, now, instead))
    return "; ".join(told)


def _faults_by_path(
    entries: dict[Component, Entry | None], known: dict[str, Entry], now: datetime
) -> dict[str, tuple[Fault, ...]]:
    """Return why each of these certificates can't be handed out, and why none of their CAs can."""
    found = {}
    cas = {entry.ca: known.get(entry.ca) for entry in entries.values() if entry}
    for path, ca in cas.items():
        if ca and ca.certificate:
            # Whoever trusts a CA needs no key of it.
            found[path] = tuple(each for each in states.faults(ca, now) if each.about != KEY)
    for component, entry in entries.items():
        path = component.certificate_path
        missing = Fault(MISSING, f"`{path}` is missing")
        found[path] = states.faults(entry, now) if entry else (missing,)
    return found


def _told(faults: dict[str, tuple[Fault, ...]], of_states: Collection[str]) -> list[str]:
    """Return a line for each fault of these states that keeps a certificate from being used."""
    return [
        _line(path, fault)
        for path, found in faults.items()
        for fault in found
        if fault.hinders and fault.state in of_states
    ]


def _line(path: str, fault: Fault) -> str:
    if fault.state == MISSING:  # whose reason names the file
        return fault.reason
    if fault.state == EXPIRED:
        return f"`{path}`: {fault.reason}"
    return f"`{path}` is {fault.state}: {fault.reason}"


def _untrusted(
    entries: Mapping[Component, Entry | None], trusts: Mapping[str, Trust]
) -> Iterator[str]:
    """Yield what is signed by its CA, and by none that others trust."""
    for component, entry in entries.items():
        trust = trusts[component.ca]
        if not (entry and entry.certificate and trust.cas):
            continue
        certificate = entry.certificate
        is_told = any(fault.about == SIGNER for fault in entry.faults)
        if not is_told and not any(signed_by(certificate, ca) for ca in trust.signers):
            yield f"`{entry.path}` is not signed by `{trust.path}`"


def _pems(folder: Path, component: Component, trust: Trust) -> Pems:
    paths = (component.certificate_path, component.key_path)
    certificate, key = (text(folder, path) for path in paths)
    return Pems(certificate, key, trust.text)
