"""Whether what a signing server answers is what it was asked for: nothing else takes its place."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.usages import known_words
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import certificates, matching
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.csrs import CSR
from tls_scaffold.signing.differences import differing_extensions
from tls_scaffold.signing.extensions import Names
from tls_scaffold.signing.pemfiles import stands_alone
from tls_scaffold.spelling import MINUTE

# A clock of a server may be a little ahead.
AHEAD = timedelta(minutes=5)
LEAST_LIFE = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What a server was asked for: a CSR and the names it is for, by a profile, `now`, of `ca`.

    `what` is what it is called in messages. `ca` is the certificate that is pinned, None where
    nobody knows it; what the profile leaves open is not checked.
    """

    what: str
    csr: CSR
    names: Names
    profile: Profile
    ca: Certificate | None
    now: datetime


def checked_answer(pem: str, asked: Asked, server: str) -> bytes:
    """Return the certificate of an answer in PEM, and nothing else that may stand in it.

    Raises ScaffoldError with all that it is not asked for; `server` is who gave it.
    """
    try:
        certificate = certificates.read(pem.encode(), "the answer")
        problems = [*_faults(certificate, asked)]
    except (ScaffoldError, ValueError) as error:
        reason = error.without("the answer") if isinstance(error, ScaffoldError) else str(error)
        raise _refused(asked, server, [reason]) from None
    if not stands_alone(pem.encode()):
        problems.append("more than one certificate stands in it")
    if problems:
        raise _refused(asked, server, problems)
    return certificate.pem


def _refused(asked: Asked, server: str, problems: list[str]) -> ScaffoldError:
    return ScaffoldError(
        f"`{server}` answers for `{asked.what}` with what was not asked for",
        problems,
        "it is not put in place: see what that server is, and who is on the way to it",
    )


def _faults(certificate: Certificate, asked: Asked) -> Iterator[str]:
    """Yield each way in which a certificate is not what was asked for."""
    if certificate.public_key != asked.csr.public_key:
        yield "key: it is for another key than that of the CSR"
    yield from unusable(certificate, asked.ca)
    yield from _differing_subject(certificate, asked.csr)
    yield from _differing("hosts", map(":".join, asked.names), _names_of(certificate))
    if asked.profile.usages:
        wanted, there = known_words(asked.profile.usages), known_words(certificate.usages)
        yield from _differing("usages", wanted, there)
        # Where it says nothing, the server says these too.
        different = differing_extensions(certificate, asked.profile)
        yield from (f"extensions: {each}" for each in different)
    yield from _untimely(certificate, asked)


def unusable(
    certificate: Certificate, ca: Certificate | None, *, is_ca: bool = False
) -> Iterator[str]:
    """Yield why a component can't use a certificate that another machine gave, whatever it is of.

    `ca` should have signed it, where that is known; with `is_ca` a CA's certificate was asked for.
    """
    if ca and not matching.signed_by(certificate, ca):
        yield "issuer: the CA that this folder pins did not sign it"
    if certificate.unverified_by_go:
        yield f"signature: it is signed with {certificate.unverified_by_go}"
    if certificate.may_sign and not is_ca:
        yield "CA: it is the certificate of a CA"
    if certificate.unknown_to_go:
        yield f"extensions: it {certificate.unknown_to_go}"


def _differing_subject(certificate: Certificate, csr: CSR) -> Iterator[str]:
    wanted = csr.subject_texts
    found = [f"{name}={text}" for name, text in certificate.subject]
    if sorted(wanted) != sorted(found):
        yield from _differing("subject", wanted, found)
        if set(wanted) == set(found):
            yield "subject: a part of it stands there another number of times"


def _names_of(certificate: Certificate) -> list[str]:
    """Return every alternative name with its kind, of kinds that Go does not read too."""
    read = map(":".join, certificate.alternative_names)
    names = certificate.general_names
    others = [each for each in names if type(each) not in certificates.NAME_KINDS]
    return [*read, *map(certificates.text_of_general_name, others)]


def _differing(what: str, wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    asked, there = dict.fromkeys(wanted), dict.fromkeys(found)
    yield from (f"{what}: `{each}` is missing" for each in asked if each not in there)
    yield from (f"{what}: `{each}` was not asked for" for each in there if each not in asked)


def _untimely(certificate: Certificate, asked: Asked) -> Iterator[str]:
    begin, end, now = certificate.not_before, certificate.not_after, asked.now
    if begin > now + AHEAD:
        yield f"life: it begins {begin:{MINUTE}}, and now it is {now:%Y-%m-%d %H:%M}"
    wanted = asked.profile.lifetime
    least = min(LEAST_LIFE, wanted) if wanted else LEAST_LIFE
    if end < now + least - AHEAD:
        yield f"life: it ends {end:{MINUTE}}, in less than {durations.text(least)}"
    if wanted and certificate.lifetime > wanted:
        lives = durations.text(certificate.lifetime)
        yield f"life: it is `{lives}`, and `{durations.text(wanted)}` was asked for"
