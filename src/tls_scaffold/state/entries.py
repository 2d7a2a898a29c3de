"""A certificate of a folder beside what asks for it, and what is wrong between the two."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from tls_scaffold.cfssl.profiles import CA_USAGES, Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import Problem
from tls_scaffold.inventory.terms import SERVER_AUTH
from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing import caconstraints, capassword, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.differences import CN, IS_CA, NAMES, USAGES, differences
from tls_scaffold.signing.keys import is_encrypted
from tls_scaffold.spelling import Key, escaped
from tls_scaffold.state.statewords import MISMATCHED, STALE

CA_KIND = "ca"
LINE = "line"
KEY, SIGNER, HASH, GO, BEHIND, PIN = "key file", "signer", "hash", "Go", "behind", "pin"
LISTED = "list"


@dataclass(frozen=True)
class Fault:
    """A state that a certificate has, and why, in words.

    `hinders` says whether nobody is to be given the certificate because of it, `about` what it is
    about where somebody asks for that: KEY, SIGNER, HASH, GO, BEHIND, PIN, LISTED, or
    what a Difference is about.
    """

    state: str
    reason: str
    hinders: bool = True
    about: str = ""


@dataclass(frozen=True)
class Entry:
    """A certificate that is asked for, or there, or both; paths are relative to the folder.

    `kind` is ca, member, proxy or user, and None where nothing asks for it. `absent` says why there
    is no `certificate`, or why Go can't read the whole file, `keyless` why there is no `key`,
    `unread` why its request or profile can't be read. `profiles` are those that may have signed it:
    several where no Makefile says which. `signing` is what asks for it; None for a CA that no line
    of cfssl makes. `faults` are what is wrong between these, `unmet` says what a component needs
    and nothing asks for.
    """

    name: str
    kind: str | None
    path: str
    ca: str = ""
    certificate: Certificate | None = None
    absent: Problem | None = None
    key: bytes | None = None
    keyless: str = ""
    request: Request | None = None
    profiles: tuple[Profile, ...] = ()
    unread: tuple[str, ...] = ()
    signing: Signing | None = None
    faults: tuple[Fault, ...] = ()
    unmet: tuple[str, ...] = ()
    is_there: bool = False
    """Whether there is a file at its path, be it a certificate or not."""
    denied: tuple[str, ...] = ()
    """Those of its files that are there, and that whoever asks may not read."""
    awaiting: str = ""
    """What of it waits for a signature from another machine, in words; empty if nothing does."""
    above: Certificate | None = None
    """Of a CA below others that of those which ends first; None where it is below none."""

    @property
    def key_path(self) -> str:
        """Where its key lies."""
        return self.path.removesuffix(".pem") + KEY_ENDING

    @property
    def waits_for_request(self) -> bool:
        """Whether neither half is there of what plain `make` does not sign."""
        is_nowhere = self.certificate is None and self.key is None and not self.is_there
        return self.signing is not None and self.signing.on_request and is_nowhere

    @property
    def has_locked_key(self) -> bool:
        """Whether it is a CA whose key is encrypted, and nobody gave the password.

        Then nothing can be said of the key.
        """
        return self.is_of_ca and is_encrypted(self.key or b"") and not capassword.is_given()

    @property
    def is_of_ca(self) -> bool:
        """Whether it is a CA, also one that signs nothing here and that nothing asks for."""
        is_loose = self.kind is None and self.certificate is not None and self.certificate.is_ca
        return self.kind == CA_KIND or is_loose

    @cached_property
    def came_from_elsewhere(self) -> bool:
        """Whether a CA was not made from its request here, and nobody here can make it anew.

        It is no root, has no request that can be read, or has another subject, other usages or
        other constraints than ours would have. The record tells nothing: it has every CA that was
        ever in its place. Key and lifetime may differ: their request may have been edited since.
        """
        if not self.certificate or not matching.signs_itself(self.certificate):
            return True
        told = {fault.about for fault in self.faults if fault.state == STALE}
        has_other_usages = _has_usages_of_its_own(self, self.certificate)
        return not self.request or has_other_usages or bool(told & {CN, NAMES, USAGES, IS_CA})

    @property
    def cn(self) -> str:
        """The certificate's own CN, else the one that its request asks for."""
        if self.certificate:
            return self.certificate.cn
        return self.request.cn if self.request else ""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The certificate's own hosts, else those that its request asks for."""
        if self.certificate:
            return self.certificate.hosts
        return (self.request and self.request.hosts) or ()

    @property
    def key_type(self) -> Key | None:
        """The type of the certificate's own key, else the one that its request asks for."""
        if self.certificate:
            return self.certificate.key
        return self.request.key if self.request else None

    @property
    def usages(self) -> tuple[str, ...]:
        """The certificate's own usages, else those that its profile asks for."""
        if self.certificate:
            return self.certificate.usages
        return self.profiles[0].usages if self.profiles else ()


