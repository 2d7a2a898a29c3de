"""The profiles of cfssl's signing configuration, read from its JSON."""

from datetime import timedelta

from tls_scaffold.cfssl import durations, fields
from tls_scaffold.cfssl.gojson import OID, Section
from tls_scaffold.cfssl.profiles import (
    EARLIEST,
    NOTICE,
    PRACTICE,
    Constraint,
    Policy,
    Profile,
    moment,
)
from tls_scaffold.cfssl.remotes import Directory, read_remote
from tls_scaffold.cfssl.usages import meanings
from tls_scaffold.cfssl.whitelist import pattern_problem

REFUSED_PROFILE_FIELDS = (
    "auth_key",
    "prev_auth_key",
    "remote",
    "CSRWhitelist",
    "ct_log_servers",
    "ClientProvidesSerialNumbers",
    "lint_error_level",
)
UNSUPPORTED = "cfssl has this field, tls-scaffold's own signer does not support it"
WITHOUT = {
    # what was meant: what holds where that is missing
    "`is_ca`": "what is signed is no CA",
    "`max_path_len`": "any number of CAs may follow",
}
UNSET = "0001-01-01T00:00:00Z"  # Go's time of no value


def read_profile(section: Section, name: str, directory: Directory) -> Profile:
    """Return what can be read of a profile; an empty `name` is the default one's.

    `directory` has the servers and keys that it may name.
    """
    section.refuse(REFUSED_PROFILE_FIELDS, UNSUPPORTED)
    section.tell_ignored("profile", fields.PROFILE, {})
    for number in fields.NUMBERS_OF_PROFILE:
        if number in section.names:
            section.problem(number, f"cfssl takes it for a number: write `{number.lower()}`")
    constraint = section.section("ca_constraint")
    profile = Profile(
        name=name,
        usages=section.texts("usages"),
        expiry=read_duration(section, "expiry"),
        backdate=read_duration(section, "backdate"),
        not_before=_moment(section, "not_before"),
        not_after=_moment(section, "not_after"),
        constraint=_constraint(constraint) if constraint else Constraint(),
        crl_url=section.url("crl_url"),
        ocsp_url=section.url("ocsp_url"),
        issuer_urls=section.urls("issuer_urls") if section.has("issuer_urls") else None,
        policies=tuple(map(_policy, section.sections("policies"))),
        ocsp_no_check=section.flag("ocsp_no_check"),
        copy_extensions=section.flag("copy_extensions"),
        name_whitelist=section.text("name_whitelist"),
        remote=read_remote(section, directory),
    )
    _check_whitelists(section, profile)
    _check_profile(section, profile)
    return profile


def _policy(section: Section) -> Policy:
    section.tell_ignored("policy", fields.POLICY, {})
    oid = section.text("ID")
    if not OID.fullmatch(oid):
        section.problem("ID", f"`{oid}` is not an object identifier such as `1.3.6.1.4.1.99999.1`")
    return Policy(oid, tuple(map(_qualifier, section.sections("Qualifiers"))))


def _qualifier(section: Section) -> tuple[str, str]:
    section.tell_ignored("qualifier", fields.QUALIFIER, {})
    kind = section.text("Type")
    if kind not in (NOTICE, PRACTICE):
        section.problem("Type", f"`{kind}` is none of `{NOTICE}`, `{PRACTICE}`")
    return kind, section.url("Value") if kind == PRACTICE else section.text("Value")


def _check_whitelists(section: Section, profile: Profile) -> None:
    """Check what of a profile says which names and extensions a request may ask for.

    The list of extensions holds for requests to a server of cfssl alone.
    """
    for index, oid in enumerate(section.texts("allowed_extensions")):
        if not OID.fullmatch(oid):
            reason = f"`{oid}` is not an object identifier such as `2.5.29.17`"
            section.problem("allowed_extensions", reason, index)
    if profile.name_whitelist and (wrong := pattern_problem(profile.name_whitelist)):
        section.problem("name_whitelist", wrong)


def _check_profile(section: Section, profile: Profile) -> None:
    if profile.remote:  # the server has them; here they only say what its answer may be
        return
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


def read_duration(section: Section, name: str) -> str:
    """Return the text of a duration, which may be empty."""
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
