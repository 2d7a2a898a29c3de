"""How names, hosts, CNs, lifetimes and key types are spelled, and how messages spell them."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

Item = TypeVar("Item")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
CA_NAMES = ("ca", "trust", "chain", "old-ca", "peer-ca", "peer-trust", "peer-chain", "old-peer-ca")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")
NAME_LENGTH = 64
BOM = "a byte order mark (U+FEFF), which would be part of the password"
LONGEST_NUMBER = 18  # digits: all below are in 64 bits
CN_LENGTH = 64  # ub-common-name of RFC 5280, appendix A.1
# With `_`, which RFC 1123 has not: names of Docker have it, and Go verifies them.
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
WILDCARD = "*."
ADDRESS_LIKE = re.compile(r"[0-9]+(\.[0-9]+){3}(-[0-9.]+)?", re.ASCII)
HOST_LENGTH = 253
NO_HOSTS = (
    (r"", "it is empty"),
    (r"(?s).*://.*", "give the host alone, without the scheme"),
    (r"(?s)(?=.*:).*%.*", "a zone such as `%eth0` has no place in a certificate"),
    (r"(?s).*/.*", "give one address, not a network"),
    (r"[^:]+:[0-9]+|\[.*\](:[0-9]+)?", "give the host alone, without brackets and port"),
    (r"[\w.:*-]*\w([;\s]+[\w.:*-]*\w)+", "commas divide several, without blanks"),
    (r"[0-9.]+-[0-9.]+", "give each address by itself"),
    (r"[A-Za-z0-9._-]+\.", "leave out the last dot: in a certificate it would be another name"),
    (r"[A-Za-z0-9.*_-]*\*[A-Za-z0-9._-]*", "a `*` is a whole first label, as in `*.etcd.example`"),
)
"""What is often written in place of a host, and what to do; the first that fits."""
LIFETIME = re.compile(r"([1-9][0-9]{0,8})(h|d|w|y)", re.ASCII)
HOURS = {"h": 1, "d": 24, "w": 24 * 7, "y": 24 * 365}
PATH = re.compile(r"(/[A-Za-z0-9._-]+)+", re.ASCII)
LONGEST_HOURS = 290 * HOURS["y"]  # Go counts durations in 64 bits of nanoseconds: 292 years
RENEW_DAYS = 30  # what ends within that time is renewed, as the Makefile has it
MINUTE = "%Y-%m-%d %H:%M UTC"
"""The form of a moment in sentences; it is in UTC."""
UTC_TIME = "%Y-%m-%dT%H:%M:%SZ"
"""The form of a moment in JSON and in files of ours; it is in UTC."""
ECDSA_SIZES = (256, 384, 521)
RSA_SIZES = range(2048, 8192 + 1, 1024)
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@dataclass(frozen=True)
class Key:
    """A key type of cfssl: `algo` is ecdsa, rsa or ed25519; `size` in bits, 0 for ed25519."""

    algo: str
    size: int

    def __str__(self) -> str:
        """Return the word that names it, such as `ecdsa-384`."""
        return f"{self.algo}-{self.size}" if self.size else self.algo


KEYS = {
    str(key): key
    for key in (
        *(Key("ecdsa", size) for size in ECDSA_SIZES),
        *(Key("rsa", size) for size in RSA_SIZES),
        Key("ed25519", 0),
    )
}
"""The key types by the words that name them."""


def name_problem(text: str) -> str:
    """Say why `text` can't name a component and its files; empty if it can."""
    if problem := label_problem(text):
        return problem
    if text.lower() in CA_NAMES:
        return f"`{text}` is taken by the CA's own files"
    if text.lower() == "csr":
        return f"`{text}` is taken by the members' request, `config/req-csr.json`"
    if text.lower().endswith("-key"):
        return f"`{text}` ends in `-key`: `{text}.pem` would be the key of `{text[:-4]}`"
    return ""


def label_problem(text: str) -> str:
    """Say why `text` can't name what has no files, such as a profile; empty if it can."""
    if not NAME.fullmatch(text):
        form = "letters, digits, `.`, `_` and `-`, the first a letter or digit"
        return f"`{text}` is not a name: {form}"
    if len(text) > NAME_LENGTH:
        return f"`{text}` is longer than {NAME_LENGTH} characters"
    return ""


def host_problem(text: str) -> str:
    """Say why `text` is neither an IP address nor a host name; empty if it is one.

    A wildcard is one whose left-most label is `*` (RFC 6125, section 6.4.3).
    """
    if canonical_address(text) or is_host_name(text.removeprefix(WILDCARD)):
        return ""
    return f"`{text}` is not an IP address or a host name{_host_advice(text)}"


def _host_advice(text: str) -> str:
    return next((f" ({advice})" for form, advice in NO_HOSTS if re.fullmatch(form, text)), "")


