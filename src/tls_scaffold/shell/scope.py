"""The values that words of a script are read with; what a script itself can't tell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tls_scaffold.shell.words import Unknown
from tls_scaffold.spelling import whole_number

# Other on each machine, or at each run.
OF_THE_MACHINE = frozenset(
    ("HOSTNAME", "HOSTTYPE", "RANDOM", "SECONDS", "UID", "EUID", "PPID", "BASHPID", "USER")
)
SPECIAL = "?!-$_"
ALL = ("@", "*")


Plain = str | list[str] | dict[str, str]
Value = Plain | Unknown
BLANKS = " \t\n"


@dataclass
class Scope:
    """The values that words are read with: variables, and what the script or a function is given.

    `environment` has what whoever adopts has set; `run` returns what commands print, and `matching`
    the files that the script has made and that a pattern matches.
    """

    variables: dict[str, Value]
    arguments: list[str]
    environment: Mapping[str, str]
    name: str
    in_function: bool = False
    run: Callable[[str, int], str] = field(default=lambda _text, _line: "", repr=False)
    matching: Callable[[str], list[str]] = field(default=lambda _pattern: [], repr=False)

    def value(self, name: str) -> Plain | None:
        """Return the value of a variable or argument; None where it has none.

        Raises Unknown for one that can't be told.
        """
        if name in ALL:
            return self.arguments
        if name in ("#", "0") or name.isdigit():
            return self._argument(name)
        if name == "BASH_SOURCE":
            return [self.name]
        if name in self.variables:
            found = self.variables[name]
            if isinstance(found, Unknown):
                raise found
            return found
        if name == "PWD":
            return self.run("pwd", 0).strip("\n")
        if name in OF_THE_MACHINE or name in SPECIAL:
            raise Unknown(f"`${name}` is known only where the script runs")
        return self.environment.get(name)

    def _argument(self, name: str) -> str | None:
        if name == "#":
            return str(len(self.arguments))
        given = dict(enumerate([self.name, *self.arguments]))
        number = whole_number(name)
        return None if number is None else given.get(number)

    @property
    def separators(self) -> str:
        """What `IFS` holds; where it is not set, the blanks."""
        found = self.value("IFS") if "IFS" in self.variables else BLANKS
        return found if isinstance(found, str) else BLANKS

    def split(self, text: str, most: int = -1) -> list[str]:
        """Split a text at what `IFS` says, at most that many times.

        Blanks in it count as one, and not at the ends; of others each ends a piece.
        """
        separators = self.separators
        blanks = "".join(each for each in separators if each in BLANKS)
        others = "".join(each for each in separators if each not in BLANKS)
        rest = text.strip(blanks) if blanks else text
        if not rest:
            return []
        if not separators or not most:
            return [rest]
        around = f"[{blanks}]*" if blanks else ""
        ways = [f"{around}[{re.escape(others)}]{around}"] if others else []
        ways += [f"[{blanks}]+"] if blanks else []
        pieces = re.split("|".join(ways), rest, maxsplit=max(most, 0))
        return pieces[:-1] if not pieces[-1] else pieces

    def missing(self, name: str) -> Unknown:
        """Return why a value is not known that nothing gives."""
        if name.isdigit():
            where = "the function's" if self.in_function else "the script's"
            return Unknown(f"`${name}`, {where} argument, is not given")
        return Unknown(f"`${name}` is set nowhere in the script")
