"""The words of a shell script, as parts that are text or have to be put in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PARAMETER = re.compile(rf"{NAME}|[0-9]+|[@*#?$!_-]")
BRACED = re.compile(
    rf"(?P<flag>[#!]?)(?P<name>{NAME}|[0-9]+|[@*#?$!-])(?:\[(?P<index>[^\]]*)\])?(?P<rest>.*)",
    re.DOTALL,
)
DEEPEST = 60  # commands in commands: Python's own stack is not endless
TOO_DEEP = "commands are nested too deep"
ENDS_WORD = " \t\n;&|()<>"
PLAIN = re.compile(r"[^\s;&|()<>\\'\"$`]+")
ESCAPED_IN_QUOTES = '$`"\\'
ANSI = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


class ScriptError(Exception):
    """A script can't be read from this line on: why, in words."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Unknown(Exception):  # noqa: N818  (no mistake of anybody: what is read only can't be known)
    """A value that a script or a line does not tell: why, in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Text:
    """Characters as they stand; `quoted` ones are never split or matched with files."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Parameter:
    """`$NAME` or `${…}`, taken apart: `rest` is an operator with what it is given."""

    name: str
    flag: str = ""
    index: str | None = None
    rest: str = ""
    quoted: bool = False


@dataclass(frozen=True)
class Substitution:
    """What commands print, such as `$(seq 3)`, or a file of that, `<(…)`: their text as written."""

    text: str
    line: int
    quoted: bool
    is_file: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """`$((…))`."""

    text: str
    quoted: bool


Part = Text | Parameter | Substitution | Arithmetic
Word = tuple[Part, ...]


class Characters:
    """A text that is read from its start to its end, with the number of the line."""

    def __init__(self, text: str, line: int = 1) -> None:
        self.text = text
        self.at = 0
        self.line = line

    def starts(self, *texts: str) -> bool:
        """Tell whether one of these texts comes next."""
        return self.text.startswith(texts, self.at)

    def take(self, count: int = 1) -> str:
        """Take some characters."""
        taken = self.text[self.at : self.at + count]
        self.at += len(taken)
        self.line += taken.count("\n")
        return taken

    def take_match(self, pattern: "re.Pattern[str]") -> "re.Match[str] | None":
        """Take what a pattern matches here."""
        match = pattern.match(self.text, self.at)
        if match:
            self.take(len(match[0]))
        return match

    def take_plain(self) -> str:
        """Take what means nothing to a shell, or one character."""
        match = PLAIN.match(self.text, self.at)
        return self.take(len(match[0]) if match else 1)

    def take_until(self, end: str) -> str:
        """Take what stands before `end`, and `end` itself, which is not returned."""
        found = self.text.find(end, self.at)
        if found < 0:
            raise ScriptError(self.line, f"`{end}` is missing")
        taken = self.take(found - self.at)
        self.take(len(end))
        return taken

    def blanks(self) -> None:
        """Take blanks, and line ends behind a backslash."""
        while self.starts(" ", "\t", "\\\n"):
            self.take(2 if self.starts("\\") else 1)

    def is_at_end(self) -> bool:
        """Tell whether all is taken."""
        return self.at >= len(self.text)


def take_word(source: Characters) -> Word:
    """Take one word; it may be empty where none begins."""
    parts: list[Part] = []
    while not source.is_at_end() and not source.starts(*ENDS_WORD):
        if source.starts("\\\n"):
            source.take(2)
        elif source.starts("\\"):
            parts.append(Text(source.take(2)[1:], quoted=True))
        elif source.starts("'"):
            source.take()
            parts.append(Text(source.take_until("'"), quoted=True))
        elif source.starts("$'"):
            source.take(2)
            parts.append(Text(_ansi(source), quoted=True))
        elif source.starts('"', '$"'):
            source.take(2 if source.starts("$") else 1)
            parts += [Text("", quoted=True), *_quoted(source, '"')]
        elif source.starts("$", "`"):
            parts.append(_dollar(source, quoted=False))
        else:
            parts += map(Text, source.take_plain())
    return tuple(parts)


