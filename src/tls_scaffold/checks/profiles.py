"""Rules over profiles: for what certificates are signed."""

from collections.abc import Iterator

from tls_scaffold.cfssl.usages import KNOWN, meanings
from tls_scaffold.checks.rule import Rule
from tls_scaffold.checks.view import View, config_path_of, profile_of, profile_place
from tls_scaffold.errors import Place, Problem
from tls_scaffold.inventory.terms import lacking_usages
from tls_scaffold.spelling import did_you_mean, listed
from tls_scaffold.state.entries import Entry

FEW = 3  # names that a line has room for


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
    pain="cfssl signs with `default` instead, without a word; a line with `$(sign)` is refused",
    fix="write a profile that `ca-config.json` has, or add this one",
)
def unknown_profile(view: View) -> Iterator[Problem]:
    """Every profile that the Makefile names is in the signing configuration."""
    for entry, config in view.signed():
        profile = entry.signing.profile if entry.signing else ""
        profiles = Place(config_path_of(entry), key="signing.profiles")
        if profile and profile not in config.profiles and not view.is_misspelt(profiles):
            other = did_you_mean(profile.lower(), config.profiles)
            message = f"`{entry.path}` asks for the profile `{profile}`, which is unknown{other}"
            yield from (Problem(place, message) for place in view.lines_of(entry))


@Rule(
    pain="cfssl refuses with `Invalid policy: no key usage available`",
    fix="give `signing.default` usages, or name a profile with `-profile`",
)
def default_without_usages(view: View) -> Iterator[Problem]:
    """Any default profile that something is signed with grants usages."""
    meant: dict[Place, list[str]] = {}
    asked = view.asked_components
    for entry, config in view.signed():
        place = profile_place(config_path_of(entry), "").field("usages")
        named = entry.signing.profile if entry.signing else ""
        if named in config.profiles or meanings(config.default.usages):
            continue
        if view.is_unfit(place) or view.is_misspelt(place):
            continue
        if entry.path in asked and not asked[entry.path].profile:
            meant.setdefault(place, []).append(entry.path)
        else:
            message = f"`{entry.path}` is signed with the default profile, which grants no usages"
            yield from (Problem(line, message) for line in view.lines_of(entry))
    for place, paths in meant.items():
        yield Problem(place, f"it grants none, and {listed(paths, FEW)} would be signed with it")


@Rule(
    of_missing=True,
    pain=(
        "peers and etcd's gateway use the member's certificate as clients too: `tls: bad "
        "certificate`"
    ),
    fix=(
        "give the profile `server auth` and `client auth` (a user's: `client auth`, or the usages "
        "that it has in the inventory), or name the right one in the line, then sign again"
    ),
)
def wrong_usages(view: View) -> Iterator[Problem]:
    """Every member and proxy may be used for server and client auth, every user for its usages."""
    needed: dict[tuple[Place, str], list[str]] = {}
    for entry, config in view.signed():
        profile = profile_of(entry, config)
        lacking = _lacking(view, entry, profile.usages) if meanings(profile.usages) else ()
        if lacking and _has_profile_of_others(view, entry):
            what = f"`{entry.path}` is signed with the profile `{profile.name or 'default'}`"
            message = f"{what}, which lacks {' and '.join(f'`{each}`' for each in lacking)}"
            yield from (Problem(place, message) for place in view.lines_of(entry))
            continue
        place = profile_place(config_path_of(entry), profile.name).field("usages")
        unknown = [usage for usage in profile.usages if usage not in KNOWN]
        for usage in lacking:
            # `unknown_usage` tells of one that is misspelt.
            if not any(did_you_mean(each.lower(), [usage]) for each in unknown):
                needed.setdefault((place, usage), []).append(entry.name)
    for (place, usage), names in needed.items():
        need = "needs" if len(names) == 1 else "need"
        yield Problem(place, f"`{usage}` is missing, which {listed(names, FEW)} {need}")
    yield from _unusable_certificates(view)


def _unusable_certificates(view: View) -> Iterator[Problem]:
    """Yield what a certificate may not be used for, but for what is told at its profile."""
    for entry in view.components:
        # Without any extended usage it may be used for all of them.
        if entry.certificate is None or entry.certificate.is_for_anything:
            continue
        granted = {usage for profile in entry.profiles for usage in profile.usages}
        for usage in _lacking(view, entry, entry.certificate.usages):
            if not entry.profiles or usage in granted or "any" in granted:
                yield Problem(Place(entry.path), f"it may not be used for `{usage}`")


def _lacking(view: View, entry: Entry, usages: tuple[str, ...]) -> tuple[str, ...]:
    return lacking_usages(view.usages_needed(entry), usages)


def _has_profile_of_others(view: View, entry: Entry) -> bool:
    """Tell whether a line names another profile than the one that the inventory gives it."""
    named = entry.signing.profile if entry.signing else ""
    asked = view.asked_components.get(entry.path)
    return asked is not None and asked.profile != named


@Rule(
    pain="whoever holds its key signs for anybody: a user makes itself root, and etcd believes it",
    fix="take `is_ca` out of the profile; a CA below this one is signed by a profile of its own",
)
def ca_profile(view: View) -> Iterator[Problem]:
    """No profile makes a CA of a component."""
    signed: dict[Place, list[str]] = {}
    for entry, config in view.signed():
        profile = profile_of(entry, config)
        if profile.constraint.is_ca:
            place = profile_place(config_path_of(entry), profile.name).field("ca_constraint.is_ca")
            signed.setdefault(place, []).append(entry.name)
    for place, names in signed.items():
        yield Problem(place, f"it makes a CA of {listed(names, FEW)}")


RULES = (unknown_usage, unknown_profile, default_without_usages, wrong_usages, ca_profile)
