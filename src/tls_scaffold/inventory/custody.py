"""Who holds the CA of a folder: whose its certificate is, where its key is, and how it is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tls_scaffold import spelling
from tls_scaffold.errors import Problem
from tls_scaffold.inventory.fields import Field, escaped_problem
from tls_scaffold.inventory.terms import ROOT
from tls_scaffold.spelling import SHA256, VARIABLE

AUTH_KEY = "env:CFSSL_AUTH"
"""Where the key for a remote CA is, if nothing is said."""
AUTH_FORM = "`env:NAME`, an environment variable, or `file:PATH`"
ROOT_AUTH_KEY = "env:CFSSL_AUTH_ROOT"
"""Where the key for that profile is, which ordinary runs of make do not have."""
REMOTE_FORM = "`http://HOST:8888` or `https://HOST:8888`"
LONGEST_PORT = 65535
SCHEME_AND_REST = re.compile(r"(https?)://([^/?#@\\]+)/?", re.ASCII)
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)
PATH = re.compile("/?[A-Za-z0-9._][A-Za-z0-9._-]*(?:/[A-Za-z0-9._][A-Za-z0-9._-]*)*", re.ASCII)
# The name of a section for multirootca: Go's `\w` is ASCII's, and it takes nothing else.
LABEL = re.compile(r"\w+", re.ASCII)
LABEL_FORM = "letters of ASCII, digits and `_`"
FIELDS = ("own", "key", "remotes", "label", "auth_key", "remote_ca", "sha256")
OF_REMOTE = ("remotes", "label", "auth_key", "remote_ca")


class KeyPlace(Enum):
    """Where the key of a CA is; the values are the words of the inventory."""

    FOLDER = ""
    """In `certs/ca-key.pem`, in the clear."""
    ENCRYPTED = "encrypted"
    """There too, encrypted with a password."""
    REMOTE = "remote"
    """With a signing service, which is asked over the network."""
    OFFLINE = "offline"
    """On another machine, to which requests are carried by hand."""


PLACES = tuple(place.value for place in KeyPlace if place.value)


@dataclass(frozen=True)
class Custody:
    """How a folder holds its CA.

    An `own` CA was brought by the team: its certificate is never made, compared with a request or
    replaced here. `remotes`, `label`, `auth_key` and `remote_ca` (the PEM file that their https is
    checked with) say how a remote one is asked. `sha256` is the sum of the DER of its certificate,
    in hexadecimal digits: the pin; empty where there is none.
    """

    own: bool = False
    key: KeyPlace = KeyPlace.FOLDER
    remotes: tuple[str, ...] = ()
    label: str = ""
    auth_key: str = ""
    remote_ca: str = ""
    sha256: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the CA is made here, and its key lies beside it in the clear."""
        return not self.own and self.key is KeyPlace.FOLDER

    @property
    def has_key_here(self) -> bool:
        """Whether the key is in the folder, encrypted or not: the folder itself signs."""
        return self.key in (KeyPlace.FOLDER, KeyPlace.ENCRYPTED)

    @property
    def auth_keys(self) -> dict[str, str]:
        """Where the keys for a remote CA are, by the names that profiles use for them."""
        return {"folder": self.auth_key, ROOT: ROOT_AUTH_KEY}

    @property
    def has_root_profile(self) -> bool:
        """Whether a profile of its own, by a key of its own, signs for etcd's root."""
        return self.key is KeyPlace.REMOTE

    @property
    def makes_ca(self) -> bool:
        """Whether the folder makes its CA where it has none, and another one if it is asked to."""
        return not self.own and self.has_key_here

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of `custody.sh`, by name, one after another; none for a plain one."""
        return (*(("own",) if self.own else ()), *filter(None, (self.key.value,)))

    def pins_another(self, sha256: str) -> bool:
        """Tell whether another CA is pinned than the one whose certificate has this sum."""
        return self.sha256 not in ("", sha256)

    def document(self) -> dict[str, object]:
        """Return what is said, as it stands in the inventory file; what is as usual is left out."""
        fields = {
            "own": self.own,
            "key": self.key.value,
            "remotes": list(self.remotes),
            "label": self.label,
            "auth_key": "" if self.auth_key == AUTH_KEY else self.auth_key,
            "remote_ca": self.remote_ca,
            "sha256": self.sha256,
        }
        return {name: value for name, value in fields.items() if value}


PLAIN = Custody()


def custody_words(custody: Custody, *, has_peer_ca: bool) -> str:
    """Return what an inventory says of who holds the CAs, as sign.sh finds it in the file.

    By that the functions are chosen that `custody.sh` is made of; empty where nothing is said.
    """
    words = {
        f'"key":"{custody.key.value}"': bool(custody.key.value),
        '"own":true': custody.own,
        '"peer_ca":true': has_peer_ca,
    }
    return " ".join(word for word, is_said in words.items() if is_said)


def read_custody(field: Field, *, needs_pin: bool = True) -> Custody:
    """Return who holds the CA by the table in a field; every mistake in it is noted there.

    A remote CA has a pin, unless it is yet to be asked for one (`needs_pin` is false).
    """
    table = field.table(FIELDS)
    key = _read_place(table["key"])
    is_remote = key is KeyPlace.REMOTE
    if is_remote and "remotes" not in table:
        field.inner("remotes", None).refuse(f"is missing: {REMOTE_FORM}, one at least")
    if is_remote and needs_pin and "sha256" not in table:
        field.inner("sha256", None).refuse("is missing: a remote CA is known by it alone")
    for name in OF_REMOTE:
        if name in table and not is_remote:
            table[name].refuse(f'goes with `"key": "{KeyPlace.REMOTE.value}"` alone')
    remotes = _read_remotes(table["remotes"])
    if "remote_ca" in table and not any(url.startswith("https:") for url in remotes):
        table["remote_ca"].refuse("checks https, and none of `remotes` speaks it")
    return Custody(
        own=table["own"].flag(),
        key=key,
        remotes=remotes,
        label=table["label"].text(label_problem),
        auth_key=table["auth_key"].text(auth_key_problem) or (AUTH_KEY if is_remote else ""),
        remote_ca=table["remote_ca"].text(file_problem),
        sha256=table["sha256"].text(sha256_problem),
    )


def _read_place(field: Field) -> KeyPlace:
    if field.value in PLACES:
        return KeyPlace(field.value)
    field.refuse_value(f"is none of {', '.join(f'`{each}`' for each in PLACES)}")
    return KeyPlace.FOLDER


def _read_remotes(field: Field) -> tuple[str, ...]:
    urls = tuple(each.text(remote_problem) for each in field.comma_items())
    if not urls:
        field.refuse(f"is empty: {REMOTE_FORM}, one at least")
    for index, url in enumerate(urls):
        if url in urls[:index]:
            field.refuse(f"has `{url}` twice")
    return urls


def remote_problem(text: str) -> str:
    """Say why `text` can't be the address of a remote CA; empty if it can."""
    found = SCHEME_AND_REST.fullmatch(text)
    place = HOST_AND_PORT.fullmatch(found[2]) if found else None
    if not place or int(place[2] or 1) > LONGEST_PORT:
        # cfssl takes an address without a scheme for a path where a colon stands in it.
        return f"`{text}` is not the address of a remote CA: {REMOTE_FORM}"
    return spelling.host_problem(place[1].strip("[]"))


