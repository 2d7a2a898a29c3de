"""Rules over profiles: for what certificates are signed."""

from collections.abc import Iterator

from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.checks.rule import Rule
from tls_scaffold.checks.view import View, profile_place
from tls_scaffold.errors import Place, Problem
from tls_scaffold.spelling import did_you_mean
from tls_scaffold.state.entries import Entry
from tls_scaffold.state.expectations import lacking_usages


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
                other = did_you_mean(usage.lower(), KNOWN)
                message = f"`{usage}` is no usage that cfssl knows{other}"
                yield Problem(place.field("usages"), message)


@Rule(
    pain="cfssl signs with `default` instead, without a word",
    fix="write a profile that `ca-config.json` has, or add this one",
)
def unknown_profile(view: View) -> Iterator[Problem]:
    """Every profile that the Makefile names is in the signing configuration."""
    for entry, config in view.signed():
        profile = entry.signing.profile if entry.signing else ""
        if profile and profile not in config.profiles:
            other = did_you_mean(profile.lower(), config.profiles)
            message = f"`{entry.path}` asks for the profile `{profile}`, which is unknown{other}"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    pain="cfssl refuses with `Invalid policy: no key usage available`",
    fix="give `signing.default` usages, or name a profile with `-profile`",
)
def default_without_usages(view: View) -> Iterator[Problem]:
    """Any default profile that something is signed with grants usages."""
    for entry, config in view.signed():
        named = entry.signing.profile if entry.signing else ""
        if view.is_unfit(profile_place(_config_of(entry), "").field("usages")):
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
        "give the profile `server auth` and `client auth` (a user's: `client auth`), or name the "
        "right one in the line, then sign again"
    ),
)
def wrong_usages(view: View) -> Iterator[Problem]:
    """Every server may be used for both server and client auth, every user for client auth."""
    for entry, config in view.signed():
        profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
        lacking = lacking_usages(entry.kind, profile.usages) if meanings(profile.usages) else ()
        if lacking and _has_profile_of_others(view, entry):
            what = f"`{entry.path}` is signed with the profile `{profile.name or 'default'}`"
            message = f"{what}, which lacks {' and '.join(f'`{each}`' for each in lacking)}"
            yield from (Problem(place, message) for place in view.lines_of(entry))
            continue
        place = profile_place(_config_of(entry), profile.name).field("usages")
        for usage in lacking:
            yield Problem(place, f"`{usage}` is missing, which `{entry.name}` needs")
    for entry in view.components:
        granted = {usage for profile in entry.profiles for usage in profile.usages}
        usages = entry.certificate.usages if entry.certificate else ("any",)
        for usage in lacking_usages(entry.kind, usages):
            # What its profile does not grant is told at the profile.
            if not entry.profiles or usage in granted or "any" in granted:
                yield Problem(Place(entry.path), f"it may not be used for `{usage}`")


def _has_profile_of_others(view: View, entry: Entry) -> bool:
    """Tell whether a line names another profile than the one that the inventory gives it."""
    components = view.inventory.components if view.inventory else ()
    profiles = {each.output: each.profile for each in components}
    signing = entry.signing
    return signing is not None and profiles.get(signing.output, signing.profile) != signing.profile


@Rule(
    pain="whoever holds its key signs for anybody: a user makes itself root, and etcd believes it",
    fix="take `is_ca` out of the profile; a CA below this one is signed by a profile of its own",
)
def ca_profile(view: View) -> Iterator[Problem]:
    """No profile makes a CA of a component."""
    for entry, config in view.signed():
        profile = config.profile_or_default(entry.signing.profile if entry.signing else "")
        if profile.constraint.is_ca:
            place = profile_place(_config_of(entry), profile.name).field("ca_constraint.is_ca")
            yield Problem(place, f"it makes a CA of `{entry.name}`")


def _config_of(entry: Entry) -> str:
    return entry.signing.config if entry.signing else ""


RULES = (unknown_usage, unknown_profile, default_without_usages, wrong_usages, ca_profile)
