"""What to run about certificates that are not valid: a table, and the steps for a folder."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from tls_scaffold.makefiles.ourmakefile import includes_our_rules, names_and_outputs
from tls_scaffold.paths import CA, PEER_CA
from tls_scaffold.signing import caconstraints
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.state.clones import is_without_keys
from tls_scaffold.state.entries import CA_KIND, Contents, Entry
from tls_scaffold.state.lives import ends_with_ca, is_to_be_renewed
from tls_scaffold.state.lostkeys import lacks_key
from tls_scaffold.state.states import Row
from tls_scaffold.state.statewords import (
    AWAITING_SIGNATURE,
    EXPIRED,
    EXPIRING,
    MISMATCHED,
    MISSING,
    ON_REQUEST,
    ORPHANED,
    REVOKED,
    STALE,
    VALID,
)

UNREADABLE = "unreadable"
"""Missing, although a file is there: a Makefile of others may take it for the certificate."""
DENIED = "denied"
"""There, and readable by another user alone: it may be as asked for, and nothing is to be run."""
NOT_YET = "not yet valid"
CLONED = "cloned"
"""Of a CA: missing, in a clone to which git brought no keys."""
LOST_KEY = "lost key"
"""Missing, although the certificate is there: only another page tells this apart."""
ENDING = "ending"
"""Of a CA: valid, and to be signed again long before it ends."""

COMPONENT = "component"
OUR_LINE = "component line"
OTHER_LINE = "another line of a Makefile of ours"
FOREIGN = "line of a foreign Makefile"

CHECK, REGENERATE, MAKE, RENEW, TARGETS = "check", "regenerate", "make", "renew", "targets"
SYNC, RENEW_CA = "sync", "renew-ca"
AGAIN = "again"
"""By its own target, also where another machine signs: nothing else asks for what is revoked."""
CSR, EXPORT = "csr", "export"
"""Where another machine has the CA's key."""
BRING_CA, BRING_KEY = "bring CA", "bring key"
"""Where the CA was brought, and all of it or its key is missing."""
RESTORE = "restore"
SIGNING = {MAKE, RENEW, TARGETS, AGAIN}
"""What needs the key of a component's CA."""

ADVICE = {
    # (state, what it is, what asks for it): the step that mends it
    # The target of a CA that a line of cfssl's makes; `make` makes the one of `certs/` by itself.
    (MISSING, CA_KIND, OUR_LINE): TARGETS,
    (MISSING, CA_KIND, FOREIGN): TARGETS,
    # Make makes no second CA: whoever has the keys has made a backup, or gives them in another way.
    (CLONED, CA_KIND, OUR_LINE): RESTORE,
    # With the same key all that it signed goes on: another CA everybody would have to trust first.
    (EXPIRED, CA_KIND, OUR_LINE): RENEW_CA,
    # The clock may be wrong: no new CA for that.
    (NOT_YET, CA_KIND, OUR_LINE): CHECK,
    (EXPIRING, CA_KIND, OUR_LINE): RENEW_CA,
    (ENDING, CA_KIND, OUR_LINE): RENEW_CA,
    # It signs as before: which side is to give way, `check` tells.
    (STALE, CA_KIND, OUR_LINE): CHECK,
    (MISSING, COMPONENT, OUR_LINE): MAKE,
    (MISSING, COMPONENT, OTHER_LINE): MAKE,
    (MISSING, COMPONENT, FOREIGN): TARGETS,
    (UNREADABLE, COMPONENT, OUR_LINE): TARGETS,
    (UNREADABLE, COMPONENT, OTHER_LINE): TARGETS,
    (UNREADABLE, COMPONENT, FOREIGN): TARGETS,
    (MISMATCHED, COMPONENT, OUR_LINE): TARGETS,
    (MISMATCHED, COMPONENT, OTHER_LINE): TARGETS,
    (MISMATCHED, COMPONENT, FOREIGN): TARGETS,
    (STALE, COMPONENT, OUR_LINE): TARGETS,
    (STALE, COMPONENT, OTHER_LINE): TARGETS,
    (STALE, COMPONENT, FOREIGN): TARGETS,
    (REVOKED, COMPONENT, OUR_LINE): AGAIN,
    (REVOKED, COMPONENT, OTHER_LINE): AGAIN,
    (REVOKED, COMPONENT, FOREIGN): AGAIN,
    (NOT_YET, COMPONENT, OUR_LINE): TARGETS,
    (NOT_YET, COMPONENT, OTHER_LINE): TARGETS,
    (NOT_YET, COMPONENT, FOREIGN): TARGETS,
    (EXPIRED, COMPONENT, OUR_LINE): RENEW,
    # `make renew` passes over lines that call cfssl; every `make` runs them.
    (EXPIRED, COMPONENT, OTHER_LINE): MAKE,
    (EXPIRED, COMPONENT, FOREIGN): TARGETS,
    (EXPIRING, COMPONENT, OUR_LINE): RENEW,
    (EXPIRING, COMPONENT, OTHER_LINE): MAKE,
    (EXPIRING, COMPONENT, FOREIGN): TARGETS,
}
"""Nothing is to be run about anything else, such as orphans."""

