"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem

ERROR = "error"
WARNING = "warning"
NOTE = "note"
"""Of what is right as it is, and could be better."""
ORPHANED = "take it away if nobody uses it: no target that is understood here signs it again"
PUT_BACK = (
    "put a copy back, such as everybody has who trusts it; is it lost for good, `make regenerate` "
    "makes another CA"
)


@dataclass(frozen=True)
class Finding:
    """One thing that `check` reports: a rule's id and level, where it is, and what to do."""

    id: str
    level: str
    place: Place
    message: str
    fix: str

    @property
    def where(self) -> str:
        """The place as messages show it."""
        return str(self.place)


@dataclass(frozen=True)
class Rule:
    """One thing that has to be so: it decorates the function that finds what is not.

    The function's docstring says what, its name is the id. `pain` is what happens otherwise, `fix`
    what to do then, unless `fix_at` knows better at a place. With `of_certificates` it is about the
    certificate in a file: of one that nothing asks for that is a warning. (Who may read the file is
    as grave there as anywhere.) With `of_missing` it is about what a value lacks: nothing is known
    of that where the value can't be read whole, or stands under another name. With `after_others`
    it keeps silent at a place of which another rule speaks.
    """

    pain: str
    fix: str
    level: str = ERROR
    of_certificates: bool = False
    of_missing: bool = False
    after_others: bool = False
    fix_at: Callable[[View, Place, str], str] = lambda _view, _place, fix: fix
    look: Callable[[View], Iterable[Problem]] = lambda _: ()

    def __call__(self, look: Callable[[View], Iterable[Problem]]) -> "Rule":
        """Return the rule that looks by a function."""
        return replace(self, look=look)

    @property
    def id(self) -> str:
        """What it is called on the command line and in `ignore`."""
        return self.look.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """What has to be so."""
        return self.look.__doc__ or ""

    def findings(self, view: View) -> Iterator[Finding]:
        """Yield each thing that is not so as a finding, none twice."""
        for problem in dict.fromkeys(self.look(view)):
            place = problem.place
            if self.of_missing and (view.is_unfit(place) or view.is_misspelt(place)):
                continue
            level, fix = self.level, self.fix_at(view, place, self.fix)
            if self.of_certificates and place.path in view.orphaned:
                level, fix = WARNING, ORPHANED
            yield Finding(self.id, level, place, problem.message, fix)

    def explanation(self) -> str:
        """Return everything that is known of the rule."""
        return f"{self.id} ({self.level})\n\n{self.summary}\n\npain: {self.pain}\nfix: {self.fix}\n"


def faults_about(view: View, about: str) -> Iterator[Problem]:
    """Yield the faults of certificates that are about one thing, as `status` has them."""
    for entry in (*view.authorities, *view.components, *view.orphans):
        for fault in entry.faults:
            if fault.about == about:
                yield Problem(Place(entry.path), fault.reason)
