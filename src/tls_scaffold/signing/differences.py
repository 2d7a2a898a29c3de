"""How a certificate on disk differs from what its request and profile ask for now, in words."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations, usages
from tls_scaffold.cfssl.profiles import Profile, moment
from tls_scaffold.cfssl.requests import WORDS, Request
from tls_scaffold.cfssl.sans import alternative_names
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.signing.extensions import OF_PROFILE_ALONE, Names, of_profile_alone
from tls_scaffold.spelling import UTC_TIME

CN, NAMES, HOSTS, USAGES, IS_CA = "CN", "names", "hosts", "usages", "CA"


@dataclass(frozen=True)
class Difference:
    """What differs (`hosts`, `lifetime` …), and how, in words.

    `hinders` says whether a consumer would go wrong with it: pass for somebody else, be refused or
    refuse others. A lifetime, a type of key or another name in the subject keep nobody from using
    it.
    """

    about: str
    words: str
    hinders: bool

    def __str__(self) -> str:
        """Return it as `hosts: ...`."""
        return f"{self.about}: {self.words}"


def differences(
    certificate: Certificate,
    request: Request,
    profile: Profile,
    ca_ends: Collection[datetime] = (),
) -> tuple[Difference, ...]:
    """Say where a certificate is not what its request and profile ask for; empty if it is.

    `profile` comes from SigningConfig.profile_or_default, or from cfssl.profiles.ca_profile for the
    CA itself. What a command line overrides (`-hostname`, `-cn`) is to be put into `request`
    before. Serial number, dates of signing, the order of names and the issuer do not count. A life
    that was cut to a last moment of the CA, one of `ca_ends` (UTC), is the one that was asked for.
    """
    names = alternative_names(request.hosts or (), is_ca=profile.constraint.is_ca)
    return (
        *_differing_subject(certificate, request),
        *_differing_hosts(certificate, names),
        *_differing_values("key", str(certificate.key), str(request.key)),
        *_differing_usages(certificate, profile),
        *_differing_lifetime(certificate, profile, ca_ends),
        *_differing_constraint(certificate, profile),
        *differing_extensions(certificate, profile),
    )


def differing_extensions(certificate: Certificate, profile: Profile) -> Iterator[Difference]:
    """Yield where a certificate has other extensions than those that its profile names.

    What every certificate has is not meant, and nothing that no profile can name.
    """
    yield from _differing_sets("crl_url", filter(None, [profile.crl_url]), certificate.crl_urls)
    yield from _differing_sets("ocsp_url", filter(None, [profile.ocsp_url]), certificate.ocsp_urls)
    yield from _differing_sets("issuer_urls", profile.issuer_urls or (), certificate.issuer_urls)
    yield from _differing_extensions(certificate, profile)


def _differing_values(what: str, there: str, asked: str) -> tuple[Difference, ...]:
    return () if there == asked else (_difference(what, f"`{there}`, asked `{asked}`"),)


def _differing_sets(
    what: str, asked: Iterable[str], there: Iterable[str]
) -> tuple[Difference, ...]:
    wanted, found = dict.fromkeys(asked), dict.fromkeys(there)
    if wanted.keys() == found.keys():
        return ()
    return (
        *(_difference(what, f"`{each}` missing") for each in wanted if each not in found),
        *(_difference(what, f"`{each}` not asked for") for each in found if each not in wanted),
    )


def _differing_hosts(certificate: Certificate, names: Names) -> tuple[Difference, ...]:
    texts = _differing_sets(HOSTS, (text for _, text in names), certificate.hosts)
    if texts:
        return texts
    # An address that stands there as a DNS name is none to whoever connects to it.
    asked, there = (
        {f"{kind} `{text}`" for kind, text in each}
        for each in (names, certificate.alternative_names)
    )
    return (
        *(_difference(HOSTS, f"{each} missing") for each in sorted(asked - there)),
        *(_difference(HOSTS, f"{each} not asked for") for each in sorted(there - asked)),
    )


def _difference(about: str, words: str) -> Difference:
    return Difference(about, words, hinders=about in (CN, HOSTS, USAGES, IS_CA))


def _differing_subject(certificate: Certificate, request: Request) -> tuple[Difference, ...]:
    asked, plain = (
        _words_and_texts(subject) for subject in (request.subject, request.plain_subject)
    )
    # cfssl 1.2 signs the plain one, without OIDs and e-mail addresses.
    if sorted(certificate.subject) in (asked, plain):
        return ()
    return (
        *_differing_values(CN, certificate.cn, request.cn),
        *_differing_values(NAMES, _names_without_cn(certificate.subject), _names_without_cn(asked)),
    )


def _words_and_texts(subject: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    return sorted((WORDS.get(oid, oid), text) for oid, texts in subject for text in texts)


def _names_without_cn(subject: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{word}={text}" for word, text in sorted(subject) if word != "CN")


def _differing_usages(certificate: Certificate, profile: Profile) -> tuple[Difference, ...]:
    asked, there = usages.known_words(profile.usages), usages.known_words(certificate.usages)
    # An extension that is not there allows everything that it could name.
    unnamed = []
    if not certificate.key_usages:
        unnamed.append(("key usage", usages.KEY_USAGES))
    if certificate.is_for_anything:
        unnamed.append(("extended usage", usages.EXTENDED_USAGES))
    allowed = []
    for kind, words in unnamed:
        if any(word in words for word in asked):
            reason = f"no {kind} is named, so none is ruled out"
            allowed.append(Difference(USAGES, reason, hinders=False))
        asked = tuple(word for word in asked if word not in words)
    found = _differing_sets(USAGES, asked, there)
    if "any" in there:
        found = tuple(replace(each, hinders=False) for each in found)
    return (*found, *allowed)


def _differing_lifetime(
    certificate: Certificate, profile: Profile, ca_ends: Collection[datetime]
) -> tuple[Difference, ...]:
    begin, end = certificate.not_before, certificate.not_after
    if profile.not_before and moment(profile.not_before) != begin:
        return _differing_values("not_before", f"{begin:{UTC_TIME}}", profile.not_before)
    asked_end = moment(profile.not_after) if profile.not_after else begin + profile.lifetime
    if end in ca_ends and asked_end > end:
        return ()
    if profile.not_after:
        if asked_end == end:
            return ()
        return _differing_values("not_after", f"{end:{UTC_TIME}}", profile.not_after)
    # A certificate knows whole seconds.
    lifetime = timedelta(seconds=int(profile.lifetime.total_seconds()))
    # A server decides by itself, and may give less.
    is_less = profile.remote is not None and certificate.lifetime < lifetime
    if certificate.lifetime == lifetime or is_less:
        return ()
    return _differing_values(
        "lifetime", durations.text(certificate.lifetime), durations.text(lifetime)
    )


def _differing_extensions(certificate: Certificate, profile: Profile) -> Iterator[Difference]:
    """Yield the extensions of a profile's own that differ; cfssl 1.2 copies none of a CSR's."""
    asked = {each.oid: each.public_bytes() for each, _ in of_profile_alone(profile)}
    there = {
        each.oid: each.value.public_bytes()
        for each in certificate.parsed.extensions
        if each.oid in OF_PROFILE_ALONE
    }
    for oid, name in OF_PROFILE_ALONE.items():
        if oid in asked and oid not in there:
            yield _difference(name, "missing")
        elif oid in there and oid not in asked:
            yield _difference(name, "not asked for")
        elif asked.get(oid) != there.get(oid):
            yield _difference(name, "others than asked for")


def _differing_constraint(certificate: Certificate, profile: Profile) -> tuple[Difference, ...]:
    asked = profile.constraint
    if not (certificate.is_ca or asked.is_ca):
        return ()
    return _differing_values(
        IS_CA,
        _constraint_text(certificate.path_length, is_ca=certificate.is_ca),
        _constraint_text(asked.path_length, is_ca=asked.is_ca),
    )


def _constraint_text(path_length: int | None, *, is_ca: bool) -> str:
    kind = "CA" if is_ca else "no CA"
    return kind if path_length is None else f"{kind}, pathlen {path_length}"