@dataclass(frozen=True)
class Contents:
    """The certificates of a folder: its CAs, then what make would sign in its order, then the rest.

    `unread` are the lines of its Makefile that sign in a way that is not understood, `twice` the
    paths that one run of make signs more than once.
    """

    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...] = ()
    has_makefile: bool = False
    twice: tuple[str, ...] = ()

    @cached_property
    def authorities(self) -> dict[str, Certificate]:
        """The CA certificates that can be read, by their paths."""
        return {
            each.path: each.certificate
            for each in self.entries
            if each.kind == CA_KIND and each.certificate
        }

    @cached_property
    def cas(self) -> dict[str, Entry]:
        """The entries of the CAs, by their paths."""
        return {each.path: each for each in self.entries if each.kind == CA_KIND}

    @cached_property
    def leaves(self) -> tuple[Entry, ...]:
        """What is asked for, the CAs left out."""
        return tuple(each for each in self.entries if each.kind not in (CA_KIND, None))


def is_server(entry: Entry) -> bool:
    """Tell a server without an inventory: it has hosts, and may be used as one."""
    return SERVER_AUTH in entry.usages and any(entry.hosts)


def with_faults(entry: Entry, ca: Certificate | None, ca_ends: Collection[datetime]) -> Entry:
    """Return an entry with its faults.

    `ca` is to have signed it, None for a CA and where that can't be read; `ca_ends` are the ends of
    that, and of the certificates that it had before.
    """
    if not entry.certificate:
        return entry
    return replace(entry, faults=tuple(_faults(entry, entry.certificate, ca, ca_ends)))


def key_trouble(entry: Entry, certificate: Certificate, whose: str = "its key") -> str:
    """Say why the key that lies beside a certificate is no good, in words that follow `it`.

    Empty where it is good, where there is none, and where a CA's is locked. `whose` as in
    `matching.key_trouble`.
    """
    if entry.key is None or entry.has_locked_key:
        return ""
    return matching.key_trouble(certificate, entry.key, whose, of_ca=entry.is_of_ca)


def _faults(
    entry: Entry,
    certificate: Certificate,
    ca: Certificate | None,
    ca_ends: Collection[datetime],
) -> Iterator[Fault]:
    if entry.absent:
        yield Fault(MISMATCHED, entry.absent.message)
    if reason := key_trouble(entry, certificate):
        yield Fault(MISMATCHED, f"`{entry.key_path}` {reason}", about=KEY)
    if ca and not (entry.kind is None and entry.is_of_ca):
        yield from _signature_faults(entry, certificate, ca)
    if reason := certificate.unknown_to_go:
        yield Fault(MISMATCHED, f"it {reason}", about=GO)
    if entry.kind == CA_KIND:
        for refusal in caconstraints.refusals(certificate):
            yield Fault(MISMATCHED, refusal.words, about=refusal.about)
    yield from _stale_faults(entry, certificate, ca_ends)


def _signature_faults(entry: Entry, certificate: Certificate, ca: Certificate) -> Iterator[Fault]:
    """Yield why nobody who trusts `ca` takes a certificate."""
    if not matching.signed_by(certificate, ca):
        reason = f"another CA than `{entry.ca}` signed it"
        if matching.signs_itself(certificate):
            reason = f"it is self-signed, and not signed by `{entry.ca}`"
        yield Fault(MISMATCHED, reason, about=SIGNER)
    elif certificate.unverified_by_go:
        reason = f"it is signed with {certificate.unverified_by_go}, which Go 1.18 and later refuse"
        yield Fault(MISMATCHED, reason, about=HASH)
    for host in caconstraints.excluded_hosts(ca, certificate.hosts):
        reason = f"the name constraints of `{entry.ca}` do not allow the host `{escaped(host)}`"
        yield Fault(MISMATCHED, reason, about=caconstraints.HOSTS)


def _has_usages_of_its_own(entry: Entry, certificate: Certificate) -> bool:
    """Tell a CA made from a request that can sign, by other key usages than cfssl gives it.

    One that names none may do everything: what openssl makes is mostly so.
    """
    is_made = entry.kind == CA_KIND and (entry.signing is None or entry.signing.makes_ca)
    others = set(certificate.key_usages) != set(CA_USAGES)
    may_sign = "cert sign" in certificate.key_usages or not certificate.key_usages
    can_sign = may_sign and certificate.is_for_anything
    return is_made and can_sign and others


def _stale_faults(
    entry: Entry, certificate: Certificate, ca_ends: Collection[datetime]
) -> Iterator[Fault]:
    """Yield where a certificate is not what its request and profile ask for."""
    if not entry.request or not entry.profiles:
        yield from (Fault(STALE, reason) for reason in entry.unread)
        return
    found = (differences(certificate, entry.request, each, ca_ends) for each in entry.profiles)
    # What a CA is called and how long it lives is no matter to those who trust it.
    is_leaf = entry.kind != CA_KIND
    for each in min(found, key=len):
        # No request of a CA can ask for usages: others' tools name more than cfssl does.
        if each.about == USAGES and _has_usages_of_its_own(entry, certificate):
            continue
        yield Fault(STALE, str(each), hinders=each.hinders and is_leaf, about=each.about)