LAST_YEAR = "docs/life/the-cas-last-year.md"
PAGES = {
    # (state, what it is): the page of the documentation, and its section, that tells what to do
    (MISMATCHED, COMPONENT): "docs/life/states.md#mismatched",
    (MISMATCHED, CA_KIND): "docs/life/states.md#mismatched",
    (MISSING, COMPONENT): "docs/life/states.md#missing",
    (MISSING, CA_KIND): "docs/life/states.md#missing",
    (CLONED, CA_KIND): "docs/team/who-has-the-keys.md#give-it-to-a-second-person",
    (UNREADABLE, COMPONENT): "docs/life/states.md#unreadable",
    (UNREADABLE, CA_KIND): "docs/life/states.md#unreadable",
    (DENIED, COMPONENT): "docs/life/states.md#unreadable",
    (DENIED, CA_KIND): "docs/life/states.md#unreadable",
    (LOST_KEY, COMPONENT): "docs/life/a-lost-key.md",
    (LOST_KEY, CA_KIND): "docs/life/a-lost-key.md#the-cas-key-is-lost",
    (REVOKED, COMPONENT): "docs/life/states.md#revoked",
    (REVOKED, CA_KIND): "docs/life/states.md#revoked",
    (EXPIRED, COMPONENT): "docs/life/states.md#expired",
    (EXPIRED, CA_KIND): LAST_YEAR,
    (NOT_YET, COMPONENT): "docs/life/states.md#not-yet-valid",
    (NOT_YET, CA_KIND): "docs/life/states.md#not-yet-valid",
    (AWAITING_SIGNATURE, COMPONENT): "docs/life/states.md#awaiting-signature",
    (AWAITING_SIGNATURE, CA_KIND): "docs/life/states.md#awaiting-signature",
    (STALE, COMPONENT): "docs/life/states.md#stale",
    (STALE, CA_KIND): "docs/life/states.md#stale",
    (ORPHANED, COMPONENT): "docs/life/states.md#orphaned",
    (ORPHANED, CA_KIND): "docs/life/states.md#orphaned",
    (EXPIRING, COMPONENT): "docs/life/states.md#expiring",
    (EXPIRING, CA_KIND): LAST_YEAR,
    (ENDING, CA_KIND): LAST_YEAR,
}
"""Nothing is to be read about what is valid, or signed on request."""

AS_OWNER = "run it as the user whose files they are"

Steps = dict[str, list[str]]


def steps(
    folder: Path, contents: Contents, rows: Iterable[Row], makefile: str, now: datetime
) -> Steps:
    """Return the steps to take, each with the targets that it is about; `makefile` is the text.

    Where the CA is at fault, nothing that it signs can be mended before.
    """
    is_ours, custody = includes_our_rules(makefile), custody_of(folder)
    without_key = {entry.path for entry in contents.entries if lacks_key(folder, entry)}
    own_lines = {f"{output}.pem" for _, output in names_and_outputs(makefile)}
    by_path = {row.path: row for row in rows}
    states = {
        entry.path: _state_for_advice(folder, contents, entry, by_path[entry.path], now)
        for entry in contents.entries
    }
    found: Steps = {}
    if any(entry.unread for entry in contents.entries):
        found[CHECK] = []  # names what is wrong with requests and configurations
    for entry in contents.entries:  # the CAs come first
        state, is_ca = states[entry.path], entry.kind == CA_KIND
        # A new CA is no help where the one that is there can't be compared with its request.
        if entry.kind is None or (is_ca and state == STALE and entry.unread):
            continue
        line = FOREIGN
        if is_ours:
            line = OUR_LINE if is_ca or entry.path in own_lines else OTHER_LINE
        step = _step_for(entry, state, line, contents)
        if step in (RENEW_CA, REGENERATE) and entry.path != PEER_CA and not custody.makes_ca:
            step = ""  # whoever holds it renews it
        ca = entry.ca or CA
        if step in SIGNING and ca in without_key:
            step = BRING_KEY if custody.own and ca == CA else RESTORE
        if entry.unmet and state != CLONED:
            # Either the Makefile has no line for it, or `check` names what leaves it out.
            lacks_line = not is_ca and entry.signing is None and entry.path not in own_lines
            found[SYNC if lacks_line else CHECK] = []
        targets = [entry.signing.target] if entry.signing and not entry.unread else []
        if step and (targets or step not in (TARGETS, AGAIN)):
            found.setdefault(step, []).extend(targets)
    if _is_ca_at_fault(contents, by_path, states):
        first = (RESTORE, CHECK, RENEW_CA, REGENERATE)
        return {step: found[step] for step in first if step in found}
    return found


