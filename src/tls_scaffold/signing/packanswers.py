"""The answers in a pack beside what waits for them: every check, before any takes its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.cfssl import readers
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.disk.obstacles import OutputDirectory
from tls_scaffold.disk.plainfiles import plain_or_empty, text
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CONFIG, KEY_ENDING
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.answers import unusable
from tls_scaffold.signing.awaiting import Waiting
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.differences import differences
from tls_scaffold.signing.foldercas import ends_of_ca
from tls_scaffold.signing.manifests import Asked, asked_of, disagreements
from tls_scaffold.signing.packs import Pack
from tls_scaffold.signing.pemfiles import blocks, text_of
from tls_scaffold.spelling import MINUTE, listed

AGAIN = "`tls-scaffold requests export FILE` packs what waits now"


@dataclass(frozen=True)
class Answer:
    """A certificate in PEM that may take its place: for which component, and what waits there."""

    signing: Signing
    waiting: Waiting
    pem: bytes


@dataclass(frozen=True)
class Answers:
    """What a pack answers; `in_place` are the names whose certificates are there already."""

    to_place: tuple[Answer, ...]
    in_place: tuple[str, ...]


@dataclass(frozen=True)
class Asker:
    """The folder that asks: its components, what waits for them, by name, and the CA they trust."""

    folder: Path
    signings: Mapping[str, Signing]
    waiting: Mapping[str, Waiting]
    ca: Certificate


def check_answers(asker: Asker, pack: Pack, names: Sequence[str], now: datetime) -> Answers:
    """Hold the certificates of a pack against the folder, and return those that may be placed.

    `names` are the components that are asked for: all of the pack where there are none. Raises
    ScaffoldError with everything that is wrong.
    """
    folder, waiting = asker.folder, asker.waiting
    config = readers.signing_config(text(folder, CONFIG), CONFIG)
    asked = pack.manifest.by_name
    problems = [f"{name}: the pack does not ask for it" for name in names if name not in asked]
    chosen = [each for name, each in asked.items() if name in (names or asked)]
    to_place: list[Answer] = []
    in_place: list[str] = []
    for each in chosen:
        name = each.name
        signing = asker.signings.get(name)
        if signing is None:
            problems.append(f"{name}: the folder has no such component")
        elif name not in pack.certificates:
            problems.append(f"{name}: the pack has no certificate for it, `{name}.pem`")
        elif name not in waiting and _is_in_place(folder, signing, pack.certificates[name]):
            in_place.append(name)
        else:
            checker = _Checker(folder, signing, config, asker.ca, now)
            found = [*checker.problems(each, pack.certificates[name], waiting.get(name))]
            problems += [f"{name}: {problem}" for problem in found]
            if not found:
                pem = pack.certificates[name]
                to_place.append(Answer(signing, waiting[name], text_of(pem, blocks(pem)[0])))
    if problems:
        raise ScaffoldError("nothing of the pack is put in place", problems, _hint(chosen, pack))
    return Answers(tuple(to_place), tuple(in_place))


def _hint(chosen: Sequence[Asked], pack: Pack) -> str:
    whole = [each.name for each in chosen if each.name in pack.certificates]
    if pack.is_signed and len(whole) < len(chosen):
        return f"`tls-scaffold requests import FILE {' '.join(whole[:3])}` takes what you name"
    return AGAIN


def _is_in_place(folder: Path, signing: Signing, pem: bytes) -> bool:
    """Tell whether the certificate of a pack is the one that a component has."""
    there = next(iter(blocks(plain_or_empty(folder / signing.certificate_path))), None)
    given = next(iter(blocks(pem)), None)
    return bool(there and given and there.der == given.der)


@dataclass(frozen=True)
class _Checker:
    """Holds one certificate against its component, its CSR and the CA."""

    folder: Path
    signing: Signing
    config: SigningConfig
    ca: Certificate
    now: datetime

    def problems(self, asked: Asked, pem: bytes, waiting: Waiting | None) -> Iterator[str]:
        """Yield everything that keeps the certificate from its place."""
        if waiting is None:
            yield self._not_waiting(asked)
            return
        try:
            csr = waiting.csr
            request = readers.request(text(self.folder, self.signing.request), self.signing.request)
        except ScaffoldError as error:
            yield error.summary
            return
        if csr.sum != asked.csr_sha256:
            yield "another CSR waits for it now than the pack has: that one is older, or another's"
            return
        if not waiting.is_of(self.folder, self.signing):
            yield f"`{self.signing.request}` has changed since: `make csr` makes another CSR"
            return
        profile = self.config.profile_or_default(self.signing.profile)
        differing = [*disagreements(asked, asked_of(asked.name, csr, profile))]
        if differing:
            yield f"the manifest is not what the folder asks for: {listed(differing, 8)}"
        output = self.signing.output
        yield from OutputDirectory(self.folder, output).problems(output)
        yield from self._problems_of_certificate(pem, waiting, request, profile)

    def _not_waiting(self, asked: Asked) -> str:
        pem = plain_or_empty(self.folder / self.signing.certificate_path)
        placed = certificates.read_or_none(pem)
        if placed is None:
            return "nothing waits for it"
        if placed.key_sum == asked.key_sha256:
            return f"it was answered before: `{self.signing.certificate_path}` is the answer"
        return "nothing waits for it: it was answered before, or the pack is of another folder"

    def _problems_of_certificate(
        self, pem: bytes, waiting: Waiting, request: Request, profile: Profile
    ) -> Iterator[str]:
        place = f"{waiting.name}.pem"
        try:
            found = certificates.read_all(pem, place)
        except ScaffoldError as error:
            yield error.without(place)
            return
        certificate = found[0]
        if trouble := matching.key_trouble(certificate, waiting.key, f"the key of `{place}`"):
            yield f"`{waiting.name}{KEY_ENDING}` of `awaiting` {trouble}"
        yield from unusable(certificate, self.ca, is_ca=profile.constraint.is_ca)
        if certificate.has_ended(self.now):
            yield f"it ended {certificate.not_after:{MINUTE}}"
        elif certificate.not_before > self.now:
            yield f"it is not valid before {certificate.not_before:{MINUTE}}"
        ends = ends_of_ca(self.folder, self.ca)
        yield from map(str, differences(certificate, request, profile, ends))
