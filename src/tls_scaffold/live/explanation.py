"""The causes that what a log says can have, less those that somebody's look rules out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tls_scaffold.live import causes
from tls_scaffold.live.causes import OF_CLIENT, OF_SERVER, OTHER_CAS, Cause
from tls_scaffold.live.diagnosis import Found
from tls_scaffold.live.evidence import IS_NO_USER, IS_USER, Evidence
from tls_scaffold.live.loglines import CLIENT, Entry, bare, entries
from tls_scaffold.live.symptoms import TRUSTS, Symptom, symptom_of
from tls_scaffold.paths import REVOKED
from tls_scaffold.signing import crlfile
from tls_scaffold.spelling import MINUTE

SERIAL = re.compile(r"certificate serial (?P<serial>[0-9a-f]+) revoked")


class Unseen(Enum):
    """What is known of a cause that is not seen to be."""

    RULED_OUT = "ruled out"
    POSSIBLE = "possible"
    """Nobody tells."""


@dataclass(frozen=True)
class Explanation:
    """What a line, or several that say the same, comes to.

    `found` are the causes: one, or several that fit as well. `is_sure` where there is one, and
    nothing else can be. `fields` are what is known besides.
    """

    found: tuple[Found, ...]
    is_sure: bool
    fields: Mapping[str, str] = field(default_factory=dict)


def explain_text(text: str, evidence: Evidence) -> tuple[Explanation, ...]:
    """Return what each different thing that a text says comes to; nothing where it is not known.

    A text of one line that nobody known wrote may be words of the table.
    """
    found = list(entries(text))
    lines = [line for line in text.splitlines() if line.strip()]
    if not found and len(lines) == 1:
        found = [bare(lines[0])]
    return explain_entries(found, evidence)


def explain_entries(found: Iterable[Entry], evidence: Evidence) -> tuple[Explanation, ...]:
    """Return what each different thing that lines say comes to."""
    explained: dict[tuple[str, tuple[Cause, ...]], Explanation] = {}
    weak: list[tuple[Entry, Symptom]] = []
    for entry in found:
        symptom = symptom_of(entry, evidence.known, evidence.now)
        if entry.at and evidence.ports and not evidence.is_known(entry.at):
            continue  # it went to somebody else: what mends that is not known here
        if symptom and symptom.is_weak:
            weak.append((entry, symptom))
        elif symptom and (entry.at, symptom.fits) not in explained:
            explained[entry.at, symptom.fits] = _explain(entry, symptom, evidence)
    if not explained and weak:
        weak.sort(key=lambda each: not each[0].at)
        explanation = _explain(*weak[0], evidence)
        return (explanation,) if explanation.found else ()
    return _without_echoes(explained.values())


def _without_echoes(all_of: Iterable[Explanation]) -> tuple[Explanation, ...]:
    """Leave out what names a cause that another has found for sure, or all that another has.

    Who is refused says in general words what the member's log has in exact ones.
    """
    listed = [each for each in all_of if each.found]
    sure = {each.found[0].cause for each in listed if each.is_sure}
    exact = [frozenset(found.cause for found in each.found) for each in listed]
    kept: dict[tuple[Cause, ...], Explanation] = {}
    for each in listed:
        named = tuple(found.cause for found in each.found)
        is_echo = sure.intersection(named) or any(other < set(named) for other in exact)
        if each.is_sure or not is_echo:
            kept.setdefault(named, each)
    return tuple(kept.values())


def _explain(entry: Entry, symptom: Symptom, evidence: Evidence) -> Explanation:
    said = Found(symptom.fits[0], f"{_writer(entry)} says so")
    if symptom.is_certain:
        said = _with_whose(said, entry, evidence) if said.cause == causes.REVOKED else said
        return Explanation((said,), is_sure=True, fields=_fields(entry))
    confirmed, possible = _sifted(entry, symptom, evidence)
    if confirmed:
        both = _with_rival(confirmed, possible)
        is_one = len({found.cause for found in both}) == 1
        # Words that fit everything are about what is seen only where they name that port, or where
        # that client itself has been tried.
        is_sure = is_one and bool(not symptom.is_weak or entry.at or evidence.visitor)
        return Explanation(both, is_sure=is_sure, fields=_fields(entry))
    if symptom.is_weak:
        return Explanation((), is_sure=False)
    if len(possible) == 1 and len(symptom.fits) > 1:
        knows = f"{_writer(entry)} leaves nothing else, after a look at what it is about"
        return Explanation((Found(possible[0], knows),), is_sure=True, fields=_fields(entry))
    found = tuple(Found(cause, "it fits, and nothing rules it out") for cause in possible)
    return Explanation(found, is_sure=False, fields=_fields(entry))


def _with_whose(said: Found, entry: Entry, evidence: Evidence) -> Found:
    """Tell whose certificate was revoked: a member's log has its serial number."""
    serial = int(_fields(entry).get("serial") or "0", 16)
    revocation = evidence.known.revocations.get(serial)
    if not revocation:
        return said
    path = evidence.known.path_of(revocation.name)
    is_newer = bool(path) and serial not in crlfile.serials_in(evidence.known.folder, path)
    knows = (
        f"{said.knows}, and `{REVOKED}` has that number since {revocation.at:{MINUTE}} "
        f"({revocation.reason})"
    )
    if not path:  # nobody signs for it again
        return Found(said.cause, f"{knows}: `{revocation.name or 'nobody'}`, which is gone")
    newer = f"; `{path}` is a newer one, for it to be given" if is_newer else ""
    return Found(said.cause, f"{knows}{newer}", revocation.name)


