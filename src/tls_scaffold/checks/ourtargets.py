"""Rules over the targets of a Makefile of ours: which lines make takes for them, and which not."""

from collections.abc import Iterator

from tls_scaffold.checks.rule import Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Problem
from tls_scaffold.makefiles.componentlines import ONE_NAME, doubled_lines


@Rule(
    pain="make takes the commands of one line and the requests of both: one of two is never signed",
    fix=ONE_NAME,
)
def doubled_target(view: View) -> Iterator[Problem]:
    """Every target of a component has one line."""
    if view.has_our_rules:
        yield from (problem for _, problem in doubled_lines(view.makefile))


RULES = (doubled_target,)
