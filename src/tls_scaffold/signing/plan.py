"""What is to be signed in a folder and why; and every reason not to, before anything is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig, ca_profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.obstacles import OutputDirectory
from tls_scaffold.disk.plainfiles import plain, read_text
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.custody import Custody, KeyPlace
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CONFIG
from tls_scaffold.signing import certificates, chains, csrs, matching, mistakes
from tls_scaffold.signing.authkeys import is_given
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.custodies import custody_of
from tls_scaffold.signing.differences import differences
from tls_scaffold.signing.foldercas import ends_of_ca
from tls_scaffold.signing.ignoredrules import ignored_rules
from tls_scaffold.signing.issuer import NewCA
from tls_scaffold.signing.keys import is_encrypted
from tls_scaffold.signing.linemistakes import line_problems
from tls_scaffold.signing.mistakes import Mistake
from tls_scaffold.signing.record import Record
from tls_scaffold.spelling import MINUTE

AnyCA: TypeAlias = Certificate | NewCA
Document = TypeVar("Document", Request, SigningConfig)
MISSING = "missing"
FORCED = "asked for"


@dataclass(frozen=True)
class Wanted:
    """One certificate to sign, and why, in words."""

    signing: Signing
    request: Request
    profile: Profile
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be signed, and what is wrong with it.

    `unrecorded` has the certificates that are right but not in the record, by their paths there.
    `waiting` says what is not signed because the key for its own profile, which ordinary runs do
    not have, is not here. `warnings` say what is signed all the same, but otherwise than somebody
    may expect.
    """

    wanted: tuple[Wanted, ...]
    unrecorded: Mapping[str, bytes]
    waiting: tuple[str, ...]
    problems: tuple[Problem | str, ...]
    warnings: tuple[str, ...]


def plan_signing(
    folder: Path,
    signings: Iterable[Signing],
    cas: Mapping[str, AnyCA],
    record: Record,
    now: datetime,
    *,
    force: bool,
) -> Plan:
    """Return which of `signings` are missing or differ from what they ask for; all with `force`.

    `cas` holds their CAs by path. The problems are those of every request and configuration, what
    cfssl would pass over in silence included.
    """
    planner = _Planner(folder, cas, record, now, force=force)
    with telling(folder):
        wanted = [each for each in map(planner.plan_one, signings) if each]
    problems = tuple(dict.fromkeys(planner.problems))
    return Plan(
        tuple(wanted),
        planner.unrecorded,
        tuple(planner.waiting),
        problems,
        tuple(planner.warnings),
    )


