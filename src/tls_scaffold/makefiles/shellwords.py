"""A line of shell as words and operators, quotes taken off."""

import re
from collections.abc import Iterator
from typing import NamedTuple

LITERAL = "\0"  # stands for a `$` that the shell leaves alone
OPERATOR = re.compile(r"&&|\|\||;;|>>|>&|>\||<<-?|<&|<>|[|&;()<>\n]")
REDIRECTION = re.compile(r"\d*(>>|>&|>\||<<-?|<&|<>|[<>])")
QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
ESCAPED = re.compile(r"\\([$`\"\\\n])")


class Token(NamedTuple):
    """A word without its quotes, or an operator; one that redirects has its number in front."""

    text: str
    is_operator: bool = False


def tokens(text: str) -> Iterator[Token]:
    """Yield the words and operators of shell; ValueError for a quote that does not end."""
    at, word, begun = 0, "", False
    while at < len(text):
        character = text[at]
        operator = OPERATOR.match(text, at)
        if character in "'\"":
            quoted = QUOTED.match(text, at)
            if not quoted:
                raise ValueError(text[at:])
            word += _held_by(quoted)
            at, begun = quoted.end(), True
        elif character == "\\" and at + 1 < len(text):
            word += LITERAL if text[at + 1] == "$" else text[at + 1]
            at, begun = at + 2, True
        elif character == "#" and not begun:
            at = (text + "\n").index("\n", at)
        elif operator or character in " \t\r":
            number = word if operator and operator[0][0] in "<>" and word.isdigit() else ""
            if begun and not number:
                yield Token(word)
            word, begun = "", False
            if operator:
                yield Token(f"{number}{operator[0]}", is_operator=True)
            at = operator.end() if operator else at + 1
        else:
            word += character
            at, begun = at + 1, True
    if begun:
        yield Token(word)


def _held_by(quoted: "re.Match[str]") -> str:
    """Return what stands between quotes, as the shell reads it."""
    if quoted[1] is not None:
        return quoted[1].replace("$", LITERAL)
    return ESCAPED.sub(lambda each: LITERAL if each[1] == "$" else each[1].strip("\n"), quoted[2])
