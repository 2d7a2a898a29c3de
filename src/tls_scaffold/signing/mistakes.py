"""Mistakes in requests and profiles: what cfssl refuses, and what it signs in silence."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from tls_scaffold.cfssl import durations, sans
from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import WORDS, Request
from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import CN_LENGTH

SUBJECT_WORDS = ("C", "ST", "L", "O", "OU")
# X.509 gives these two a meaning only beside `key agreement`, and the library signs no others.
NEED_KEY_AGREEMENT = ("encipher only", "decipher only")
UNABLE = "cfssl signs it, tls-scaffold's own signer can't"


def refusals(
    request: Request, profile: Profile, now: datetime, *, leaf: bool = True
) -> tuple[str, ...]:
    """Say why cfssl refuses to sign a request `now`, or this signer can't.

    `profile` is what it is signed with. A CA's own request (`leaf` false) needs a subject, and its
    section `ca` counts.
    """
    return (*_request_refusals(request, leaf=leaf), *_profile_refusals(profile, now))


def _request_refusals(request: Request, *, leaf: bool) -> Iterator[str]:
    if leaf and request.ca:
        yield "ca: only a CA's own request may have this section"
    if not leaf and not _has_subject(request):
        yield "no subject: `CN` and `names` are empty"
    for index, host in enumerate(request.hosts or ()):
        reason = sans.refusal(host)
        if reason:
            yield f"hosts[{index}]: {reason}"
    # `cryptography` neither writes nor reads a name that has one value twice.
    for oid, texts in request.subject:
        for text in dict.fromkeys(texts):
            if texts.count(text) > 1:
                yield f"names: {WORDS.get(oid, oid)} `{text}` stands twice: {UNABLE}"


def _has_subject(request: Request) -> bool:
    """Tell whether cfssl sees a subject: a CN, or `names` none of which is empty."""
    if request.cn:
        return True
    named = [any(name.get(word, "").strip() for word in SUBJECT_WORDS) for name in request.names]
    return bool(named) and all(named)


@lru_cache(maxsize=16)  # a thousand users have one profile
def _profile_refusals(profile: Profile, now: datetime) -> tuple[str, ...]:
    return (*_usage_refusals(profile), *_lifetime_refusals(profile, now))


def _usage_refusals(profile: Profile) -> Iterator[str]:
    if not meanings(profile.usages):
        yield f"{_place_of(profile)}: it grants no usage"
    for usage in NEED_KEY_AGREEMENT:
        if usage in profile.usages and "key agreement" not in profile.usages:
            yield f"{_place_of(profile)}: usages: `{usage}` without `key agreement`: {UNABLE}"


def _lifetime_refusals(profile: Profile, now: datetime) -> Iterator[str]:
    try:
        begin, end = profile.validity(now)
    except ScaffoldError as error:
        yield error.summary
        return
    # An expiry that is no duration is told of by the reader of the configuration.
    if begin >= end and (profile.not_after or durations.parse(profile.expiry) is not None):
        field = (
            f"not_after `{profile.not_after}`"
            if profile.not_after
            else f"expiry `{profile.expiry}`"
        )
        life = f"over ({end:%Y-%m-%d %H:%M} UTC) before it begins ({begin:%Y-%m-%d %H:%M} UTC)"
        yield f"{_place_of(profile)}: {field}: {life}: {UNABLE}"


def silent_in_request(request: Request, *, leaf: bool = True) -> tuple[str, ...]:
    """Say what cfssl would sign in silence, although nobody can mean it; empty for a sound request.

    A CA's own request (`leaf` false) needs no hosts, and its `crl_url` counts.
    """
    found = list(_meant_otherwise(request.ignored))
    for index, host in enumerate(request.hosts or ()):
        problem = sans.problem(host)
        if problem:
            found.append(f"hosts[{index}]: {problem}")
    if leaf and not (request.cn or request.hosts):
        found.append("no `CN` and no `hosts`: cfssl signs a certificate that names nobody")
    if leaf and request.crl_url:
        found.append(
            "crl_url: cfssl ignores it in a component's request; it belongs into the profile"
        )
    if len(request.cn) > CN_LENGTH:
        found.append(
            f"CN: longer than {CN_LENGTH} characters: cfssl signs it, other tools refuse it"
        )
    return tuple(found)


def silent_in_profile(config: SigningConfig, name: str) -> tuple[str, ...]:
    """Say what cfssl would pass over in silence when a profile is asked for by its name."""
    if name and name not in config.profiles:
        known = ", ".join(f"`{each}`" for each in config.profiles) or "none"
        return (f"profile `{name}` is unknown: cfssl signs with `default` (known: {known})",)
    profile = config.profile_or_default(name)
    return (
        *_meant_otherwise(config.ignored),
        *(
            f"{_place_of(profile)}: usages: `{usage}` is unknown: cfssl drops it"
            for usage in profile.usages
            if usage not in KNOWN
        ),
    )


def _meant_otherwise(ignored: Iterable[IgnoredField]) -> Iterator[str]:
    """Yield what is wrong with ignored fields, but for those that look like nothing known."""
    for each in ignored:
        if each.meant:
            yield f"{each.place.key}: {each.message}"


@lru_cache(maxsize=16)
def outlives_ca(profile: Profile, ca_end: datetime, now: datetime) -> tuple[str, ...]:
    """Say by how much what is signed `now` would be valid longer than its CA; empty if it is not.

    Empty too for a life that `refusals` tells of.
    """
    try:
        _, end = profile.validity(now)
    except ScaffoldError:
        return ()
    if end <= ca_end:
        return ()
    beyond = f"{durations.text(end - ca_end)} (the CA ends {ca_end:%Y-%m-%d %H:%M} UTC)"
    return (f"{_place_of(profile)}: would outlive the CA by {beyond}",)


def _place_of(profile: Profile) -> str:
    return f"profile `{profile.name or 'default'}`"
