"""What programs do that a script calls: cfssl and cfssljson, and those that move and print."""

import posixpath
import re

from tls_scaffold.makefiles.filers import WITH_A_WORD, read_filing
from tls_scaffold.scripts import tools
from tls_scaffold.scripts.expansion import joined
from tls_scaffold.scripts.ledger import Answer, Output
from tls_scaffold.scripts.scope import Unknown
from tls_scaffold.scripts.state import (
    CFSSL,
    CFSSLJSON,
    GENERATES,
    SILENT,
    UNKNOWN_OUTPUT,
    Result,
    State,
    together,
)

ANSWERS = ("gencert", "genkey")
SIGNS_OTHERWISE = ("sign", "selfsign", "gencsr", "bundle", "serve")
IN_PLACE = re.compile(r"-[a-z]*i|--in-place")
MAY_FAIL = ("grep", "egrep", "diff", "cmp", "pgrep", "find")


def run_program(state: State, words: list[str], stdin: Output | None) -> Result:
    """Follow a program that a script calls; Unknown where its words do not tell what it does."""
    name = posixpath.basename(words[0])
    if CFSSL.fullmatch(name):
        return _cfssl(state, words, stdin)
    if CFSSLJSON.fullmatch(name):
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
    return Result(Unknown(f"what `{name}` prints is not known"), None if name in MAY_FAIL else True)


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
    printed = tools.printed(words, text, state.path("."), state.text_of)
    return _substituted(state, printed) if printed is not None and name == "envsubst" else printed


def _substituted(state: State, text: str) -> str:
    variables = state.scope.variables
    known = {name: value for name, value in variables.items() if isinstance(value, str)}
    return tools.with_variables(text, {**state.scope.environment, **known})


def _cfssl(state: State, words: list[str], stdin: Output | None) -> Result:
    verb = words[1] if words[1:] else ""
    makes_ca = any(each.lstrip("-").startswith("initca") for each in words)
    state.reached.add(state.place)
    if verb in SIGNS_OTHERWISE or (verb == "genkey" and not makes_ca):
        state.cannot_follow(f"`cfssl {verb}` is not followed")
        return Result(Unknown(f"what `cfssl {verb}` prints is not known"))
    if verb not in ANSWERS:
        return Result(Unknown(f"what `cfssl {verb}` prints is not known"))
    if isinstance(stdin, Answer):
        stdin = Unknown("it reads what cfssl prints")
    answer = Answer(tuple(words[1:]), state.path("."), state.place, stdin)
    state.answers[state.place] = answer
    return Result(answer)


def _cfssljson(state: State, words: list[str], stdin: Output | None) -> Result:
    state.reached.add(state.place)
    rest = words[1:]
    for flag in ("-f", "--f"):
        if flag in rest[:-1]:
            at = rest.index(flag)
            stdin = state.ledger.content(state.path(rest[at + 1]))
            del rest[at : at + 2]
    if not isinstance(stdin, Answer):
        reason = stdin.reason if isinstance(stdin, Unknown) else "no cfssl prints it"
        # The line of cfssl itself is told already.
        if reason not in state.unread.values():
            state.cannot_follow(f"what it reads is not known: {reason}")
        return Result(UNKNOWN_OUTPUT)
    state.answers.pop(stdin.place, None)
    try:
        state.ledger.sign(stdin, rest, state.path("."))
    except Unknown as error:
        state.cannot_follow(error.reason, stdin.place)
    return Result(UNKNOWN_OUTPUT)


def _tee(state: State, words: list[str], stdin: Output | None) -> Result:
    output: Output = UNKNOWN_OUTPUT if stdin is None else stdin
    for word in words[1:]:
        if not word.startswith("-"):
            path = state.path(word)
            known = [state.ledger.content(path)] if "-a" in words else []
            state.ledger.files[path] = together([*known, output])
    return Result(output)


def _change_in_place(state: State, words: list[str]) -> Result:
    """Give files the texts that sed leaves in them, or take them for unknown."""
    rest = [each for each in words[1:] if not IN_PLACE.match(each)]
    for word in [each for each in rest if each and state.ledger.exists(state.path(each))]:
        others = [
            each for each in rest if each == word or not state.ledger.exists(state.path(each))
        ]
        try:
            text = tools.printed([*words[:1], *others], None, state.path("."), state.text_of)
        except Unknown:
            text = None
        unknown = Unknown(f"`{words[0]}` changes it")
        state.ledger.files[state.path(word)] = unknown if text is None else text
    return Result()


def _move(state: State, words: list[str], _stdin: Output | None) -> Result:
    program = posixpath.basename(words[0])
    filing, is_copy = read_filing([program, *words[1:]]), program != "mv"
    if program == "install" and "d" in filing.flags:
        state.ledger.folders.update(map(state.path, filing.sources))
        return Result()
    target = state.path(filing.target)
    into = filing.into_folder or state.ledger.is_folder(target)
    for source in map(state.path, filing.sources):
        end = joined(target, posixpath.basename(source)) if into else target
        is_ours = state.ledger.move(source, end, is_copy=is_copy)
        if is_copy or not is_ours:
            state.leave()
    return Result()


FILERS = {**dict.fromkeys(WITH_A_WORD, _move), "tee": _tee}
