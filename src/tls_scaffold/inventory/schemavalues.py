"""The JSON Schema of single values: texts, numbers and lists, by the limits that readers have."""

import re
from collections.abc import Iterable

from tls_scaffold.inventory.clusterparts import LONGEST_KEY
from tls_scaffold.inventory.membersettings import COMPACTION, OFF
from tls_scaffold.inventory.reach import LONGEST, PART
from tls_scaffold.inventory.reach import PATH as PATH_BELOW
from tls_scaffold.inventory.terms import BOTH_ENDS, COUNTRY, LONGEST_NAMES
from tls_scaffold.spelling import (
    CN_LENGTH,
    HOST_LENGTH,
    KEYS,
    LIFETIME,
    NAME,
    NAME_LENGTH,
    WILDCARD,
)

Schema = dict[str, object]


def described(schema: Schema, description: str) -> Schema:
    """Return a schema with what it is for, which stands first."""
    return {"description": description, **schema}


def text(longest: int | None = None, shortest: int = 0, pattern: str = "") -> Schema:
    """Return the schema of a text; lengths are in characters."""
    limits = {"minLength": shortest, "maxLength": longest, "pattern": pattern}
    return {"type": "string", **{name: limit for name, limit in limits.items() if limit}}


def form(pattern: re.Pattern[str], longest: int | None = None) -> Schema:
    """Return the schema of a text that is as a pattern says from its first character to its last.

    Patterns of the readers are of the kind that JSON Schema has too.
    """
    return text(longest, pattern=whole(pattern.pattern))


def whole(pattern: str) -> str:
    """Return a pattern that a text as a whole has to fit: one of JSON Schema fits parts too."""
    return f"^({pattern})$"


def number(allowed: range) -> Schema:
    """Return the schema of a number from the first to the last that is allowed."""
    return {"type": "integer", "minimum": allowed[0], "maximum": allowed[-1]}


def choice(words: Iterable[str]) -> Schema:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(words)}


def several(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    """Return the schema of a list."""
    limits = {"minItems": least, "maxItems": most}
    return {
        "type": "array",
        "items": items,
        **{name: limit for name, limit in limits.items() if limit},
    }


def with_commas(items: Schema, most: int | None = None) -> Schema:
    """Return the schema of a list, or of a text that stands for one: commas divide it."""
    return {"anyOf": [TEXT, several(items, most=most)]}


def divided(pattern: str, least: int = 0) -> Schema:
    """Return the schema of texts of a form: a list of them, or a text; commas divide either."""
    some = text(pattern=rf"^({pattern})(,({pattern}))*$")
    return {"anyOf": [some, several(some, least)]}


def table(properties: dict[str, Schema], **more: object) -> Schema:
    """Return the schema of a table that has these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WORDS = with_commas(TEXT)
NAMES = divided(NAME.pattern)
COMPONENT_NAME = form(NAME, NAME_LENGTH)
PROFILE = text(NAME_LENGTH, pattern=whole(f"({NAME.pattern})?"))
CN = text(CN_LENGTH, 1, "^[^,]*$")
CA_CN = text(CN_LENGTH, 1)
HOST = text(len(WILDCARD) + HOST_LENGTH, 1, r"^(\*\.)?[A-Za-z0-9._:-]+$")
REQUEST = text(LONGEST, pattern=rf"^({PART}/)*{PART}\.[jJ][sS][oO][nN]$")
OUTPUT = form(PATH_BELOW, LONGEST)
KEY = choice(KEYS)
USAGE = "|".join(f"{each.removesuffix(' auth')}( auth)?" for each in BOTH_ENDS)
USAGES = divided(rf"\s*({USAGE})\s*", 1)
LIFE = form(LIFETIME)
RETENTION = text(pattern=whole(f"{OFF}|{COMPACTION.pattern}"))
PREFIX = text(LONGEST_KEY)
ETCD_KEY = text(LONGEST_KEY, 1)
SUBJECT_TEXTS: dict[str, Schema] = {
    **{word: text(longest) for word, longest in LONGEST_NAMES.items()},
    "C": form(COUNTRY, LONGEST_NAMES["C"]),
}
