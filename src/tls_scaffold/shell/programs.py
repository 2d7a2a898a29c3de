"""What programs do that a script calls: cfssl and cfssljson, and those that move and print."""

import posixpath
import re

from tls_scaffold.shell import tools
from tls_scaffold.shell.cfssllines import (
    VERBS,
    call_of,
    calls_cfssl,
    calls_cfssljson,
    program_of,
    verb_of,
    written_by,
)
from tls_scaffold.shell.filers import WITH_A_WORD
from tls_scaffold.shell.ledger import Answer, Ledger, Output
from tls_scaffold.shell.running import ASKS
from tls_scaffold.shell.state import (
    GENERATES,
    SILENT,
    UNKNOWN_OUTPUT,
    Result,
    State,
    together,
)
from tls_scaffold.shell.words import Unknown

MAKES_OTHERWISE = ("gencsr", "bundle", "serve")
STDIN = "<stdin>"  # no file is called so
NOT_UNDERSTOOD = "it signs in a way that is not understood"
IN_PLACE = re.compile(r"-[a-z]*i|--in-place")


def run_program(state: State, words: list[str], stdin: Output | None) -> Result:
    """Follow a program that a script calls; Unknown where its words do not tell what it does."""
    name, *_ = words = [*program_of(words)]
    if calls_cfssl(name):
        return _cfssl(state, words, stdin)
    if calls_cfssljson(name):
        return _cfssljson(state, words, stdin)
    if name in ("sed", "perl") and any(map(IN_PLACE.match, words[1:])):
        return _change_in_place(state, words)
    if name in FILERS:
        return FILERS[name](state, words, stdin)
    printed = _printed(state, name, words, stdin)
    if printed is not None:
        return Result(printed)
    if name not in SILENT and any(map(GENERATES.search, words[1:])):
        state.cannot_follow(f"what `{name}` does with cfssl is not known")
    elif name not in SILENT:
        state.leave()
    return Result(Unknown(f"what `{name}` prints is not known"), None if name in ASKS else True)


def _printed(state: State, name: str, words: list[str], stdin: Output | None) -> Output | None:
    """Return what a tool prints; None for a program that is none of those known here."""
    files = [each for each in words[1:] if each != "-"]
    if name == "cat" and not files:
        return UNKNOWN_OUTPUT if stdin is None else stdin
    if name == "cat" and len(files) == 1:
        return state.ledger.content(state.path(files[0]))
    if isinstance(stdin, Unknown) and name in ("sed", "envsubst") and len(files) < 2:  # noqa: PLR2004
        return stdin
    text = stdin if isinstance(stdin, str) else None
    printed = tools.printed(words, text, state.folder(), state.text_of)
    return _substituted(state, printed) if printed is not None and name == "envsubst" else printed


def _substituted(state: State, text: str) -> str:
    variables = state.scope.variables
    known = {name: value for name, value in variables.items() if isinstance(value, str)}
    return tools.with_variables(text, {**state.scope.environment, **known})


def _cfssl(state: State, words: list[str], stdin: Output | None) -> Result:
    verb = verb_of(words)
    state.reached.add(state.place)
    if verb not in (*VERBS, *MAKES_OTHERWISE):
        return Result(Unknown(f"what `cfssl {verb}` prints is not known"))
    try:
        answer = _answer(state, words, stdin)
    except (Unknown, ValueError) as error:
        unknown = error if isinstance(error, Unknown) else Unknown(NOT_UNDERSTOOD)
        state.cannot_follow(unknown.reason)
        return Result(unknown)
    state.answers[state.place] = answer
    return Result(answer)


def _answer(state: State, words: list[str], stdin: Output | None) -> Answer:
    """Return what cfssl prints; Unknown or ValueError where that is not followed."""
    call = call_of(words, STDIN, state.path)
    if call.verb in ("sign", *MAKES_OTHERWISE) or not call.signs:
        raise Unknown(f"`cfssl {call.verb}` is not followed")
    if posixpath.basename(call.source) != STDIN:
        return Answer(call, place=state.place)
    if stdin is None:
        raise Unknown("what it reads is not known")
    return Answer(call, place=state.place, stdin=_known(stdin))


def _known(output: Output | None) -> str | None:
    if isinstance(output, Unknown):
        raise output
    if isinstance(output, Answer):
        raise Unknown("its request is what cfssl prints")
    return output


def _cfssljson(state: State, words: list[str], stdin: Output | None) -> Result:
    state.reached.add(state.place)
    try:
        output, read = written_by(words, state.path)
        stdin = state.ledger.content(read) if read else stdin
    except ValueError:
        place = stdin.place if isinstance(stdin, Answer) else state.place
        state.answers.pop(place, None)
        state.cannot_follow(NOT_UNDERSTOOD, place)
        return Result(UNKNOWN_OUTPUT)
    if not isinstance(stdin, Answer):
        reason = stdin.reason if isinstance(stdin, Unknown) else "no cfssl prints it"
        # The line of cfssl itself is told already.
        if reason not in state.unread.values():
            state.cannot_follow(f"what it reads is not known: {reason}")
        return Result(UNKNOWN_OUTPUT)
    state.answers.pop(stdin.place, None)
    try:
        _write(state.ledger, stdin, output)
    except Unknown as error:
        state.cannot_follow(error.reason, stdin.place)
    return Result(UNKNOWN_OUTPUT)


def _write(ledger: Ledger, answer: Answer, output: str) -> None:
    """Take over what cfssljson writes; Unknown where the texts are not known that it is made of."""
    for path in (answer.call.source, answer.call.fields["config"]):
        _known(ledger.files.get(path))
    if not posixpath.basename(output):
        raise Unknown("the certificate has no name")
    ledger.answer(answer, output)


def _tee(state: State, words: list[str], stdin: Output | None) -> Result:
    output: Output = UNKNOWN_OUTPUT if stdin is None else stdin
    for word in words[1:]:
        if not word.startswith("-"):
            path = state.path(word)
            known = [state.ledger.content(path)] if "-a" in words else []
            state.ledger.write(path, together([*known, output]), state.line, adds="-a" in words)
    return Result(output)


def _change_in_place(state: State, words: list[str]) -> Result:
    """Give files the texts that sed leaves in them, or take them for unknown."""
    rest = [each for each in words[1:] if not IN_PLACE.match(each)]
    for word in [each for each in rest if each and state.ledger.exists(state.path(each))]:
        others = [
            each for each in rest if each == word or not state.ledger.exists(state.path(each))
        ]
        try:
            text = tools.printed([*words[:1], *others], None, state.folder(), state.text_of)
        except Unknown:
            text = None
        unknown = Unknown(f"`{words[0]}` changes it")
        state.ledger.files[state.path(word)] = unknown if text is None else text
    return Result()


def _move(state: State, words: list[str], _stdin: Output | None) -> Result:
    if not state.ledger.change(words, state.path, state.line):
        state.leave()
    return Result()


FILERS = {**dict.fromkeys((*WITH_A_WORD, "mkdir"), _move), "tee": _tee}
