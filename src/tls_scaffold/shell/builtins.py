"""What the words that a shell knows itself do to the state of a script."""

import re
from collections.abc import Callable
from itertools import chain

from tls_scaffold.shell.conditions import holds
from tls_scaffold.shell.expansion import arithmetic_value, joined
from tls_scaffold.shell.ledger import Output
from tls_scaffold.shell.running import TESTS
from tls_scaffold.shell.state import GENERATES, Leaves, Result, State
from tls_scaffold.shell.words import Unknown
from tls_scaffold.spelling import whole_number

Builtin = Callable[[State, list[str], Output | None], Result]


def _leave(_state: State, words: list[str], _stdin: Output | None) -> Result:
    raise Leaves(words[0])


def _change_folder(state: State, words: list[str], _stdin: Output | None) -> Result:
    plain = [each for each in words[1:] if not each.startswith("-") or each == "-"]
    if words[0] == "popd" or len(plain) != 1 or plain == ["-"]:
        state.lost = f"`{' '.join(words)}` is not followed"
        return Result()
    if plain[0].startswith("/"):
        state.lost = ""
    state.directory = joined(state.directory, plain[0])
    return Result()


def _set(state: State, words: list[str], _stdin: Output | None) -> Result:
    if "--" in words:
        state.scope.arguments = words[words.index("--") + 1 :]
    return Result()


def _shift(state: State, words: list[str], _stdin: Output | None) -> Result:
    count = whole_number(words[1]) if words[1:] else 1
    if count is None:
        raise Unknown("`shift` by what is no number is not followed")
    state.scope.arguments = state.scope.arguments[count:]
    return Result()


def _read(state: State, words: list[str], stdin: Output | None) -> Result:
    """Take the next line, of what the loop around it reads or of its own input."""
    options = [each for each in words[1:] if each.startswith("-")]
    names = [each for each in words[1:] if not each.startswith("-")] or ["REPLY"]
    if isinstance(stdin, str):
        line: str | None = stdin.partition("\n")[0]
    elif state.lines is not None and stdin is None:
        line = state.lines.pop(0) if state.lines else None
    else:
        state.forget(names, "it is read when the script runs")
        return Result("", None)
    if any(set(each) - set("-ra") for each in options):
        state.forget(names, "such a `read` is not followed")
        return Result("", None)
    if line is None:
        state.scope.variables.update(dict.fromkeys(names, ""))
        return Result("", success=False)
    if any("a" in each for each in options):
        state.scope.variables[names[0]] = [*state.scope.split(line)]
        return Result()
    parts = [*state.scope.split(line, len(names) - 1)]
    padded = chain(parts, [""] * len(names))
    state.scope.variables.update(dict(zip(names, padded, strict=False)))
    return Result()


def _unset(state: State, words: list[str], _stdin: Output | None) -> Result:
    for word in words[1:]:
        state.scope.variables.pop(word, None)
    return Result()


def _let(state: State, words: list[str], _stdin: Output | None) -> Result:
    values = [arithmetic_value(each, state.scope) for each in words[1:]]
    return Result(success=any(values[-1:]))


def _evaluate(state: State, words: list[str], _stdin: Output | None) -> Result:
    reason = f"`{words[0]}` makes commands of text, which are not followed"
    if any(map(GENERATES.search, words)):
        state.cannot_follow(reason)
    else:
        state.leave(reason)
    return Result(Unknown(f"what `{words[0]}` prints is not known"))


def _do_nothing(_state: State, words: list[str], _stdin: Output | None) -> Result:
    return Result("", success=words[0] != "false")


def _test(state: State, words: list[str], _stdin: Output | None) -> Result:
    rest = words[1:] if words[0] == "test" else words[1:-1]
    try:
        return Result(
            "",
            holds(
                rest,
                lambda path: state.ledger.exists(state.path(path)),
                patterns=words[0] == "[[",
            ),
        )
    except (Unknown, re.error):
        return Result("", None)


BUILTINS: dict[str, Builtin] = {
    **dict.fromkeys(("exit", "return", "break", "continue"), _leave),
    **dict.fromkeys(("cd", "pushd", "popd"), _change_folder),
    **dict.fromkeys((":", "true", "false", "trap", "shopt", "umask", "wait"), _do_nothing),
    **dict.fromkeys(("which", "type", "hash"), _do_nothing),
    **dict.fromkeys(TESTS, _test),
    "set": _set,
    "shift": _shift,
    "read": _read,
    "unset": _unset,
    "let": _let,
    "eval": _evaluate,
}