def _with_rival(confirmed: tuple[Found, ...], possible: tuple[Cause, ...]) -> tuple[Found, ...]:
    """Add a client's own CA to a member's old trust: either refuses a client in these words."""
    seen = {found.cause for found in confirmed}
    if seen != {causes.MEMBER_TRUST}:
        return confirmed
    rivals = (cause for cause in OTHER_CAS if cause in possible)
    return (*confirmed, *(Found(cause, "it fits, and nothing rules it out") for cause in rivals))


def _sifted(
    entry: Entry, symptom: Symptom, evidence: Evidence
) -> tuple[tuple[Found, ...], tuple[Cause, ...]]:
    """Return which causes are seen to be, and which neither that nor ruled out."""
    confirmed: list[Found] = []
    possible: list[Cause] = []
    for cause in symptom.fits:
        verdict = _verdict(cause, entry, symptom, evidence)
        if isinstance(verdict, Found):
            confirmed.append(verdict)
        elif verdict is Unseen.POSSIBLE:
            possible.append(cause)
    return tuple(confirmed), tuple(possible)


def _verdict(  # noqa: C901, PLR0911 - a table of who tells what
    cause: Cause, entry: Entry, symptom: Symptom, evidence: Evidence
) -> Found | Unseen:
    """Return how a cause is known to be, or what is known of one that is not seen."""
    if cause in (causes.ENCRYPTED_KEY, causes.DAMAGED_KEY):
        return _of_keys(cause, evidence)
    if cause in (causes.WRONG_PREFIX, causes.NO_USER) and causes.WRONG_PREFIX in symptom.fits:
        return _of_user(cause, evidence)
    if cause == causes.CA_USAGE:
        return evidence.of_ca or Unseen.RULED_OUT
    if cause == causes.PLAIN:
        return Unseen.POSSIBLE
    if cause in causes.NAMESAKES and symptom.fits[0] == causes.CLIENT_NAMESAKE:
        return _of_namesake(cause, entry, evidence)
    if cause == causes.SAME_SUBJECT and causes.CLIENT_TRUST in symptom.fits:
        return _of_port(cause, entry, symptom, evidence)
    if cause in (*OF_SERVER, *TRUSTS, causes.SERVER_PAIR, causes.NO_CLIENT_AUTH):
        return _of_port(cause, entry, symptom, evidence)
    if cause == causes.CLIENT_TRUST:
        return _of_client_trust(entry, evidence)
    if cause in (causes.CA_EXPIRED, causes.CLOCK):
        return _of_time(cause, entry, symptom, evidence)
    if cause in OF_CLIENT:
        return _of_visitor(cause, entry, symptom, evidence)
    if cause == causes.NO_USER and evidence.visitor and evidence.user_state == IS_USER:
        return Unseen.RULED_OUT
    return Unseen.POSSIBLE


def _of_keys(cause: Cause, evidence: Evidence) -> Found | Unseen:
    if not evidence.of_keys:
        return Unseen.POSSIBLE
    return _first(evidence.of_keys, cause) or Unseen.RULED_OUT


def _first(found: Iterable[Found], cause: Cause) -> Found | None:
    return next((each for each in found if each.cause == cause), None)


def _of_port(cause: Cause, entry: Entry, symptom: Symptom, evidence: Evidence) -> Found | Unseen:
    if found := _first(evidence.of_ports(entry), cause):
        return found
    if not evidence.is_complete(entry):
        return Unseen.POSSIBLE
    if cause == causes.NO_CLIENT_AUTH:  # with a trust file alone it asks, and looks at no CN
        return Unseen.POSSIBLE
    # What a client misses in a certificate by a name of its own, no look of ours shows.
    is_by_other_name = cause == causes.SERVER_HOST and causes.CLIENT_TRUST in symptom.fits
    return Unseen.POSSIBLE if is_by_other_name else Unseen.RULED_OUT


