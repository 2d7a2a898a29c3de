"""Words of a command line as Go's flag package reads them: `-x v`, `-x=v`, `--x v`, `--x=v`."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tls_scaffold.cfssl import durations
from tls_scaffold.errors import UsageError

TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")
HELP = ("h", "help")
INT64 = 2**63
NUMBER = re.compile(
    r"([+-]?)(?:0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|0|[1-9](_?[0-9])*)", re.ASCII
)


@dataclass(frozen=True)
class FlagSet:
    """The flags that a program takes, by the kind of their values."""

    texts: Collection[str] = ()
    numbers: Collection[str] = ()
    durations: Collection[str] = ()
    switches: Collection[str] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.switches, *self.texts, *self.numbers, *self.durations)


@dataclass
class Flags:
    """What was read: texts and numbers by flag, the switches that are on, and the words left.

    `asks_help` tells that `-h` or `-help` was met, behind which nothing counts.
    """

    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    rest: tuple[str, ...] = ()
    asks_help: bool = False


def parse_flags(
    words: Sequence[str], program: str, known: FlagSet, shown: Collection[str] = ()
) -> Flags:
    """Read flags up to the first word that is none, or `--`; the last of two wins.

    Raises UsageError for a flag that `program` does not take, or one without a fitting value;
    `shown` are those to tell of then, unless all are.
    """
    found = Flags()
    left = list(words)
    while left and left[0].startswith("-") and left[0] != "-":
        word = left.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name in known.switches:
            _set_switch(found, name, value if equals else "true")
        elif name in HELP and name not in known.names:
            found.asks_help = True
            return found
        elif name not in known.names:
            flags = ", ".join(f"`-{each}`" for each in shown or known.names)
            raise UsageError(f"`{program}` does not take `-{name}`", [f"its flags are {flags}"])
        elif not (equals or left):
            raise UsageError(f"`-{name}` needs a value")
        else:
            _set_value(found, known, name, value if equals else left.pop(0))
    found.rest = tuple(left)
    return found


def parse_number(text: str) -> int | None:
    """Return a whole number as Go's strconv reads it with base 0; None if it is none."""
    if not NUMBER.fullmatch(text):
        return None
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    is_old_octal = digits.startswith("0") and digits.strip("0_").isdigit()
    try:
        number = int(f"{sign}{digits}", 8 if is_old_octal else 0)
    except ValueError:  # Python reads no number of more than 4,300 digits
        return None
    return number if -INT64 <= number < INT64 else None


def _set_value(found: Flags, known: FlagSet, name: str, value: str) -> None:
    if name in known.numbers:
        number = parse_number(value)
        if number is None:
            raise UsageError(f"`-{name}={value}` is not a whole number")
        found.numbers[name] = number
    elif name in known.durations and durations.parse(value) is None:
        raise UsageError(f"`-{name}={value}` is not a duration as Go writes it, such as `24h`")
    else:
        found.texts[name] = value


def _set_switch(found: Flags, name: str, value: str) -> None:
    if value in TRUE:
        found.switches.add(name)
    elif value in FALSE:
        found.switches.discard(name)
    else:
        raise UsageError(f"`-{name}={value}` is neither true nor false")
