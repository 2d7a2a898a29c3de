"""Pipelines that call cfssl and cfssljson, in all the spellings of the field."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tls_scaffold.shell.running import without_runners
from tls_scaffold.shell.words import Unknown

STAND_IN = "tls-scaffold"  # `tls-scaffold cfssl gencert …` does the same
RELEASE = r"([_-]v?\d[\w.]*)?([_-](linux|darwin)[_-]\w+)?"
CFSSL = re.compile(rf"cfssl{RELEASE}")
CFSSLJSON = re.compile(rf"cfssl[-_]?json{RELEASE}")
FIELDS = {
    "ca": "ca",
    "ca-key": "ca_key",
    "config": "config",
    "profile": "profile",
    "hostname": "hostname",
    "cn": "cn",
}
"""The fields of a signing that flags give."""
QUIET = "loglevel"
INITCA = "initca"
NO = ("false", "f", "0", "F", "FALSE", "False")  # what Go takes for it
SHELL_READS = re.compile("[$`]")
VERBS = ("gencert", "genkey", "sign", "selfsign")
FLAGS_BEFORE = r"(?:-\S+\s+(?:\d+\s+)?)*"
# The name is mostly in a variable of its own; others have a `genkey` too, `wg` one.
BY_NAME = rf"\b(?i:cfssl)[^\s;&|]*\s+(?:\\\s+)?{FLAGS_BEFORE}(?:{'|'.join(VERBS)})\b"
CALLS_CFSSL = re.compile(BY_NAME)
"""Text that calls cfssl by its name to make keys, CSRs or certificates."""
SIGNS = re.compile(rf"\bgencert\b|{BY_NAME}")
"""Text that does so, under whatever name."""
# What openssl signs by: always, or with one of some flags. Mostly it shows or converts.
OPENSSL = {"ca": (), "req": ("x509", "CA"), "x509": ("req", "new", "signkey", "key", "CA")}
SIGNS_BY_OPENSSL = re.compile(
    r"\bopenssl\s+(?:"
    + "|".join(
        rf"{verb}\b[^;&|]*\s--?(?:{'|'.join(flags)})(?!\S)" if flags else rf"{verb}\b"
        for verb, flags in OPENSSL.items()
    )
    + ")"
)
"""Text that calls openssl to sign a certificate."""
OF_STDIN = "it takes its request from another command: write that into a file, which it names"
Path = Callable[[str], str]


@dataclass(frozen=True)
class Call:
    """One call of cfssl that makes a key, a CSR or a certificate.

    `source` is the request, of `sign` the CSR. `fields` are those of the signing, with paths.
    """

    verb: str
    source: str
    flags: dict[str, str]
    fields: dict[str, str]

    @property
    def makes_ca(self) -> bool:
        """Whether it makes a CA that signs itself."""
        return INITCA in self.flags

    @property
    def signs(self) -> bool:
        """Whether there is a certificate in what it answers."""
        return self.verb != "genkey" or self.makes_ca


def program_of(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command's program, without its folder, and its words."""
    words = without_runners(command)
    if words[:1] and posixpath.basename(words[0]) == STAND_IN:
        words = words[1:]
    return (posixpath.basename(words[0]), *words[1:]) if words else ("",)


def calls_cfssl(program: str) -> bool:
    """Tell cfssl's name."""
    return CFSSL.fullmatch(program) is not None


def calls_cfssljson(program: str) -> bool:
    """Tell the name of what writes cfssl's answer to files."""
    return CFSSLJSON.fullmatch(program) is not None


def signs_by_openssl(words: Sequence[str]) -> bool:
    """Tell a call of openssl that signs a certificate."""
    flags = OPENSSL.get(words[1]) if words[:1] == ("openssl",) and len(words) > 1 else None
    given = {f"{dashes}{flag}" for flag in flags or () for dashes in ("-", "--")}
    return flags is not None and (not flags or not given.isdisjoint(words))


def verb_of(words: Sequence[str]) -> str:
    """Return what cfssl is called for; its own flags may stand before."""
    _, rest = read_flags(words[1:], ())
    return rest[0] if rest else ""


def call_of(words: Sequence[str], source: str, path: Path) -> Call:
    """Return what cfssl is called for; `source` is the file on its standard input, if one is.

    `path` makes paths those of the folder. Raises ValueError for what can't be followed, and
    Unknown where it is known why.
    """
    before, (verb, *rest) = read_flags(words[1:], ())
    if any(map(SHELL_READS.search, rest)) or set(before) - {QUIET}:
        raise ValueError(words)
    flags, names = read_flags(rest, {INITCA, "renewca"})
    if verb == "selfsign":
        raise Unknown("what `cfssl selfsign` makes has no CA, and nobody trusts it")
    if "renewca" in flags:
        raise Unknown("it signs a CA again in its place, which nothing here does")
    if verb == "sign" and "csr" in flags:
        names = [flags.pop("csr")]
    if len(names) != 1:
        raise ValueError(words)
    name = source if names[0] == "-" else names[0]
    if not name:
        raise Unknown(OF_STDIN)
    fields = given_fields(flags)
    for each in ("ca", "ca_key", "config"):
        given = fields.get(each, "")
        fields[each] = path(given) if given else ""
    return Call(verb, path(name), flags, fields)


def written_by(words: Sequence[str], path: Path) -> tuple[str, str]:
    """Return where cfssljson writes, without an ending, and the file that it reads, if one.

    Raises ValueError where it writes no files.
    """
    flags, rest = read_flags((word for word in words[1:] if word != "-"), {"bare", "stdout"})
    if "bare" not in flags or len(rest) > 1 or any(map(SHELL_READS.search, rest)):
        raise ValueError(words)
    place, base = posixpath.split(rest[0] if rest else "cert")
    output = posixpath.join(path(place or "."), base).removeprefix("./")
    read = flags.get("f", "")
    return output, "" if read in ("", "-") else path(read)


def given_fields(flags: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a signing that flags give."""
    return {name: flags[flag] for flag, name in FIELDS.items() if flag in flags}


def read_flags(words: Iterable[str], switches: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Read Go's flags: `-x v`, `-x=v`, `--x v`, `--x=v`.

    A switch takes no word, and is left out where it is turned off. What is left over comes second.
    """
    flags: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if name in switches and equals and value in NO:
            flags.pop(name, None)
        elif equals or name in switches:
            flags[name] = value
        else:
            flags[name] = rest.pop(0) if rest else ""
    return flags, rest