def _is_ca_at_fault(
    contents: Contents, by_path: Mapping[str, Row], states: Mapping[str, str]
) -> bool:
    """Tell whether a CA is to be mended before anything that it signs can be."""
    cas = [entry for entry in contents.entries if entry.kind == CA_KIND]
    at_fault = (MISMATCHED, EXPIRED, NOT_YET, UNREADABLE, DENIED, CLONED)
    if any(ca.unmet or states[ca.path] in at_fault for ca in cas):
        return True
    has_signed = {
        entry.ca or CA
        for entry in contents.entries
        if entry.kind not in (CA_KIND, None)
        and by_path[entry.path].state not in (MISSING, AWAITING_SIGNATURE)
    }
    return any(states[ca.path] == MISSING and ca.path in has_signed for ca in cas)


def page(folder: Path, contents: Contents, rows: Iterable[Row], found: Steps, now: datetime) -> str:
    """Return the page about the worst row, the first one; empty where all is as asked for.

    A CA that is valid has one only where a step is to be taken, or its key is not here.
    """
    entries = {entry.path: entry for entry in contents.entries}
    for row in rows:
        entry = entries[row.path]
        state = _state_for_advice(folder, contents, entry, row, now)
        if state == UNREADABLE and entry.certificate and not (folder / entry.key_path).exists():
            state = LOST_KEY
        kind = CA_KIND if row.kind == CA_KIND else COMPONENT
        if state in (VALID, ENDING) and lacks_key(folder, entry):
            state = LOST_KEY
        is_well = state in (VALID, ON_REQUEST) or (state == ENDING and RENEW_CA not in found)
        if not is_well:
            return PAGES[state, kind]
    return ""


def carried(found: Steps) -> Steps:
    """Return the steps of a folder whose CA's key is on another machine: it asks, and signs not."""
    signing = {MAKE, RENEW, TARGETS} & found.keys()
    kept = {step: found[step] for step in (RESTORE, SYNC, CHECK, EXPORT, AGAIN) if step in found}
    return {**kept, CSR: []} if signing else kept


def brought(found: Steps, contents: Contents) -> Steps:
    """Return the steps of a folder with a CA of its own, which makes none where that is missing."""
    ca = next((entry for entry in contents.entries if entry.path == CA), None)
    is_missing = ca is not None and ca.certificate is None and not (ca.is_there or ca.denied)
    return {BRING_CA: []} if is_missing and RESTORE not in found else found


def _step_for(entry: Entry, state: str, line: str, contents: Contents) -> str:
    """Return the step of the table; empty where there is none, or it would be no help."""
    is_waiting = bool(entry.awaiting) and entry.kind != CA_KIND
    if is_waiting and state != DENIED:  # whatever else is wrong with what is there
        return EXPORT
    step = ADVICE.get((state, CA_KIND if entry.kind == CA_KIND else COMPONENT, line), "")
    is_another_s = step == RENEW_CA and entry.came_from_elsewhere
    # Nobody knows whether it is kept or lost.
    if step == RENEW_CA and entry.key is None and not entry.denied:
        step = "" if state == ENDING else REGENERATE
    return "" if is_another_s or _is_in_vain(entry, state, contents) else step


def _is_in_vain(entry: Entry, state: str, contents: Contents) -> bool:
    """Tell whether a certificate that is signed again would be in the same state.

    That is so where only another CA helps. Where request or profile leave out what it needs it
    would be no better, and may be worse.
    """
    if state in (EXPIRING, EXPIRED):
        return ends_with_ca(entry, contents.cas)
    if state == MISMATCHED:
        # What a CA may not sign for, another certificate of it is no better for.
        return any(fault.about == caconstraints.HOSTS for fault in entry.faults)
    if state == MISSING:
        return bool(entry.unmet) and entry.signing is None
    return state == STALE and bool(entry.unmet)


def _state_for_advice(
    folder: Path, contents: Contents, entry: Entry, row: Row, now: datetime
) -> str:
    """Return the state of a certificate, told apart where another step mends it.

    The target of a CA in a Makefile of others writes over what is there, be it the key alone.
    """
    if row.state == MISSING and entry.denied:
        return DENIED
    halves = [row.path, entry.key_path] if row.kind == CA_KIND else [row.path]
    if row.state == MISSING and any((folder / half).exists() for half in halves):
        return UNREADABLE
    if row.kind == CA_KIND and row.state == MISSING and is_without_keys(folder, contents):
        return CLONED
    if row.kind == CA_KIND and row.state == VALID and entry.certificate:
        return ENDING if is_to_be_renewed(entry.certificate, now) else row.state
    if row.state == EXPIRED and row.not_before and row.not_before > now:
        return NOT_YET
    return row.state
