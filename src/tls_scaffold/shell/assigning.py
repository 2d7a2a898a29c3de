"""Variables that a script sets: texts, lists and tables."""

import re
from collections.abc import Iterable

from tls_scaffold.shell.expansion import (
    arithmetic_value,
    expanded_fields,
    expanded_text,
    table_key,
)
from tls_scaffold.shell.nodes import Assignment
from tls_scaffold.shell.scope import Value
from tls_scaffold.shell.state import State
from tls_scaffold.shell.words import Text, Unknown, Word

KEYED = re.compile(r"\[([^\]]+)\]=(.*)", re.DOTALL)
LOCAL = ("local", "declare", "typeset")


def declare(state: State, words: list[str], assignments: Iterable[Assignment]) -> None:
    """Set what `local`, `declare` and the like set; in a function it is forgotten at its end."""
    names = [each for each in words[1:] if re.fullmatch(r"[A-Za-z_]\w*", each)]
    variables = state.scope.variables
    if words[0] in LOCAL and state.local:
        for name in (*names, *(each.name for each in assignments)):
            state.local[-1].setdefault(name, variables.get(name))
    if any(re.fullmatch(r"-\w*A\w*", each) for each in words):
        variables.update({name: {} for name in (*names, *(each.name for each in assignments))})
    assign(state, assignments)


def assign(state: State, assignments: Iterable[Assignment]) -> None:
    """Set variables; what can't be told of one is told where it is read."""
    for each in assignments:
        state.scope.variables[each.name] = _value_or_reason(state, each)


def _value_or_reason(state: State, each: Assignment) -> Value:
    try:
        return _value(state, each)
    except Unknown as error:
        return error


def _value(state: State, each: Assignment) -> Value:
    known = state.scope.variables.get(each.name)
    if isinstance(known, Unknown):
        if each.adds or each.index is not None:
            raise known
        known = None
    if each.words is not None:
        return _list_or_table(state, each.words, known, adds=each.adds)
    text = expanded_text(each.value, state.scope)
    if each.index is not None:
        return _with_item(state, each, known, text)
    if not each.adds:
        return text
    if isinstance(known, str | None):
        return f"{known or ''}{text}"
    raise Unknown(f"`{each.name}+=` is not followed")


def _list_or_table(
    state: State, listed: tuple[Word, ...], known: Value | None, *, adds: bool
) -> Value:
    if isinstance(known, dict):
        items = [KEYED.fullmatch(expanded_text(each, state.scope)) for each in listed]
        if not all(items):
            raise Unknown("a table without keys is not followed")
        return {**(known if adds else {}), **{each[1]: each[2] for each in items if each}}
    if any(each[:1] == (Text("["),) for each in listed):
        raise Unknown("a list with places of its own is not followed")
    words = [each for word in listed for each in expanded_fields(word, state.scope)]
    before = known if isinstance(known, list) else [known] if isinstance(known, str) else []
    return [*before, *words] if adds else words


def _with_item(state: State, each: Assignment, known: Value | None, text: str) -> Value:
    if each.adds:
        raise Unknown(f"`{each.name}[{each.index}]+=` is not followed")
    index = each.index or ""
    if isinstance(known, dict):
        return {**known, table_key(index, state.scope): text}
    items = list(known) if isinstance(known, list) else [known] if isinstance(known, str) else []
    number = arithmetic_value(index, state.scope)
    if not 0 <= number <= len(items):
        raise Unknown(f"`{each.name}[{index}]` is not followed")
    items[number : number + 1] = [text]
    return items
