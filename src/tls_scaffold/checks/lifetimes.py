"""Rules over lifetimes: for how long certificates are signed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import ca_profile
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View, profile_place
from tls_scaffold.errors import Place, Problem
from tls_scaffold.state.entries import Entry

YEAR = timedelta(days=365)
LONG = re.compile(r"\s*([0-9]+)\s*(d|w|y|days?|weeks?|years?)\s*", re.IGNORECASE)
HOURS = {"d": 24, "w": 24 * 7, "y": 24 * 365}


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
    for entry, config in view.signed():
        profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
        end = _end_of_ca(view, entry)
        if end and _is_sound(profile.expiry) and profile.validity(view.now)[1] >= end:
            place = profile_place(_config_of(entry), profile.name).field("expiry")
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


def _config_of(entry: Entry) -> str:
    return entry.signing.config if entry.signing else ""


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


RULES = (expiry_unit, negative_expiry, outlives_ca, short_lived_ca)
