"""Mistakes in requests and profiles: what cfssl refuses, and what it signs in silence.

`sign` refuses them all, and `check` finds them all: both ask here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tls_scaffold.cfssl import durations, sans
from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.cfssl.profiles import BACKDATE, Profile, SigningConfig
from tls_scaffold.cfssl.requests import WORDS, Request
from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.cfssl.whitelist import allows, pattern_problem
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import CN_LENGTH, MINUTE

SUBJECT_WORDS = ("C", "ST", "L", "O", "OU")
# X.509 gives these two a meaning only beside `key agreement`, and the library signs no others.
NEED_KEY_AGREEMENT = ("encipher only", "decipher only")
UNABLE = "cfssl signs it, tls-scaffold's own signer can't"


@dataclass(frozen=True)
class Mistake:
    """One thing that keeps a request or a profile from being signed here.

    `key` is the field that is wrong, empty for the whole. `is_signed` tells that cfssl signs it all
    the same; then `rule` is the one of `check` that a team may switch off for it to be signed here
    too, empty where it can't be.
    """

    key: str
    message: str
    is_signed: bool = False
    rule: str = ""

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.key}: {self.message}" if self.key else self.message


def refusals(
    request: Request, profile: Profile, now: datetime, *, leaf: bool = True
) -> tuple[str, ...]:
    """Say why cfssl refuses to sign a request `now`, or this signer can't.

    `profile` is what it is signed with. A CA's own request (`leaf` false) needs a subject, and its
    section `ca` counts.
    """
    in_profile = [f"{_place_of(profile)}: {each}" for each in profile_refusals(profile, now)]
    in_request = (*request_refusals(request, leaf=leaf), *unlisted_in_request(request, profile))
    return (*map(str, in_request), *in_profile)


def own_refusals(
    request: Request, profile: Profile, now: datetime, *, leaf: bool = True
) -> tuple[str, ...]:
    """Say why our signer refuses to sign a request: as `refusals`, and what nobody would take."""
    lives = [f"{_place_of(profile)}: {each}" for each in untimely_lives(profile, now)]
    return (*refusals(request, profile, now, leaf=leaf), *lives)


def request_refusals(request: Request, *, leaf: bool = True) -> Iterator[Mistake]:
    """Yield what a request asks for that is refused; see `refusals`."""
    if leaf and request.ca:
        yield Mistake("ca", "only a CA's own request may have this section")
    if not leaf and not _has_subject(request):
        yield Mistake("", "no subject: `CN` and `names` are empty")
    for index, host in enumerate(request.hosts or ()):
        reason = sans.refusal(host)
        if reason:
            yield Mistake(f"hosts[{index}]", reason)
    # `cryptography` neither writes nor reads a name that has one value twice.
    for oid, texts in request.subject:
        for text in dict.fromkeys(texts):
            if texts.count(text) > 1:
                message = f"{WORDS.get(oid, oid)} `{text}` stands twice: {UNABLE}"
                yield Mistake("names", message, is_signed=True)


def unlisted_in_request(request: Request, profile: Profile) -> tuple[Mistake, ...]:
    """Return the names of a request that its profile's `name_whitelist` does not let pass."""
    hosts = (sans.classify_host(host) for host in request.hosts or ())
    named = [(f"hosts[{index}]", kind, name) for index, (kind, name) in enumerate(hosts)]
    return unlisted(profile, [("CN", "", request.cn), *named])


def unlisted(profile: Profile, named: Iterable[tuple[str, str, str]]) -> tuple[Mistake, ...]:
    """Return which of the names, each with its place and kind, `name_whitelist` does not let pass.

    IP addresses need not match, and an empty CN names nobody.
    """
    pattern = profile.name_whitelist
    if not pattern or pattern_problem(pattern):  # of which the configuration's reader tells
        return ()
    reason = f"does not match `{pattern}`, the `name_whitelist` of {_place_of(profile)}"
    return tuple(
        Mistake(place, f"`{name}` {reason}")
        for place, kind, name in named
        if kind != "ip" and (name or place != "CN") and not allows(pattern, name)
    )


def _has_subject(request: Request) -> bool:
    """Tell whether cfssl sees a subject: a CN, or `names` none of which is empty."""
    if request.cn:
        return True
    named = [any(name.get(word, "").strip() for word in SUBJECT_WORDS) for name in request.names]
    return bool(named) and all(named)


def profile_refusals(profile: Profile, now: datetime) -> tuple[Mistake, ...]:
    """Return what a profile asks for that is refused `now`; see `refusals`."""
    return (*_usage_refusals(profile), *_lifetime_refusals(profile, now))


def _usage_refusals(profile: Profile) -> Iterator[Mistake]:
    if not meanings(profile.usages) and not (profile.remote and not profile.usages):
        yield Mistake("usages", "none that cfssl knows")
    for usage in NEED_KEY_AGREEMENT:
        if usage in profile.usages and "key agreement" not in profile.usages:
            message = f"`{usage}` without `key agreement`: {UNABLE}"
            yield Mistake("usages", message, is_signed=True)


