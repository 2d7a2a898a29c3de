"""Rules over profiles and lifetimes: for what, and for how long, certificates are signed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import SERVERS, View
from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.makefile import MAKEFILE
from tls_scaffold.state.entries import CLIENT, SERVER, Entry
from tls_scaffold.words import meant

YEAR = timedelta(days=365)
LONG = re.compile(r"\s*([0-9]+)\s*(d|w|y|days?|weeks?|years?)\s*", re.IGNORECASE)
HOURS = {"d": 24, "w": 24 * 7, "y": 24 * 365}


@Rule(
    pain=(
        "cfssl drops it in silence as long as another usage is known, and etcd refuses the "
        "certificate"
    ),
    fix="write the usage as it is suggested, such as `server auth` or `client auth`",
)
def unknown_usage(view: View) -> Iterator[Problem]:
    """Every usage of a profile is one that cfssl knows."""
    for place, profile in view.profiles():
        for usage in profile.usages:
            if usage not in KNOWN:
                other = meant(usage.lower(), KNOWN)
                message = f"`{usage}` is no usage that cfssl knows{other}"
                yield Problem(place.field("usages"), message)


@Rule(
    pain="cfssl signs with `default` instead, without a word",
    fix="write a profile that `ca-config.json` has, or add this one",
)
def unknown_profile(view: View) -> Iterator[Problem]:
    """Every profile that the Makefile names is in the signing configuration."""
    for entry, config in _signed(view):
        profile = entry.signing.profile if entry.signing else ""
        if profile and profile not in config.profiles:
            other = meant(profile.lower(), config.profiles)
            message = f"`{entry.path}` asks for the profile `{profile}`, which is unknown{other}"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    pain="cfssl refuses with `Invalid policy: no key usage available`",
    fix="give `signing.default` usages, or name a profile with `-profile`",
)
def default_without_usages(view: View) -> Iterator[Problem]:
    """Any default profile that something is signed with grants usages."""
    for entry, config in _signed(view):
        named = entry.signing.profile if entry.signing else ""
        if view.is_unfit(_profile_place(entry, "").field("usages")):
            continue
        if named not in config.profiles and not meanings(config.default.usages):
            message = f"`{entry.path}` is signed with the default profile, which grants no usages"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    of_missing=True,
    pain=(
        "peers and etcd's gateway use the member's certificate as clients too: `tls: bad "
        "certificate`"
    ),
    fix=(
        "give the profile `server auth` and `client auth` (a user's: `client auth`), then sign "
        "again"
    ),
)
def wrong_usages(view: View) -> Iterator[Problem]:
    """Every server may be used for both server and client auth, every user for client auth."""
    for entry, config in _signed(view):
        profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
        place = _profile_place(entry, profile.name).field("usages")
        for usage in _lacking(entry, profile.usages) if meanings(profile.usages) else ():
            yield Problem(place, f"`{usage}` is missing, which `{entry.name}` needs")
    for entry in view.components:
        for usage in _lacking(entry, entry.certificate.usages) if entry.certificate else ():
            yield Problem(Place(entry.path), f"it may not be used for `{usage}`")


@Rule(
    pain='cfssl knows no days: `time: unknown unit "d" in duration`',
    fix="write hours: a day is `24h`, a year `8760h`",
)
def expiry_unit(view: View) -> Iterator[Problem]:
    """Every lifetime is written in hours or smaller units, as Go reads them."""
    for place, text in _expiries(view):
        match = LONG.fullmatch(text)
        if match:
            hours = int(match[1]) * HOURS[match[2][0].lower()]
            message = f"`{text}` is no duration to cfssl; did you mean `{hours}h`?"
            yield Problem(place, message)


@Rule(
    pain="cfssl signs certificates that have expired already, with exit code 0",
    fix="write the lifetime without its minus",
)
def negative_expiry(view: View) -> Iterator[Problem]:
    """No lifetime is negative."""
    for place, text in _expiries(view):
        if (durations.parse(text) or YEAR) < timedelta():
            yield Problem(place, f"`{text}` ends before it begins")


@Rule(
    pain=(
        "on the day that the CA ends everything stops at once, although the certificates look valid"
    ),
    fix="shorten the profile's `expiry`, or make a CA that lives longer (`make regenerate`)",
)
def outlives_ca(view: View) -> Iterator[Problem]:
    """Everything that is signed now ends before its CA does."""
    for entry, config in _signed(view):
        profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
        end = _end_of_ca(view, entry)
        if end and _is_sound(profile.expiry) and profile.validity(view.now)[1] >= end:
            place = _profile_place(entry, profile.name).field("expiry")
            yield Problem(place, f"what is signed now would outlive `{entry.ca}`")
    for entry in view.components:
        ca = view.contents.authorities.get(entry.ca)
        if ca and entry.certificate and entry.certificate.not_after > ca.not_after:
            yield Problem(Place(entry.path), f"it ends after `{entry.ca}`")


@Rule(
    level=WARNING,
    pain="a new CA means new certificates and a restart for every member and client",
    fix='write `"ca": {"expiry": "87600h"}` into `ca-csr.json` before the CA is made',
)
def short_lived_ca(view: View) -> Iterator[Problem]:
    """Every CA lives for a year at least."""
    for path, request in view.ca_requests.items():
        expiry = ca_profile(request).expiry
        if _is_sound(expiry) and (durations.parse(expiry) or YEAR) < YEAR:
            yield Problem(Place(path, key="ca.expiry"), f"`{expiry}` is less than a year")
    for entry in view.authorities:
        if entry.certificate and entry.certificate.lifetime < YEAR:
            lifetime = durations.text(entry.certificate.lifetime)
            yield Problem(Place(entry.path), f"it lives for {lifetime}, less than a year")


def _signed(view: View) -> Iterator[tuple[Entry, SigningConfig]]:
    """Yield what the Makefile signs with its configuration, if its profile can be read."""
    for entry in view.components:
        if not entry.signing:
            continue
        config = view.configs.get(entry.signing.config) if entry.signing.config else SigningConfig()
        profile = entry.signing.profile
        if config and not (profile and view.is_unfit(_profile_place(entry, profile))):
            yield entry, config


def _profile_place(entry: Entry, name: str) -> Place:
    """Return where a profile stands; an empty name is the default one's."""
    config = entry.signing.config if entry.signing else ""
    signing = Place(config or MAKEFILE, key="signing")
    return signing.field("profiles").field(name) if name else signing.field("default")


