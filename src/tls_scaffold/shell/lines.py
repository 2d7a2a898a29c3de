"""The lines of some shell, and what of one is a comment or quoted."""

import re
from collections.abc import Iterator

SEPARATORS = " \t;&|()"


def logical_lines(text: str) -> Iterator[str]:
    """Yield the lines of `text` with those joined that end in a backslash."""
    yield from re.sub(r"\\\n\s*", " ", text).splitlines()


def without_comment(line: str) -> str:
    """Return a line of shell without the comment at its end, which begins where a word would."""
    before = " "
    for at, (character, holder) in enumerate(_held(line)):
        if character == "#" and not holder and before in SEPARATORS:
            return line[:at]
        before = "x" if holder else character
    return line


def without_quoted(line: str) -> str:
    """Return what of a line of shell is neither quoted nor escaped, nor a quote."""
    return "".join(character for character, holder in _held(line) if not holder)


def _held(line: str) -> Iterator[tuple[str, str]]:
    """Yield each character with what holds it: its quote, a backslash, or nothing."""
    quote, escaped = "", False
    for character in line:
        if escaped:
            yield character, "\\"
            escaped = False
        elif quote:
            yield character, quote
            quote = "" if character == quote else quote
            escaped = character == "\\" and quote == '"'
        elif character in "'\"":
            yield character, character
            quote = character
        else:
            escaped = character == "\\"
            yield character, "\\" if escaped else ""
