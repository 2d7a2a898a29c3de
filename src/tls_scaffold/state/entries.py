"""A certificate of a folder beside what asks for it, and what is wrong between the two."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import Problem
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.makefile import Unread
from tls_scaffold.paths import KEY_ENDING
from tls_scaffold.signing import matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.differences import differences
from tls_scaffold.signing.keys import PASSWORD
from tls_scaffold.spelling import Key

CA_KIND = "ca"
SERVER = "server auth"
CLIENT = "client auth"
MISMATCHED = "mismatched"
STALE = "stale"


@dataclass(frozen=True)
class Entry:
    """A certificate that is asked for, or there, or both; paths are relative to the folder.

    `kind` is ca, member, proxy or user, and None where nothing asks for it. `absent` says why there
    is no `certificate`, `keyless` why there is no `key`, `unread` why its request or profile can't
    be read. `profiles` are those that may have signed it: several where no Makefile says which.
    `signing` is what asks for it; None for a CA that no line of cfssl makes. `faults` are states
    with their reasons, `unmet` says what a component needs and nothing asks for.
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
    faults: tuple[tuple[str, str], ...] = ()
    unmet: tuple[str, ...] = ()

    @property
    def key_path(self) -> str:
        """Where its key lies."""
        return self.path.removesuffix(".pem") + KEY_ENDING

    @property
    def has_locked_key(self) -> bool:
        """Whether its key is encrypted and nobody gave the password.

        Then nothing can be said of it.
        """
        return b"ENCRYPTED" in (self.key or b"") and not os.environ.get(PASSWORD)

    @property
    def cn(self) -> str:
        """The certificate's own CN, else the one that its request asks for."""
        if self.certificate:
            return self.certificate.cn
        return self.request.cn if self.request else ""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The certificate's own hosts, else those that its request asks for."""
        return (
            self.certificate.hosts
            if self.certificate
            else (self.request and self.request.hosts) or ()
        )

    @property
    def key_type(self) -> Key | None:
        """The type of the certificate's own key, else the one that its request asks for."""
        return (
            self.certificate.key if self.certificate else self.request.key if self.request else None
        )

    @property
    def usages(self) -> tuple[str, ...]:
        """The certificate's own usages, else those that its profile asks for."""
        return (
            self.certificate.usages
            if self.certificate
            else self.profiles[0].usages
            if self.profiles
            else ()
        )


@dataclass(frozen=True)
class Contents:
    """The certificates of a folder: its CAs, then what make would sign in its order, then the rest.

    `unread` are the lines of its Makefile that sign in a way that is not understood.
    """

    entries: tuple[Entry, ...]
    unread: tuple[Unread, ...] = ()
    has_makefile: bool = False

    @cached_property
    def authorities(self) -> dict[str, Certificate]:
        """The CA certificates that can be read, by their paths."""
        return {
            each.path: each.certificate
            for each in self.entries
            if each.kind == CA_KIND and each.certificate
        }

    @cached_property
    def leaves(self) -> tuple[Entry, ...]:
        """What is asked for, the CAs left out."""
        return tuple(each for each in self.entries if each.kind not in (CA_KIND, None))


def name_of(path: str) -> str:
    """Return what a component is called whose certificate is at `path`."""
    return PurePosixPath(path).name.removesuffix(".pem")


def is_server(entry: Entry) -> bool:
    """Tell a server without an inventory: it has hosts, and may be used as one."""
    return SERVER in entry.usages and any(entry.hosts)


def with_faults(entry: Entry, ca: Certificate | None) -> Entry:
    """Return an entry with its faults.

    `ca` is to have signed it, None for a CA and where that can't be read.
    """
    if not entry.certificate:
        return entry
    return replace(entry, faults=tuple(_faults(entry, entry.certificate, ca)))


def _faults(
    entry: Entry, certificate: Certificate, ca: Certificate | None
) -> Iterator[tuple[str, str]]:
    is_open = entry.key is not None and not entry.has_locked_key
    if is_open and not matching.key_seems_to_fit(certificate, entry.key or b""):
        yield MISMATCHED, f"`{entry.key_path}` is not its key"
    is_other_ca = entry.kind is None and certificate.is_ca
    if ca and not is_other_ca and not matching.seems_signed_by(certificate, ca):
        yield MISMATCHED, f"another CA than `{entry.ca}` signed it"
    yield from ((STALE, difference) for difference in _differences(entry, certificate, ca))


def _differences(entry: Entry, certificate: Certificate, ca: Certificate | None) -> tuple[str, ...]:
    """Say where a certificate is not what its request and profile ask for; empty if it is."""
    if not entry.request or not entry.profiles:
        return entry.unread
    ca_end = ca.not_after if ca else None
    return min(
        (differences(certificate, entry.request, each, ca_end) for each in entry.profiles), key=len
    )
