"""Which paths below a folder a component can have, and a render: one rule for every door.

The inventory comes from outside, and so does what is read back from `.tls-scaffold/`: folders are
cloned from git.
"""

import re

from tls_scaffold.inventory.fields import short_text
from tls_scaffold.inventory.values import FILE
from tls_scaffold.paths import (
    ARCHIVE,
    AWAITING,
    CA,
    CA_REQUEST,
    CERTS,
    CHAIN,
    CONFIG,
    CUSTODY,
    KEY_ENDING,
    OLD_CAS,
    OURS_IF_SAID,
    PEER_CA,
    PEER_CA_REQUEST,
    PEER_CHAIN,
    PEER_TRUST,
    RENEWAL,
    RULES,
    SCRIPT,
    TRUST,
)

OF_SOME = (CUSTODY, PEER_CA_REQUEST)
"""What a render has only where the CA is held in another than the plain way."""
RENDERED = (
    *OURS_IF_SAID,
    *("COMPONENTS.md", "Makefile", "Procfile", CONFIG, CA_REQUEST),
    *("rbac.sh", "rbac.tsv", SCRIPT, RENEWAL, FILE, RULES),
    *OF_SOME,
)
"""What a render has beside the requests of the components."""
OUR_REQUESTS = (CA_REQUEST, PEER_CA_REQUEST, CONFIG, FILE)
NO_REQUESTS = (ARCHIVE, AWAITING, CERTS, "data", "dist", "issued")
NO_OUTPUTS = (ARCHIVE, AWAITING, "config", "data", "dist", "issued")
NO_COMPONENTS = {
    TRUST: "what others trust",
    CHAIN: "what stands behind each certificate",
    PEER_CA: "the CA of peers",
    PEER_TRUST: "what peers trust",
    PEER_CHAIN: "what stands behind each certificate of peers",
    OLD_CAS[CA]: "the CA that another follows",
    OLD_CAS[PEER_CA]: "the CA of peers that another follows",
}
PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
PATH = re.compile(rf"(?:{PART}/)*{PART}", re.ASCII)
LONGEST_PART = 200  # file systems take 255 bytes, and names of ours go on: `-key.pem`, `.new`
LONGEST = 1000
SHELF = re.compile(rf"{ARCHIVE}/[0-9]{{8}}T[0-9]{{6}}Zx{{0,200}}", re.ASCII)
"""What `disk.folder.new_shelf` calls a folder of the archive."""


def request_problem(text: str) -> str:
    """Say why `text` can't be a component's request; empty if it can."""
    # `remove` takes a request away, so nothing else may be called one.
    wrong = path_problem(text) or _place_problem(text, NO_REQUESTS) or _ending_problem(text)
    return wrong or (
        f"`{text}` is one of the folder's own files" if text.lower() in OUR_REQUESTS else ""
    )


def source_problem(text: str) -> str:
    """Say why `text` can't be a request or configuration of a folder made by hand.

    Such a folder has them anywhere.
    """
    return path_problem(text) or _place_problem(text, (ARCHIVE,)) or _ending_problem(text)


def output_problem(text: str) -> str:
    """Say why `text` can't be a certificate's path without `.pem`; empty if it can."""
    return path_problem(text) or output_place_problem(text)


def output_place_problem(text: str) -> str:
    """Say in whose place a certificate of the path `text`, without `.pem`, would be; else empty."""
    # No set of `make regenerate` has hidden files: what is decided on could not be put in place.
    if wrong := _hidden_problem(text) or _place_problem(text, NO_OUTPUTS):
        return wrong
    name = text.rpartition("/")[2].lower()
    if name == "ca":  # in any folder: the CA of one made by hand may lie there
        return f"`{text}.pem` is called like the certificate of a CA"
    if taken := NO_COMPONENTS.get(f"{text}.pem".lower()):
        return f"`{text.lower()}.pem` is {taken}"
    return (
        f"`{text}.pem` would be the key of `{text[:-4]}`"
        if f"{name}.pem".endswith(KEY_ENDING)
        else ""
    )


def rendered_problem(text: str) -> str:
    """Say why no file of the path `text` is ever rendered; empty if one can be."""
    return (
        ""
        if text in RENDERED or not request_problem(text)
        else f"`{short_text(text)}` is no file that is rendered here"
    )


def path_problem(text: str) -> str:
    """Say why `text` is no path below the folder that we would use.

    None of them has hidden parts or `..`.
    """
    if wrong := _hidden_problem(text):
        return wrong
    if not PATH.fullmatch(text):
        return f"`{text}` is not a path below the folder of letters, digits, `.`, `_`, `-` and `/`"
    if len(text) > LONGEST or max(map(len, text.split("/"))) > LONGEST_PART:
        return f"`{text}` is longer than {LONGEST} characters, or a part of it than {LONGEST_PART}"
    return ""


def _hidden_problem(text: str) -> str:
    hidden = [part for part in text.split("/") if part.startswith(".") and part.strip(".")]
    return (
        f"`{text}` has a hidden part, `{hidden[0]}`: no request, no certificate lies in one"
        if hidden
        else ""
    )


def _ending_problem(text: str) -> str:
    return "" if text.lower().endswith(".json") else f"`{text}` does not end in `.json`"


def _place_problem(text: str, places: tuple[str, ...]) -> str:
    top, below, _ = text.partition("/")
    return (
        f"`{text}` is in `{top}/`, which has other files of the folder"
        if below and top.lower() in places
        else ""
    )
