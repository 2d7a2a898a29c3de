"""Data from outside becomes values: what is wrong is collected with its place, and a harmless value stands in."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from tls_scaffold import words
from tls_scaffold.errors import Problem, problem_of

Value = TypeVar("Value")
SHOWN = 80


class Fields:
    """Reads fields; every mistake goes to `problems`, its place the key of a value."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, place: str, message: str) -> None:
        """Note a mistake."""
        self.problems.append(problem_of(place, message))

    def table(
        self, place: str, data: object, allowed: Iterable[str], what: str = "not a table of fields"
    ) -> Mapping[str, Any]:
        """Return a table none of whose fields is unknown; `place` is empty for the whole."""
        if not isinstance(data, Mapping):
            self.wrong(place, f"`{shown(data)}` is {what}")
            return {}
        for name in data:
            if name not in allowed:
                where = f"{place}.{shown(name)}" if place else shown(name)
                there = f"; there are {', '.join(f'`{each}`' for each in allowed)}"
                self.wrong(where, f"no such field{words.meant(str(name), allowed) or there}")
        return data

    def whole(self, place: str, data: object, names: Iterable[str]) -> Mapping[str, Any]:
        """Return a table that has all of these fields and no other; what is missing is noted."""
        table = self.table(place, data, names)
        if isinstance(data, Mapping):
            for name in names:
                if name not in table:
                    self.wrong(f"{place}.{name}" if place else name, "is missing")
        return table

    def listed(
        self, place: str, value: object, read: Callable[[str, Any], Value]
    ) -> tuple[Value, ...]:
        """Return each part of a list, read; text is none."""
        if not isinstance(value, list):
            self.wrong(place, f"`{shown(value)}` is not a list")
            return ()
        return tuple(read(f"{place}[{index}]", item) for index, item in enumerate(value))

    def each(self, place: str, value: object, read: Callable[[str, Any], Value]) -> Iterator[Value]:
        """Read each part of a list, or of a text that commas divide."""
        if not isinstance(value, list | str):
            self.wrong(place, f"`{shown(value)}` is not a list")
            return
        yield from (read(f"{place}[{index}]", item) for index, item in enumerate(items(value)))

    def text(self, place: str, value: object, problem: Callable[[str], str]) -> str:
        """Return a text that `problem` has nothing to say about."""
        if not isinstance(value, str):
            self.wrong(place, f"`{shown(value)}` is not text")
            return ""
        if found := problem(value):
            self.wrong(place, words.visible(found))
        return value

    def any_text(self, place: str, value: object) -> str:
        """Return a text, whatever it says."""
        return self.text(place, value, lambda _: "")

    def name(self, place: str, value: object) -> str:
        """Return a name that files may have."""
        return self.text(place, value, words.name_problem)

    def label(self, place: str, value: object) -> str:
        """Return the name of what has no files."""
        return self.text(place, value, words.label_problem)

    def word(
        self, place: str, value: object, read: Callable[[str], Value | None], allowed: str
    ) -> Value | None:
        """Return what a word stands for, None where `read` does not know it; `allowed` says what it knows."""
        found = read(value) if isinstance(value, str) else None
        if found is None:
            self.wrong(place, f"`{shown(value)}` is not understood; it takes {allowed}")
        return found

    def flag(self, place: str, value: object) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            self.wrong(place, f"`{shown(value)}` is neither true nor false")
        return value is True


def items(value: object) -> list[Any]:
    """Return a list of components: text is split at commas, as options and prompts take it."""
    listed = value if isinstance(value, list) else [value]
    return [
        part for item in listed for part in (item.split(",") if isinstance(item, str) else [item])
    ]


def shown(value: object) -> str:
    """Return a value as messages show it: on one line, short, and every character of it to be seen."""
    if isinstance(value, Mapping | list | tuple | set):
        return "a table" if isinstance(value, Mapping) else "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    # Python refuses to write very long integers in decimal.
    text = hex(value) if isinstance(value, int) and value.bit_length() > SHOWN else str(value)
    return words.visible(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
