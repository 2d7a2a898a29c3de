"""What cfssl signs in silence, told in words; and what it refuses, as this signer does."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from tls_scaffold.cfssl import durations, sans
from tls_scaffold.cfssl.profiles import Profile, SigningConfig
from tls_scaffold.cfssl.requests import WORDS, Request
from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing.certificates import Certificate
from tls_scaffold.words import CN_LENGTH

SUBJECT_WORDS = ("C", "ST", "L", "O", "OU")
ONLY = ("encipher only", "decipher only")
UNABLE = "cfssl signs it, tls-scaffold's own signer can't"


def refusals(
    request: Request, profile: Profile, now: datetime, *, leaf: bool = True
) -> tuple[str, ...]:
    """Say why cfssl refuses to sign a request `now`, or this signer can't; `profile` is what it is signed with.

    A CA's own request (`leaf` false) needs a subject, and its section `ca` counts.
    """
    return (
        *_refused_parts(request, leaf=leaf),
        *_refused_usages(profile),
        *_refused_lives(profile, now),
    )


def _refused_lives(profile: Profile, now: datetime) -> Iterator[str]:
    try:
        begin, end = profile.validity(now)
    except ScaffoldError as error:
        yield error.summary
        return
    if begin >= end and (profile.not_after or durations.parse(profile.expiry) is not None):
        field = (
            f"not_after `{profile.not_after}`"
            if profile.not_after
            else f"expiry `{profile.expiry}`"
        )
        life = f"over ({end:%Y-%m-%d %H:%M} UTC) before it begins ({begin:%Y-%m-%d %H:%M} UTC)"
        yield f"{_place(profile)}: {field}: {life}: {UNABLE}"


def _refused_parts(request: Request, *, leaf: bool) -> Iterator[str]:
    if not leaf and not (request.cn or (request.names and all(map(_named, request.names)))):
        yield "no subject: `CN` and `names` are empty"
    if leaf and request.ca:
        yield "ca: only a CA's own request may have this section"
    for index, host in enumerate(request.hosts or ()):
        reason = sans.refusal(host)
        if reason:
            yield f"hosts[{index}]: {reason}"
    for oid, texts in request.subject:
        for text in dict.fromkeys(texts):
            if texts.count(text) > 1:
                yield f"names: {WORDS.get(oid, oid)} `{text}` stands twice: {UNABLE}"


def _refused_usages(profile: Profile) -> Iterator[str]:
    if not meanings(profile.usages):
        yield f"{_place(profile)}: it grants no usage"
    for usage in ONLY:
        if usage in profile.usages and "key agreement" not in profile.usages:
            yield f"{_place(profile)}: usages: `{usage}` without `key agreement`: {UNABLE}"


def _named(name: Mapping[str, str]) -> bool:
    return any(name.get(word, "").strip() for word in SUBJECT_WORDS)


def silences(request: Request, *, leaf: bool = True) -> tuple[str, ...]:
    """Say what cfssl would sign in silence, although nobody can mean it; empty for a sound request.

    A CA's own request (`leaf` false) needs no hosts, and its `crl_url` counts.
    """
    return tuple(_silences(request, leaf=leaf))


def _silences(request: Request, *, leaf: bool) -> Iterator[str]:
    for name, meant in request.misspelt.items():
        yield f"{name}: cfssl ignores it; did you mean `{meant}`?"
    for index, host in enumerate(request.hosts or ()):
        problem = sans.problem(host)
        if problem:
            yield f"hosts[{index}]: {problem}"
    if leaf and not (request.cn or request.hosts):
        yield "no `CN` and no `hosts`: cfssl signs a certificate that names nobody"
    if leaf and request.crl_url:
        yield "crl_url: cfssl ignores it in a component's request; it belongs into the profile"
    if len(request.cn) > CN_LENGTH:
        yield f"CN: longer than {CN_LENGTH} characters: cfssl signs it, other tools refuse it"


def profile_silences(config: SigningConfig, name: str) -> tuple[str, ...]:
    """Say what cfssl would pass over in silence when a profile is asked for by its name."""
    if name and name not in config.profiles:
        known = ", ".join(f"`{each}`" for each in config.profiles) or "none"
        return (f"profile `{name}` is unknown: cfssl signs with `default` (known: {known})",)
    profile = config.profile_or_default(name)
    unknown = [usage for usage in profile.usages if usage not in KNOWN]
    return tuple(
        f"{_place(profile)}: usages: `{usage}` is unknown: cfssl drops it" for usage in unknown
    )


def outlives(profile: Profile, ca: Certificate, now: datetime) -> tuple[str, ...]:
    """Say by how much what is signed `now` would be valid longer than its CA; empty if it is not.

    Empty too for a life that `refusals` tells of.
    """
    try:
        _, end = profile.validity(now)
    except ScaffoldError:
        return ()
    if end <= ca.not_after:
        return ()
    beyond = durations.text(end - ca.not_after)
    return (
        f"{_place(profile)}: would outlive the CA by {beyond} (the CA ends {ca.not_after:%Y-%m-%d %H:%M} UTC)",
    )


def _place(profile: Profile) -> str:
    return f"profile `{profile.name or 'default'}`"
