"""cfssl's JSON documents: requests, and the signing configuration with its profiles."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from tls_scaffold.cfssl import durations
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.words import Key

DEFAULT_KEY = Key("ecdsa", 256)
CA_EXPIRY = "43800h"
BACKDATE = timedelta(minutes=5)
EARLIEST = 1950
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
CA_USAGES = ("cert sign", "crl sign")
DEFAULT_USAGES = ("signing", "key encipherment", "server auth", "client auth")
SUBJECT = {
    "C": "2.5.4.6",
    "ST": "2.5.4.8",
    "L": "2.5.4.7",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "serialNumber": "2.5.4.5",
}
"""What a subject may hold, in the order of Go's pkix.Name: our word → OID."""
PLACES = {oid: place for place, oid in enumerate(SUBJECT.values())}
PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
"""What Go's encoding/asn1 writes as a PrintableString; a text with anything else becomes a UTF8String."""
EMAIL = "1.2.840.113549.1.9.1"
NAME_WORDS = ("C", "ST", "L", "O", "OU", "E", "SerialNumber")


@dataclass(frozen=True)
class Authority:
    """The `ca` section of a CA's own request; durations as Go writes them."""

    expiry: str = ""
    path_length: int = 0
    path_length_zero: bool = False
    backdate: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return the section as it stands in a request; what is unset is left out."""
        fields = {
            "expiry": self.expiry,
            "pathlen": self.path_length,
            "pathlenzero": self.path_length_zero,
            "backdate": self.backdate,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True)
class Request:
    """What a certificate is asked for: the content of `config/req-….json` or `config/ca-csr.json`.

    Each of `names` maps cfssl's words (`C`, `ST`, `L`, `O`, `OU`, `E`) or dotted OIDs to texts. `hosts`
    is None where the field is absent, which cfssl signs like an empty list. `misspelt` names unknown
    fields that look like known ones: cfssl ignores them.
    """

    cn: str = ""
    hosts: tuple[str, ...] | None = None
    key: Key = DEFAULT_KEY
    names: tuple[Mapping[str, str], ...] = ()
    serial_number: str = ""
    ca: Authority | None = None
    crl_url: str = ""
    misspelt: Mapping[str, str] = field(default_factory=dict, compare=False)

    def overridden(self, cn: str | None, hostname: str | None) -> "Request":
        """Return the request with what cfssl's flags `-cn` and `-hostname` put in its place, if they are not empty."""
        hosts = tuple(hostname.split(",")) if hostname else self.hosts
        return replace(self, cn=cn or self.cn, hosts=hosts) if cn or hostname else self

    @cached_property
    def subject(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The certificate's subject: for each attribute its OID and its values, which share one RDN.

        First what Go's pkix.Name knows, in Go's order, then OIDs and e-mail addresses, which cfssl 1.2 leaves out.
        """
        return tuple(sorted(self.csr_subject, key=lambda attribute: PLACES.get(attribute[0], len(PLACES))))

    @cached_property
    def csr_subject(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The CSR's subject, in the same form: OIDs and e-mail addresses stand last, and take others' place."""
        extra = [(oid, (text,)) for name in self.names for oid, text in _extra(name)]
        taken = {oid for oid, _ in extra}
        return (*(attribute for attribute in self.plain_subject if attribute[0] not in taken), *extra)

    @cached_property
    def plain_subject(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The subject without OIDs and e-mail addresses, as cfssl 1.2 signs it."""
        single = {"CN": (self.cn,), "serialNumber": (self.serial_number,)}
        values = {word: single.get(word) or tuple(name.get(word, "") for name in self.names) for word in SUBJECT}
        present = {word: tuple(text for text in texts if text) for word, texts in values.items()}
        return tuple((SUBJECT[word], texts) for word, texts in present.items() if texts)

    def to_document(self) -> dict[str, Any]:
        """Return the request as JSON values, in the order of etcd's own files."""
        fields = {
            "CN": self.cn,
            "hosts": None if self.hosts is None else list(self.hosts),
            "key": {"algo": self.key.algo, **({"size": self.key.size} if self.key.size else {})},
            "names": [_name_document(name) for name in self.names] or None,
            "serialnumber": self.serial_number or None,
            "ca": self.ca.to_document() if self.ca else None,
            "crl_url": self.crl_url or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.to_document(), indent=2, ensure_ascii=False) + "\n"


def _extra(name: Mapping[str, str]) -> list[tuple[str, str]]:
    oids = [(oid, text) for oid, text in name.items() if oid not in NAME_WORDS]
    return [*oids, (EMAIL, name["E"])] if name.get("E") else oids


def _name_document(name: Mapping[str, str]) -> dict[str, Any]:
    words = {word: text for word, text in name.items() if word in NAME_WORDS}
    oids = {word: text for word, text in name.items() if word not in NAME_WORDS}
    return {**words, "OID": oids} if oids else words


@dataclass(frozen=True)
class Constraint:
    """A profile's `ca_constraint`: whether what it signs is a CA itself."""

    is_ca: bool = False
    max_path_length: int = 0
    max_path_length_zero: bool = False

    @property
    def path_length(self) -> int | None:
        """How many CAs may follow; None for any number, which Go takes a bare 0 for, and for what is no CA."""
        if not self.is_ca:
            return None
        if self.max_path_length > 0 or (self.max_path_length == 0 and self.max_path_length_zero):
            return self.max_path_length
        return None


@dataclass(frozen=True)
class Profile:
    """How certificates are signed; an empty `name` is the default profile. Durations and times are Go's texts.

    `issuer_urls` is None where the field is absent: only then those of the default profile count.
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

    @cached_property
    def lifetime(self) -> timedelta:
        """`expiry` as a duration."""
        return durations.parse(self.expiry) or timedelta()

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        """Return NotBefore and NotAfter of a certificate signed `now` (UTC), as cfssl computes them.

        Raises ScaffoldError if one is beyond the years that a certificate can name (RFC 5280, 4.1.2.5).
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
            place = f"profile `{self.name or 'default'}`"
            raise ScaffoldError(f"{place}: it reaches beyond the years {EARLIEST} to 9999, all that certificates know")
        return begin, end


@dataclass(frozen=True)
class SigningConfig:
    """The content of `config/ca-config.json`; without one, cfssl signs with its built-in default."""

    default: Profile = Profile(usages=DEFAULT_USAGES, expiry="8760h")
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    def profile_or_default(self, name: str) -> Profile:
        """Return the profile that cfssl signs with when `name` is asked for, with what it takes over from the default.

        "" is the default; for a name that there is not, cfssl takes it in silence.
        """
        chosen = self.profiles.get(name, self.default)
        return replace(
            chosen,
            expiry=chosen.expiry if chosen.lifetime else self.default.expiry,
            crl_url=chosen.crl_url or self.default.crl_url,
            ocsp_url=chosen.ocsp_url or self.default.ocsp_url,
            issuer_urls=self.default.issuer_urls if chosen.issuer_urls is None else chosen.issuer_urls,
        )


def ca_profile(request: Request) -> Profile:
    """Return the profile that cfssl signs a CA's own request with: five years unless it says otherwise."""
    authority = request.ca or Authority()
    length = authority.path_length
    return Profile(
        name="ca",
        usages=CA_USAGES,
        expiry=authority.expiry or CA_EXPIRY,
        backdate=authority.backdate,
        constraint=Constraint(is_ca=True, max_path_length=length, max_path_length_zero=authority.path_length_zero),
        crl_url=request.crl_url,
    )


def moment(text: str) -> datetime:
    """Return a time of RFC 3339, as Go's JSON has them, in UTC and whole seconds, all that certificates know.

    Raises ValueError if it is no such time.
    """
    match = MOMENT.fullmatch(text)
    if not match:
        raise ValueError(text)
    zone = "+00:00" if match[2] == "Z" else match[2]
    return datetime.fromisoformat(f"{match[1]}{zone}").astimezone(timezone.utc)