def _lacking(entry: Entry, usages: tuple[str, ...]) -> tuple[str, ...]:
    needed = (SERVER, CLIENT) if entry.kind in SERVERS else (CLIENT,)
    return tuple(usage for usage in needed if usage not in usages and "any" not in usages)


def _expiries(view: View) -> Iterator[tuple[Place, str]]:
    """Yield every lifetime with its place."""
    for place, profile in view.profiles():
        yield place.field("expiry"), profile.expiry
    for path, request in view.requests.items():
        if request.ca:
            yield Place(path, key="ca.expiry"), request.ca.expiry


def _is_sound(expiry: str) -> bool:
    return (durations.parse(expiry) or timedelta()) > timedelta()


def _end_of_ca(view: View, entry: Entry) -> datetime | None:
    """Return when the CA of an entry ends.

    If it is not made yet, when it would end if it were made now.
    """
    ca = view.contents.authorities.get(entry.ca)
    if ca:
        return ca.not_after
    request = next((view.ca_requests[path] for path in view.ca_requests), None)
    profile = ca_profile(request) if request else None
    return profile.validity(view.now)[1] if profile and _is_sound(profile.expiry) else None


RULES = (
    unknown_usage,
    unknown_profile,
    default_without_usages,
    wrong_usages,
    expiry_unit,
    negative_expiry,
    outlives_ca,
    short_lived_ca,
)
