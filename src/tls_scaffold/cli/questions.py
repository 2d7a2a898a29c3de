"""What `new` asks on a terminal: each answer is looked at before the next question."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tls_scaffold.cli.options import CommaList
from tls_scaffold.cli.terminal import Styled, talk
from tls_scaffold.spelling import escaped

if TYPE_CHECKING:
    from tls_scaffold.inventory.options import Options


def ask_for_components(options: "Options") -> "Options":
    """Return the options with what is typed in place of those that say nothing of components.

    Raises ScaffoldError at once where an option that was given is refused, whatever is answered.
    """
    from tls_scaffold.commands.new import mistakes
    from tls_scaffold.inventory.intake import problem_report

    # What is granted and set may be for users who are yet to be named.
    known = mistakes(replace(options, grant=(), role=(), set=()))
    wrong = [problem for problem in known if problem.place.key != "members"]
    if wrong:
        raise problem_report(wrong)
    options = _ask(options, "members", "Members (addresses or host names, separated by commas)")
    if not options.users:
        text = "Users (names, separated by commas)"
        options = _ask(options, "users", text, default="", show_default=False)
    if not options.say_proxies:
        text = "Proxies (how many)"
        options = _ask(options, "proxies", text, default=1, type=click.IntRange(0))
    return options


def _ask(options: "Options", field: str, text: str, **settings: Any) -> "Options":
    """Ask until an answer brings no mistake that was not there without it."""
    from tls_scaffold.commands.new import mistakes

    before = mistakes(options)
    while True:
        answer = click.prompt(text, err=True, **settings)
        said: dict[str, Any] = {field: _as_option(answer)}
        changed = replace(options, **said)
        wrong = [problem for problem in mistakes(changed) if problem not in before]
        if not wrong:
            return changed
        for problem in wrong:
            talk(Styled("error:", "red"), f" {escaped(str(problem))}")


def _as_option(answer: str | int) -> tuple[str, ...] | int:
    """Return an answer as the option would have it, without the blanks people put behind commas."""
    if isinstance(answer, int):
        return answer
    return (CommaList().convert(answer, None, None),) if answer else ()
