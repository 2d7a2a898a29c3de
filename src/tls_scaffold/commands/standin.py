"""`tls-scaffold cfssl`: one of cfssl's commands, with its flags."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tls_scaffold.cfssl.goflags import parse_flags
from tls_scaffold.commands.certinfo import show
from tls_scaffold.commands.cfsslcalls import INFO, WARNING, Answer, Call
from tls_scaffold.commands.cfsslusage import COMMANDS, FLAGS, usage
from tls_scaffold.commands.gencert import gencert, genkey
from tls_scaffold.commands.gencrl import gencrl
from tls_scaffold.commands.printdefaults import print_defaults, version
from tls_scaffold.commands.signcsr import selfsign, sign
from tls_scaffold.errors import ScaffoldError

RUN: dict[str, Callable[[Call], Answer]] = {
    "gencert": gencert,
    "genkey": genkey,
    "sign": sign,
    "selfsign": selfsign,
    "certinfo": show,
    "gencrl": gencrl,
    "print-defaults": print_defaults,
    "version": version,
}
# What cfssl would go elsewhere for, by the commands that do.
ELSEWHERE = {
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
    found = RUN[name](call)
    return Answer(
        found.text,
        found.warnings if level <= WARNING else (),
        found.log if level <= INFO else (),
    )
