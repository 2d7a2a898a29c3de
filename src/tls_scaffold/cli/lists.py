"""Lists that were typed with blanks, where commas divide: their words land somewhere else."""

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tls_scaffold.errors import UsageError
from tls_scaffold.spelling import escaped, looks_like_hosts

if TYPE_CHECKING:
    from tls_scaffold.inventory.options import Options

NUMBER = re.compile("[0-9]+")


def refuse_more_of_a_list(words: Sequence[str], options: "Options", instead: str) -> None:
    """Refuse words that look like more members or users than were given behind the option.

    `instead` says what they would be taken for. Raises UsageError with the words as they are to be
    typed.
    """
    for name, given in (("members", options.members), ("users", options.users)):
        there = [part for word in given for part in _parts(word)]
        more = [word for word in words if _goes_on(word, there)]
        if name == "members":
            more += [word for word in words if word not in more and looks_like_hosts(word)]
        if more:
            listed = ",".join([*there, *(part for word in more for part in _parts(word))])
            raise UsageError(
                f"`{escaped(more[0])}` looks like one of the {name}, and would be {instead}",
                hint=f"commas divide them, no blanks: `--{name} {escaped(shlex.quote(listed))}`",
            )


def _goes_on(word: str, there: Iterable[str]) -> bool:
    """Tell whether a word goes on with a list.

    It differs from what is there in numbers alone, as `etcd2` from `etcd1`, or before the domain.
    What has a slash is a path.
    """
    return "/" not in word and any(
        _without_numbers(word) == _without_numbers(each) or _have_one_domain(word, each)
        for each in there
        if word != each
    )


def _parts(word: str) -> list[str]:
    return [part.strip() for part in word.split(",") if part.strip()]


def _without_numbers(word: str) -> str:
    # Without a number it would be the same word, which nobody types twice.
    return NUMBER.sub("0", word)


def _have_one_domain(word: str, other: str) -> bool:
    domain = word.partition(".")[2]
    return bool(domain) and domain == other.partition(".")[2]
