"""Commands of shell that sign or change files, told by their words."""

import re
from collections.abc import Iterator

from tls_scaffold.makefiles.decoys import PROGRAMS, WRITING, has_flag, makes_something
from tls_scaffold.shell.lines import without_quoted

TOLD_ONLY = re.compile(r"\b(command\s+-[vV]|which|type|hash)(\s+[\w.-]+)+")
LOOKS = re.compile(
    r"[\s@-]*(grep|sed|awk|cat|head|tail|wc|echo|printf|ls|test|true|date|pwd|uname|dirname|basename|\["
    r"|sh sign\.sh (?:changed|components)(?=\s*(?:[;&|)]|$)))(?![\w-])"
)
UNKNOWN = re.compile(r"\$[({][\w.-]+[)}]|\$\$?\w+|\$\$[({]\w+[)}]")
# What is only printed: nothing in it is run, unless a shell is called in double quotes.
ECHOED = re.compile(r"\b(echo|printf)\s+(?:-\w+\s+)?(?:'[^']*'|\"(?:(?!\$\$\()[^\"\\`]|\\.)*\")")
# Where a command begins: behind an operator, a quote of `sh -c`, a word such as `then`, a program
# that runs another.
PATH = r"(?:[^\s;&|()<>'\"`]*/)?"
BEGINS = (
    r"(?:^|[;&|(){}`\n!]|-c\s*['\"]|\b(?:then|do|else|exec|eval|env|sudo|nice|nohup|time|xargs|command)\b|-exec\b)"
    rf"(?:\s+-\S+)*[\s@+-]*(?:[A-Za-z_]\w*=\S*\s+)*['\"]?{PATH}"
)
ENDS = r"(?=['\"]?(?:[\s;&|)`]|$))"
CHANGES = re.compile(
    rf"{BEGINS}(rm|rmdir|unlink|shred|mv|cp|dd|ln|install|truncate|touch|chmod|chown|chgrp|rsync|patch|mkfifo){ENDS}"
    rf"|{BEGINS}tee(?!(?:\s+-\w+)*\s+/dev/(?:null|stdout|stderr|tty|fd/\d+)\s*(?:[;&|)`\n]|$)){ENDS}"
    r"|\bsed\b[^;&|\n]*\s(-[a-zA-Z]*i|--in-place)|\bfind\b[^;&|\n]*\s-delete\b"
)
# Windows has its own /dev/null.
WRITES = re.compile(
    r">>?\|?\s*(?!\s|&\s*[\d-]|&?\s*(?:/dev/(?:null|stdout|stderr|tty|fd/\d)|NUL)\b|[(>|]|$)"
)
COMPARES = re.compile(r"\[\[\s.*?\s\]\]|\$\$?\(\(.*?\)\)")
SIGNERS = {
    **{name: name for name in PROGRAMS},
    "cfssl-json": "cfssljson",
    "cfssl_json": "cfssljson",
}
CALLS_SIGNER = re.compile(rf"{BEGINS}({'|'.join(SIGNERS)})['\"]?((?=[;&|)`\n])|\s[^;&|\n`)]*|$)")
SHELL = rf"(?:(?:\w*sh|\.|source)\s+(?:-\S+\s+)*)?{PATH}"
# Our rules ask for the components and for what has changed while make reads them: both only tell.
# With a certificate behind it, `changed` signs.
CALLS_SCRIPT = re.compile(
    rf"{BEGINS}{SHELL}sign\.sh(?!\s+(?:changed|components)\s*(?:[;&|)`]|$)){ENDS}"
)
# By a program whose name is not known here.
CALLS_GENCERT = re.compile(
    rf"{BEGINS}(?!g?make\b)[^\s;&|()<>'\"`]+['\"]?\s+(?:-\S+\s+)*['\"]?gencert{ENDS}"
)
CALLS_MAKE = re.compile(
    rf"{BEGINS}(?:g?make|\$[({{]MAKE[)}}])(?!\s[^;&|\n]*(-v\b|--version|-n\b|-q\b|--dry-run)){ENDS}"
)


def signs_something(text: str) -> bool:
    """Tell whether commands make keys or certificates, by the names of what they call."""
    plain = _plain(text)
    if CALLS_SCRIPT.search(plain):
        return True
    if any(makes_something(program, words) for program, words in _signers(plain)):
        return True
    return any(
        not LOOKS.match(match[0].lstrip(";&|({`\n!")) for match in CALLS_GENCERT.finditer(plain)
    )


def calls_signer(text: str) -> bool:
    """Tell whether commands call a program that can sign, whatever for."""
    return CALLS_SIGNER.search(_plain(text)) is not None


def changes_files(text: str) -> bool:
    """Tell whether commands change files, by what they call or where their output goes."""
    plain = _plain(text)
    if CHANGES.search(plain) or redirects_to_file(text):
        return True
    return any(
        program == "openssl" and has_flag(words, WRITING) for program, words in _signers(plain)
    )


def _plain(text: str) -> str:
    """Return commands without what they only look up or print, and without make's variables."""
    return UNKNOWN.sub("_", without_echoed(TOLD_ONLY.sub("true", text))).replace("$$", "$")


def without_echoed(text: str) -> str:
    """Return commands without the quoted text that they print."""
    return ECHOED.sub(r"\1", text)


def _signers(plain: str) -> Iterator[tuple[str, list[str]]]:
    for match in CALLS_SIGNER.finditer(plain):
        yield SIGNERS[match[1]], [word.strip("'\"") for word in match[2].split()]


def redirects_to_file(text: str) -> bool:
    """Tell whether what commands print goes to a file."""
    return any(WRITES.search(without_quoted(COMPARES.sub("", line))) for line in text.split("\n"))


def calls_make(text: str) -> bool:
    """Tell whether commands call a make that does more than print or tell its version."""
    return CALLS_MAKE.search(text) is not None


def only_looks(text: str) -> bool:
    """Tell whether a command is one of the plainest, which run nothing else."""
    return LOOKS.match(TOLD_ONLY.sub("true", text)) is not None
