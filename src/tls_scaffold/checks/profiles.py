"""Rules over profiles and lifetimes: for what, and for how long, certificates are signed."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.profiles import SigningConfig, ca_profile
from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import SERVERS, View
from tls_scaffold.state.entries import CLIENT, SERVER, Entry
from tls_scaffold.words import meant

YEAR = timedelta(days=365)
LONG = re.compile(r"\s*([0-9]+)\s*(d|w|y|days?|weeks?|years?)\s*", re.IGNORECASE)
HOURS = {"d": 24, "w": 24 * 7, "y": 24 * 365}


class KnownUsages(Rule):
    """Every usage of a profile is one that cfssl knows."""

    id = "unknown-usage"
    pain = "cfssl drops it in silence as long as another usage is known, and etcd refuses the certificate"
    fix = "write the usage as it is suggested, such as `server auth` or `client auth`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each unknown usage."""
        for place, profile in view.profiles():
            for usage in profile.usages:
                if usage not in KNOWN:
                    yield (
                        f"{place}.usages",
                        f"`{usage}` is no usage that cfssl knows{meant(usage.lower(), KNOWN)}",
                    )


class KnownProfiles(Rule):
    """Every profile that the Makefile names is in the signing configuration."""

    id = "unknown-profile"
    pain = "cfssl signs with `default` instead, without a word"
    fix = "write a profile that `ca-config.json` has, or add this one"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each line of the Makefile that names an unknown profile."""
        for entry, config in _signed(view):
            profile = entry.signing.profile if entry.signing else ""
            if profile and profile not in config.profiles:
                other = meant(profile.lower(), config.profiles)
                for where in view.lines_of(entry):
                    yield (
                        where,
                        f"`{entry.path}` asks for the profile `{profile}`, which is unknown{other}",
                    )


class GrantingDefault(Rule):
    """The default profile grants usages, where anything is signed with it."""

    id = "default-without-usages"
    pain = "cfssl refuses with `Invalid policy: no key usage available`"
    fix = "give `signing.default` usages, or name a profile with `-profile`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each target that signs with a default profile without usages."""
        for entry, config in _signed(view):
            named = entry.signing.profile if entry.signing else ""
            if view.is_unfit(f"{_config_of(entry)}: signing.default.usages"):
                continue
            if named not in config.profiles and not meanings(config.default.usages):
                for where in view.lines_of(entry):
                    yield (
                        where,
                        f"`{entry.path}` is signed with the default profile, which grants no usages",
                    )


class ServersAndClients(Rule):
    """What etcd uses as a server may be used for both server and client auth; a user's certificate for client auth."""

    id = "wrong-usages"
    of_missing = True
    pain = "peers and etcd's gateway use the member's certificate as clients too: `tls: bad certificate`"
    fix = "give the profile `server auth` and `client auth` (a user's: `client auth`), then sign again"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each profile, and each certificate, that lacks a usage which its component needs."""
        for entry, config in _signed(view):
            profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
            key = f"profiles.{profile.name}" if profile.name else "default"
            for usage in _lacking(entry, profile.usages) if meanings(profile.usages) else ():
                yield (
                    f"{_config_of(entry)}: signing.{key}.usages",
                    f"`{usage}` is missing, which `{entry.name}` needs",
                )
        for entry in view.components:
            for usage in _lacking(entry, entry.certificate.usages) if entry.certificate else ():
                yield entry.path, f"it may not be used for `{usage}`"


class GoDurations(Rule):
    """Every lifetime is written in hours or smaller units, as Go reads them."""

    id = "expiry-unit"
    pain = 'cfssl knows no days: `time: unknown unit "d" in duration`'
    fix = "write hours: a day is `24h`, a year `8760h`"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each lifetime in days, weeks or years."""
        for place, text in _expiries(view):
            match = LONG.fullmatch(text)
            if match:
                hours = int(match[1]) * HOURS[match[2][0].lower()]
                yield place, f"`{text}` is no duration to cfssl; did you mean `{hours}h`?"


