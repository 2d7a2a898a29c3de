"""Which words of a command are those of the program that it runs."""

import re
from collections.abc import Sequence

SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh")
TESTS = ("[", "[[", "test")
# Programs that run another one, behind options of their own.
RUNNERS = ("sudo", "env", "exec", "command", "time", "nice", "nohup", "builtin", "doas")
# What ends well or not by what it finds.
ASKS = ("grep", "egrep", "find", "diff", "cmp", "pgrep")
OPTION = re.compile(r"-.*|[^=]+=.*", re.DOTALL)


def without_runners(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command without `sudo`, `env` or the like, and what is set for it."""
    rest = tuple(words)
    while rest and rest[0].rpartition("/")[2] in RUNNERS and not is_asked_for(rest):
        rest = rest[1:]
        while rest and OPTION.fullmatch(rest[0]):
            rest = rest[1:]
    return rest


def given_commands(words: Sequence[str]) -> str:
    """Return what `sh -c` is given; empty where a shell runs a script, and for other programs."""
    if words[0].rpartition("/")[2] not in SHELLS:
        return ""
    for index, word in enumerate(words[1:], 1):
        if not word.startswith("-"):
            return ""
        if "c" in word and not word.startswith("--"):
            return words[index + 1] if len(words) > index + 1 else ""
    return ""


def is_asked_for(words: Sequence[str]) -> bool:
    """Tell `command -v`, which runs nothing."""
    return tuple(words[:2]) in (("command", "-v"), ("command", "-V"))
