"""cfssl's requests: `config/req-….json` and `config/ca-csr.json`."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from tls_scaffold.cfssl.fields import IgnoredField
from tls_scaffold.spelling import Key

DEFAULT_KEY = Key("ecdsa", 256)
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
Subject: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Of each attribute the OID and its values, which share one RDN."""
WORDS = {oid: word for word, oid in SUBJECT.items()}
STREET, POSTAL_CODE = "2.5.4.9", "2.5.4.17"  # no request has them, but a CSR of others may
COMMON = tuple(SUBJECT.values())
IN_ORDER = (*COMMON[:3], STREET, POSTAL_CODE, *COMMON[3:])
"""The attributes that Go's pkix.Name has fields for, in its order."""
PLACES = {oid: place for place, oid in enumerate(IN_ORDER)}
SINGLE = (SUBJECT["CN"], SUBJECT["serialNumber"])  # of which Go keeps the last alone
PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
"""What Go's encoding/asn1 writes as a PrintableString; any other text becomes a UTF8String."""
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
class RawExtension:
    """An extension that a request spells out: its OID, and its value in DER."""

    oid: str
    value: bytes
    critical: bool

    def to_document(self) -> dict[str, Any]:
        """Return it as Go's JSON has it."""
        numbers = [int(number) for number in self.oid.split(".")]
        return {"Id": numbers, "Critical": self.critical, "Value": b64encode(self.value).decode()}


@dataclass(frozen=True)
class Request:
    """What a certificate is asked for: the content of `config/req-….json` or `config/ca-csr.json`.

    Each of `names` maps cfssl's words (`C`, `ST`, `L`, `O`, `OU`, `E`) or dotted OIDs to texts.
    `hosts` is None where the field is absent, which cfssl signs like an empty list. `ignored` has
    the fields that cfssl passes over. `extensions` go into the CSR, and from there into a
    certificate where the profile copies them; `delegation_enabled` is one that goes into both.
    """

    cn: str = ""
    hosts: tuple[str, ...] | None = None
    key: Key = DEFAULT_KEY
    names: tuple[Mapping[str, str], ...] = ()
    serial_number: str = ""
    ca: Authority | None = None
    crl_url: str = ""
    extensions: tuple[RawExtension, ...] = ()
    delegation_enabled: bool = False
    ignored: tuple[IgnoredField, ...] = field(default=(), compare=False)

    def overridden(self, cn: str | None, hostname: str | None) -> "Request":
        """Return the request with what cfssl's flags `-cn` and `-hostname` put in its place."""
        hosts = tuple(hostname.split(",")) if hostname else self.hosts
        return replace(self, cn=cn or self.cn, hosts=hosts) if cn or hostname else self

    @cached_property
    def subject(self) -> Subject:
        """The certificate's subject: of each attribute the OID and its values, which share one RDN.

        First what Go's pkix.Name knows, in Go's order, then OIDs and e-mail addresses, which
        cfssl 1.2 leaves out.
        """
        return tuple(
            sorted(self.csr_subject, key=lambda attribute: PLACES.get(attribute[0], len(PLACES)))
        )

    @cached_property
    def csr_subject(self) -> Subject:
        """The CSR's subject: OIDs and e-mail addresses stand last, and take the place of others."""
        extra = [(oid, (text,)) for name in self.names for oid, text in _extra_attributes(name)]
        taken = {oid for oid, _ in extra}
        return (
            *(attribute for attribute in self.plain_subject if attribute[0] not in taken),
            *extra,
        )

    @cached_property
    def plain_subject(self) -> Subject:
        """The subject without OIDs and e-mail addresses, as cfssl 1.2 signs it."""
        single = {"CN": (self.cn,), "serialNumber": (self.serial_number,)}
        values = {
            word: single.get(word) or tuple(name.get(word, "") for name in self.names)
            for word in SUBJECT
        }
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
            "delegation_enabled": self.delegation_enabled or None,
            "extensions": [each.to_document() for each in self.extensions] or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.to_document(), indent=2, ensure_ascii=False) + "\n"


def names_of(subject: Iterable[tuple[str, str]]) -> tuple[dict[str, str], ...]:
    """Return words and texts as a request's `names`: the second text of a word is in the second."""
    tables: list[dict[str, str]] = []
    for word, text in subject:
        table = next((each for each in tables if word not in each), None)
        if table is None:
            table = {}
            tables.append(table)
        table[word] = text
    return tuple(tables)


def _extra_attributes(name: Mapping[str, str]) -> list[tuple[str, str]]:
    oids = [(oid, text) for oid, text in name.items() if oid not in NAME_WORDS]
    return [*oids, (EMAIL, name["E"])] if name.get("E") else oids


def _name_document(name: Mapping[str, str]) -> dict[str, Any]:
    words = {word: text for word, text in name.items() if word in NAME_WORDS}
    oids = {word: text for word, text in name.items() if word not in NAME_WORDS}
    return {**words, "OID": oids} if oids else words
