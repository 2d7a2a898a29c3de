"""A certificate of a folder beside what asks for it: its request and profile, its key, its CA."""

import os
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from tls_scaffold import certificates, readers
from tls_scaffold.certificates import Certificate
from tls_scaffold.cfssl import Profile, Request, SigningConfig, ca_profile
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.gencert import Signing
from tls_scaffold.inventory import Component
from tls_scaffold.keys import PASSWORD
from tls_scaffold.plainfiles import content, text

CA = "certs/ca.pem"
CA_REQUEST = "config/ca-csr.json"
SERVER = "server auth"
CLIENT = "client auth"
CA_KIND = "ca"


@dataclass(frozen=True)
class Entry:
    """A certificate that is asked for, or there, or both; paths are relative to the folder.

    `kind` is ca, member, proxy or user, and None where nothing asks for it. `absent` says why there is no
    `certificate`, `keyless` why there is no `key`, `unread` why its request or profile can't be read.
    `profiles` are those that may have signed it: several where no Makefile says which. `signing` is what
    asks for it; None for a CA that no line of cfssl makes.
    """

    name: str
    kind: str | None
    path: str
    ca: str = ""
    certificate: Certificate | None = None
    absent: str = ""
    key: bytes | None = None
    keyless: str = ""
    request: Request | None = None
    profiles: tuple[Profile, ...] = ()
    unread: tuple[str, ...] = ()
    signing: Signing | None = None

    @property
    def key_path(self) -> str:
        """Where its key lies."""
        return key_path(self.path)

    @property
    def has_locked_key(self) -> bool:
        """Whether its key is encrypted and nobody gave the password: then nothing can be said of it."""
        return b"ENCRYPTED" in (self.key or b"") and not os.environ.get(PASSWORD)

    @cached_property
    def usages(self) -> tuple[str, ...]:
        """What it may be used for: the certificate's own usages, else those that its profile asks for."""
        return self.certificate.usages if self.certificate else self.profiles[0].usages if self.profiles else ()

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The certificate's own hosts, else those that its request asks for."""
        return self.certificate.hosts if self.certificate else (self.request and self.request.hosts) or ()


@dataclass(frozen=True)
class Contents:
    """The certificates of a folder: its CAs, then what make would sign in its order, then the rest.

    `unread` holds, as `target: line`, where its Makefile signs in a way that is not understood.
    """

    entries: tuple[Entry, ...]
    unread: tuple[str, ...] = ()
    has_makefile: bool = False

    @cached_property
    def authorities(self) -> dict[str, Certificate]:
        """The CA certificates that can be read, by their paths."""
        return {each.path: each.certificate for each in self.entries if each.kind == CA_KIND and each.certificate}

    @cached_property
    def leaves(self) -> tuple[Entry, ...]:
        """What is asked for, the CAs left out."""
        return tuple(each for each in self.entries if each.kind not in (CA_KIND, None))


def key_path(path: str) -> str:
    """Return where the key of the certificate at `path` lies."""
    return path.removesuffix(".pem") + "-key.pem"


def name_of(path: str) -> str:
    """Return what a component is called whose certificate is at `path`."""
    return PurePosixPath(path).name.removesuffix(".pem")


class Reader:
    """Reads the entries of one folder, each request and signing configuration once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request = lru_cache(None)(self._request)
        self.config = lru_cache(None)(self._config)

    def _request(self, path: str) -> tuple[Request | None, tuple[str, ...]]:
        try:
            return readers.request(text(self.folder, path), path), ()
        except ScaffoldError as error:
            return None, (error.summary,)

    def _config(self, path: str) -> tuple[SigningConfig | None, tuple[str, ...]]:
        try:
            return readers.signing_config(text(self.folder, path), path) if path else SigningConfig(), ()
        except ScaffoldError as error:
            return None, (error.summary,)

    def authority(self, path: str, request_path: str, signing: Signing | None) -> Entry:
        """Return the entry of a CA; one whose request is not there may have come from elsewhere."""
        asked = bool(request_path) and (self.folder / request_path).exists()
        request, unread = self.request(request_path) if asked else (None, ())
        profiles = (ca_profile(request),) if request else ()
        entry = Entry(name_of(path), CA_KIND, path, request=request, profiles=profiles, unread=unread, signing=signing)
        return self._there(entry)

    def component(self, signing: Signing, component: Component | None) -> Entry:
        """Return the entry of what make signs; an inventory's component says its name and kind."""
        request, unread = self.request(signing.request)
        config, trouble = self.config(signing.config)
        entry = Entry(
            component.name if component else signing.name,
            component.kind if component else None,
            f"{signing.output}.pem",
            signing.ca or CA,
            request=overridden(request, signing) if request else None,
            profiles=(config.profile_or_default(signing.profile),) if config else (),
            unread=(*unread, *trouble),
            signing=signing,
        )
        return _of_a_kind(self._there(entry))

    def kept(self, path: str, request_path: str, config_path: str) -> Entry:
        """Return the entry of what a set without a Makefile asks for: some profile of its configuration signed it."""
        request, unread = self.request(request_path)
        config, trouble = self.config(config_path)
        profiles = (config.default, *config.profiles.values()) if config else ()
        entry = Entry(name_of(path), None, path, CA, request=request, profiles=profiles, unread=(*unread, *trouble))
        return _of_a_kind(self._there(entry))

    def loose(self, path: str, *, orphan: bool) -> Entry:
        """Return the entry of a certificate without a request; an orphan's has no kind either."""
        entry = self._there(Entry(name_of(path), None, path, CA))
        return entry if orphan else _of_a_kind(entry)

    def _there(self, entry: Entry) -> Entry:
        """Return an entry with the certificate and the key that are on the disk."""
        certificate, absent, key, keyless = None, "", None, ""
        try:
            certificate = certificates.read(content(self.folder, entry.path), entry.path)
        except ScaffoldError as error:
            absent = error.problems[0] if error.problems else error.summary
        try:
            key = content(self.folder, entry.key_path)
        except ScaffoldError as error:
            keyless = error.summary
        return replace(entry, certificate=certificate, absent=absent, key=key, keyless=keyless)


def overridden(request: Request, signing: Signing) -> Request:
    """Return a request with what the command line says in its place."""
    hosts = request.hosts if signing.hostname is None else tuple(signing.hostname.split(","))
    return replace(request, hosts=hosts, cn=request.cn if signing.cn is None else signing.cn)


def is_server(entry: Entry) -> bool:
    """Tell a server without an inventory: it has hosts, and may be used as one."""
    return SERVER in entry.usages and any(entry.hosts)


def _of_a_kind(entry: Entry) -> Entry:
    kind = entry.kind or ("member" if is_server(entry) else "user")
    return replace(entry, kind=kind)
