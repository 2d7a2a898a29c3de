"""What a proof saw, as a text for people: what went wrong first."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tls_scaffold.commands.prove import Proof
    from tls_scaffold.etcd.attempts import Attempt

WIDTH = 100
WIDEST_BEFORE = 60  # characters before a text that is wrapped beside them
READ, WRITE = "get", "put"  # what the two columns show; surprises are told above


def text(proof: "Proof") -> str:
    """Return the whole text."""
    replaced = f"each ran as its bundle says, but for {', '.join(proof.replaced)}"
    blocks = (
        list(_surprises(proof)),
        list(_table(proof)),
        list(_operations(proof)),
        list(_let_through(proof)),
        list(_without_keys(proof)),
        [f"yes  {each.sentence}" for each in proof.checks if each.holds],
        [f"etcd {proof.version}, {proof.of_members}; {replaced}"],
    )
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _surprises(proof: "Proof") -> Iterator[str]:
    """Yield what went otherwise than it should, what is alike of one user in one line."""
    found: dict[str, list[str]] = {}
    for each in proof.attempts:
        if not each.holds:
            who = f"{each.user}, {each.keys}" if each.keys else each.user
            about = f"{who}: {each.seen} (expected: {each.expected})"
            found.setdefault(about, []).append(each.operation)
    for about, operations in found.items():
        yield from _wrapped("NO   ", f"{about}: {', '.join(operations)}")
    for check in proof.checks:
        if not check.holds:
            yield f"NO   {check.sentence}: {check.seen}"


def _table(proof: "Proof") -> Iterator[str]:
    """Yield a row for each user and what it may do, with all keys that it may do that with."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for each in proof.attempts:
        if each.keys:
            cells.setdefault((each.user, each.keys), {})[each.operation] = _cell(each)
    keys: dict[str, dict[tuple[str, str, str], list[str]]] = {}
    for (user, path), of in cells.items():
        keys.setdefault(user, {}).setdefault((user, of[READ], of[WRITE]), []).append(path)
    # What a user may do stands before what it may not.
    rows = {
        row: of_user[row]
        for of_user in keys.values()
        for row in sorted(of_user, key=lambda row: row[1:] == ("denied", "denied"))
    }
    if rows:
        heading, *befores = _columns([("USER", "READ", "WRITE"), *rows])
        yield f"{heading}KEYS"
        for before, paths in zip(befores, rows.values(), strict=True):
            yield from _wrapped(before, ", ".join(paths))


def _operations(proof: "Proof") -> Iterator[str]:
    """Yield what else was tried with each row's keys: it goes as read and write say."""
    tried = dict.fromkeys(each.operation for each in proof.attempts if each.keys)
    if tried:
        yield from _wrapped("", f"tried by each, with each of these keys: {', '.join(tried)}")


def _let_through(proof: "Proof") -> Iterator[str]:
    """Yield what goes further than the table says in this version of etcd, by its holes."""
    everybody = dict.fromkeys(each.user for each in proof.attempts)
    if proof.let_through:
        yield f"HOLES of etcd {proof.version}, which let this through all the same:"
    for hole in proof.let_through:
        through = [each for each in proof.attempts if each.hole == hole.name]
        operations = dict.fromkeys(each.operation for each in through)
        users = dict.fromkeys(each.user for each in through)
        who = _named([*users], [*everybody])
        yield from _wrapped(f"{hole.name}  ", f"{', '.join(operations)}: {who}")


def _without_keys(proof: "Proof") -> Iterator[str]:
    """Yield who may do what is about no keys."""
    allowed: dict[str, dict[str, None]] = {}
    everybody: dict[str, None] = {}
    for each in proof.attempts:
        if not each.keys:
            everybody[each.user] = None
            allowed.setdefault(each.operation, {})
            if each.seen == "allowed":
                allowed[each.operation][each.user] = None
    of_users: dict[str, list[str]] = {}
    for operation, users in allowed.items():
        of_users.setdefault(_named([*users], [*everybody]), []).append(operation)
    beside = [names for names in of_users if len(names) <= WIDEST_BEFORE]
    width = max(map(len, beside), default=0)
    if of_users:
        yield "what concerns no keys, and who was let do it:"
    for names, operations in of_users.items():
        yield from _wrapped(f"{names:{width}}  ", ", ".join(operations))


def _named(users: Sequence[str], everybody: Sequence[str]) -> str:
    if not users:
        return _no_name("nobody", everybody)
    others = [each for each in everybody if each not in users]
    if not others:
        return _no_name("everybody", everybody)
    if len(others) < len(users):
        return f"all but {', '.join(others)}"
    return ", ".join(users)


def _no_name(word: str, names: Sequence[str]) -> str:
    """Return a word that is no user's name: one may be called so, and has no parentheses."""
    return f"({word})" if word in names else word


def _cell(attempt: "Attempt") -> str:
    return attempt.seen if attempt.holds else f"{attempt.seen} (expected: {attempt.expected})"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}  " for cell, width in zip(row, widths, strict=True))
        yield "".join(cells)


def _wrapped(before: str, text: str) -> list[str]:
    """Return lines with a text beside what stands before it, or below where that is too wide."""
    if len(before.rstrip()) > WIDEST_BEFORE:
        return [*_lines("", before.rstrip()), *_lines("    ", text)]
    return _lines(before, text)


def _lines(before: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_long_words=False,
        break_on_hyphens=False,
    )
