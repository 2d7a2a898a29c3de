"""JSON read as Go's encoding/json reads it, which is what cfssl sees.

Names go without regard to case, null counts as absent, and in a list as empty.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tls_scaffold.cfssl.fields import IgnoredField, field_meant, folded, is_remark
from tls_scaffold.errors import Place, Problem, ScaffoldError

Value = TypeVar("Value")
INT64 = 2**63
OID = re.compile(
    r"([01]\.[1-3]?[0-9]|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*", re.ASCII
)  # X.660, A.2
HALF = re.compile("[\ud800-\udfff]")  # of a pair of \\u escapes; no encoding has it


class Members(dict[str, Any]):
    """The members of an object; `repeated` names those that stand in it more than once."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        pairs = tuple(pairs)
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = (
            tuple(name for name in self if names.count(name) > 1) if len(names) > len(self) else ()
        )


class Section:
    """One object of a JSON document; what is wrong with a value goes to `problems`, with its place.

    What cfssl passes over goes to `ignored`. Go knows a struct's fields whatever their case; the
    keys of a map (`is_map`) are what they are.
    """

    def __init__(
        self,
        values: Members,
        place: Place,
        problems: list[Problem],
        ignored: list[IgnoredField],
        *,
        is_map: bool = False,
    ) -> None:
        self._key = str if is_map else folded
        self._values = {
            self._key(name): value for name, value in values.items() if value is not None
        }
        self.names = tuple(values)
        self.place = place
        self.problems = problems
        self.ignored = ignored
        self._repeated = values.repeated
        self._told: set[str] = set()
        self._tell_repeated()

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self._key(name) in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        text = self._checked(name, str, default, "text in quotes")
        self._check_text(name, text)
        return text

    def number(self, name: str, default: int = 0) -> int:
        """Return an integer, which Go keeps in 64 bits."""
        value = self._checked(name, int, default, "a whole number")
        if not -INT64 <= value < INT64:
            self.problem(name, f"`{short_text(value)}` is too long a number")
            return default
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false if it is absent."""
        return self._checked(name, bool, False, "true or false")  # noqa: FBT003 - a default, as of the others

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        texts = self._items(name, str, "text in quotes")
        for index, text in enumerate(texts):
            self._check_text(name, text, index)
        return tuple(texts)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a list of integers."""
        return tuple(self._items(name, int, "a whole number"))

    def url(self, name: str) -> str:
        """Return a string that certificates hold as an IA5String: ASCII alone."""
        text = self.text(name)
        self._check_ascii(name, text)
        return text

    def urls(self, name: str) -> tuple[str, ...]:
        """Return a list of such strings."""
        texts = self.texts(name)
        for index, text in enumerate(texts):
            self._check_ascii(name, text, index)
        return texts

    def section(self, name: str) -> "Section | None":
        """Return an object; None if it is absent, or something else."""
        nothing: Members | None = None
        values = self._checked(name, Members, nothing, "an object {…}")
        return None if values is None else self._inner(values, self.place.field(name))

    def map(self, name: str) -> "Section":
        """Return an object whose keys are names of the user's own; an empty one if it is absent."""
        values = self._checked(name, Members, Members(), "an object {…}")
        return self._inner(values, self.place.field(name), is_map=True)

    def sections(self, name: str) -> "tuple[Section, ...]":
        """Return a list of objects."""
        items: Iterable[Members] = self._items(name, Members, "an object {…}")
        return tuple(
            self._inner(values, self.place.field(name).item(index))
            for index, values in enumerate(items)
        )

    def _inner(self, values: Members, place: Place, *, is_map: bool = False) -> "Section":
        return Section(values, place, self.problems, self.ignored, is_map=is_map)

    def is_told(self, name: str) -> bool:
        """Tell whether something is said of a field already."""
        return self._key(name) in self._told

    def problem(self, name: str, text: str, index: int | None = None) -> None:
        """Add a problem of a field, or of the item of this index in it."""
        self._told.add(self._key(name))
        place = self.place.field(name)
        self.problems.append(Problem(place if index is None else place.item(index), text))

    def refuse(self, names: Iterable[str], reason: str) -> None:
        """Add a problem for each of the fields that is there and not empty."""
        for name in names:
            if self._values.get(name):
                self.problem(name, reason)

    def tell_ignored(self, kind: str, known: tuple[str, ...], instead: Mapping[str, str]) -> None:
        """Add the fields that cfssl passes over in an object of a `kind`, which has the `known`.

        `instead` says by what was meant what holds where that is missing.
        """
        read = set(map(folded, known))
        for name in self.names:
            if folded(name) in read or is_remark(name):
                continue
            is_object = isinstance(self._values.get(self._key(name)), Members)
            meant = field_meant(name, kind, known, is_object=is_object)
            holds = instead.get(meant, "")
            if self.has(meant.strip("`")):
                holds = f"what {meant} says holds"
            is_misspelt = meant.strip("`") in known
            self.ignored.append(IgnoredField(self.place.field(name), meant, holds, is_misspelt))

    def is_meant(self, name: str) -> bool:
        """Tell whether a field that cfssl passes over was meant to be this one."""
        return any(
            each.meant == f"`{name}`" and each.place.is_within(self.place) for each in self.ignored
        )

    def _tell_repeated(self) -> None:
        """Tell of each field that stands here more than once, in whatever case.

        Of two texts or lists Go takes the last. Two objects it mixes, which is a problem.
        """
        found: dict[str, str] = {}
        for name in self.names:
            is_again = self._key(name) in found or name in self._repeated
            if is_again:
                self._tell_again(name, found.get(self._key(name), name))
            found.setdefault(self._key(name), name)

    def _tell_again(self, name: str, first: str) -> None:
        twice = "twice" if first == name else f"as `{first}` too"
        if isinstance(self._values.get(self._key(name)), Members):
            self.problem(name, f"it stands here {twice}: write it once")
        else:
            place = self.place.field(first)
            self.ignored.append(IgnoredField(place, "", f"`{name}` follows, and the last holds"))

    def _checked(self, name: str, kind: type[Value], default: Value, what: str) -> Value:
        value = self._values.get(self._key(name))
        if type(value) is kind:
            return value
        if value is not None:
            self.problem(name, f"`{short_text(value)}` is not {what}")
        return default

    def _check_text(self, name: str, text: str, index: int | None = None) -> None:
        if HALF.search(text):
            self.problem(name, f"`{json.dumps(text)}` holds half of a character", index)

    def _check_ascii(self, name: str, text: str, index: int | None = None) -> None:
        if not (text.isascii() or HALF.search(text)):
            self.problem(name, f"`{text}` is not ASCII", index)

    def _items(self, name: str, kind: type[Value], what: str) -> list[Value]:
        nothing: list[Any] = []
        items = [
            kind() if item is None else item
            for item in self._checked(name, list, nothing, "a list […]")
        ]
        for index, item in enumerate(items):
            if type(item) is not kind:
                self.problem(name, f"`{short_text(item)}` is not {what}", index)
        return [item for item in items if type(item) is kind]


def short_text(value: object) -> str:
    """Return a value as JSON, cut to what a line of a message can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 - about half a terminal line


def document(text: str, path: str, problems: list[Problem]) -> Section:
    """Read a document whose value is an object; `path` is for messages.

    Raises ScaffoldError with line and column if it is not JSON or no object.
    """
    if text.startswith("\ufeff"):
        raise _no_json(Place(path), "it begins with a byte order mark, which cfssl refuses")
    try:
        values = json.loads(text, object_pairs_hook=Members)
    except RecursionError:
        raise _no_json(Place(path), "nested too deeply") from None
    except json.JSONDecodeError as error:
        place = Place(path, error.lineno, error.colno)
        raise _no_json(place, error.msg) from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise _no_json(Place(path), "a number is too long") from None
    if not isinstance(values, Members):
        problem = Problem(Place(path), f"it begins with `{short_text(values)}`")
        raise ScaffoldError(f"`{path}` holds no object {{…}}", [problem])
    return Section(values, Place(path), problems, [])


def _no_json(place: Place, message: str) -> ScaffoldError:
    return ScaffoldError(f"`{place.path}` is not JSON", [Problem(place, message)])
