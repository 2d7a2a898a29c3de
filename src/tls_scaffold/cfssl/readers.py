"""cfssl's documents read from text: every problem of a file at once, each with its place."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from tls_scaffold.cfssl import fields, gojson
from tls_scaffold.cfssl.gojson import OID, Section
from tls_scaffold.cfssl.profilereaders import read_duration, read_profile
from tls_scaffold.cfssl.profiles import CA_EXPIRY, SigningConfig
from tls_scaffold.cfssl.remotes import read_directory
from tls_scaffold.cfssl.requests import (
    DEFAULT_KEY,
    NAME_WORDS,
    Authority,
    RawExtension,
    Request,
)
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.spelling import ECDSA_SIZES, Key

RSA_BITS = range(2048, 8192 + 1)
Document = TypeVar("Document", Request, SigningConfig)
WITHOUT = {
    # what was meant: what holds where that is missing
    "`hosts`": "without hosts it is good for no server",
    "`CN`": "without a CN it is no user of etcd",
    "`key`": f"the key is `{DEFAULT_KEY}`",
    "`algo`": f"the key is `{DEFAULT_KEY.algo}`",
    "`size`": f"the key is `{DEFAULT_KEY}`",
    fields.LIFE: "a request has no life of its own",
}


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
    section.tell_ignored("request", fields.REQUEST, WITHOUT)
    found = Request(
        cn=section.text("CN"),
        hosts=section.texts("hosts") if section.has("hosts") else None,
        key=_key(section.section("key")),
        names=tuple(_name(name) for name in section.sections("names")),
        serial_number=section.text("serialnumber"),
        ca=_authority(section.section("ca")),
        crl_url=section.url("crl_url"),
        extensions=tuple(map(_raw_extension, section.sections("extensions"))),
        delegation_enabled=section.flag("delegation_enabled"),
    )
    return replace(found, ignored=tuple(section.ignored)), tuple(problems)


def subject(text: str, place: str) -> Request:
    """Read the text of the file that `cfssl sign` takes a subject from, as a request of it alone.

    Raises ScaffoldError as `request`.
    """
    problems: list[Problem] = []
    section = gojson.document(text, place, problems)
    section.tell_ignored("request", fields.SUBJECT, WITHOUT)
    found = Request(
        cn=section.text("CN"),
        names=tuple(_name(name) for name in section.sections("names")),
        serial_number=section.text("SerialNumber"),
        ignored=tuple(section.ignored),
    )
    return _whole(found, tuple(problems), place)


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
    directory = read_directory(document)
    found = SigningConfig(
        default=read_profile(default, "", directory) if default else SigningConfig.default,
        profiles={
            name: read_profile(each, name, directory) for name, each in sections.items() if each
        },
        auth_keys=directory.auth_keys,
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
    if algo == "rsa" and not section.has("size"):
        section.problem("size", f"is missing, and cfssl takes {size}, which is too short for RSA")
    if section.is_told("algo") or section.is_told("size"):  # what can't be read is not judged
        return Key(algo, 0)
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


def _raw_extension(section: Section) -> RawExtension:
    section.tell_ignored("extension", fields.EXTENSION, {})
    oid = ".".join(map(str, section.numbers("Id")))
    if not OID.fullmatch(oid):
        section.problem("Id", "is not an object identifier such as `[2, 5, 29, 17]`")
    try:
        value = b64decode(section.text("Value"), validate=True)
    except ValueError:
        section.problem("Value", "is not base64, in which the extension's DER is to be")
        value = b""
    return RawExtension(oid, value, section.flag("Critical"))


def _authority(section: Section | None) -> Authority | None:
    if section is None:
        return None
    section.tell_ignored("ca", fields.AUTHORITY, {"`expiry`": f"the CA lives {CA_EXPIRY}"})
    length = section.number("pathlen")
    if length < 0:
        section.problem("pathlen", f"`{length}` is negative")
    return Authority(
        expiry=read_duration(section, "expiry"),
        path_length=length,
        path_length_zero=section.flag("pathlenzero"),
        backdate=read_duration(section, "backdate"),
    )
