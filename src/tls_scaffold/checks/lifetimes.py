"""Rules over lifetimes: for how long certificates are signed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import BACKDATE, Profile, SigningConfig, ca_profile
from tls_scaffold.checks.mending import signed_again
from tls_scaffold.checks.rule import NOTE, WARNING, Rule
from tls_scaffold.checks.view import SOON, View, config_path_of, profile_of, profile_place
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.inventory.fields import short_text
from tls_scaffold.paths import CA, PEER_CA
from tls_scaffold.spelling import MINUTE, whole_number
from tls_scaffold.state.entries import Entry
from tls_scaffold.state.lives import end_of_ca, is_to_be_renewed

YEAR = timedelta(days=365)
LONGER = "ask its owner for one that lives longer; switch this rule off where it is meant so"
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
            count = whole_number(match[1])
            hours = "" if count is None else f"{count * HOURS[match[2][0].lower()]}h"
            meant = f"; did you mean `{hours}`?" if hours else ""
            yield Problem(place, f"`{short_text(text)}` is no duration to cfssl{meant}")


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
    fix="shorten the profile's `expiry`; of a CA that is not made yet `ca.expiry` may be longer",
)
def outlives_ca(view: View) -> Iterator[Problem]:
    """No profile gives a longer life than its CA has from its first day on."""
    for entry, config in view.signed():
        if _outlives(view, entry, config):
            name = profile_of(entry, config).name
            place = profile_place(config_path_of(entry), name).field("expiry")
            yield Problem(place, f"what is signed would outlive `{entry.ca}`")


def _outlives(view: View, entry: Entry, config: SigningConfig) -> bool:
    life = _life_of_ca(view, entry)
    end = _end(profile_of(entry, config), life[0]) if life else None
    return bool(life and end and end >= life[1])


@Rule(
    level=WARNING,
    pain="on that day everything that the CA signed stops at once, whatever its own dates say",
    fix=(
        "nothing is to be done at once: before that day the CA has to be signed again, with the "
        "same name and key (`make renew-ca`), and everybody to be restarted with that"
    ),
    fix_at=signed_again,
)
def ca_ends_first(view: View) -> Iterator[Problem]:
    """Every CA lives longer than what it signs now, and than what it signed."""
    for authority in view.authorities:
        first = end_of_ca(authority)
        # One that has ended, or does so in 30 days, is told as such.
        if first is None or first.at <= view.now + SOON:
            continue
        signed = [(entry, config) for entry, config in view.signed() if entry.ca == authority.path]
        if any(_outlives(view, entry, config) for entry, config in signed):
            continue  # which is told as the cause
        ends = [_end(profile_of(entry, config), view.now) for entry, config in signed]
        there = [entry.certificate for entry in view.components if entry.ca == authority.path]
        ends += [certificate.not_after for certificate in there if certificate]
        if any(end and end > first.at for end in ends):
            message = f"{first.of} ends {first.at:{MINUTE}}, before what it signs"
            yield Problem(Place(authority.path), message)


@Rule(
    level=NOTE,
    pain="on that day everything that the CA signed stops at once, whatever its own dates say",
    fix=(
        "`make renew-ca` signs it again with the same key: what it signed goes on, and there is "
        "time until then to restart everybody with the new certificate"
    ),
)
def ca_ends(view: View) -> Iterator[Problem]:
    """Every CA is signed again a year before it ends, one of a short life at its half."""
    is_held_elsewhere = view.inventory is not None and not view.inventory.ca.makes_ca
    for entry in view.authorities:
        if entry.path != PEER_CA and is_held_elsewhere:
            continue
        ca = entry.certificate
        # One that ends in 30 days is told as such, and who made another's renews it.
        if not ca or ca.not_after <= view.now + SOON or entry.came_from_elsewhere:
            continue
        if view.has_our_rules and is_to_be_renewed(ca, view.now):
            yield Problem(Place(entry.path), f"it ends {ca.not_after:{MINUTE}}")


@Rule(
    level=WARNING,
    pain="a new CA means new certificates and a restart for every member and client",
    fix='write `"ca": {"expiry": "87600h"}` into `ca-csr.json` before the CA is made',
    fix_at=lambda view, place, fix: LONGER if view.has_own_ca and place.path == CA else fix,
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


def _expiries(view: View) -> Iterator[tuple[Place, str]]:
    """Yield every lifetime with its place."""
    for place, profile in view.profiles():
        yield place.field("expiry"), profile.expiry
    for path, request in view.requests.items():
        if request.ca:
            yield Place(path, key="ca.expiry"), request.ca.expiry


def _is_sound(expiry: str) -> bool:
    return (durations.parse(expiry) or timedelta()) > timedelta()


def _end(profile: Profile, now: datetime) -> datetime | None:
    """Return when what is signed `now` ends; None for a life that is none, told elsewhere."""
    try:
        return profile.validity(now)[1] if _is_sound(profile.expiry) else None
    except ScaffoldError:
        return None


def _life_of_ca(view: View, entry: Entry) -> tuple[datetime, datetime] | None:
    """Return when the CA of an entry was made, and when it ends.

    If it is not made yet, as if it were made now.
    """
    ca = view.contents.authorities.get(entry.ca)
    if ca:
        return ca.not_before + BACKDATE, ca.not_after
    request = next((view.ca_requests[path] for path in view.ca_requests), None)
    end = _end(ca_profile(request), view.now) if request else None
    return (view.now, end) if end else None


RULES = (expiry_unit, negative_expiry, outlives_ca, ca_ends_first, ca_ends, short_lived_ca)
