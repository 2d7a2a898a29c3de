"""How it is told what was made to be signed elsewhere, and what waits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tls_scaffold.cli.keeping import tell_next
from tls_scaffold.cli.terminal import say_line, talk, warn
from tls_scaffold.spelling import escaped, listed

if TYPE_CHECKING:
    from tls_scaffold.commands.requestmaking import Made

MOST_TOLD = 20


def why_signed(reasons: Sequence[str]) -> str:
    """Return why something is signed or asked for, in brackets behind a blank; or nothing.

    That it is missing, or that somebody has asked for it, is known to whoever asks.
    """
    told = [each for each in reasons if each not in ("missing", "asked for")]
    return f" ({'; '.join(told)})" if told else ""


def tell_made(made: "Made") -> None:
    """Print what was made, what waits, and what comes next."""
    for name, reasons in made.made.items():
        say_line(f"made awaiting/{name}.csr{why_signed(reasons)}")
    for warning in made.warnings:
        warn(escaped(warning))
    if made.replaced:
        older = listed(made.replaced, MOST_TOLD)
        warn(f"what waited before went to archive/, packs that have it are of no use now: {older}")
    if made.waiting:
        talk(
            f"{count_waiting(len(made.waiting))} for a signature: {listed(made.waiting, MOST_TOLD)}"
        )
        tell_next(made.next)
    else:
        talk("nothing to ask for: all is as asked for")


def count_waiting(number: int) -> str:
    """Say how many requests wait."""
    return "1 request waits" if number == 1 else f"{number} requests wait"
