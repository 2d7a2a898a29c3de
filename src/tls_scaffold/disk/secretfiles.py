"""Files of a person that hold a password: they are that person's alone."""

import stat
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.errors import ScaffoldError

EVERYBODY = 0o007


def refuse_open_to_all(path: str, what: str, otherwise: str) -> None:
    """Raise ScaffoldError where everybody may read or write a file; `what` names it in messages.

    `otherwise` says what is to be done if others have read it. A pipe is nobody else's.
    """
    with telling(path, "read"):
        mode = Path(path).stat().st_mode
    if stat.S_ISREG(mode) and mode & EVERYBODY:
        raise ScaffoldError(
            f"{what} is open to everybody",
            [f"its mode is {stat.S_IMODE(mode):04o}"],
            f"`chmod 600 {path}`; if others may have read it, {otherwise}",
        )
