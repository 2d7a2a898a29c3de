"""Words of a script with the values put in that the script itself gives; what it can't know."""

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from typing import TypeVar

from tls_scaffold.shell.arithmetic import calculate
from tls_scaffold.shell.scope import ALL, Plain, Scope
from tls_scaffold.shell.words import (
    Arithmetic,
    Parameter,
    Part,
    Substitution,
    Text,
    Unknown,
    Word,
    quoted_text,
    word_of,
)
from tls_scaffold.spelling import LONGEST_NUMBER

MOST_CHARACTERS, MOST_WORDS = 1_000_000, 10_000
SPECIAL = "~{*?["
GLOB = re.compile(r"[*?]|\[[^\]]+\]")
BRACES = re.compile(r"\{([^{}\s]*)\}")
RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
Whole = TypeVar("Whole", str, list[str])
# A character of a word, and whether quotes hold it.
Held = tuple[str, bool]


def expanded_fields(word: Word, scope: Scope) -> list[str]:
    """Return the words that one word becomes; Unknown where that can't be told."""
    if word and all(
        isinstance(part, Text) and (part.quoted or part.text not in SPECIAL) for part in word
    ):
        return [expanded_text(word, scope)]
    found: list[str] = []
    for braced in _with_braces(word):
        for held in _split(braced, scope):
            found += _files(held, scope)
        if len(found) > MOST_WORDS:  # not later: braces in braces have no end
            raise Unknown("too many words")
    return found


def expanded_text(word: Word, scope: Scope) -> str:
    """Return a word as one text, as in an assignment or a here-document."""
    text = "".join(_text(part, scope) for part in _with_home(word))
    if len(text) > MOST_CHARACTERS:
        raise Unknown("the text is too long")
    return text


def pattern_text(word: Word, scope: Scope) -> str:
    """Return a word as a pattern: what is quoted stands for itself."""
    return "".join(
        glob_escaped(_text(part, scope)) if part.quoted else _text(part, scope) for part in word
    )


def glob_escaped(text: str) -> str:
    """Return a pattern that matches a text alone."""
    return re.sub(r"([*?[])", r"[\1]", text)


def _with_home(word: Word) -> Word:
    """Return a word with the home of whoever adopts for a `~` at its beginning."""
    if word[:1] != (Text("~"),):
        return word
    if word[1:2] not in ((), (Text("/"),)):
        raise Unknown("the home of somebody else is known only where the script runs")
    return (Parameter("HOME", quoted=True), *word[1:])


def _with_braces(word: Word) -> Iterator[Word]:
    """Yield the words that `{a,b}` and `{1..3}` stand for."""
    plain = "".join(
        part.text if isinstance(part, Text) and not part.quoted else "\0" for part in word
    )
    # A part that is not plain text counts as one character, so that places stay right.
    if any(isinstance(part, Text) and not part.quoted and len(part.text) > 1 for part in word):
        yield word
        return
    match = next((each for each in BRACES.finditer(plain) if _choices(each[1])), None)
    if not match:
        yield word
        return
    before, after = word[: match.start()], word[match.end() :]
    inside = word[match.start() + 1 : match.end() - 1]
    for choice in _chosen(match[1], inside):
        yield from _with_braces((*before, *choice, *after))


def _choices(text: str) -> bool:
    return "," in text or RANGE.fullmatch(text) is not None


def _chosen(text: str, inside: Word) -> Iterator[Word]:
    found = RANGE.fullmatch(text)
    if not found:
        at = 0
        for choice in text.split(","):
            yield inside[at : at + len(choice)]
            at += len(choice) + 1
        return
    if max(map(len, found.groups())) > LONGEST_NUMBER:
        raise Unknown("too many words")
    first, last = int(found[1]), int(found[2])
    if abs(last - first) > MOST_WORDS:
        raise Unknown("too many words")
    width = max(len(each) for each in found.groups()) if re.search(r"(^|\.)-?0\d", text) else 0
    step = 1 if last >= first else -1
    for number in range(first, last + step, step):
        yield tuple(Text(character) for character in f"{number:0{width}d}")


