"""Commands of shell that sign or change files, told by their words."""

import re

from tls_scaffold.makefiles.shell import unquoted
from tls_scaffold.makefiles.standins import READING, only_reads

TOLD_ONLY = re.compile(r"\b(command\s+-[vV]|which|type|hash)(\s+[\w.-]+)+")
LOOKS = re.compile(
    r"[\s@-]*(grep|sed|awk|cat|head|tail|wc|echo|printf|ls|test|true|date|pwd|uname|dirname|basename|\["
    r"|sh sign\.sh heal)(?![\w-])"
)
UNKNOWN = re.compile(r"\$[({][\w.-]+[)}]|\$\$?\w+|\$\$[({]\w+[)}]")
# Where a command begins: behind an operator, a quote of `sh -c`, a word such as `then`, a program that runs another.
PATH = r"(?:[^\s;&|()<>'\"`]*/)?"
BEGINS = (
    r"(?:^|[;&|(){}`\n!]|-c\s*['\"]|\b(?:then|do|else|exec|eval|env|sudo|nice|nohup|time|xargs|command)\b|-exec\b)"
    rf"(?:\s+-\S+)*[\s@+-]*(?:[A-Za-z_]\w*=\S*\s+)*['\"]?{PATH}"
)
ENDS = r"(?=['\"]?(?:[\s;&|)`]|$))"
CHANGES = re.compile(
    rf"{BEGINS}(rm|rmdir|unlink|shred|mv|cp|tee|dd|ln|install|truncate|touch|chmod|chown|chgrp|rsync|patch|mkfifo){ENDS}"
    r"|\bsed\b[^;&|\n]*\s(-[a-zA-Z]*i|--in-place)|\bfind\b[^;&|\n]*\s-delete\b"
)
WRITES = re.compile(r">>?\|?\s*(?!\s|&\s*[\d-]|&?\s*/dev/(?:null|stdout|stderr|tty|fd/\d)\b|[(>|]|$)")
SIGNERS = {**{name: name for name in READING}, "cfssl-json": "cfssljson", "cfssl_json": "cfssljson"}
CALLS_SIGNER = re.compile(rf"{BEGINS}({'|'.join(SIGNERS)})['\"]?((?=[;&|)`\n])|\s[^;&|\n`)]*|$)")
SHELL = rf"(?:(?:\w*sh|\.|source)\s+(?:-\S+\s+)*)?{PATH}"
# `heal` finishes what a killed run had decided; our Makefile has it behind a condition that no dry run meets.
CALLS_SCRIPT = re.compile(rf"{BEGINS}{SHELL}sign\.sh(?!\s+heal\b){ENDS}")
CALLS_MAKE = re.compile(
    rf"{BEGINS}(?:g?make|\$[({{]MAKE[)}}])(?!\s[^;&|\n]*(-v\b|--version|-n\b|-q\b|--dry-run)){ENDS}"
)


def signs_or_changes(text: str) -> bool:
    """Tell whether commands sign, or change files by the names of what they call; a redirection is none."""
    plain = UNKNOWN.sub("_", TOLD_ONLY.sub("true", text)).replace("$$", "$")
    if CHANGES.search(plain) or CALLS_SCRIPT.search(plain):
        return True
    for match in CALLS_SIGNER.finditer(plain):
        if not only_reads(SIGNERS[match[1]], [word.strip("'\"") for word in match[2].split()]):
            return True
    return any("gencert" in part and not LOOKS.match(part) for part in re.split(r"[;&|\n]", plain))


def redirects(text: str) -> bool:
    """Tell whether what commands print goes to a file."""
    return any(WRITES.search(unquoted(line)) for line in text.split("\n"))


def calls_make(text: str) -> bool:
    """Tell whether commands call a make that is told neither to print only nor to tell its version."""
    return CALLS_MAKE.search(text) is not None


def only_looks(text: str) -> bool:
    """Tell a command that is one of the plainest, which run nothing else."""
    return LOOKS.match(TOLD_ONLY.sub("true", text)) is not None
