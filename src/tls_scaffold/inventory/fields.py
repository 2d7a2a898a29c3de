"""Data from outside is read field by field: a mistake is noted with its place, and reading goes on.

Whoever reads a wrong field gets a harmless value in its stead, so that one run tells every mistake.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tls_scaffold import spelling
from tls_scaffold.errors import Place, Problem

Value = TypeVar("Value")
NOT_A_TABLE = "is not a table of fields"
LONGEST_SHOWN = 80


def escaped_problem(key: str, message: str) -> Problem:
    """Return what is wrong at a key, such as `members[1]`; what steers a terminal is escaped."""
    return Problem(Place(key=key), spelling.escaped(message))


@dataclass(frozen=True)
class Field:
    """A value from outside and its place, such as `members[1].hosts`; the whole has an empty place.

    All fields of one document share the list `problems`.
    A field that is not there has no such list: nothing is wrong with it.
    """

    place: str
    value: object
    problems: list[Problem] | None

    def refuse(self, message: str) -> None:
        """Note what is wrong with this field."""
        if self.problems is not None:
            self.problems.append(escaped_problem(self.place, message))

    def refuse_value(self, why: str) -> None:
        """Note why the value can't be taken, with the value before it."""
        if self.problems is not None:
            self.refuse(f"`{short_text(self.value)}` {why}")

    def text(self, find_problem: Callable[[str], str] | None = None) -> str:
        """Return a text; the problem that is found in it, if any, is noted."""
        if not isinstance(self.value, str):
            self.refuse_value("is not text")
            return ""
        if find_problem and (message := find_problem(self.value)):
            self.refuse(message)
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.refuse_value("is neither true nor false")
        return self.value is True

    def number(self, allowed: range) -> int:
        """Return one of the numbers that are allowed; 0 for any other."""
        if type(self.value) is int and self.value in allowed:  # true is an int of Python's
            return self.value
        if isinstance(self.value, str):
            self.refuse_value("is text: write the number without quotes")
        else:
            self.refuse_value(f"is not a number from {allowed[0]} to {allowed[-1]}")
        return 0

    def parsed(self, parse: Callable[[str], Value | None], allowed: str) -> Value | None:
        """Return what `parse` makes of a text, None for any other than is `allowed`."""
        value = parse(self.value) if isinstance(self.value, str) else None
        if value is None:
            self.refuse_value(f"is not understood; it takes {allowed}")
        return value

    def list_items(self) -> tuple["Field", ...]:
        """Return each part of a list."""
        if not isinstance(self.value, list):
            self.refuse_value("is not a list")
            return ()
        return tuple(
            Field(f"{self.place}[{index}]", item, self.problems)
            for index, item in enumerate(self.value)
        )

    def texts(self, find_problem: Callable[[str], str] | None = None) -> tuple[str, ...]:
        """Return a list of texts; each problem that is found in one is noted."""
        return tuple(each.text(find_problem) for each in self.list_items())

    def comma_items(self) -> tuple["Field", ...]:
        """Return each part of a list, or of a text that stands for one: commas divide texts."""
        if not isinstance(self.value, list | str):
            return self.list_items()
        return Field(self.place, split_at_commas(self.value), self.problems).list_items()

    def entries(self, otherwise: str = NOT_A_TABLE) -> tuple[tuple["Field", "Field"], ...]:
        """Return the names and the values of a table whose names are free.

        Both have the value's place.
        """
        if not isinstance(self.value, Mapping):
            self.refuse_value(otherwise)
            return ()
        return tuple(
            (self.inner(name, name), self.inner(name, value)) for name, value in self.value.items()
        )

    def table(self, names: Collection[str], otherwise: str = NOT_A_TABLE) -> "Table":
        """Return the fields of a table that may have those of these names and no others."""
        if not isinstance(self.value, Mapping):
            self.refuse_value(otherwise)
            return Table()
        for name in self.value:
            if name not in names:
                there = f"; there are {', '.join(f'`{each}`' for each in names)}"
                advice = spelling.did_you_mean(str(name), names) or there
                self.inner(name, None).refuse(f"no such field{advice}")
        return Table(
            {name: self.inner(name, self.value[name]) for name in names if name in self.value}
        )

    def whole_table(self, names: Collection[str]) -> "Table":
        """Return the fields of a table that has all those of these names; a missing one is null."""
        found = self.table(names)
        for name in [name for name in names if name not in found]:
            found[name] = self.inner(name, None)
            if isinstance(self.value, Mapping):
                found[name].refuse("is missing")
        return found

    def inner(self, name: object, value: object) -> "Field":
        """Return a field of the table that this one is."""
        key = name if isinstance(name, str) and name.isidentifier() else short_text(name)
        return Field(f"{self.place}.{key}" if self.place else key, value, self.problems)


class Table(dict[str, Field]):
    """The fields that a table has, by their names.

    One that it has not reads as nothing.
    """

    def __missing__(self, name: str) -> Field:
        return NOTHING

    def field(self, name: str, default: object) -> Field:
        """Return a field; one that the table has not reads as the default."""
        return self.get(name) or Field(name, default, None)


# One for all: 10,000 users lack 40,000 fields, and to make each took as long as all the rest.
NOTHING = Field("", None, None)


def split_at_commas(value: object) -> list[object]:
    """Return a list with every text in it split at commas, as options and prompts take it.

    Blanks around commas are dropped: people put them there.
    """
    parts: list[object] = []
    for item in value if isinstance(value, list) else [value]:
        words = item.split(",") if isinstance(item, str) else [item]
        parts += [word.strip() if isinstance(word, str) else word for word in words]
    return parts


def short_text(value: object) -> str:
    """Return a value as messages show it: short, on one line, every character to be seen."""
    if isinstance(value, Mapping | list | tuple | set):
        return "a table" if isinstance(value, Mapping) else "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    # Python refuses to write very long integers in decimal.
    is_long = isinstance(value, int) and value.bit_length() > LONGEST_SHOWN
    text = f"{value:#x}" if is_long else str(value)
    return spelling.escaped(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")
