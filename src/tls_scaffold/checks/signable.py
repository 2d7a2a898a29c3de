"""Rules over what `sign` refuses: all of it is found before anything is signed.

Of a value that a rule of its own speaks of nothing is said again.
"""

from collections.abc import Iterable, Iterator

from tls_scaffold.cfssl.profiles import ca_profile
from tls_scaffold.cfssl.usages import meanings
from tls_scaffold.checks.rule import WARNING, Rule
from tls_scaffold.checks.view import View, profile_place
from tls_scaffold.errors import Place, Problem
from tls_scaffold.signing import mistakes
from tls_scaffold.signing.linemistakes import line_problems
from tls_scaffold.signing.mistakes import Mistake

# A CA's own request is signed with what its section `ca` says.
FIELDS_OF_CA = {"expiry": "ca.expiry", "not_after": "ca.expiry", "": "ca"}


@Rule(
    pain="both signers refuse it, and nothing is signed",
    fix="mend the value that is named",
    after_others=True,
    of_missing=True,
)
def refused(view: View) -> Iterator[Problem]:
    """Every request, profile and line that is signed with is one that both signers take."""
    yield from (problem for problem, mistake in _mistakes(view) if not mistake.is_signed)
    for entry in view.components:
        for message in line_problems(entry.signing) if entry.signing else ():
            yield from (
                Problem(place, f"`{entry.path}`: {message}") for place in view.lines_of(entry)
            )


@Rule(
    level=WARNING,
    pain="cfssl signs something else than what stands there, and tls-scaffold's own signer refuses",
    fix="mend the value that is named",
    after_others=True,
    of_missing=True,
)
def signed_by_cfssl_alone(view: View) -> Iterator[Problem]:
    """Every one of these is a request or a profile that the own signer takes, too."""
    yield from (problem for problem, mistake in _mistakes(view) if mistake.is_signed)


def _mistakes(view: View) -> Iterator[tuple[Problem, Mistake]]:
    """Yield everything for which `sign` refuses a folder's requests and profiles."""
    for path, request in view.ca_requests.items():
        found = (
            *mistakes.request_refusals(request, leaf=False),
            *mistakes.silent_in_request(request, leaf=False),
        )
        yield from _in_request(path, found)
        profile = ca_profile(request)
        lives = mistakes.untimely_lives(profile, view.now)
        for each in (*mistakes.profile_refusals(profile, view.now), *lives):
            key = FIELDS_OF_CA.get(each.key, each.key)
            yield Problem(Place(path, key=key), each.message), each
    for entry, config in view.signed():
        if not entry.signing or not entry.request:
            continue
        path, name = entry.signing.config, entry.signing.profile
        request = entry.request
        profile = config.profile_or_default(name)
        found = (
            *mistakes.request_refusals(request),
            *mistakes.unlisted_in_request(request, profile),
            *mistakes.silent_in_request(request),
        )
        yield from _in_request(entry.signing.request, found)
        place = profile_place(path, profile.name)
        lives = mistakes.untimely_lives(profile, view.now)
        wrong = (*mistakes.profile_refusals(profile, view.now), *lives)
        if not meanings(profile.usages):  # which `default_without_usages` or the reader tells
            wrong = tuple(each for each in wrong if each.key != "usages")
        yield from _placed(place, (*wrong, *mistakes.unknown_usages(profile)))


def _in_request(path: str, found: Iterable[Mistake]) -> Iterator[tuple[Problem, Mistake]]:
    for each in found:
        # Who is not named is told at the CN.
        yield Problem(Place(path, key=each.key or "CN"), each.message), each


def _placed(place: Place, found: Iterable[Mistake]) -> Iterator[tuple[Problem, Mistake]]:
    for each in found:
        yield Problem(place.field(each.key) if each.key else place, each.message), each


RULES = (refused, signed_by_cfssl_alone)