def _of_client_trust(entry: Entry, evidence: Evidence) -> Found | Unseen:
    of_server = (*OF_SERVER, causes.SAME_SUBJECT)
    wrong = [each for each in evidence.of_ports(entry) if each.cause in of_server]
    if wrong:
        return Unseen.RULED_OUT
    if entry.origin == CLIENT and evidence.is_complete(entry):
        return Found(
            causes.CLIENT_TRUST,
            "each port that it may be about serves a certificate of a CA that the folder trusts",
        )
    return Unseen.POSSIBLE


def _of_namesake(cause: Cause, entry: Entry, evidence: Evidence) -> Found | Unseen:
    """Tell a stranger, whose CA has this one's name, from a folder whose own files do not fit.

    Whoever came need not be the visitor: where members let that in, they have what they should.
    """
    if cause == causes.CLIENT_NAMESAKE:
        return _first(evidence.of_visitor(entry), cause) or Unseen.POSSIBLE
    if found := _first(evidence.of_ports(entry), cause):
        return found
    about = {look.port for look in evidence.about(entry)}
    tried = [shake for look, shake in evidence.tried if look.port in about]
    is_ruled_out = bool(tried) and all(shake.is_whole for shake in tried)
    return Unseen.RULED_OUT if is_ruled_out else Unseen.POSSIBLE


def _of_visitor(cause: Cause, entry: Entry, symptom: Symptom, evidence: Evidence) -> Found | Unseen:
    found = evidence.of_visitor(entry)
    if same := _first(found, cause):
        return same
    if cause == causes.SAME_SUBJECT and (seen := _first(evidence.of_ports(entry), cause)):
        return seen
    if cause == causes.CLIENT_USAGE and evidence.of_ca and entry.origin != CLIENT:
        return Unseen.RULED_OUT  # with such a CA nobody else's is looked at
    if not evidence.may_be_ca(cause, entry):
        return Unseen.RULED_OUT
    tried = {look.port for look, _ in evidence.tried}
    has_tried = bool(tried) and all(look.port in tried for look in evidence.about(entry))
    if has_tried and symptom.fits != (cause,):
        return Unseen.RULED_OUT
    return Unseen.POSSIBLE


def _of_time(cause: Cause, entry: Entry, symptom: Symptom, evidence: Evidence) -> Found | Unseen:
    """Tell of a CA that has ended, or of a clock, whose refusal says neither."""
    if causes.SERVER_EXPIRED not in symptom.fits or symptom.is_weak:
        return _of_visitor(cause, entry, symptom, evidence)
    # Which CA a client has loaded, and its clock, no look shows.
    return Unseen.POSSIBLE if evidence.may_be_ca(cause, entry) else Unseen.RULED_OUT


def _of_user(cause: Cause, evidence: Evidence) -> Found | Unseen:
    state = evidence.user_state
    if not state:
        return Unseen.POSSIBLE
    if (state == IS_USER) != (cause == causes.WRONG_PREFIX):
        return Unseen.RULED_OUT
    name = evidence.visitor.name if evidence.visitor else ""
    wanted = {IS_USER: "knows that user", IS_NO_USER: "knows no user of that CN"}
    return Found(cause, f"etcd, asked with that certificate, {wanted[state]}", name)


def _writer(entry: Entry) -> str:
    return {"bare text": "the text"}.get(entry.origin, f"the log of {entry.origin}")


def _fields(entry: Entry) -> Mapping[str, str]:
    serial = SERIAL.search(entry.error)
    return {**entry.fields, **({"serial": serial["serial"]} if serial else {})}


def about_ports(evidence: Evidence) -> Iterator[Found]:
    """Yield what is wrong with the ports of the evidence, and with whoever comes to them.

    Of a visitor who is let in, etcd says whether its CN is a user.
    """
    seen: set[tuple[str, str]] = set()
    for found in (*evidence.of_ports(), *evidence.of_visitor(), *_no_user(evidence)):
        if (found.cause.id, found.knows) not in seen:
            seen.add((found.cause.id, found.knows))
            yield found


def _no_user(evidence: Evidence) -> Iterator[Found]:
    if evidence.visitor and evidence.user_state == IS_NO_USER:
        told = "etcd, asked with that certificate, knows no user of that CN"
        yield Found(causes.NO_USER, told, evidence.visitor.name)