def _split(word: Word, scope: Scope) -> Iterator[list[Held]]:
    """Yield the words that a word with values in it falls into."""
    current: list[Held] | None = None
    has_list = any(map(_is_list, word))
    for part in _with_home(word):
        # The quotes of `"$@"`, which of no arguments is no word at all.
        if has_list and isinstance(part, Text) and not part.text:
            continue
        for piece in _pieces(part, scope):
            if piece is None:
                if current is not None:
                    yield current
                current = None
            else:
                current = [*(current or ()), *((each, part.quoted) for each in piece)]
    if current is not None:
        yield current


def _pieces(part: Part, scope: Scope) -> Iterator[str | None]:
    """Yield the texts of a part, and None where one word ends."""
    if isinstance(part, Text):
        yield part.text
        return
    if part.quoted and not _is_list(part):
        yield _text(part, scope)
        return
    for number, value in enumerate(_values(part, scope)):
        if number:
            yield None
        if part.quoted:
            yield value
        else:
            yield from _unquoted(value, scope)


def _unquoted(value: str, scope: Scope) -> Iterator[str | None]:
    """Yield the words that a value falls into; None also for a separator at either end."""
    separators = scope.separators
    if value[:1].isspace() and value[0] in separators:
        yield None
    for number, piece in enumerate(scope.split(value)):
        if number:
            yield None
        yield piece
    if value and value[-1] in separators:
        yield None


def _text(part: Part, scope: Scope) -> str:
    """Return the values of a part as one text."""
    values = _values(part, scope)
    if len(values) == 1:
        return values[0]
    return (" " if _is_list(part) else scope.separators[:1]).join(values)


def _is_list(part: Part) -> bool:
    return isinstance(part, Parameter) and part.flag != "#" and "@" in (part.name, part.index)


def _files(held: list[Held], scope: Scope) -> list[str]:
    """Return a word, or the files that it matches where it is a pattern."""
    text = "".join(character for character, _ in held)
    unquoted = "".join(" " if quoted else character for character, quoted in held)
    if not GLOB.search(unquoted):
        return [text]
    pattern = "".join(
        glob_escaped(character) if quoted else character for character, quoted in held
    )
    found = scope.matching(pattern)
    if not found:
        raise Unknown(f"which files `{text}` matches depends on what is there")
    return found


def _values(part: Part, scope: Scope) -> list[str]:
    if isinstance(part, Text):
        return [part.text]
    if isinstance(part, Substitution) and part.is_file:
        raise Unknown("`<(…)` is not followed")
    if isinstance(part, Substitution):
        return [scope.run(part.text, part.line).rstrip("\n")]
    if isinstance(part, Arithmetic):
        return [str(arithmetic_value(part.text, scope))]
    return _parameter(part, scope)


def arithmetic_value(text: str, scope: Scope) -> int:
    """Return the value of `$((…))` or `((…))`, whose variables are set as it says."""
    put_in = expanded_text(quoted_text(text, 0), scope)

    def value(name: str) -> str:
        found = scope.value(name)
        if not isinstance(found, str):
            raise scope.missing(name)
        return found

    try:
        return calculate(put_in, value, scope.variables.__setitem__)
    except (ValueError, ZeroDivisionError, RecursionError):
        raise Unknown(f"`{text.strip()}` is not followed") from None


def _parameter(part: Parameter, scope: Scope) -> list[str]:
    if part.flag == "!":
        return _indirect(part, scope)
    found = _found(part, scope)
    if found == f"${part.name}" and (part.rest or part.flag):  # of a shell that nobody has seen
        raise Unknown(f"`${part.name}` is known to the shell alone")
    if part.flag == "#":
        return [str(len(found or ""))]
    operator = re.match(r":?[-=?+]", part.rest)
    if operator:
        return _defaulted(part, found, operator[0], scope)
    if found is None:
        raise scope.missing(part.name)
    if part.rest.startswith(":"):
        numbers = [arithmetic_value(each, scope) for each in part.rest[1:].split(":", 1)]
        if isinstance(found, list):
            numbers[0] -= part.name in ALL  # arguments count from 1
            return _slice(found, numbers)
        return [_slice(found, numbers)]
    values = found if isinstance(found, list) else [found]
    return [_changed(value, part.rest, scope) for value in values] if part.rest else values


