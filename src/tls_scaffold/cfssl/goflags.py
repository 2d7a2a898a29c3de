"""Words of a command line as Go's flag package reads them: `-x v`, `-x=v`, `--x v`, `--x=v`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tls_scaffold.errors import UsageError

TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")


@dataclass
class Flags:
    """What was read: texts by flag, the switches that are on, and the words that are left."""

    texts: dict[str, str] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    rest: tuple[str, ...] = ()


def parse_flags(
    words: Sequence[str], program: str, texts: Collection[str], switches: Collection[str]
) -> Flags:
    """Read flags up to the first word that is none, or `--`; the last of two wins.

    Raises UsageError for a flag that `program` does not take here, or one without its value.
    """
    found = Flags()
    left = list(words)
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name in switches:
            _set_switch(found, name, value if equals else "true")
        elif name not in texts:
            known = ", ".join(f"`-{each}`" for each in (*switches, *texts))
            raise UsageError(
                f"`{program}` does not take `-{name}` here", [f"its flags are {known}"]
            )
        elif not (equals or left):
            raise UsageError(f"`-{name}` needs a value")
        else:
            found.texts[name] = value if equals else left.pop(0)
    found.rest = tuple(left)
    return found


def _set_switch(found: Flags, name: str, value: str) -> None:
    if value in TRUE:
        found.switches.add(name)
    elif value in FALSE:
        found.switches.discard(name)
    else:
        raise UsageError(f"`-{name}={value}` is neither true nor false")
