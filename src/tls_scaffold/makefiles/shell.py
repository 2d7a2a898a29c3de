"""Lines of shell taken apart into commands and words, as far as Makefiles that sign need it."""

import re
import shlex
from collections.abc import Iterator

OPERATORS = re.compile(r"[|&;()<>]+")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)
COMPOUND = {"for", "while", "until", "if", "case", "do", "then", "else", "{", "("}


def logical_lines(text: str) -> Iterator[str]:
    """Yield the lines of `text` with those joined that end in a backslash."""
    yield from re.sub(r"\\\n\s*", " ", text).splitlines()


def pipelines(line: str) -> list[list[list[str]]]:
    """Split shell text at its operators: a list of pipelines, each a list of commands, each a list of words."""
    lexer = shlex.shlex(line.lstrip("@-+ \t"), posix=True, punctuation_chars="|&;()<>")
    lexer.commenters = ""
    lexer.whitespace_split = True
    pipelines: list[list[list[str]]] = [[[]]]
    words = iter(lexer)
    for word in words:
        if word.startswith("#"):
            break
        if not OPERATORS.fullmatch(word):
            pipelines[-1][-1].append(word)
        elif word == "|":
            pipelines[-1].append([])
        elif set(word) <= {"&", ";", "|"}:
            pipelines.append([[]])
        elif word in (">", ">>", ">&") and pipelines[-1][-1][-1:] == ["2"]:
            pipelines[-1][-1].pop()  # where the talk on stderr goes
            next(words, "")
        else:
            raise ValueError(word)
    return pipelines


def program(command: list[str]) -> list[str]:
    """Return a command without the variables set before it; ValueError for more than a plain command."""
    words = list(command)
    if words[:1] == ["env"]:
        words.pop(0)
    while words and ASSIGNMENT.match(words[0]):
        words.pop(0)
    if words and words[0] in COMPOUND:
        raise ValueError(words[0])
    return words