def _found(part: Parameter, scope: Scope) -> str | list[str] | None:
    """Return the value of a parameter, of a list or table the item that is meant."""
    found = scope.value(part.name)
    if part.index is not None:
        return _element(found, part.index, scope)
    if isinstance(found, list) and part.name not in ALL:
        return found[0] if found else None
    return None if isinstance(found, dict) else found


def table_key(index: str, scope: Scope) -> str:
    """Return the key of a table that stands in brackets."""
    return expanded_text(word_of(index, 0), scope)


def _indirect(part: Parameter, scope: Scope) -> list[str]:
    found = scope.value(part.name)
    if part.index in ALL and isinstance(found, list):
        return [str(number) for number in range(len(found))]
    if part.index in ALL and isinstance(found, dict):
        return [*found]
    if part.index is None and isinstance(found, str) and not part.rest:
        return _parameter(Parameter(found), scope)
    raise Unknown(f"`${{!{part.name}}}` is not followed")


def _element(found: Plain | None, index: str, scope: Scope) -> str | list[str] | None:
    if isinstance(found, dict):
        return [*found.values()] if index in ALL else found.get(table_key(index, scope))
    values = found if isinstance(found, list) else [found] if found is not None else []
    if index in ALL:
        return values
    number = arithmetic_value(index, scope)
    return values[number] if -len(values) <= number < len(values) else None


def _defaulted(
    part: Parameter, found: str | list[str] | None, operator: str, scope: Scope
) -> list[str]:
    has_value = bool(found) if operator[0] == ":" else found is not None
    word = word_of(part.rest[len(operator) :], 0)
    if operator[-1] == "+" and has_value and any(map(_is_list, word)):
        return _kept_apart(part, expanded_fields(word, scope), scope)
    if operator[-1] == "+":
        nothing = [] if _is_list(part) else [""]
        return [expanded_text(word, scope)] if has_value else nothing
    if has_value:
        return found if isinstance(found, list) else [found or ""]
    if operator[-1] == "?":
        raise scope.missing(part.name)
    value = expanded_text(word, scope)
    if operator[-1] == "=":
        scope.variables[part.name] = value
    return [value]


def _kept_apart(part: Parameter, values: list[str], scope: Scope) -> list[str]:
    """Return the values of a list inside a parameter, which nothing may divide any more."""
    if not part.quoted and any(scope.split(each) != [each] for each in values):
        raise Unknown(f"`${{{part.name}{part.rest}}}` is not followed")
    return values


def _slice(whole: Whole, numbers: list[int]) -> Whole:
    """Return a part of a text or a list: from where on, and how much if that is given."""
    if min(numbers) < 0:
        raise Unknown("counting from the end is not followed")
    begin, end = numbers[0], sum(numbers) if numbers[1:] else None
    return whole[begin:end]


def _changed(value: str, rest: str, scope: Scope) -> str:
    """Return a value with what an operator such as `%.json` does to it."""
    operator = re.match(r"%%?|##?|//?[#%]?|\^\^?|,,?", rest)
    if not operator:
        raise Unknown(f"`{rest}` is not followed")
    word, sign = rest[len(operator[0]) :], operator[0]
    if sign[0] in "^,":
        changed = value.upper() if sign[0] == "^" else value.lower()
        return changed if len(sign) > 1 else changed[:1] + value[1:]
    if sign[0] == "/":
        return _replaced(value, sign, word, scope)
    pattern = pattern_text(word_of(word, 0), scope)
    lengths = range(len(value) + 1)
    cuts = [
        size
        for size in lengths
        if fnmatch.fnmatchcase(
            value[:size] if sign[0] == "#" else value[len(value) - size :], pattern
        )
    ]
    if not cuts:
        return value
    size = max(cuts) if len(sign) > 1 else min(cuts)
    return value[size:] if sign[0] == "#" else value[: len(value) - size]


def _replaced(value: str, sign: str, word: str, scope: Scope) -> str:
    old, _, new = word.partition("/")
    pattern = pattern_text(word_of(old, 0), scope)
    if GLOB.search(pattern) or len(sign.lstrip("/")):
        raise Unknown(f"`{sign}{word}` is not followed")
    text = expanded_text(word_of(new, 0), scope)
    return value.replace(pattern, text, -1 if sign == "//" else 1) if pattern else value


def joined(directory: str, path: str) -> str:
    """Return a path as seen from a directory."""
    return posixpath.normpath(posixpath.join(directory, path))
