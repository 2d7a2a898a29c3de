"""Commands as they are typed here: with the folder that they are about."""

import re
import shlex
from pathlib import Path

from tls_scaffold.errors import ScaffoldError

# Those that work on the folder where a person is, unless it is named; not those that work on none,
# or on one that stands behind them, nor what is typed on the CA's machine.
ELSEWHERE = (
    *(r"new\b", r"adopt\b", r"restore\b", r"signer-config\b", r"roles\b", r"schema\b", "cfssl"),
    *(r"requests (?:sign|show)\b", r"[a-z -]+ --(?:help|explain|list)\b"),
)
COMMAND = re.compile(rf"`(?:tls-scaffold(?= (?!{'|'.join(ELSEWHERE)})[a-z])|make(?= (?!-C)|`))")


def make_command(folder: Path, target: str = "") -> str:
    """Return the command that makes a target in a folder, as it is typed here."""
    return f"make{_place(folder)} {target}".rstrip()


def scaffold_command(folder: Path) -> str:
    """Return how `tls-scaffold` is called on a folder, as it is typed here."""
    return f"tls-scaffold{_place(folder)}"


def as_typed(text: str, folder: Path) -> str:
    """Return a text in which each command that it names is the one to type here, on a folder.

    Sentences of other rooms do not know where a person is.
    """
    place = _place(folder)
    return COMMAND.sub(lambda found: f"{found[0]}{place}", text) if place else text


def error_as_typed(error: ScaffoldError, folder: Path) -> ScaffoldError:
    """Return an error whose hint names commands as they are typed here.

    Its problems may quote lines of a Makefile, in which a command stays as it is.
    """
    told = ScaffoldError(error.summary, error.problems, as_typed(error.hint, folder))
    told.exit_code = error.exit_code
    return told


def _place(folder: Path) -> str:
    return "" if folder == Path() else f" -C {shlex.quote(str(folder))}"
