"""Reads the entries of one folder: certificate, key, request and profile of each."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.plainfiles import content, text
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.values import Component
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEYS, CONFIG
from tls_scaffold.paths import REVOKED as REVOKED_FILE
from tls_scaffold.signing import certificates, chains, matching, mistakes
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.copies import name_of
from tls_scaffold.signing.custodies import ANOTHER_FOR_PEERS, bring_ca, custody_of
from tls_scaffold.signing.foldercas import ends_of_ca
from tls_scaffold.signing.ignoredrules import ignored_rules
from tls_scaffold.signing.linemistakes import line_problems
from tls_scaffold.signing.pins import mismatched_pin
from tls_scaffold.signing.record import has_ca_on_record
from tls_scaffold.signing.revocations import Revocation, known_revocations
from tls_scaffold.signing.trust import read_trust
from tls_scaffold.spelling import MINUTE
from tls_scaffold.state.entries import (
    BEHIND,
    CA_KIND,
    LISTED,
    PIN,
    Entry,
    Fault,
    is_server,
    with_faults,
)
from tls_scaffold.state.expectations import with_expectations
from tls_scaffold.state.statewords import MISMATCHED, REVOKED, STALE

PUT_BACK = "put its {} and {} back; only if the key is lost for good `make regenerate`"
PUT_PEERS_BACK = f"put its {{}} and {{}} back; {ANOTHER_FOR_PEERS}"


class Reader:
    """Reads the entries of one folder, its CAs first.

    Each request and signing configuration is read once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = datetime.now(timezone.utc)
        self._cas: dict[str, Certificate] = {}
        self._request = lru_cache(None)(self._read_request)
        self._config = lru_cache(None)(self._read_config)
        self._ends: dict[str, tuple[datetime, ...]] = {}
        self._chains: dict[str, tuple[Certificate, ...]] = {}

    def _read_request(self, path: str) -> tuple[Request | None, tuple[str, ...]]:
        try:
            return readers.request(text(self.folder, path), path), ()
        except ScaffoldError as error:
            return None, (error.summary,)

    def _read_config(self, path: str) -> tuple[SigningConfig | None, tuple[str, ...]]:
        if not path:
            return SigningConfig(), ()
        try:
            return readers.signing_config(text(self.folder, path), path), ()
        except ScaffoldError as error:
            return None, (error.summary,)

    def entry_of_ca(self, path: str, request_path: str, signing: Signing | None) -> Entry:
        """Return the entry of a CA; one whose request is not there may have come from elsewhere."""
        asked = bool(request_path) and (self.folder / request_path).exists()
        request, unread = self._request(request_path) if asked else (None, ())
        profiles = (ca_profile(request),) if request else ()
        if signing and not signing.makes_ca:
            config, trouble = self._config(signing.config)
            profiles = (config.profile_or_default(signing.profile),) if config else ()
            unread = (*unread, *trouble)
        entry = Entry(
            name_of(path),
            CA_KIND,
            path,
            signing.ca if signing and not signing.makes_ca else "",
            request=request,
            profiles=profiles,
            unread=unread,
            signing=signing,
        )
        entry = self._with_files_and_faults(entry)
        if entry.certificate:
            self._cas[path] = entry.certificate
            if path == CA and (wrong := mismatched_pin(entry.certificate, custody_of(self.folder))):
                fault = Fault(MISMATCHED, wrong, about=PIN)
                entry = replace(entry, faults=(*entry.faults, fault))
            above = read_trust(self.folder, path).above if self._chain_of(path) else ()
            first = min(above, key=lambda ca: ca.not_after, default=None)
            entry = replace(entry, above=first)
        elif path in CA_KEYS and entry.absent and path not in entry.denied:
            entry = self._with_way_to_ca(path, entry, entry.absent)
        return entry

    def _with_way_to_ca(self, path: str, entry: Entry, absent: Problem) -> Entry:
        """Return the entry of a CA that is not there with what brings it, where none is made."""
        custody = custody_of(self.folder)
        is_known = has_ca_on_record(self.folder, path)
        if not (is_known or (path == CA and custody.own)):
            return entry
        known = ", and the record has one" if is_known else ""
        halves = (each.rpartition("/")[2] for each in (path, CA_KEYS[path]))
        way = (PUT_BACK if custody.makes_ca else PUT_PEERS_BACK).format(*halves)
        if path == CA and not custody.makes_ca:
            way = bring_ca(custody)
        reason = f"{absent}{known}: {way}"
        # Who carries requests needs no CA to ask: its certificate comes with the answers too.
        unmet = () if path == CA and custody.key is KeyPlace.OFFLINE else (reason,)
        return replace(entry, absent=Problem(Place(), reason), unmet=unmet)

    def entry_of_component(self, signing: Signing, component: Component | None) -> Entry:
        """Return the entry of what make signs; an inventory's component says its name and kind."""
        request, unread = self._request(signing.request)
        config, trouble = self._config(signing.config)
        is_known = not config or signing.profile in ("", *config.profiles)
        if signing.flags is not None and not is_known:
            # On a line of ours neither signer takes the default one in its place.
            config, trouble = None, (f"profile `{signing.profile}` is unknown",)
        entry = Entry(
            signing.name,
            None,
            signing.certificate_path,
            signing.ca or CA,
            request=request.overridden(signing.cn, signing.hostname) if request else None,
            profiles=(config.profile_or_default(signing.profile),) if config else (),
            unread=(*unread, *trouble),
            signing=signing,
        )
        entry = self._with_chain_fault(self._with_files_and_faults(entry))
        if component:
            entry = with_expectations(entry, component)
        if entry.absent and signing.unset:
            entry = replace(entry, absent=Problem(Place(), signing.unset_problem()))
        return _of_a_kind(replace(entry, unmet=(*entry.unmet, *self._refusals(entry))))

    def makes_ca(self, signing: Signing) -> bool:
        """Tell a CA that a CA signs, although it signs nothing here."""
        config, _ = self._config(signing.config)
        return bool(config and config.profile_or_default(signing.profile).constraint.is_ca)

    def _refusals(self, entry: Entry) -> Iterator[str]:
        """Yield why an entry's line or request is not signed, or not as anybody can mean it."""
        if entry.signing and not entry.signing.on_request:
            yield from line_problems(entry.signing)
        if entry.request and entry.profiles:
            profile = entry.profiles[0]
            yield from map(str, mistakes.own_refusals(entry.request, profile, self._now))
            for each in mistakes.silent_in_request(entry.request):
                if each.rule not in self._ignored:
                    yield str(each)

    @cached_property
    def _ignored(self) -> frozenset[str]:
        return ignored_rules(self.folder)

    def entry_unsigned(self, component: Component) -> Entry:
        """Return the entry of a component of the inventory that no target of a Makefile signs.

        Its line may have been taken out, or stand below a condition that does not hold.
        """
        path = component.certificate_path
        reason = f"`{path}` is missing, and no target of the Makefile signs it"
        absent = Problem(Place(), reason)
        return Entry(component.name, component.kind, path, absent=absent, unmet=(reason,))

    def entry_of_set(self, path: str, request_path: str) -> Entry:
        """Return the entry of what a set without a Makefile asks for.

        Some profile of its configuration signed it.
        """
        request, unread = self._request(request_path)
        config, trouble = self._config(CONFIG)
        profiles = (config.default, *config.profiles.values()) if config else ()
        entry = Entry(
            name_of(path),
            None,
            path,
            CA,
            request=request,
            profiles=profiles,
            unread=(*unread, *trouble),
        )
        entry = self._with_files(entry)
        return _of_a_kind(self._judged(replace(entry, ca=self._signer(entry))))

    def entry_unasked(self, path: str, *, orphan: bool) -> Entry:
        """Return the entry of a certificate without a request; an orphan's has no kind either."""
        entry = self._with_files(Entry(name_of(path), None, path))
        entry = self._judged(replace(entry, ca=self._signer(entry)))
        return entry if orphan else _of_a_kind(entry)

    def _signer(self, entry: Entry) -> str:
        """Return the path of the CA that signed a certificate; of the first one if none did."""
        first = next(iter(self._cas), CA)
        if not entry.certificate:
            return first
        return next(
            (path for path, ca in self._cas.items() if matching.signed_by(entry.certificate, ca)),
            first,
        )

    def is_copy_of_ca(self, entry: Entry) -> bool:
        """Tell a copy of a CA of the folder: one lies where an adopted CA was before."""
        return bool(
            entry.certificate and entry.certificate.der in {ca.der for ca in self._cas.values()}
        )

    def _with_files_and_faults(self, entry: Entry) -> Entry:
        """Return an entry with its certificate and key, and what is wrong with them."""
        return self._judged(self._with_files(entry))

    def _with_chain_fault(self, entry: Entry) -> Entry:
        """Return an entry with a fault where the CAs above its CA do not stand behind it."""
        chain = self._chain_of(entry.ca)
        if not entry.certificate or not chain:
            return entry
        if chains.has_behind(content(self.folder, entry.path), chain):
            return entry
        fault = Fault(STALE, chains.not_behind(entry.ca), about=BEHIND)
        return replace(entry, faults=(*entry.faults, fault))

    def _chain_of(self, ca: str) -> tuple[Certificate, ...]:
        if ca not in self._chains:
            self._chains[ca] = chains.chain_of(self.folder, ca)
        return self._chains[ca]

    def _judged(self, entry: Entry) -> Entry:
        entry = with_faults(entry, self._cas.get(entry.ca), self._ends_of_ca(entry.ca))
        serial = entry.certificate.parsed.serial_number if entry.certificate else 0
        revocation = self._revoked.get(serial)
        if not revocation or entry.kind == CA_KIND:
            return entry
        why = f"`{REVOKED_FILE}` has it since {revocation.at:{MINUTE}} ({revocation.reason})"
        return replace(entry, faults=(*entry.faults, Fault(REVOKED, why, about=LISTED)))

    @cached_property
    def _revoked(self) -> Mapping[int, Revocation]:
        return known_revocations(self.folder)

    def _ends_of_ca(self, path: str) -> tuple[datetime, ...]:
        """Return when the CA at a path ends, and when its earlier certificates did."""
        if path in self._cas and path not in self._ends:
            self._ends[path] = ends_of_ca(self.folder, self._cas[path])
        return self._ends.get(path, ())

    def _with_files(self, entry: Entry) -> Entry:
        """Return an entry with its certificate and key, or why one is missing."""
        certificate, absent, key, keyless = None, entry.absent, None, ""
        denied = []
        try:
            pem = content(self.folder, entry.path)
            certificate = certificates.read(pem, entry.path)
            certificates.check_others(pem, entry.path)
            if entry.kind == CA_KIND:
                certificates.check_headers(pem, entry.path)
        except ScaffoldError as error:
            absent = (*error.problems, Problem(Place(), error.summary))[0]
            if isinstance(error.__cause__, PermissionError):
                denied.append(entry.path)
        try:
            key = content(self.folder, entry.key_path)
        except ScaffoldError as error:
            keyless = error.summary
            if isinstance(error.__cause__, PermissionError):
                denied.append(entry.key_path)
        is_there = os.path.lexists(self.folder / entry.path)
        return replace(
            entry,
            certificate=certificate,
            absent=absent,
            key=key,
            keyless=keyless,
            is_there=is_there,
            denied=tuple(denied),
        )


def _of_a_kind(entry: Entry) -> Entry:
    return entry if entry.kind else replace(entry, kind="member" if is_server(entry) else "user")
