"""cfssl's signing configuration, `config/ca-config.json`, and its profiles."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property

from tls_scaffold.cfssl import durations
from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.cfssl.remotes import Remote
from tls_scaffold.cfssl.requests import Authority, Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.spelling import UTC_TIME

CA_EXPIRY = "43800h"
BACKDATE = timedelta(minutes=5)
EARLIEST = 1950
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
NOTICE, PRACTICE = "id-qt-unotice", "id-qt-cps"  # the kinds of a policy's qualifiers
CA_USAGES = ("cert sign", "crl sign")
DEFAULT_USAGES = ("signing", "key encipherment", "server auth", "client auth")


@dataclass(frozen=True)
class Constraint:
    """A profile's `ca_constraint`: whether what it signs is a CA itself."""

    is_ca: bool = False
    max_path_length: int = 0
    max_path_length_zero: bool = False

    def to_document(self) -> dict[str, object]:
        """Return it as it stands in a configuration; what is unset is left out."""
        fields = {
            "is_ca": self.is_ca,
            "max_path_len": self.max_path_length,
            "max_path_len_zero": self.max_path_length_zero,
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def path_length(self) -> int | None:
        """How many CAs may follow; None for any number, as Go takes a bare 0, and for no CA."""
        if not self.is_ca:
            return None
        if self.max_path_length > 0 or (self.max_path_length == 0 and self.max_path_length_zero):
            return self.max_path_length
        return None


@dataclass(frozen=True)
class Policy:
    """One of a profile's `policies`: its OID, and the kind and text of each qualifier."""

    oid: str
    qualifiers: tuple[tuple[str, str], ...]

    def to_document(self) -> dict[str, object]:
        """Return it as it stands in a configuration."""
        qualifiers = [{"Type": kind, "Value": text} for kind, text in self.qualifiers]
        return {"ID": self.oid, **({"Qualifiers": qualifiers} if qualifiers else {})}


@dataclass(frozen=True)
class Profile:
    """How certificates are signed; an empty `name` is the default profile.

    Durations and times are Go's texts. `issuer_urls` is None where the field is absent: only then
    those of the default profile count. `copy_extensions` takes over what a CSR asks for, and
    `name_whitelist` is the pattern that CN and hosts have to match; no profile has these from the
    default one. `remote` signs in place of a CA that is here.
    """

    name: str = ""
    usages: tuple[str, ...] = ()
    expiry: str = ""
    backdate: str = ""
    not_before: str = ""
    not_after: str = ""
    constraint: Constraint = Constraint()
    crl_url: str = ""
    ocsp_url: str = ""
    issuer_urls: tuple[str, ...] | None = None
    policies: tuple[Policy, ...] = ()
    ocsp_no_check: bool = False
    copy_extensions: bool = False
    name_whitelist: str = ""
    remote: Remote | None = None

    def to_document(self) -> dict[str, object]:
        """Return the profile as it stands in a configuration; what is unset is left out."""
        fields = {
            "usages": list(self.usages),
            "expiry": self.expiry,
            "backdate": self.backdate,
            "not_before": self.not_before,
            "not_after": self.not_after,
            "ca_constraint": self.constraint.to_document(),
            "crl_url": self.crl_url,
            "ocsp_url": self.ocsp_url,
            "issuer_urls": list(self.issuer_urls or ()),
            "policies": [each.to_document() for each in self.policies],
            "ocsp_no_check": self.ocsp_no_check,
            "copy_extensions": self.copy_extensions,
            "name_whitelist": self.name_whitelist,
        }
        return {name: value for name, value in fields.items() if value}

    @cached_property
    def lifetime(self) -> timedelta:
        """`expiry` as a duration."""
        return durations.parse(self.expiry) or timedelta()

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        """Return NotBefore and NotAfter of what is signed `now` (UTC), as cfssl computes them.

        Raises ScaffoldError if one is beyond the years that a certificate can name (RFC 5280,
        4.1.2.5).
        """
        half_up = now + timedelta(seconds=30)
        minute = half_up.replace(second=0, microsecond=0)
        try:
            backdated = minute - (durations.parse(self.backdate) or BACKDATE)
            begin = moment(self.not_before) if self.not_before else backdated
            end = moment(self.not_after) if self.not_after else begin + self.lifetime
        except OverflowError:
            begin = end = datetime.min.replace(tzinfo=timezone.utc)
        if min(begin.year, end.year) < EARLIEST:
            beyond = f"beyond the years {EARLIEST} to 9999, all that certificates know"
            raise ScaffoldError(f"it reaches {beyond}")
        return begin, end

    def ending_by(self, latest: datetime, now: datetime) -> "Profile":
        """Return the profile, cut so that what it signs `now` ends at `latest` (UTC) at the latest.

        Raises ScaffoldError as `validity`.
        """
        _, end = self.validity(now)
        return self if end <= latest else replace(self, not_after=f"{latest:{UTC_TIME}}")


@dataclass(frozen=True)
class SigningConfig:
    """The content of `config/ca-config.json`; without one cfssl signs with a default of its own.

    `ignored` has the fields that cfssl passes over, `auth_keys` where the keys for servers are, by
    name: or the keys themselves, if somebody wrote them there.
    """

    default: Profile = Profile(usages=DEFAULT_USAGES, expiry="8760h")
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    ignored: tuple[IgnoredField, ...] = field(default=(), compare=False)
    auth_keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> str:
        """Return the text of the file."""
        profiles = {name: each.to_document() for name, each in self.profiles.items()}
        signing = {"default": self.default.to_document(), "profiles": profiles}
        return json.dumps({"signing": signing}, indent=2, ensure_ascii=False) + "\n"

    def profile_or_default(self, name: str) -> Profile:
        """Return the profile that cfssl signs with when `name` is asked for.

        What it leaves open it takes over from the default. "" is the default; for a name that there
        is not, cfssl takes it in silence.
        """
        chosen = self.profiles.get(name, self.default)
        return replace(
            chosen,
            expiry=chosen.expiry if chosen.lifetime else self.default.expiry,
            crl_url=chosen.crl_url or self.default.crl_url,
            ocsp_url=chosen.ocsp_url or self.default.ocsp_url,
            issuer_urls=self.default.issuer_urls
            if chosen.issuer_urls is None
            else chosen.issuer_urls,
        )


def ca_profile(request: Request) -> Profile:
    """Return the profile that cfssl signs a CA's own request with: for five years, if not said."""
    authority = request.ca or Authority()
    length = authority.path_length
    return Profile(
        name="ca",
        usages=CA_USAGES,
        expiry=authority.expiry or CA_EXPIRY,
        backdate=authority.backdate,
        constraint=Constraint(
            is_ca=True, max_path_length=length, max_path_length_zero=authority.path_length_zero
        ),
        crl_url=request.crl_url,
    )


def moment(text: str) -> datetime:
    """Return a time of RFC 3339, as Go's JSON has them, in UTC.

    Parts of seconds are left out: certificates know none. Raises ValueError if it is no such time.
    """
    match = MOMENT.fullmatch(text)
    if not match:
        raise ValueError(text)
    zone = "+00:00" if match[2] == "Z" else match[2]
    return datetime.fromisoformat(f"{match[1]}{zone}").astimezone(timezone.utc)
