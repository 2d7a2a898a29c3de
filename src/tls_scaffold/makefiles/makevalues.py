"""The values that a Makefile's variables may have, put in where its texts name them."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from math import prod

MOST_CHARACTERS, DEEPEST = 100_000, 20
MOST_TEXTS = 64
REFERENCE = re.compile(
    r"\$\$|\$\((?:(?:call|value)\s+)?([^(){}$\s:#=,]+)(?::[^(){}$]*)?(?:[),])"
    r"|\$\{(?:(?:call|value)\s+)?([^(){}$\s:#=,]+)(?::[^(){}$]*)?(?:[},])|\$([A-Za-z0-9_])"
)


class Values:
    """All values that each variable is given somewhere.

    Any of them may hold when make runs a line: conditions and the order of lines are not followed.
    """

    def __init__(self, known: Mapping[str, Mapping[str, None]] | None = None) -> None:
        self.known = {name: dict(values) for name, values in (known or {}).items()}

    def add(self, name: str, value: str) -> None:
        """Add a value that a variable may have."""
        self.known.setdefault(name, {})[value] = None

    def expanded(self, text: str) -> tuple[str, ...]:
        """Return a text with its variables put in: one text for each of their values.

        Where that would be too many, one of several values stands as a line each.
        """
        texts = [text]
        for _ in range(DEEPEST):
            deeper = list(dict.fromkeys(each for text in texts for each in self._one_deeper(text)))
            if deeper == texts or sum(map(len, deeper)) > MOST_CHARACTERS:
                return tuple(each[:MOST_CHARACTERS] for each in deeper[:MOST_TEXTS])
            texts = (
                deeper if len(deeper) <= MOST_TEXTS else [self._in_lines(each) for each in texts]
            )
        return tuple(texts)

    def _one_deeper(self, text: str) -> Iterator[str]:
        """Yield a text with what it names put in, but not what that names in turn.

        Wherever a name stands in the text, it has the same value.
        """
        names = {name for name in map(_name, REFERENCE.finditer(text)) if name in self.known}
        several = [name for name in sorted(names) if len(self.known[name]) > 1]
        if prod(len(self.known[name]) for name in several) > MOST_TEXTS:
            yield self._in_lines(text)
            return
        for values in product(*(self.known[name] for name in several)):
            chosen = dict(zip(several, values, strict=True))
            yield REFERENCE.sub(partial(self._value, chosen), text)

    def _in_lines(self, text: str) -> str:
        return REFERENCE.sub(partial(self._value, {}), text)

    def _value(self, chosen: Mapping[str, str], match: "re.Match[str]") -> str:
        name = _name(match)
        if name not in self.known:
            return match[0]
        # Of `$(call NAME,…)` the arguments stay.
        arguments = f" $({match[0][-1]}" if match[0].endswith(",") else ""
        return chosen.get(name, "\n".join(self.known[name])) + arguments


def _name(match: "re.Match[str]") -> str:
    return match[1] or match[2] or match[3] or ""


def text_inside(text: str, begun: int) -> str:
    """Return what stands in the parentheses that open at an index of a text."""
    opening = text[begun]
    closing = {"(": ")", "{": "}"}[opening]
    depth = 0
    for at in range(begun, len(text)):
        if text[at] == opening:
            depth += 1
        elif text[at] == closing:
            depth -= 1
        if not depth:
            return text[begun + 1 : at]
    return text[begun + 1 :]
