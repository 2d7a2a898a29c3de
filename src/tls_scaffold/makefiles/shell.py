"""Lines of shell taken apart into commands and words, as far as Makefiles that sign need it."""

import re
import shlex
from collections.abc import Iterable, Iterator

OPERATORS = re.compile(r"[|&;()<>]+")
SEPARATORS = " \t;&|()"
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.ASCII)
LOOP = re.compile("for ([A-Za-z_][A-Za-z0-9_]*) in((?: [A-Za-z0-9_.,:=@/+-]+)*)", re.ASCII)
LITERAL = "\0"
SHELL_READS = re.compile(f"[$`{LITERAL}]")
COMPOUND = {"for", "while", "until", "if", "case", "do", "then", "else", "{", "("}

Command = list[str]
Pipeline = list[Command]


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


def with_literals(line: str) -> str:
    """Return a line of shell with LITERAL for each `$` that is quoted or escaped."""
    return "".join(
        LITERAL if each == "$" and holder in ("'", "\\") else each for each, holder in _held(line)
    )


def check_plain(words: Iterable[str]) -> None:
    """Raise ValueError for a word that the shell would change, as a variable of its own."""
    for word in words:
        if SHELL_READS.search(word):
            raise ValueError(word)


def split_pipelines(line: str) -> list[Pipeline]:
    """Split shell text into pipelines, each a list of commands, each a list of words."""
    lexer = shlex.shlex(
        without_comment(line).lstrip("@-+ \t"), posix=True, punctuation_chars="|&;()<>"
    )
    lexer.commenters = ""
    lexer.whitespace_split = True
    pipelines: list[Pipeline] = [[[]]]
    words = iter(lexer)
    for word in words:
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


def unroll_loops(pipelines: Iterable[Pipeline]) -> Iterator[Pipeline]:
    """Yield pipelines; of a `for` loop over words what it runs for each of them.

    Raises ValueError for a loop that does not end, that asks for more than its variable's value, or
    that changes it.
    """
    waiting = iter(pipelines)
    for pipeline in waiting:
        head = pipeline[0] if len(pipeline) == 1 else []
        loop = LOOP.fullmatch(" ".join(head))
        if not loop or loop[2].split() != head[3:]:
            yield pipeline
            continue
        body = _body(waiting)
        if any(_assigns(command, loop[1]) for commands in body for command in commands):
            raise ValueError(body)
        for word in head[3:]:
            yield from (
                [[_set(each, loop[1], word) for each in command] for command in commands]
                for commands in body
            )


def _body(waiting: Iterator[Pipeline]) -> list[Pipeline]:
    """Take what stands between `do` and `done`."""
    (first, *words), *piped = next(waiting, [["done"]])
    if first != "do":
        raise ValueError(first)
    body = [[words, *piped]]
    for pipeline in waiting:
        if pipeline == [["done"]]:
            return body
        body.append(pipeline)
    raise ValueError(body)


def _assigns(command: Command, variable: str) -> bool:
    assigned = re.compile(rf"{variable}\+?=")
    return any(map(assigned.match, command)) or (command[:1] == ["read"] and variable in command)


def _set(text: str, variable: str, word: str) -> str:
    """Put a word in place of a variable; ValueError where more than its value is asked for."""
    plain = re.sub(rf"\$(?:\{{{variable}\}}|{variable}(?![A-Za-z0-9_]))", word, text)
    if f"${{{variable}" in plain:
        raise ValueError(text)
    return plain


def without_assignments(command: Command) -> Command:
    """Return a command without the variables set before it.

    Raises ValueError for more than a plain command.
    """
    words = list(command)
    if words[:1] == ["env"]:
        words.pop(0)
    while words and ASSIGNMENT.match(words[0]):
        words.pop(0)
    if words and words[0] in COMPOUND:
        raise ValueError(words[0])
    return words
