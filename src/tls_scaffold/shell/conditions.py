"""What `[ … ]` and `[[ … ]]` say of values that are known, and of files."""

import fnmatch
import re
from collections.abc import Callable

from tls_scaffold.shell.words import Unknown

FILES = ("-e", "-f", "-d", "-s", "-r", "-w", "-x", "-h", "-L")
NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda first, second: first == second,
    "-ne": lambda first, second: first != second,
    "-lt": lambda first, second: first < second,
    "-le": lambda first, second: first <= second,
    "-gt": lambda first, second: first > second,
    "-ge": lambda first, second: first >= second,
}


def holds(words: list[str], is_there: Callable[[str], bool], *, patterns: bool) -> bool:
    """Tell whether a condition holds; Unknown where that can't be told.

    With `patterns`, what stands behind `==` is one, as in `[[ … ]]`.
    """
    for operators, joins in ((("-o", "||"), any), (("-a", "&&"), all)):
        at = next((at for at, word in enumerate(words) if word in operators and at), 0)
        if at:
            parts = (words[:at], words[at + 1 :])
            return joins([holds(part, is_there, patterns=patterns) for part in parts])
    if words[:1] == ["!"]:
        return not holds(words[1:], is_there, patterns=patterns)
    if words[:1] == ["("] and words[-1:] == [")"]:
        return holds(words[1:-1], is_there, patterns=patterns)
    if len(words) == 1:
        return bool(words[0])
    if len(words) == 2 and words[0] in FILES:  # noqa: PLR2004  (an operator and a path)
        return is_there(words[1])
    return _compared(words, patterns=patterns)


def _compared(words: list[str], *, patterns: bool) -> bool:
    match words:
        case ["-z", text]:
            return not text
        case ["-n", text]:
            return bool(text)
        case [first, "=" | "==" | "!=" as operator, second]:
            same = fnmatch.fnmatchcase(first, second) if patterns else first == second
            return same == (operator != "!=")
        case [first, operator, second] if operator in NUMBERS:
            return NUMBERS[operator](_number(first), _number(second))
    raise Unknown(f"the condition `{' '.join(words)}` is not followed")


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise Unknown(f"`{text}` is no number")
    return int(text)
