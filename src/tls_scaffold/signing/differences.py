"""How a certificate on disk differs from what its request and profile ask for now, in words."""

from collections.abc import Iterable
from datetime import timedelta

from tls_scaffold.cfssl import durations, usages
from tls_scaffold.cfssl.profiles import Profile, moment
from tls_scaffold.cfssl.requests import WORDS, Request
from tls_scaffold.cfssl.sans import alternative_names
from tls_scaffold.signing.certificates import Certificate


def differences(certificate: Certificate, request: Request, profile: Profile) -> tuple[str, ...]:
    """Say in words where a certificate is not what its request and profile ask for; empty if it is.

    `profile` comes from SigningConfig.profile_or_default, or from cfssl.profiles.ca_profile for the CA itself. What a
    command line overrides (`-hostname`, `-cn`) is to be put into `request` before. Serial number, dates of signing, the
    order of names and the issuer do not count.
    """
    return (
        *_subject(certificate, request),
        *_sets("hosts", _hosts(request, profile), certificate.hosts),
        *_one("key", str(certificate.key), str(request.key)),
        *_sets("usages", _usages(profile.usages), _usages(certificate.usages)),
        *_lifetime(certificate, profile),
        *_constraint(certificate, profile),
        *_sets("crl_url", _listed(profile.crl_url), certificate.crl_urls),
        *_sets("ocsp_url", _listed(profile.ocsp_url), certificate.ocsp_urls),
        *_sets("issuer_urls", profile.issuer_urls or (), certificate.issuer_urls),
    )


def _one(what: str, there: str, asked: str) -> tuple[str, ...]:
    return () if there == asked else (f"{what}: `{there}`, asked `{asked}`",)


def _sets(what: str, asked: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    wanted, found = dict.fromkeys(asked), dict.fromkeys(there)
    if wanted.keys() == found.keys():
        return ()
    return (
        *(f"{what}: `{each}` missing" for each in wanted if each not in found),
        *(f"{what}: `{each}` not asked for" for each in found if each not in wanted),
    )


def _subject(certificate: Certificate, request: Request) -> tuple[str, ...]:
    asked, plain = (_pairs(subject) for subject in (request.subject, request.plain_subject))
    if sorted(certificate.subject) in (asked, plain):  # cfssl 1.2 signs the plain one
        return ()
    return (
        *_one("CN", certificate.cn, request.cn),
        *_one("names", _names(certificate.subject), _names(asked)),
    )


def _pairs(subject: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    return sorted((WORDS.get(oid, oid), text) for oid, texts in subject for text in texts)


def _names(subject: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{word}={text}" for word, text in sorted(subject) if word != "CN")


def _hosts(request: Request, profile: Profile) -> tuple[str, ...]:
    names = alternative_names(request.hosts or (), is_ca=profile.constraint.is_ca)
    return tuple(text for _, text in names)


def _usages(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(usages.word(meaning) for meaning in usages.meanings(tuple(words)))


def _lifetime(certificate: Certificate, profile: Profile) -> tuple[str, ...]:
    if profile.not_before and moment(profile.not_before) != certificate.not_before:
        return _one(
            "not_before", f"{certificate.not_before:%Y-%m-%dT%H:%M:%SZ}", profile.not_before
        )
    if profile.not_after:
        same = moment(profile.not_after) == certificate.not_after
        return (
            ()
            if same
            else _one("not_after", f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}", profile.not_after)
        )
    lifetime = timedelta(seconds=int(profile.lifetime.total_seconds()))
    if certificate.lifetime == lifetime:
        return ()
    return _one("lifetime", durations.text(certificate.lifetime), durations.text(lifetime))


def _constraint(certificate: Certificate, profile: Profile) -> tuple[str, ...]:
    asked = ("CA" if profile.constraint.is_ca else "no CA", profile.constraint.path_length)
    there = ("CA" if certificate.is_ca else "no CA", certificate.path_length)
    if asked == there or not (certificate.is_ca or profile.constraint.is_ca):
        return ()
    return _one(
        "CA",
        *(
            kind if length is None else f"{kind}, pathlen {length}"
            for kind, length in (there, asked)
        ),
    )


def _listed(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
