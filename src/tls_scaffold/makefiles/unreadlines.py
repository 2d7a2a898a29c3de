"""Lines of components that stand in a Makefile, and that make does not read."""

from collections.abc import Collection, Iterator
from pathlib import Path

from tls_scaffold.errors import Place, Problem
from tls_scaffold.makefiles.componentlines import parts_of
from tls_scaffold.makefiles.maketargets import rules_of_makefile
from tls_scaffold.makefiles.ourmakefile import includes_our_rules
from tls_scaffold.paths import MAKEFILE, RULES

LACKS_RULES = f"it lacks the line `include {RULES}`"
PUT_RULES_BACK = f"write `include {RULES}` above the lines of components: no command does that"
TAKE_OUT = "take the line out of its condition or macro: no command moves it"


def unread_lines(folder: Path, text: str, names: Collection[str]) -> Iterator[Problem]:
    """Yield why make reads no line for some of the components `names`, as the Makefile `text` is.

    make is asked only where a line stands in a condition or a macro, and nowhere else.
    """
    if not includes_our_rules(text):
        yield Problem(Place(MAKEFILE), f"{LACKS_RULES}: {PUT_RULES_BACK}")
        return
    for name, number in passed_over(folder, text, names):
        yield Problem(Place(MAKEFILE, number), f"make passes over the line of `{name}`: {TAKE_OUT}")


def passed_over(folder: Path, text: str, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """Yield the components of whose lines make reads none, each with the first line's number."""
    read: set[str] = set()
    conditional: dict[str, int] = {}
    number = 1
    for part in parts_of(text):
        if part.component and part.component.name in names:
            if part.is_conditional:
                conditional.setdefault(part.component.name, number)
            else:
                read.add(part.component.name)
        number += len(part.lines)
    asked = {name: number for name, number in conditional.items() if name not in read}
    rules = rules_of_makefile(folder) if asked else {}
    for name, number in asked.items():
        rule = rules.get(f"req-{name}")
        if not rule or not rule.has_recipe:
            yield name, number
