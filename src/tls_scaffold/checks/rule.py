"""What a rule is, and what it finds."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tls_scaffold.checks.view import View

ERROR = "error"
WARNING = "warning"
ORPHANED = "take it away if nobody uses it: no target that is understood here signs it again"


@dataclass(frozen=True)
class Finding:
    """One thing that `check` reports: a rule's id and level, where it is (a file, with line or key), and what to do."""

    id: str
    level: str
    where: str
    message: str
    fix: str


class Rule(ABC):
    """One thing that has to be so; the docstring of a rule says what.

    `pain` is what happens otherwise, `fix` what to do then. With `of_certificates` it is about the certificate in a
    file: of one that nothing asks for that is a warning. Who may read the file is as grave there as anywhere. With
    `of_missing` it is about what a value lacks: nothing is known of that where the value can't be read whole.
    """

    id: ClassVar[str]
    level: ClassVar[str] = ERROR
    pain: ClassVar[str]
    fix: ClassVar[str]
    of_certificates: ClassVar[bool] = False
    of_missing: ClassVar[bool] = False

    @abstractmethod
    def look(self, view: View) -> Iterator[tuple[str, str]]:
        """Yield where and what, for each thing that is not so."""

    def findings(self, view: View) -> Iterator[Finding]:
        """Yield each thing that is not so as a finding, none twice."""
        for where, message in dict.fromkeys(self.look(view)):
            if self.of_missing and view.is_unfit(where):
                continue
            is_orphan_s = self.of_certificates and where in view.orphaned
            level, fix = (
                (WARNING, ORPHANED) if is_orphan_s else (self.level, self.fix_of(view, where))
            )
            yield Finding(self.id, level, where, message, fix)

    def fix_of(self, view: View, where: str) -> str:  # noqa: ARG002  (a rule's own may look)
        """Return what to do about what is found at a place; `fix` unless a rule knows better there."""
        return self.fix

    def explanation(self) -> str:
        """Return everything that is known of the rule."""
        return f"{self.id} ({self.level})\n\n{self.__doc__}\n\npain: {self.pain}\nfix: {self.fix}\n"
