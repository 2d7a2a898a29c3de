"""cfssl's documents read from text: every problem of a file at once, each with its place."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from tls_scaffold.cfssl import durations, fields, gojson
from tls_scaffold.cfssl.gojson import Section
from tls_scaffold.cfssl.profiles import (
    CA_EXPIRY,
    EARLIEST,
    Constraint,
    Profile,
    SigningConfig,
    moment,
)
from tls_scaffold.cfssl.requests import DEFAULT_KEY, NAME_WORDS, Authority, Request
from tls_scaffold.cfssl.usages import meanings
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.spelling import ECDSA_SIZES, Key

REFUSED_REQUEST_FIELDS = ("delegation_enabled", "extensions")
REFUSED_PROFILE_FIELDS = (
    "auth_key",
    "prev_auth_key",
    "remote",
    "auth_remote",
    "policies",
    "ocsp_no_check",
    "name_whitelist",
    "CSRWhitelist",
    "ExtensionWhitelist",
    "allowed_extensions",
    "copy_extensions",
    "ct_log_servers",
    "ClientProvidesSerialNumbers",
    "lint_error_level",
)
UNSUPPORTED = "cfssl has this field, tls-scaffold's own signer does not support it"
RSA_BITS = range(2048, 8192 + 1)
Document = TypeVar("Document", Request, SigningConfig)
WITHOUT = {
    # what was meant: what holds where that is missing
    "`hosts`": "without hosts it is good for no server",
    "`CN`": "without a CN it is no user of etcd",
    "`key`": f"the key is `{DEFAULT_KEY}`",
    "`algo`": f"the key is `{DEFAULT_KEY.algo}`",
    "`size`": f"the key is `{DEFAULT_KEY}`",
    "`is_ca`": "what is signed is no CA",
    "`max_path_len`": "any number of CAs may follow",
    fields.LIFE: "a request has no life of its own",
}
UNSET = "0001-01-01T00:00:00Z"  # Go's time of no value
OID = re.compile(
    r"([01]\.[1-3]?[0-9]|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*", re.ASCII
)  # X.660, A.2


def request(text: str, place: str) -> Request:
    """Read the text of a request; `place` is its path, for messages.

    Raises ScaffoldError with every problem that makes it unfit to sign: no JSON, values of a wrong
    type, a key that cfssl refuses too, fields of cfssl that are not supported.
    """
    return _whole(*readable_request(text, place), place)


def readable_request(text: str, place: str) -> tuple[Request, tuple[Problem, ...]]:
    """Read what can be read of a request, and say what makes it unfit.

    Raises ScaffoldError only if it is no JSON.
    """
    problems: list[Problem] = []
    section = gojson.document(text, place, problems)
    section.refuse(REFUSED_REQUEST_FIELDS, UNSUPPORTED)
    section.tell_ignored("request", fields.REQUEST, WITHOUT)
    found = Request(
        cn=section.text("CN"),
        hosts=section.texts("hosts") if section.has("hosts") else None,
        key=_key(section.section("key")),
        names=tuple(_name(name) for name in section.sections("names")),
        serial_number=section.text("serialnumber"),
        ca=_authority(section.section("ca")),
        crl_url=section.url("crl_url"),
    )
    return replace(found, ignored=tuple(section.ignored)), tuple(problems)


def seems_request(text: str) -> bool:
    """Tell a request, with whatever mistakes in it, from other JSON: that is never written to."""
    return _has_any(text, ("CN", "hosts", "key", "names"))


def seems_config(text: str) -> bool:
    """Tell a signing configuration, with whatever mistakes in it, from other JSON."""
    return _has_any(text, ("signing",))


def _has_any(text: str, names: tuple[str, ...]) -> bool:
    try:
        section = gojson.document(text.removeprefix("\ufeff"), "", [])
    except ScaffoldError:
        return False
    return any(map(section.has, names))


def signing_config(text: str, place: str) -> SigningConfig:
    """Read the text of a signing configuration; `place` is its path, for messages.

    Raises ScaffoldError with every problem: no JSON, values of a wrong type, a profile without
    usages or lifetime, durations that Go does not read, fields of cfssl that are not supported.
    """
    return _whole(*readable_signing_config(text, place), place)


def readable_signing_config(text: str, place: str) -> tuple[SigningConfig, tuple[Problem, ...]]:
    """Read what can be read of a signing configuration, and say what makes it unfit.

    Raises ScaffoldError if it is no JSON, or has nothing to do with signing.
    """
    problems: list[Problem] = []
    document = gojson.document(text, place, problems)
    document.tell_ignored("config", fields.CONFIG, WITHOUT)
    section = document.section("signing")
    if section is None:
        missing = Problem(Place(place), "`signing` is missing")
        raise ScaffoldError(f"`{place}` can't be used", problems or [missing])
    section.tell_ignored("signing", fields.SIGNING, WITHOUT)
    default = section.section("default")
    profiles = section.map("profiles")
    sections = {name: profiles.section(name) for name in profiles.names}
    for name in [name for name in sections if not profiles.has(name)]:
        profiles.problem(name, "`null` is not an object {…}")
    found = SigningConfig(
        default=_profile(default, "") if default else SigningConfig.default,
        profiles={name: _profile(each, name) for name, each in sections.items() if each},
    )
    return replace(found, ignored=tuple(document.ignored)), tuple(problems)


def _whole(found: Document, problems: tuple[Problem, ...], place: str) -> Document:
    if problems:
        raise ScaffoldError(f"`{place}` can't be used", problems)
    return found


def _key(section: Section | None) -> Key:
    if section is None:
        return DEFAULT_KEY
    section.tell_ignored("key", fields.KEY, WITHOUT)
    algo, size = section.text("algo", DEFAULT_KEY.algo), section.number("size", DEFAULT_KEY.size)
    if algo == "ed25519":
        return Key(algo, 0)
    if algo not in ("rsa", "ecdsa"):
        section.problem("algo", f"`{algo}` is none of `ecdsa`, `rsa`, `ed25519`")
    if algo == "rsa" and size not in RSA_BITS:
        section.problem("size", f"`{size}` is not in {RSA_BITS[0]}..{RSA_BITS[-1]}")
    elif algo == "rsa" and size % 2:
        section.problem(
            "size", f"`{size}` is odd: tls-scaffold's own signer makes keys of an even length"
        )
    if algo == "ecdsa" and size not in ECDSA_SIZES:
        section.problem(
            "size", f"`{size}` is none of {', '.join(str(each) for each in ECDSA_SIZES)}"
        )
    return Key(algo, size)


def _name(section: Section) -> Mapping[str, str]:
    section.tell_ignored("name", fields.NAME, WITHOUT)
    words = {word: section.text(word) for word in NAME_WORDS}
    return {**{word: text for word, text in words.items() if text}, **_oids(section.map("OID"))}


def _oids(section: Section) -> dict[str, str]:
    for oid in section.names:
        if not OID.fullmatch(oid):
            section.problem(oid, "is not an object identifier such as `2.5.4.15`")
    return {oid: section.text(oid) for oid in section.names}


def _authority(section: Section | None) -> Authority | None:
    if section is None:
        return None
    section.tell_ignored("ca", fields.AUTHORITY, {"`expiry`": f"the CA lives {CA_EXPIRY}"})
    length = section.number("pathlen")
    if length < 0:
        section.problem("pathlen", f"`{length}` is negative")
    return Authority(
        expiry=_duration(section, "expiry"),
        path_length=length,
        path_length_zero=section.flag("pathlenzero"),
        backdate=_duration(section, "backdate"),
    )


def _profile(section: Section, name: str) -> Profile:
    section.refuse(REFUSED_PROFILE_FIELDS, UNSUPPORTED)
    section.tell_ignored("profile", fields.PROFILE, {})
    for number in fields.NUMBERS_OF_PROFILE:
        if number in section.names:
            section.problem(number, f"cfssl takes it for a number: write `{number.lower()}`")
    remote = section.section("auth_remote")
    if remote:
        remote.tell_ignored("auth_remote", fields.AUTH_REMOTE, {})
    constraint = section.section("ca_constraint")
    profile = Profile(
        name=name,
        usages=section.texts("usages"),
        expiry=_duration(section, "expiry"),
        backdate=_duration(section, "backdate"),
        not_before=_moment(section, "not_before"),
        not_after=_moment(section, "not_after"),
        constraint=_constraint(constraint) if constraint else Constraint(),
        crl_url=section.url("crl_url"),
        ocsp_url=section.url("ocsp_url"),
        issuer_urls=section.urls("issuer_urls") if section.has("issuer_urls") else None,
    )
    _check_profile(section, profile)
    return profile


def _check_profile(section: Section, profile: Profile) -> None:
    if not (profile.expiry or section.is_told("expiry") or section.is_meant("expiry")):
        section.problem("expiry", "is missing: a duration such as `8760h`")
    if durations.parse(profile.expiry) == timedelta() and not profile.name:
        section.problem("expiry", f"`{profile.expiry}` is no lifetime for the default profile")
    is_told = section.is_told("usages") or section.is_meant("usages")
    if profile.name and not meanings(profile.usages) and not is_told:
        section.problem("usages", "none that cfssl knows")


def _constraint(section: Section) -> Constraint:
    section.tell_ignored("ca_constraint", fields.CONSTRAINT, WITHOUT)
    return Constraint(
        is_ca=section.flag("is_ca"),
        max_path_length=section.number("max_path_len"),
        max_path_length_zero=section.flag("max_path_len_zero"),
    )


def _duration(section: Section, name: str) -> str:
    text = section.text(name)
    if text and durations.parse(text) is None:
        section.problem(
            name, f"`{text}` is not a duration as Go writes it: hours such as `8760h`, or `1h30m`"
        )
    return text


def _moment(section: Section, name: str) -> str:
    text = section.text(name)
    try:
        time = moment(text) if section.has(name) else None
    except (ValueError, OverflowError):
        section.problem(name, f"`{text}` is not a time such as `2027-01-31T00:00:00Z`")
        return ""
    if text == UNSET:
        return ""
    if time and time.year < EARLIEST:
        section.problem(name, f"`{text}` is before {EARLIEST}, where a certificate's years begin")
    return text
