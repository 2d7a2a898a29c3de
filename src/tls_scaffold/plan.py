"""What is to be signed in a folder and why; and every reason not to, before anything is written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from tls_scaffold import certificates, readers, silences
from tls_scaffold.certificates import Certificate
from tls_scaffold.cfssl import Profile, Request, SigningConfig
from tls_scaffold.differences import differences
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.files import telling
from tls_scaffold.folder import inside, read_text
from tls_scaffold.gencert import Signing

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


def wanted(
    folder: Path,
    signings: Iterable[Signing],
    cas: Mapping[str, Certificate | None],
    now: datetime,
    *,
    force: bool,
) -> tuple[Wanted, ...]:
    """Return which of `signings` are missing or differ from their request or profile by content; all with `force`.

    `cas` holds the CA's certificate by its path, None where there is none yet. Raises ScaffoldError with every
    problem of every request and configuration, those that cfssl would pass over in silence included.
    """
    problems: list[str] = []
    configs = _Once(folder, readers.signing_config, problems)
    requests = _Once(folder, readers.request, problems)
    found = []
    for signing in signings:
        problems += _flaws(folder, signing)
        config = configs.read(signing.config) if signing.config else SigningConfig()
        request = requests.read(signing.request)
        if config and request:
            request = _overridden(request, signing)
            profile = config.profile_or_default(signing.profile)
            ca = cas[signing.ca]
            reasons = (FORCED,) if force else _reasons(folder, signing, request, profile, ca)
            if reasons:
                found.append(Wanted(signing, request, profile, reasons))
                problems += _objections(found[-1], config, ca, now)
    if problems:
        raise ScaffoldError("nothing is signed", dict.fromkeys(problems))
    return tuple(found)


class _Once(Generic[Document]):
    """Documents of a folder, each read once; what is wrong with one is told once."""

    def __init__(self, folder: Path, reader: Callable[[str, str], Document], problems: list[str]) -> None:
        self._folder, self._reader, self._problems = folder, reader, problems
        self._known: dict[str, Document | None] = {}

    def read(self, path: str) -> Document | None:
        if path not in self._known:
            self._known[path] = self._new(path)
        return self._known[path]

    def _new(self, path: str) -> Document | None:
        try:
            text = read_text(self._folder, path)
            if text is not None:
                return self._reader(text, path)
            self._problems.append(f"{path}: there is no such file")
        except ScaffoldError as error:
            self._problems += error.problems or [error.summary]
        return None


def _flaws(folder: Path, signing: Signing) -> list[str]:
    try:
        inside(folder, f"{signing.output}.pem")
    except ScaffoldError as error:
        return [f"{signing.name}: {error.summary}"]
    return [f"{signing.name}: cfssl's flag `{flag}` is not supported" for flag in signing.unknown]


def _overridden(request: Request, signing: Signing) -> Request:
    if signing.cn:
        request = replace(request, cn=signing.cn)
    return replace(request, hosts=tuple(signing.hostname.split(","))) if signing.hostname else request


def _reasons(
    folder: Path, signing: Signing, request: Request, profile: Profile, ca: Certificate | None
) -> tuple[str, ...]:
    """Say why a component is to be signed; empty if its certificate is what it asks for."""
    place = f"{signing.output}.pem"
    pem, key = _content(f"{folder}/{place}"), _content(f"{folder}/{signing.output}-key.pem")
    if not (pem and key and ca):
        return (MISSING,)
    try:
        certificate = certificates.read(pem, place)
    except ScaffoldError:
        return ("not a certificate",)
    if not certificates.key_seems_to_fit(certificate, key):
        return ("does not fit its key",)
    if not certificates.names_as_issuer(certificate, ca):
        return ("signed by another CA",)
    return differences(certificate, request, profile)


def _content(path: str) -> bytes:
    with telling(path):
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - twice as fast, for every component at every make
                return file.read()
        except FileNotFoundError:
            return b""


def _objections(wanted: Wanted, config: SigningConfig, ca: Certificate | None, now: datetime) -> list[str]:
    request, profile, signing = wanted.request, wanted.profile, wanted.signing
    of_request = (*silences.refusals(request, profile), *silences.silences(request, profile))
    of_profile = [*silences.profile_silences(config, signing.profile)]
    of_profile += silences.outlives(profile, ca, now) if ca else []
    return [
        *(f"{signing.request}: {each}" for each in of_request),
        *(f"{signing.config or signing.name}: {each}" for each in of_profile),
    ]
