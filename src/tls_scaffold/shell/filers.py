"""What the programs that move files are told: which files, and whereto."""

from collections.abc import Sequence
from dataclasses import dataclass

WITH_A_WORD = {"install": "mogtS", "mv": "tS", "cp": "tS"}
"""The flags of a program that take the word after them."""


@dataclass(frozen=True)
class Filing:
    """The words of one call: short flags with their words, the files, and whereto they go.

    `into_folder` tells that the words alone say that the target is a folder.
    """

    flags: dict[str, str]
    sources: tuple[str, ...]
    target: str
    into_folder: bool


def read_filing(words: Sequence[str]) -> Filing:
    """Return what a call of `mv`, `cp` or `install` is told; of any other all names are sources."""
    program, *rest = words
    flags, names = _flags_and_names(rest, WITH_A_WORD.get(program, ""))
    if program not in WITH_A_WORD or (program == "install" and "d" in flags):
        return Filing(flags, tuple(names), "", into_folder=False)
    target = flags["t"] if "t" in flags else names.pop() if names else ""
    into_folder = "t" in flags or target.endswith("/") or len(names) > 1
    return Filing(flags, tuple(names), target, into_folder)


def _flags_and_names(words: Sequence[str], taking: str) -> tuple[dict[str, str], list[str]]:
    """Return short flags with their words, and what is left; long flags are passed over."""
    flags: dict[str, str] = {}
    names: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            names.append(word)
            continue
        for at, letter in enumerate(word[1:], 1):
            flags[letter] = ""
            if letter in taking:
                flags[letter] = word[at + 1 :] or (rest.pop(0) if rest else "")
                break
            if letter == "-":
                break
    return flags, names