def _lifetime_refusals(profile: Profile, now: datetime) -> Iterator[Mistake]:
    try:
        begin, end = profile.validity(now)
    except ScaffoldError as error:
        yield Mistake("", error.summary)
        return
    # An expiry that is no duration is told of by the reader of the configuration.
    if begin >= end and (profile.not_after or durations.parse(profile.expiry) is not None):
        key = "not_after" if profile.not_after else "expiry"
        text = profile.not_after or profile.expiry
        life = f"over ({end:{MINUTE}}) before it begins ({begin:{MINUTE}})"
        # What cfssl signs of it may begin later; what is over now nobody takes.
        yield Mistake(key, f"`{text}` is {life}: {UNABLE}", is_signed=end > now)


def untimely_lives(profile: Profile, now: datetime) -> tuple[Mistake, ...]:
    """Return why nobody takes what is signed with a profile `now`, although cfssl signs it."""
    try:
        begin, end = profile.validity(now)
    except ScaffoldError:  # of which `refusals` tells
        return ()
    if begin >= end or durations.parse(profile.expiry) is None:
        return ()
    if end <= now:
        ended = f"what is signed is over at once ({end:{MINUTE}}): nobody takes it"
        return (Mistake("not_after" if profile.not_after else "expiry", ended),)
    if begin > now:
        begun = f"what is signed begins {begin:{MINUTE}}: nobody takes it before"
        return (Mistake("not_before", begun),)
    return ()


def silent_in_request(request: Request, *, leaf: bool = True) -> tuple[Mistake, ...]:
    """Say what cfssl would sign in silence, although nobody can mean it; empty for a sound request.

    A CA's own request (`leaf` false) needs no hosts, and its `crl_url` counts.
    """
    found = list(_misspelt_fields(request.ignored))
    for index, host in enumerate(request.hosts or ()):
        problem = sans.problem(host)
        if problem:
            rule = "bad-host" if host else "empty-host"
            found.append(Mistake(f"hosts[{index}]", problem, is_signed=True, rule=rule))
    # A name that stands under a misspelt field is told there.
    meant = {each.meant for each in request.ignored}
    is_named = request.cn or request.hosts or "`CN`" in meant
    if leaf and not (is_named or (request.hosts is None and "`hosts`" in meant)):
        message = "no `CN` and no `hosts`: cfssl signs a certificate that names nobody"
        found.append(Mistake("", message, is_signed=True, rule="cn-empty"))
    if leaf and request.crl_url:
        message = "cfssl ignores it in a component's request; it belongs into the profile"
        found.append(Mistake("crl_url", message, is_signed=True, rule="signed-by-cfssl-alone"))
    if len(request.cn) > CN_LENGTH:
        message = f"longer than {CN_LENGTH} characters: cfssl signs it, other tools refuse it"
        found.append(Mistake("CN", message, is_signed=True, rule="cn-too-long"))
    return tuple(found)


def silent_in_profile(config: SigningConfig, name: str) -> tuple[Mistake, ...]:
    """Say what cfssl would pass over in silence when a profile is asked for by its name."""
    if name and name not in config.profiles:
        known = ", ".join(f"`{each}`" for each in config.profiles) or "none"
        message = f"profile `{name}` is unknown: cfssl signs with `default` (known: {known})"
        return (Mistake("", message, is_signed=True),)
    profile = config.profile_or_default(name)
    unknown = unknown_usages(profile, f"{_place_of(profile)}: usages")
    return (*_misspelt_fields(config.ignored), *unknown)


def unknown_usages(profile: Profile, key: str = "usages") -> tuple[Mistake, ...]:
    """Return the usages of a profile that cfssl drops; `key` is where they are told."""
    unknown = [usage for usage in profile.usages if usage not in KNOWN]
    messages = [f"`{usage}` is unknown: cfssl drops it" for usage in unknown]
    return tuple(Mistake(key, each, is_signed=True, rule="unknown-usage") for each in messages)


def _misspelt_fields(ignored: Iterable[IgnoredField]) -> Iterator[Mistake]:
    """Yield the misspelt fields as mistakes; what else is ignored is what `check` tells."""
    for each in ignored:
        if each.is_misspelt:
            yield Mistake(each.place.key, each.message, is_signed=True, rule="misspelt-field")


def begins_later(begin: datetime, now: datetime) -> bool:
    """Tell whether a life begins later than `now`, and than another machine's clock may say."""
    return begin > now + BACKDATE


def out_of_life(ca: str, begin: datetime, end: datetime, now: datetime) -> str:
    """Say that a CA, which messages call `ca`, has ended by `now`, or not begun; empty otherwise.

    cfssl signs with such a CA in silence, and nobody takes what it signed.
    """
    if end < now:
        return f"{ca} ended {end:{MINUTE}}: nobody takes what it signs"
    if begins_later(begin, now):
        return f"{ca} begins {begin:{MINUTE}}, later than this machine's clock says: {now:{MINUTE}}"
    return ""


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
    beyond = f"{durations.text(end - ca_end)} (the CA ends {ca_end:{MINUTE}})"
    return (f"{_place_of(profile)}: would outlive the CA by {beyond}",)


def _place_of(profile: Profile) -> str:
    return f"profile `{profile.name or 'default'}`"