class LivesOn(Rule):
    """No lifetime is negative."""

    id = "negative-expiry"
    pain = "cfssl signs certificates that have expired already, with exit code 0"
    fix = "write the lifetime without its minus"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each negative lifetime."""
        for place, text in _expiries(view):
            if (durations.parse(text) or YEAR) < timedelta():
                yield place, f"`{text}` ends before it begins"


class WithinTheCA(Rule):
    """What is signed now ends before its CA does."""

    id = "outlives-ca"
    pain = (
        "on the day that the CA ends everything stops at once, although the certificates look valid"
    )
    fix = "shorten the profile's `expiry`, or make a CA that lives longer (`make regenerate`)"

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each profile in use that reaches beyond the CA, and each certificate that does."""
        for entry, config in _signed(view):
            profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
            end = _end_of_ca(view, entry)
            if end and _is_sound(profile.expiry) and profile.validity(view.now)[1] >= end:
                key = f"profiles.{profile.name}" if profile.name else "default"
                yield (
                    f"{_config_of(entry)}: signing.{key}.expiry",
                    f"what is signed now would outlive `{entry.ca}`",
                )
        for entry in view.components:
            ca = view.contents.authorities.get(entry.ca)
            if ca and entry.certificate and entry.certificate.not_after > ca.not_after:
                yield entry.path, f"it ends after `{entry.ca}`"


class LongLivedCA(Rule):
    """A CA lives for a year at least."""

    id = "short-lived-ca"
    level = WARNING
    pain = "a new CA means new certificates and a restart for every member and client"
    fix = 'write `"ca": {"expiry": "87600h"}` into `ca-csr.json` before the CA is made'

    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield each CA that lives shorter, as asked for and as made."""
        for path, request in view.ca_requests.items():
            expiry = ca_profile(request).expiry
            if _is_sound(expiry) and (durations.parse(expiry) or YEAR) < YEAR:
                yield f"{path}: ca.expiry", f"`{expiry}` is less than a year"
        for entry in view.authorities:
            if entry.certificate and entry.certificate.lifetime < YEAR:
                yield (
                    entry.path,
                    f"it lives for {durations.text(entry.certificate.lifetime)}, less than a year",
                )


def _signed(view: View) -> Iterator[tuple[Entry, SigningConfig]]:
    """Yield what the Makefile signs, each with the signing configuration that is used, if its profile can be read."""
    for entry in view.components:
        if not entry.signing:
            continue
        config = view.configs.get(entry.signing.config) if entry.signing.config else SigningConfig()
        named = f"{entry.signing.config}: signing.profiles.{entry.signing.profile}"
        if config and not (entry.signing.profile and view.is_unfit(named)):
            yield entry, config


def _config_of(entry: Entry) -> str:
    return (entry.signing.config if entry.signing else "") or "Makefile"


def _lacking(entry: Entry, usages: tuple[str, ...]) -> tuple[str, ...]:
    needed = (SERVER, CLIENT) if entry.kind in SERVERS else (CLIENT,)
    return tuple(usage for usage in needed if usage not in usages and "any" not in usages)


def _expiries(view: View) -> Iterator[tuple[str, str]]:
    for place, profile in view.profiles():
        yield f"{place}.expiry", profile.expiry
    for path, request in view.requests.items():
        if request.ca:
            yield f"{path}: ca.expiry", request.ca.expiry


def _is_sound(expiry: str) -> bool:
    return (durations.parse(expiry) or timedelta()) > timedelta()


def _end_of_ca(view: View, entry: Entry) -> datetime | None:
    """Return when the CA of an entry ends; if it is not made yet, when it would end if it were made now."""
    ca = view.contents.authorities.get(entry.ca)
    if ca:
        return ca.not_after
    request = next((view.ca_requests[path] for path in view.ca_requests), None)
    profile = ca_profile(request) if request else None
    return profile.validity(view.now)[1] if profile and _is_sound(profile.expiry) else None


RULES = (
    KnownUsages,
    KnownProfiles,
    GrantingDefault,
    ServersAndClients,
    GoDurations,
    LivesOn,
    WithinTheCA,
    LongLivedCA,
)
