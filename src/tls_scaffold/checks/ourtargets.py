"""Rules over the targets of a Makefile of ours: which lines make takes for them, and which not."""

from collections.abc import Iterator
from contextlib import suppress

from tls_scaffold.checks.rule import Rule
from tls_scaffold.checks.view import View
from tls_scaffold.errors import Place, Problem, ScaffoldError
from tls_scaffold.makefiles.componentlines import ONE_NAME, doubled_lines
from tls_scaffold.makefiles.maketargets import needs_of, replaced_targets, rules_of_makefile
from tls_scaffold.paths import MAKEFILE
from tls_scaffold.paths import RULES as RULES_FILE

ASKS_FOR_ALL = "all: ca req"


@Rule(
    pain="make takes the commands of one line and the requests of both: one of two is never signed",
    fix=ONE_NAME,
)
def doubled_target(view: View) -> Iterator[Problem]:
    """Every target of a component has one line."""
    if view.has_our_rules:
        yield from (problem for _, problem in doubled_lines(view.makefile))


@Rule(
    pain=(
        "who means the team's own gets ours: `make clean` takes the CA out of `certs/`, "
        "`make regenerate` makes another one"
    ),
    fix=(
        f"give yours another name; below `include {RULES_FILE}` it would take the place of ours, "
        "and ours be gone"
    ),
)
def replaced_target(view: View) -> Iterator[Problem]:
    """Every target of the team's own is made by its own commands."""
    with suppress(ScaffoldError):  # which others tell that ask make
        yield from replaced_targets(view.folder, view.makefile)


@Rule(
    pain="whoever runs `make`, or a timer, is told that all is well, and nothing is signed",
    fix=f"write `{ASKS_FOR_ALL}` above `include {RULES_FILE}`: no command does that",
)
def idle_make(view: View) -> Iterator[Problem]:
    """Plain `make` asks for what is to be signed."""
    if not view.has_our_rules or f"\n{ASKS_FOR_ALL}\n" in view.makefile or not view.components:
        return
    with suppress(ScaffoldError):
        needed = needs_of(rules_of_makefile(view.folder), "all")
        signs = {"req", *(f"req-{each.name}" for each in view.components)}
        if not needed & {*signs, *(each.path for each in view.components)}:
            yield Problem(
                Place(MAKEFILE), "`all`, which plain `make` makes, does not ask for `req`"
            )


RULES = (
    doubled_target,
    replaced_target,
    idle_make,
)
