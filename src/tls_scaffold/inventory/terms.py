"""What one certificate is asked for in place of what all have: names, a key, a life, usages."""

import re
from dataclasses import dataclass

from tls_scaffold import spelling
from tls_scaffold.inventory.fields import Field, Table
from tls_scaffold.spelling import Key

Texts = tuple[str, ...]
# In characters: RFC 5280, appendix A.1; of C it is the form that counts.
LONGEST_NAMES = {"O": 64, "OU": 64, "L": 128, "ST": 128, "C": 2}
COUNTRY = re.compile("([A-Z]{2})?", re.ASCII)
KEYS = "ecdsa-256, -384, -521, rsa-2048 … -8192, ed25519"
LIFETIMES = "`90d`, `1y` or `8760h`"
SERVER_AUTH, CLIENT_AUTH = "server auth", "client auth"
BOTH_ENDS = (SERVER_AUTH, CLIENT_AUTH)
CLIENT = "client"
ROOT = "root"
"""etcd's user who may do everything, and the profile that signs for it where a remote CA does."""
# The profile that grants usages, as cfssl's own examples call them.
PROFILES = {(SERVER_AUTH,): "server", (CLIENT_AUTH,): CLIENT, BOTH_ENDS: "peer"}
TERM_FIELDS = ("names", "key", "expiry")


@dataclass(frozen=True)
class Terms:
    """What a component says of its certificate; empty, None and 0 for what is as everywhere.

    `names` has each word of the subject with its texts: one without any takes that of the others
    out. `expiry` in hours; `usages` are `server auth`, `client auth` or both.
    """

    names: tuple[tuple[str, Texts], ...] = ()
    key: Key | None = None
    expiry: int = 0
    usages: Texts = ()

    @property
    def have_own_profile(self) -> bool:
        """Whether the certificate is signed otherwise than those of its kind."""
        return bool(self.expiry or self.usages)

    @property
    def change_request(self) -> bool:
        """Whether it is asked for by another request than those of its kind."""
        return bool(self.names or self.key)

    def document(self) -> dict[str, object]:
        """Return what is said, as it stands in the inventory file."""
        names = {word: _shortest(texts) for word, texts in self.names}
        fields = {
            "names": names,
            "key": str(self.key) if self.key else "",
            "expiry": f"{self.expiry}h" if self.expiry else "",
            "usages": list(self.usages),
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True)
class OwnProfile:
    """A signing profile that some components have for themselves; `expiry` in hours."""

    name: str
    usages: Texts
    expiry: int


def lacking_usages(needed: tuple[str, ...], usages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the usages of those needed that are not among others; `any` is all of them."""
    return tuple(usage for usage in needed if usage not in usages and "any" not in usages)


def profile_name(usages: Texts, expiry: int) -> str:
    """Return the name of the profile for these usages, and for a life in hours if that is said."""
    name = PROFILES[usages]
    return f"{name}-{expiry}h" if expiry else name


def read_terms(table: Table) -> Terms:
    """Return what the fields of a component ask for."""
    return Terms(
        names=_read_names(table["names"]),
        key=read_key(table["key"]),
        expiry=read_expiry(table["expiry"]),
        usages=read_usages(table["usages"]),
    )


def read_key(field: Field) -> Key | None:
    """Return a kind of key."""
    return field.parsed(spelling.parse_key, KEYS)


def read_expiry(field: Field) -> int:
    """Return a life in hours; 0 for none."""
    return field.parsed(spelling.parse_hours, LIFETIMES) or 0


def read_usages(field: Field) -> Texts:
    """Return for what a certificate is, in cfssl's order; a text may stand for a list."""
    found = {_usage(each) for each in field.comma_items()}
    if field.value == []:
        field.refuse("is empty: leave it out, or name a usage")
    return tuple(usage for usage in BOTH_ENDS if usage in found)


def _usage(field: Field) -> str:
    """Return a usage that a word such as `server auth`, or `server` for short, names."""
    word = field.text().strip()
    usage = word if word in BOTH_ENDS else f"{word} auth"
    if usage not in BOTH_ENDS:
        field.refuse_value(f"is neither `{SERVER_AUTH}` nor `{CLIENT_AUTH}`")
    return usage


def read_texts(field: Field, word: str) -> Texts:
    """Return the texts of one of the subject's names; an empty one is none."""
    fields = field.list_items() if isinstance(field.value, list) else (field,)
    texts = tuple(each.text(lambda text: name_text_problem(word, text)) for each in fields)
    if len(set(texts)) < len(texts):
        # The own signer refuses it, and nobody who reads a subject needs it.
        field.refuse("has one text twice")
    return tuple(filter(None, texts))


def name_text_problem(word: str, text: str) -> str:
    """Say why `text` can't be one of the subject's names, such as O; empty if it can."""
    if word == "C" and not COUNTRY.fullmatch(text):
        return f"`{text}` is not a country's two capital letters"
    return spelling.text_problem(text, LONGEST_NAMES[word])


def _read_names(field: Field) -> tuple[tuple[str, Texts], ...]:
    table = field.table(tuple(LONGEST_NAMES))
    return tuple((word, read_texts(each, word)) for word, each in table.items())


def _shortest(texts: Texts) -> str | list[str]:
    """Return texts as they are written: one by itself, several as a list."""
    return list(texts) if len(texts) > 1 else "".join(texts)
