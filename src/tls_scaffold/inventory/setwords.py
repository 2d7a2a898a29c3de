"""The words of `--set`: what the certificate of one component is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TypeVar

from tls_scaffold import spelling
from tls_scaffold.inventory.clusterparts import AS_ALL, Member, Proxy, User
from tls_scaffold.inventory.components import read_hosts
from tls_scaffold.inventory.fields import Field
from tls_scaffold.inventory.terms import (
    LONGEST_NAMES,
    Terms,
    read_expiry,
    read_key,
    read_texts,
    read_usages,
)

P = TypeVar("P", Member, Proxy, User)
OF_USERS = ("hosts", "usages")
SETTABLE = (*OF_USERS, "key", "expiry", *LONGEST_NAMES)


@dataclass(frozen=True)
class SetWord:
    """What one word asks for: the component's name, what is set, and the value with its place.

    One that `takes_back` lets the component have what all have.
    """

    name: str
    what: str
    value: Field
    takes_back: bool = False


def with_set_words(
    members: Sequence[Member],
    proxies: Sequence[Proxy],
    users: Sequence[User],
    words: Iterable[Field],
) -> tuple[tuple[Member, ...], tuple[Proxy, ...], tuple[User, ...]]:
    """Return the components with what the words ask for them; bad words are refused.

    A word takes the place of what the component said before; several words about one of the
    subject's names give it several texts, and two about anything else are a mistake.
    """
    servers = {each.name for each in (*members, *proxies)}
    named_users = {each.name for each in users}
    said: dict[str, list[SetWord]] = {}
    for field in words:
        word = _read_word(field)
        if problem := _problem(field.text(), word, servers, named_users) or _twice(word, said):
            field.refuse(problem)
        else:
            said.setdefault(word.name, []).append(word)
    return (
        tuple(_with_words(each, said.get(each.name, ())) for each in members),
        tuple(_with_words(each, said.get(each.name, ())) for each in proxies),
        tuple(_with_words(each, said.get(each.name, ())) for each in users),
    )


def _read_word(field: Field) -> SetWord:
    """Return the parts of NAME:FIELD=VALUE or NAME:-FIELD; of any other word nothing is set."""
    name, _, rest = field.text().partition(":")
    what, has_value, value = rest.partition("=")
    if rest.startswith("-") and not has_value:
        return SetWord(name, rest.removeprefix("-"), field, takes_back=True)
    return SetWord(name, what if has_value else "", replace(field, value=value))


def _problem(text: str, word: SetWord, servers: AbstractSet[str], users: AbstractSet[str]) -> str:
    """Say why nobody can be given what a word asks for; empty if somebody can."""
    if not word.what:
        return f"`{text}` is not NAME:FIELD=VALUE, such as alice:key=rsa-2048, or NAME:-FIELD"
    if word.name not in servers | users:
        advice = (
            spelling.did_you_mean(word.name, servers | users)
            or ": name it with `--user` or `--member`"
        )
        return f"`{word.name}` is not a component{advice}"
    if word.what not in SETTABLE:
        there = f"; there are {', '.join(f'`{each}`' for each in SETTABLE)}"
        return f"`{word.what}` can't be set{spelling.did_you_mean(word.what, SETTABLE) or there}"
    if word.what in OF_USERS and word.name not in users:
        return f"`{word.what}` is set for users alone, and `{word.name}` is a server of etcd"
    return ""


def _twice(word: SetWord, said: Mapping[str, Iterable[SetWord]]) -> str:
    """Say that an earlier word sets the same; the subject's names may have several texts."""
    for other in said.get(word.name, ()):
        takes_back = word.takes_back or other.takes_back
        is_more = word.what in LONGEST_NAMES and word.value.value != other.value.value
        is_more = is_more and not takes_back
        if word.what == other.what and not is_more:
            return f"`{word.what}` of `{word.name}` is set twice"
    return ""


def _with_words(part: P, words: Sequence[SetWord]) -> P:
    if not words:
        return part
    part = _as_all(part, {word.what for word in words if word.takes_back})
    values = {word.what: word.value for word in words if not word.takes_back}
    terms = _with_names(part.terms, [word for word in words if word.what in values])
    if "key" in values:
        terms = replace(terms, key=read_key(values["key"]))
    if "expiry" in values:
        terms = replace(terms, expiry=read_expiry(values["expiry"]))
    if "usages" in values:
        terms = replace(terms, usages=read_usages(_listed(values["usages"])))
    if isinstance(part, User) and "hosts" in values:
        part = replace(part, hosts=read_hosts(_listed(values["hosts"])))
    return replace(part, terms=terms)


def _as_all(part: P, taken: AbstractSet[str]) -> P:
    """Return a component as it is without what it says of some fields."""
    terms = replace(
        part.terms,
        names=tuple((word, texts) for word, texts in part.terms.names if word not in taken),
        **{field: value for field, value in vars(AS_ALL).items() if field in taken},
    )
    if isinstance(part, User) and "hosts" in taken:
        part = replace(part, hosts=())
    return replace(part, terms=terms)


def _with_names(terms: Terms, words: Iterable[SetWord]) -> Terms:
    given: dict[str, tuple[str, ...]] = {}
    for word in words:
        if word.what not in LONGEST_NAMES:
            continue
        given[word.what] = (*given.get(word.what, ()), *read_texts(word.value, word.what))
    names = {**dict(terms.names), **given}
    return replace(
        terms, names=tuple((word, names[word]) for word in LONGEST_NAMES if word in names)
    )


def _listed(field: Field) -> Field:
    """Return a value whose parts have `+` between them as the list that a file would have."""
    return replace(field, value=str(field.value).split("+") if field.value else [])
