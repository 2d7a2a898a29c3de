"""Lists that were typed with blanks, where commas divide: their words land somewhere else."""

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tls_scaffold.errors import UsageError
from tls_scaffold.spelling import (
    ADDRESS_LIKE,
    WILDCARD,
    canonical_address,
    escaped,
    is_host_name,
    is_wildcard,
)

if TYPE_CHECKING:
    from tls_scaffold.inventory.options import Options

NUMBER = re.compile("[0-9]+")
SCHEME = re.compile("[A-Za-z]+://")
PORT = re.compile(":[0-9]+$")


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


def looks_like_hosts(word: str) -> bool:
    """Tell whether a word is a host, or has several, rather than the name of a folder or a user.

    That is an address (with a port, a network's length or a scheme, or mistyped) or a host name
    with a domain below another: `etcd1.example.com`, but neither `certs.d` nor `prod.example`. It
    may stand behind `NAME=`. What else has a slash is a path.
    """
    listed = re.split(r"[,+]", word.partition("=")[2] or word)
    return any(map(_looks_like_host, listed))


def _looks_like_host(word: str) -> bool:
    address, _, length = word.partition("/")
    if length.isdigit() and canonical_address(address):
        return True
    bare = SCHEME.sub("", word, count=1)
    if bare != word:
        bare = bare.rstrip("/")
    host = PORT.sub("", bare)
    if canonical_address(word) or canonical_address(host.strip("[]")):
        return True
    is_long = host != word or is_wildcard(host) or host.count(".") > 1
    return ADDRESS_LIKE.fullmatch(host) is not None or (
        is_long and is_host_name(host.removeprefix(WILDCARD))
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
