"""`tls-scaffold cfssl`: the commands of cfssl that there are, and their flags."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.cfssl.goflags import parse_flags
from tls_scaffold.commands.certinfo import show
from tls_scaffold.commands.cfsslcalls import FLAGS, INFO, WARNING, Answer, Call
from tls_scaffold.commands.gencert import gencert, genkey
from tls_scaffold.commands.gencrl import gencrl
from tls_scaffold.commands.printdefaults import print_defaults, version
from tls_scaffold.commands.signcsr import selfsign, sign
from tls_scaffold.errors import ScaffoldError


@dataclass(frozen=True)
class Command:
    """One command: what it does, how it is called, and the flags that it goes by."""

    run: Callable[[Call], Answer]
    usages: tuple[str, ...]
    flags: tuple[str, ...] = ()


SIGNING = ("ca", "ca-key", "config", "profile", "hostname")
COMMANDS = {
    "gencert": Command(
        gencert,
        (
            "-initca [-ca-key KEY] [-cn CN] REQUEST",
            "-ca CERT -ca-key KEY [-config CONFIG] [-profile PROFILE] [-hostname HOSTS] REQUEST",
            "-renewca -ca CERT -ca-key KEY",
        ),
        ("initca", "renewca", *SIGNING, "cn", "crl"),
    ),
    "genkey": Command(genkey, ("[-initca] REQUEST",), ("initca", "config")),
    "sign": Command(
        sign,
        ("-ca CERT -ca-key KEY [-config CONFIG] [-profile PROFILE] [-hostname HOSTS] CSR [NAMES]",),
        (*SIGNING, "csr"),
    ),
    "selfsign": Command(
        selfsign, ("[-config CONFIG] [-profile PROFILE] HOST REQUEST",), ("config", "profile")
    ),
    "certinfo": Command(show, ("-cert FILE", "-csr FILE"), ("cert", "csr")),
    "gencrl": Command(gencrl, ("SERIALS CERT KEY [SECONDS]",)),
    "print-defaults": Command(print_defaults, ("config", "csr")),
    "version": Command(version, ("",)),
}
# What cfssl would go elsewhere for, by the commands that do.
ELSEWHERE = {
    "remote": (("gencert", "sign"), "has a server sign"),
    "db-config": (("gencert", "sign", "certinfo"), "keeps certificates in a database"),
    "domain": (("certinfo",), "asks a server for its certificate"),
}


def answer(words: Sequence[str], folder: Path, read_stdin: Callable[[], bytes]) -> Answer:
    """Do what `cfssl WORDS` does in `folder`.

    Raises UsageError for flags that cfssl does not take, ScaffoldError where it refuses, and for
    what it does that we do not.
    """
    name = words[0] if words else ""
    if name not in COMMANDS:
        known = ", ".join(f"`{each}`" for each in COMMANDS)
        told = f"has no `{name}`" if words else "needs a command"
        raise ScaffoldError(f"`tls-scaffold cfssl` {told}", hint=f"there are {known}")
    command = COMMANDS[name]
    flags = parse_flags(words[1:], f"cfssl {name}", FLAGS, (*command.flags, "loglevel"))
    if flags.asks_help:
        return Answer(usage(name))
    elsewhere = [
        f"`-{flag}` {does}, which the stand-in does not do"
        for flag, (commands, does) in ELSEWHERE.items()
        if flags.texts.get(flag) and name in commands
    ]
    if elsewhere:
        raise ScaffoldError(f"`cfssl {name}` is not done here", elsewhere)
    call = Call(name, flags.texts, frozenset(flags.switches), flags.rest, folder, read_stdin)
    _ = call.config  # which cfssl reads for every command
    level = flags.numbers.get("loglevel", INFO)
    found = command.run(call)
    return Answer(
        found.text,
        found.warnings if level <= WARNING else (),
        found.log if level <= INFO else (),
    )


def usage(name: str = "") -> str:
    """Return how a command is called; all of them if none is named."""
    lines = [
        f"tls-scaffold cfssl {each} {words}".rstrip()
        for each, command in COMMANDS.items()
        if name in ("", each)
        for words in command.usages
    ]
    return "Usage:\n" + "".join(f"  {line}\n" for line in lines)
