"""What a shell script signs, told without running it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.makefiles.gencert import Signing, signing_of_pair
from tls_scaffold.shell.following import Follower
from tls_scaffold.shell.ledger import CERTIFICATE, KEY, Ledger, Pair
from tls_scaffold.shell.scope import BLANKS, Scope
from tls_scaffold.shell.state import State
from tls_scaffold.shell.words import TOO_DEEP, ScriptError


@dataclass(frozen=True)
class Signed:
    """One certificate that a script signs, where, and the texts that the script itself writes.

    `request` and `config` are None for files that are there without it. `moved` is where the files
    lie in the end where that is no place that a component can have.
    """

    signing: Signing
    place: Place
    request: str | None = None
    config: str | None = None
    moved: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class ScriptSurvey:
    """The certificates that a script signs in the end, with paths relative to the folder.

    `unread` are its lines of cfssl that could not be followed, `left` commands that do something
    else.
    """

    signed: tuple[Signed, ...]
    unread: tuple[Problem, ...]
    left: tuple[Problem, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a script may look at, by whole paths: texts of files, and whether something is there.

    `environment` has the variables that whoever adopts has set.
    """

    read: Callable[[str], str | None]
    is_there: Callable[[str], bool]
    environment: Mapping[str, str]


def survey_script(
    text: str, place: str, folder: str, arguments: Iterable[str], around: Surroundings
) -> ScriptSurvey:
    """Return what a script would sign that is run in a folder.

    `place` and `folder` are whole paths. Raises ScaffoldError where it can't be read to its end.
    """
    ledger = Ledger(around.read, around.is_there)
    scope = Scope({"IFS": BLANKS}, [*arguments], around.environment, name=place)
    follower = Follower(State(ledger, scope, folder, Place(place)))
    state = follower.state
    try:
        follower.follow(text)
    except ScriptError as error:
        raise _unreadable(Place(state.place.path, error.line), error.reason, folder) from None
    except RecursionError:  # functions that call each other from deep inside
        raise _unreadable(state.place, TOO_DEEP, folder) from None
    told_already = {*state.unread, *(each.answer.place for each in ledger.pairs)}
    left = {at: reason for at, reason in state.left.items() if at not in told_already}
    return ScriptSurvey(
        tuple(_signed_below(each, folder) for each in _signed(ledger)),
        tuple(_told(state.unread, {place: text}, around.read, folder)),
        tuple(_told(left, {place: text}, around.read, folder)),
    )


def _signed(ledger: Ledger) -> Iterator[Signed]:
    """Yield what is signed in the end, each under the last name that a component can have."""

    def last(pair: Pair) -> str:
        return (ledger.bases_of(pair) or [pair.output])[0]

    for pair in ledger.pairs:
        certificates, bases = ledger.places((pair, CERTIFICATE)), ledger.bases_of(pair)
        if bases or (certificates and not pair.is_overwritten):
            signing = signing_of_pair(pair, last)
            key = ledger.places((pair.key, KEY)) or [""]
            moved = ("", "") if bases else (certificates[0], key[0])
            request, config = (
                each if isinstance(each, str) else None for each in (pair.written, pair.config)
            )
            yield Signed(signing, pair.answer.place, request, config, moved)


def _unreadable(place: Place, reason: str, folder: str) -> ScaffoldError:
    return ScaffoldError(
        "the script can't be read to its end, and nothing was changed",
        [Problem(_shown(place, folder), reason)],
        "take out what is told, in a copy of the script, and adopt from that",
    )


def _told(
    told: Mapping[Place, str],
    texts: Mapping[str, str],
    read: Callable[[str], str | None],
    folder: str,
) -> Iterator[Problem]:
    """Yield places in their order, with the line that stands there and what is told of it."""
    for place, reason in sorted(told.items(), key=lambda each: (each[0].path, each[0].line)):
        text = texts[place.path] if place.path in texts else read(place.path) or ""
        line = [*text.split("\n"), *[""] * place.line][place.line - 1]
        yield Problem(_shown(place, folder), f"`{' '.join(line.split())}`: {reason}")


def _signed_below(signed: Signed, folder: str) -> Signed:
    signing = replace(
        signed.signing,
        request=_below(signed.signing.request, folder),
        output=_below(signed.signing.output, folder),
        ca=_below(signed.signing.ca, folder),
        ca_key=_below(signed.signing.ca_key, folder),
        config=_below(signed.signing.config, folder),
    )
    return replace(signed, signing=signing, place=_shown(signed.place, folder))


def _shown(place: Place, folder: str) -> Place:
    return replace(place, path=_below(place.path, folder))


def _below(path: str, folder: str) -> str:
    return path.removeprefix(f"{folder}/")
