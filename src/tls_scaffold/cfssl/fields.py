"""The fields that cfssl reads, and those that it passes over: what was meant, and what holds.

The lists are those of the structs in cfssl's csr/csr.go and config/config.go, 1.6.5; 1.2.0 has no
others.
"""

import difflib
import re
from dataclasses import dataclass

from tls_scaffold.errors import Place

REQUEST = (
    "CN",
    "hosts",
    "key",
    "names",
    "serialnumber",
    "ca",
    "crl_url",
    "delegation_enabled",
    "extensions",
)
SUBJECT = ("CN", "names", "SerialNumber")
EXTENSION = ("Id", "Critical", "Value")
KEY = ("algo", "size")
NAME = ("C", "ST", "L", "O", "OU", "E", "SerialNumber", "OID")
AUTHORITY = ("expiry", "pathlen", "pathlenzero", "backdate")
CONFIG = ("signing", "ocsp", "auth_keys", "remotes")
SIGNING = ("default", "profiles")
CONSTRAINT = ("is_ca", "max_path_len", "max_path_len_zero")
POLICY = ("ID", "Qualifiers")
QUALIFIER = ("Type", "Value")
AUTH_REMOTE = ("remote", "auth_key")
AUTH_KEY = ("type", "key")
PROFILE = (
    "usages",
    "issuer_urls",
    "ocsp_url",
    "crl_url",
    "ca_constraint",
    "ocsp_no_check",
    "expiry",
    "backdate",
    "auth_key",
    "copy_extensions",
    "prev_auth_key",
    "remote",
    "not_before",
    "not_after",
    "name_whitelist",
    "auth_remote",
    "ct_log_servers",
    "allowed_extensions",
    "cert_store",
    "lint_error_level",
    "ignored_lints",
    "ignored_lint_sources",
    "policies",
    "CSRWhitelist",
    "ExtensionWhitelist",
    "ClientProvidesSerialNumbers",
)
# Go has these two beside `expiry` and `backdate`, as numbers, and takes the exact spelling first.
NUMBERS_OF_PROFILE = ("Expiry", "Backdate")

OTHER_WORDS = {
    # what other tools call it: cfssl's words for it, of which the first that an object knows counts
    "commonname": ("CN",),
    "san": ("hosts",),
    "sans": ("hosts",),
    "subjectaltnames": ("hosts",),
    "ips": ("hosts",),
    "algorithm": ("algo",),
    "type": ("algo",),
    "bits": ("size",),
    "country": ("C",),
    "state": ("ST",),
    "province": ("ST",),
    "s": ("ST",),
    "locality": ("L",),
    "city": ("L",),
    "org": ("O",),
    "organization": ("O",),
    "organisation": ("O",),
    "organizationalunit": ("OU",),
    "orgunit": ("OU",),
    "unit": ("OU",),
    "email": ("E",),
    "emailaddress": ("E",),
    "ttl": ("expiry",),
    "lifetime": ("expiry",),
    "validity": ("expiry",),
    "days": ("expiry",),
    "duration": ("expiry",),
    "keyusage": ("usages",),
    "extendedkeyusage": ("usages",),
    "extkeyusage": ("usages",),
    "pathlen": ("max_path_len",),
    "maxpathlen": ("max_path_len", "pathlen"),
    "crl": ("crl_url",),
    "ocsp": ("ocsp_url",),
}
# What people write for themselves: JSON has no comments.
REMARK = re.compile(r"[_$#/].*|.*comment.*|description|notes?", re.IGNORECASE)
ENOUGH_ALIKE = 0.8

IN_PROFILE = "`{}` of a profile"
IN_REQUEST = "`{}` of a request"
LIFE = "`expiry` of a profile, or `ca.expiry` of a CA"
HOMES = {
    # kind of object: names that belong elsewhere, and where
    "request": (
        (("expiry",), LIFE),
        (("pathlen", "pathlenzero"), "`ca.{}`"),
        (KEY, "`key.{}`"),
        (NAME, "`{}` of one of `names`"),
        ((*PROFILE, *CONSTRAINT), IN_PROFILE),
    ),
    "name": (((*REQUEST, *KEY), IN_REQUEST),),
    "ca": ((CONSTRAINT, "`{}` of a profile"),),
    "profile": (
        (CONSTRAINT, "`ca_constraint.{}`"),
        ((*REQUEST, *KEY, *NAME), IN_REQUEST),
    ),
    "signing": ((PROFILE, "`default.{}`"),),
    "config": ((SIGNING, "`signing.{}`"), (PROFILE, "`signing.default.{}`")),
}
# An object of any other name is a profile in the wrong place there.
HOMES_OF_PROFILES = {"signing": "`profiles.{}`", "config": "`signing.profiles.{}`"}


@dataclass(frozen=True)
class IgnoredField:
    """A field that cfssl passes over in silence: where, what was meant, and what holds instead.

    `meant` is a known field, or the place where such a field belongs. It is empty where it looks
    like nothing that cfssl knows: then the field may be there on purpose. `is_misspelt` tells a
    field that is in its place, but for its spelling.
    """

    place: Place
    meant: str = ""
    instead: str = ""
    is_misspelt: bool = False

    @property
    def message(self) -> str:
        """What there is to say of it, but for its place."""
        message = "cfssl ignores it"
        if self.instead:
            message += f": {self.instead}"
        return f"{message}; did you mean {self.meant}?" if self.meant else message


def folded(name: str) -> str:
    """Return a field's name as Go compares it: without regard to case, and a long s is an s."""
    return name.lower().replace("\u017f", "s")


def field_meant(name: str, kind: str, known: tuple[str, ...], *, is_object: bool) -> str:
    """Return what an unknown field in an object of a `kind`, which has the `known`, looks like.

    That is one of the `known` in backticks, or the place where it belongs; empty for neither.
    `is_object` tells whether its value is one.
    """
    for names, home in HOMES.get(kind, ()):
        if folded(name) in map(folded, names):
            return home.format(name)
    alike = _known_alike(name, known)
    if alike:
        return f"`{alike}`"
    return HOMES_OF_PROFILES.get(kind, "").format(name) if is_object else ""


def _known_alike(name: str, known: tuple[str, ...]) -> str:
    by_fold = {folded(each): each for each in known}
    plain = re.sub(r"[-_ ]", "", folded(name))
    for word in OTHER_WORDS.get(plain, ()):
        if folded(word) in by_fold:
            return word
    close = difflib.get_close_matches(folded(name), by_fold, 1, ENOUGH_ALIKE)
    return by_fold[close[0]] if close else ""


def is_remark(name: str) -> bool:
    """Tell a field that somebody wrote for people, which nobody expects cfssl to read."""
    return REMARK.fullmatch(name) is not None
