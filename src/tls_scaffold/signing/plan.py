"""What is to be signed in a folder and why; and every reason not to, before anything is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.files import telling
from tls_scaffold.disk.plainfiles import plain
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import TRUST
from tls_scaffold.signing import certificates, fitting, likeness, silences
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.differences import differences
from tls_scaffold.signing.directories import Directory
from tls_scaffold.signing.once import Once
from tls_scaffold.signing.record import Record

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
    """What is to be signed; and by their paths the certificates that are right, but not in the record."""

    wanted: tuple[Wanted, ...] = ()
    unrecorded: Mapping[str, bytes] = field(default_factory=dict)


def plan(
    folder: Path,
    signings: Iterable[Signing],
    cas: Mapping[str, Certificate],
    record: Record,
    now: datetime,
    *,
    force: bool,
) -> Plan:
    """Return which of `signings` are missing or differ from their request or profile by content; all with `force`.

    `cas` holds the CA's certificate by its path. Raises ScaffoldError with every problem of every request and
    configuration, those that cfssl would pass over in silence included.
    """
    survey = _Survey(folder, cas, record, now, force=force)
    with telling(folder):
        found = [each for each in map(survey.look_at, signings) if each]
    if survey.problems:
        raise ScaffoldError("nothing is signed", dict.fromkeys(survey.problems))
    return Plan(tuple(found), survey.unrecorded)


def unrecorded(
    folder: Path,
    signings: Iterable[Signing],
    cas: Mapping[str, Certificate],
    record: Record,
    now: datetime,
) -> Mapping[str, bytes]:
    """Return what of `signings` is as it is asked for but not in the record, whatever is wrong with others."""
    survey = _Survey(folder, cas, record, now, force=False)
    with telling(folder):
        for each in signings:
            survey.look_at(each)
    return survey.unrecorded


class _Survey:
    """Looks at one component after another; what was found out for one holds for the next of its kind."""

    def __init__(
        self,
        folder: Path,
        cas: Mapping[str, Certificate],
        record: Record,
        now: datetime,
        *,
        force: bool,
    ) -> None:
        self.problems: list[Problem | str] = []
        self.unrecorded: dict[str, bytes] = {}
        self._folder, self._cas, self._record, self._now, self._force = (
            folder,
            cas,
            record,
            now,
            force,
        )
        self._requests = Once(folder, readers.readable_request, self.problems)
        self._configs = Once(folder, readers.readable_signing_config, self.problems)
        self._directories: dict[str, Directory] = {}
        self._models: dict[likeness.Kind, _Asked] = {}

    def look_at(self, signing: Signing) -> Wanted | None:
        """Return what is to be signed for a component, None for nothing; its problems are added to the others."""
        request = _content(f"{self._folder}/{signing.request}").decode(errors="replace")
        kind = likeness.kind(signing, request)
        asked = self._asked(signing, kind)
        if not asked:
            return None
        self.problems += [*asked.mistakes, *_taken(signing)]
        pem, key = self._pair(signing)
        reasons = self._reasons(signing, asked, pem, key)
        if not reasons:
            return None
        if certificates.is_of_ca(pem) and not asked.profile.constraint.is_ca:
            self.problems.append(
                f"{signing.name}: `{signing.output}.pem` is a CA's certificate: it is not signed over"
            )
        in_the_way = self._directory(signing).problems(signing.output)
        self.problems += [*asked.obstacles, *(f"{signing.name}: {each}" for each in in_the_way)]
        return Wanted(signing, asked.request, asked.profile, reasons)

    def _directory(self, signing: Signing) -> Directory:
        path = signing.output.rpartition("/")[0]
        if path not in self._directories:
            self._directories[path] = Directory(self._folder, signing.output)
        return self._directories[path]

    def _pair(self, signing: Signing) -> tuple[bytes, bytes]:
        """Return the content of a component's certificate and of its key, empty where there is none."""
        if not self._directory(signing).is_there:
            return b"", b""
        output = f"{self._folder}/{signing.output}"
        return _content(f"{output}.pem"), _content(f"{output}-key.pem")

    def _asked(self, signing: Signing, kind: likeness.Kind | None) -> "_Asked | None":
        """Return what a component asks for, whether or not it has it; None if it can't be had."""
        model = self._models.get(kind) if kind else None
        if kind and model:
            return _Asked(replace(model.request, cn=kind.cn), model.profile)
        config = self._configs.read(signing.config) if signing.config else SigningConfig()
        request = self._requests.read(signing.request)
        if not (config and request):
            return None
        request = request.overridden(signing.cn, signing.hostname)
        profile = config.profile_or_default(signing.profile)
        obstacles = _obstacles(signing, request, profile, self._cas[signing.ca], self._now)
        asked = _Asked(
            request, profile, tuple(_mistakes(signing, request, config)), tuple(obstacles)
        )
        if kind and not (asked.mistakes or asked.obstacles):
            self._models[kind] = asked
        return asked

    def _reasons(
        self, signing: Signing, asked: "_Asked", pem: bytes, key: bytes
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
        reasons = self._differences(signing, asked, pem, key)
        if path and not reasons:
            self.unrecorded[path] = pem
        return reasons

    def _differences(
        self, signing: Signing, asked: "_Asked", pem: bytes, key: bytes
    ) -> tuple[str, ...]:
        try:
            certificate = certificates.read(pem, f"{signing.output}.pem")
        except ScaffoldError:
            return ("not a certificate",)
        if b"ENCRYPTED" not in key and not fitting.key_seems_to_fit(certificate, key):
            return ("does not fit its key",)
        if not fitting.seems_signed_by(certificate, self._cas[signing.ca]):
            return ("signed by another CA",)
        return differences(certificate, asked.request, asked.profile)


def _taken(signing: Signing) -> Iterator[str]:
    """Say that a certificate would take the place of the CA or of a key, or has no name."""
    path = f"{signing.output}.pem"
    if not signing.name:
        yield f"{signing.request}: its certificate `{path}` has no name"
    elif path in (signing.ca, TRUST):
        yield f"{signing.name}: `{path}` is the certificate of the CA"
    elif signing.output.endswith("-key"):
        yield f"{signing.name}: `{path}` is the name of a key"


@dataclass(frozen=True)
class _Asked:
    """What a component asks for; mistakes in that, and obstacles if it is to be signed now."""

    request: Request
    profile: Profile
    mistakes: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


def _content(path: str) -> bytes:
    try:
        return plain(path, path)
    except (
        FileNotFoundError,
        ScaffoldError,
    ):  # what is no file of ours counts as missing, and is told of elsewhere
        return b""


def _mistakes(signing: Signing, request: Request, config: SigningConfig) -> Iterator[str]:
    """Say what cfssl passes over in silence: it is told even where the certificate is what was asked for in error."""
    yield from (
        f"{signing.name}: cfssl's flag `{flag}` is not supported" for flag in signing.unknown
    )
    yield from (f"{signing.request}: {problem}" for problem in silences.silences(request))
    for problem in silences.profile_silences(config, signing.profile):
        yield f"{signing.config or signing.name}: {problem}"


def _obstacles(
    signing: Signing, request: Request, profile: Profile, ca: Certificate, now: datetime
) -> Iterator[str]:
    yield from (
        f"{signing.request}: {problem}" for problem in silences.refusals(request, profile, now)
    )
    yield from (
        f"{signing.config or signing.name}: {problem}"
        for problem in silences.outlives(profile, ca, now)
    )