def take_process(source: Characters) -> Word:
    """Take `<(…)` or `>(…)`."""
    line = source.line
    source.take()
    return (Substitution(_held(source, "(", ")"), line, quoted=True, is_file=True),)


def word_of(text: str, line: int) -> Word:
    """Return a text as one word, blanks in it too."""
    source = Characters(text, line)
    parts: list[Part] = []
    while not source.is_at_end():
        parts += take_word(source)
        if not source.is_at_end():
            parts.append(Text(source.take()))
    return tuple(parts)


def quoted_text(text: str, line: int) -> Word:
    """Return the parts of a text that stands in a here-document."""
    return tuple(_quoted(Characters(text, line), ""))


def _quoted(source: Characters, end: str) -> Iterator[Part]:
    """Yield the parts of what stands in double quotes, up to the one that ends it."""
    plain = ""
    while not (end and source.starts(end)):
        if source.is_at_end():
            if end:
                raise ScriptError(source.line, f"`{end}` is missing")
            break
        if source.starts("\\\n"):
            source.take(2)
        elif source.starts("\\") and source.text[source.at + 1 : source.at + 2] in (
            *(ESCAPED_IN_QUOTES if end else "$`\\"),
        ):
            plain += source.take(2)[1]
        elif source.starts("$", "`"):
            yield Text(plain, quoted=True)
            plain = ""
            yield _dollar(source, quoted=True)
        else:
            plain += source.take_plain()
    source.take(len(end))
    yield Text(plain, quoted=True)


def _dollar(source: Characters, *, quoted: bool) -> Part:
    line = source.line
    if source.starts("`"):
        source.take()
        return Substitution(source.take_until("`"), line, quoted)
    source.take()
    if source.starts("("):
        is_arithmetic = source.starts("((")
        inside = _held(source, "(", ")")
        if is_arithmetic and inside.endswith(")"):
            return Arithmetic(inside[1:-1], quoted)
        return Substitution(inside, line, quoted)
    if source.starts("{"):
        return _braced(_held(source, "{", "}"), line, quoted=quoted)
    name = PARAMETER.match(source.text, source.at)
    if not name:
        return Text("$", quoted=True)
    # `$12` is `$1` with a `2` behind it.
    return Parameter(source.take(1 if name[0].isdigit() else len(name[0])), quoted=quoted)


def _braced(inside: str, line: int, *, quoted: bool) -> Parameter:
    match = BRACED.fullmatch(inside)
    if not match:
        raise ScriptError(line, f"`${{{inside}}}` is not understood")
    return Parameter(match["name"], match["flag"], match["index"], match["rest"], quoted)


def _held(source: Characters, opening: str, closing: str) -> str:
    """Take what stands between two brackets, past those in quotes and in others of their kind."""
    line, start, depth, deepest = source.line, source.at + 1, 0, 0
    while not source.is_at_end():
        if source.starts("\\"):
            source.take(2)
            continue
        if source.starts("'") and opening == "(":
            source.take()
            source.take_until("'")
            continue
        if source.starts('"'):
            source.take()
            for _ in _quoted(source, '"'):
                pass
            continue
        character = source.take()
        depth += (character == opening) - (character == closing)
        deepest = max(depth, deepest)
        if not depth and deepest > DEEPEST:
            raise ScriptError(line, TOO_DEEP)
        if not depth:
            return source.text[start : source.at - 1]
    raise ScriptError(line, f"`{closing}` is missing")


def _ansi(source: Characters) -> str:
    found = ""
    while not source.starts("'"):
        if source.is_at_end():
            raise ScriptError(source.line, "`'` is missing")
        character = source.take()
        if character == "\\":
            character = source.take()
            if character not in ANSI:
                raise ScriptError(source.line, f"`\\{character}` is not understood")
            character = ANSI[character]
        found += character
    source.take()
    return found


def plain_text(word: Word) -> str | None:
    """Return a word that is text alone; None for one that has to be put in."""
    texts = [part.text for part in word if isinstance(part, Text)]
    return "".join(texts) if len(texts) == len(word) else None