class _Planner:
    """Looks at one component after another, and reads what they share once."""

    def __init__(
        self,
        folder: Path,
        cas: Mapping[str, AnyCA],
        record: Record,
        now: datetime,
        *,
        force: bool,
    ) -> None:
        self.problems: list[Problem | str] = []
        self.warnings: dict[str, None] = {}
        self.unrecorded: dict[str, bytes] = {}
        self.waiting: list[str] = []
        self._folder, self._cas, self._record = folder, cas, record
        self._now, self._force = now, force
        self._request_at = cache(lambda path: self._read(path, readers.readable_request))
        self._config_at = cache(lambda path: self._read(path, readers.readable_signing_config))
        self._ends_of = cache(partial(ends_of_ca, folder))
        self._chain_of = cache(partial(chains.chain_of, folder))
        self._directories: dict[str, OutputDirectory] = {}
        self._profiles: dict[tuple[str, str], Profile] = {}

    def plan_one(self, signing: Signing) -> Wanted | None:
        """Return what is to be signed for a component, None for nothing; note what is wrong."""
        named = signing.name or signing.request
        # Before its files are read: what names the certificate mostly names its request, too.
        self.problems += [f"{named}: {problem}" for problem in line_problems(signing)]
        config = self._config_at(signing.config) if signing.config else SigningConfig()
        request = self._request_at(signing.request)
        if not (config and request):
            return None
        request = request.overridden(signing.cn, signing.hostname)
        # These are told even where the certificate is what was asked for in error.
        self._note(signing.request, mistakes.silent_in_request(request))
        profile = self._profile_of(signing, config)
        directory = self._directory_of(signing)
        pem = key = b""
        if directory.is_there:
            pem = _content_or_empty(f"{self._folder}/{signing.certificate_path}")
            key = _content_or_empty(f"{self._folder}/{signing.key_path}")
        reasons = self._reasons(signing, request, profile, pem, key)
        if not reasons:
            return None
        if profile.constraint.is_ca and (pem or key):
            # A CA is never signed over; whether it is what was asked for, `status` tells.
            if not pem:
                told = f"`{signing.certificate_path}` is missing (but its key exists): put it back"
                self.problems.append(f"{signing.name}: {told}")
            return None
        profile, problems, warnings = self._cut_to_ca(signing, profile)
        self.problems += problems
        self.warnings.update(dict.fromkeys(warnings))
        self.problems += self._without_servers(signing, profile)
        if missing := self._missing_key(profile):
            what = f"with the key for its profile `{profile.name}` is not there"
            place = missing.partition(":")[2]
            self.waiting.append(f"`{signing.certificate_path}` is not signed: `{place}` {what}")
            return None
        self.problems += self._obstacles(signing, request, profile, pem)
        self.problems += [f"{signing.name}: {each}" for each in directory.problems(signing.output)]
        return Wanted(signing, request, profile, reasons)

    def _read(
        self, path: str, reader: Callable[[str, str], tuple[Document, tuple[Problem, ...]]]
    ) -> Document | None:
        """Return a document as far as it can be read, None if it can't; note what is wrong."""
        try:
            text = read_text(self._folder, path)
            if text is None:
                self.problems.append(Problem(Place(path), "there is no such file"))
                return None
            document, problems = reader(text, path)
        except ScaffoldError as error:
            self.problems += error.problems or [error.summary]
            return None
        self.problems += problems
        return document

    def _note(self, place: str, found: Iterable[Mistake]) -> None:
        """Note what cfssl signs in silence: no problem where the team ignores the rule for it."""
        for each in found:
            if each.rule in self._ignored:
                self.warnings[f"{place}: {each}"] = None
            else:
                self.problems.append(f"{place}: {each}")

    @cached_property
    def _ignored(self) -> frozenset[str]:
        return ignored_rules(self._folder)

    def _profile_of(self, signing: Signing, config: SigningConfig) -> Profile:
        """Return the profile of a component; what is wrong with it is noted the first time."""
        place = signing.config or signing.name
        name = signing.profile
        if (place, name) not in self._profiles:
            self._profiles[place, name] = config.profile_or_default(name)
            self._note(place, mistakes.silent_in_profile(config, name))
        return self._profiles[place, name]

    def _directory_of(self, signing: Signing) -> OutputDirectory:
        path = signing.output.rpartition("/")[0]
        if path not in self._directories:
            self._directories[path] = OutputDirectory(self._folder, signing.output)
        return self._directories[path]

    def _reasons(
        self, signing: Signing, request: Request, profile: Profile, pem: bytes, key: bytes
    ) -> tuple[str, ...]:
        """Say why a component is to be signed; empty if its certificate is what it asks for."""
        if self._force:
            return (FORCED,)
        if not (pem and key):
            return (MISSING,)
        # The sums of its files take a tenth of the time that a look at the certificate takes.
        path = self._record.path(signing, pem, key) if signing.flags is not None else ""
        if path and self._record.has(path):
            return ()
        reasons = self._differences(signing, request, profile, pem, key)
        if path and not reasons:
            self.unrecorded[path] = pem
        return reasons

    def _differences(
        self, signing: Signing, request: Request, profile: Profile, pem: bytes, key: bytes
    ) -> tuple[str, ...]:
        certificate = certificates.read_or_none(pem)
        if certificate is None:
            return ("not a certificate",)
        # A key that its owner encrypted is no use to etcd, and its owner's all the same.
        if not is_encrypted(key) and matching.key_trouble(certificate, key):
            return ("does not fit its key",)
        ca = self._cas[signing.ca]
        if isinstance(ca, NewCA) or not matching.signed_by(certificate, ca):
            return ("signed by another CA",)
        if certificate.unverified_by_go:
            return (f"signed with {certificate.unverified_by_go}",)
        if not chains.has_behind(pem, self._chain_of(signing.ca)):
            return (chains.not_behind(signing.ca),)
        return tuple(map(str, differences(certificate, request, profile, self._ends_of(ca))))

    @cached_property
    def _custody(self) -> Custody:
        return custody_of(self._folder)

    def _without_servers(self, signing: Signing, profile: Profile) -> Iterator[str]:
        """Say why no server can be asked for a certificate that servers are to sign."""
        if signing.ca == CA and self._custody.key is KeyPlace.REMOTE and not profile.remote:
            named = f"profile `{profile.name or 'default'}`"
            yield f"{signing.config or CONFIG}: {named} has no `auth_remote`"
        if profile.remote and isinstance(self._cas[signing.ca], NewCA):
            theirs = "it is the certificate of the servers' CA"
            yield f"`{signing.ca}` is missing: {theirs}, and is not made here"

    def _missing_key(self, profile: Profile) -> str:
        """Return the key of a profile's own that is not there; empty for none.

        The key that the folder always needs is not meant: without that nothing is signed.
        """
        key = profile.remote.auth_key if profile.remote else ""
        if not key or key == self._custody.auth_key or is_given(key, self._folder):
            return ""
        return key

    def _cut_to_ca(
        self, signing: Signing, profile: Profile
    ) -> tuple[Profile, Sequence[str], Sequence[str]]:
        """Return the profile, cut to the life of its CA, and the problems and warnings of that.

        Where a team gives longer lives than any CA of theirs has, or wrote the whole line, they get
        what cfssl signs, and are told; so they do where cfssl's own servers sign.
        """
        ca = self._cas[signing.ca]
        end = ca.not_after
        try:
            cut = profile.ending_by(end, self._now)
        except ScaffoldError:  # of which `refusals` tells
            return profile, [], []
        if over := mistakes.out_of_life(f"`{signing.ca}`", ca.not_before, end, self._now):
            return profile, [over], []
        is_as_said = signing.flags is None or profile.remote or profile.lifetime > ca.lifetime
        if cut is not profile and is_as_said:
            place = signing.config or signing.name
            outlived = mistakes.outlives_ca(profile, end, self._now)
            return profile, [], [f"{place}: {each}" for each in outlived]
        if cut.validity(self._now)[0] >= end:
            begins = "would begin when its CA has ended"
            return profile, [f"{signing.request}: profile `{profile.name}`: it {begins}"], []
        if cut is profile:
            return profile, [], []
        return cut, [], [f"`{signing.ca}` ends {end:{MINUTE}}, and what is signed now with it"]

    def _obstacles(
        self, signing: Signing, request: Request, profile: Profile, pem: bytes
    ) -> Iterator[str]:
        """Say why a component can't be signed now."""
        if certificates.is_of_ca(pem) and not profile.constraint.is_ca:
            path = f"`{signing.certificate_path}`"
            yield f"{signing.name}: {path} is a CA's certificate: it is not signed over"
        if signing.signs_csr and request.ca:
            length = ca_profile(request).constraint.path_length
            for problem in csrs.ca_refusals(length, profile, self._cas[signing.ca].path_length):
                yield f"{signing.request}: ca: {problem}"
            request = replace(request, ca=None)
        for each in mistakes.own_refusals(request, profile, self._now):
            yield f"{signing.request}: {each}"


def _content_or_empty(path: str) -> bytes:
    """Return what a file holds; none where it is missing or no plain file, of which others tell."""
    try:
        return plain(path, path)
    except (FileNotFoundError, ScaffoldError):
        return b""