def label_problem(text: str) -> str:
    """Say why `text` can't be the label of a CA at its servers; empty if it can."""
    if not LABEL.fullmatch(text):
        return f"`{text}` is no label of multirootca's: {LABEL_FORM} alone"
    if len(text) > spelling.NAME_LENGTH:
        return f"`{text}` is longer than {spelling.NAME_LENGTH} characters"
    return ""


def auth_key_problem(text: str) -> str:
    """Say why `text` does not tell where the key for a remote CA is; empty if it does."""
    kind, _, rest = text.partition(":")
    if kind == "env" and VARIABLE.fullmatch(rest):
        return ""
    if kind == "file" and rest:
        return file_problem(rest)
    # It may be the key itself, which is shown to nobody.
    return f"tells where the key is, and is not the key itself: {AUTH_FORM}"


def file_problem(text: str) -> str:
    """Say why `text` can't be a file of settings, absolute or in the folder; empty if it can."""
    # It stands in scripts and in cfssl's configuration, unquoted.
    if PATH.fullmatch(text):
        return ""
    return f"`{text}` is not a path of letters, digits, `.`, `_`, `-` and `/`"


def sha256_problem(text: str) -> str:
    """Say why `text` can't be the sum of a certificate; empty if it can."""
    return "" if SHA256.fullmatch(text) else f"`{text}` is not a SHA-256: 64 digits, 0-9 and a-f"


def custody_conflicts(custody: Custody, *, has_peer_ca: bool) -> Iterator[Problem]:
    """Yield what can't stand together of the fields that say who holds the CAs."""
    if custody.sha256 and custody.makes_ca:
        yield escaped_problem(
            "ca.sha256",
            "pins a CA that was brought, or whose key is elsewhere: one that is made here gets "
            "other certificates by `make renew-ca`",
        )
    if has_peer_ca and not custody.has_key_here:
        yield escaped_problem(
            "peer_ca",
            f"goes with a CA whose key is in the folder, and `ca.key` is `{custody.key.value}`: "
            "the key of the CA of peers would lie here, which is what that is to prevent",
        )