def is_host_name(text: str) -> bool:
    """Tell whether `text` is a host name after RFC 1123, in which `_` may stand too.

    One that ends in a number is an address mistyped, or several (`10.0.0.1-3`).
    """
    labels = text.split(".")
    return (
        len(text) <= HOST_LENGTH
        and not ADDRESS_LIKE.fullmatch(text)
        and all(LABEL.fullmatch(label) for label in labels)
        and not re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", labels[-1])
    )


def is_wildcard(host: str) -> bool:
    """Tell whether a host stands for many: it is what a certificate names, and no place."""
    return host.startswith(WILDCARD)


def canonical_address(text: str) -> str:
    """Return an IP address in the form that compares, as Go's net.ParseIP does; else nothing.

    An IPv4 address mapped into IPv6 is that IPv4 address, and a zone makes it no address.
    """
    if "%" in text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@lru_cache(maxsize=4096)  # members that share a request have each other's hosts
def canonical_host(text: str) -> str:
    """Return the form under which two spellings of one host are equal."""
    return canonical_address(text) or text.lower()


def text_problem(text: str, longest: int) -> str:
    """Say why `text` can't stand in a certificate's subject; empty if it can.

    `longest` is in characters.
    """
    if any(unicodedata.category(character) in INVISIBLE for character in text):
        return f"`{escaped(text)}` has control or invisible characters"
    if unicodedata.normalize("NFC", text) != text:
        return (
            f"`{text}` is not in Unicode form NFC: etcd would take its two spellings for two users"
        )
    if text != text.strip():
        return f"`{text}` begins or ends with a blank"
    if len(text) > longest:
        return f"`{text}` is longer than {longest} characters"
    return ""


def cn_problem(text: str) -> str:
    """Say why `text` can't be a component's CN; empty if it can.

    From 3.5.15 on etcd splits --peer-cert-allowed-cn at commas: a CN with one would be two.
    """
    return (
        f"`{text}` has a comma, at which etcd splits lists of CNs"
        if "," in text
        else ca_cn_problem(text)
    )


def ca_cn_problem(text: str) -> str:
    """Say why `text` can't be a CA's CN; empty if it can."""
    return text_problem(text, CN_LENGTH) if text else "the CN is empty"


def path_problem(text: str) -> str:
    """Say why `text` can't be a folder of a host in settings; empty if it can.

    It stands there unquoted.
    """
    if not PATH.fullmatch(text):
        return f"`{text}` is not an absolute path of letters, digits, `.`, `_` and `-`"
    return f"`{text}` goes through `.` or `..`" if {".", ".."}.intersection(text.split("/")) else ""


def escaped(text: str) -> str:
    """Return `text` with an escape for each character that can't be seen, or is a stray byte."""
    if text.isprintable():  # nearly all is, and a thousand rows have a million characters
        return text
    return "".join(
        _escape(character) if unicodedata.category(character) in INVISIBLE else character
        for character in text
    )


def _escape(character: str) -> str:
    if (
        "\udc80" <= character <= "\udcff"
    ):  # how Python holds the bytes of a file's name that are no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def escaped_lines(text: str) -> str:
    """Return a whole text of ours as `escaped` does, but with its line ends and tabs."""
    return "\n".join("\t".join(map(escaped, line.split("\t"))) for line in text.split("\n"))


def whole_number(text: str) -> int | None:
    """Return the number that a text of digits is; None for what is none, or longer than any here.

    Python itself refuses to read one of more than 4,300 digits.
    """
    is_one = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    return int(text) if is_one else None


def parse_hours(text: str) -> int | None:
    """Return a lifetime such as `90d` or `8760h` in hours; None if it is none.

    A year is 365 days.
    """
    match = LIFETIME.fullmatch(text)
    if not match:
        return None
    count = int(match[1]) * HOURS[match[2]]
    return count if count <= LONGEST_HOURS else None


def parse_key(text: str) -> Key | None:
    """Return the key type that a word such as `rsa-4096` names; None if it names none."""
    return KEYS.get(text)


def counted(number: int, word: str) -> str:
    """Return a number of things, as in `1 folder` and `2 folders`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 10, quote: str = "`") -> str:
    """Return names in backticks, or what `quote` is, with commas; of many the first `most`."""
    shown = ", ".join(f"{quote}{escaped(name)}{quote}" for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def first_of(items: Sequence[Item], most: int) -> list[Item | str]:
    """Return the first `most` of what an error lists, and how many more there are."""
    more = len(items) - most
    return [*items[:most], *([f"and {more} more"] if more > 0 else [])]


def nearest(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """Return the known names that are likest to one, those that hold it first."""
    import difflib

    every = list(known)
    holding = [each for each in every if name and name in each]
    return list(
        dict.fromkeys((*holding, *difflib.get_close_matches(name, every, n=most, cutoff=0.0)))
    )[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the likeliest one, empty if none is."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
