"""What git leaves in a file where it could not merge two sides: found, told, and taken apart."""

import re
from collections.abc import Mapping

from tls_scaffold.errors import ConflictError, Place, Problem

SETTLE = (
    "settle `tls-scaffold.json` and `Makefile` by hand, "
    "then `tls-scaffold sync` settles the other files"
)
MARKER = re.compile(r"(?:<{7}|\|{7}|>{7})(?: .*)?|={7}")


def marked_lines(text: str) -> list[int]:
    """Return the numbers of the lines that are markers, from 1 on."""
    if "<<<<<<<" not in text and ">>>>>>>" not in text:  # many times faster than line by line
        return []
    signs = {number: line[0] for number, line in enumerate(text.split("\n"), 1) if _is_marker(line)}
    if not {"<", ">"} & set(signs.values()):
        return []  # `=======` alone underlines a heading
    return list(signs)


def without_markers(text: str) -> str:
    """Return the text with both sides one after the other."""
    return "\n".join(line for line in text.split("\n") if not _is_marker(line))


def sides(text: str) -> tuple[str, str] | None:
    """Return the text as each side had it; None without markers, or without whole pairs of them."""
    ours: list[str] = []
    theirs: list[str] = []
    part = ""  # the sign that began it; outside a conflict none did
    # A third part, `|`, is what was there before both (`merge.conflictStyle` diff3).
    signs_after = {"": "<", "<": "|=", "|": "=", "=": ">"}
    for line in text.split("\n"):
        if _is_marker(line):
            if line[0] not in signs_after[part]:
                return None
            part = line[0].replace(">", "")
            continue
        if part in ("", "<"):
            ours.append(line)
        if part in ("", "="):
            theirs.append(line)
    return None if part or not marked_lines(text) else ("\n".join(ours), "\n".join(theirs))


def _is_marker(line: str) -> bool:
    return MARKER.fullmatch(line.rstrip("\r")) is not None


def marker_problems(texts: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return each marker in some texts, which are there by path, with its file and line."""
    return tuple(
        Problem(Place(path, number), "a conflict marker")
        for path, text in texts.items()
        for number in marked_lines(text)
    )


def refuse(texts: Mapping[str, str], hint: str = SETTLE) -> None:
    """Raise ConflictError, with file and line, if a text has markers; `texts` has them by path."""
    if problems := marker_problems(texts):
        raise ConflictError("a merge in git is not settled", problems, hint)
