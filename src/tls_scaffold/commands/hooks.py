"""Hooks of renewals: commands of a shell, from make's command line and from nowhere else."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tls_scaffold.commands import owedhooks
from tls_scaffold.commands.owedhooks import VARIABLE
from tls_scaffold.disk import folder as disk
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.errors import ScaffoldError

NAME_VARIABLE = "RENEWED_NAME"
NOT_FOR_HOOKS = (
    *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_PROGRAM", "OVERRIDES"),
    *("SIGNER", "CFSSL", "JSON", "RENEW_DAYS", "RENEW_HOOK", "YES", "tls_goals", "tls_hook"),
    *("TLS_SCAFFOLD_SIGNS", "TLS_SCAFFOLD_SIGNED", "TLS_SCAFFOLD_INTO"),
    *("CFSSL_CA_PK_PASSWORD", "CFSSL_CA_PK_PASSWORD_FILE"),
)
"""What a hook does not get: what this make says to others, and the password of the CA's key."""


@dataclass(frozen=True)
class Hook:
    """A command of a shell, which gets the path of a bundle behind it.

    `make` is the number of the make on whose command line it has to stand; None where it was given
    to this command itself.
    """

    command: str
    make: int | None

    def check(self) -> None:
        """Raise ScaffoldError where the command did not come from make's command line.

        A variable in MAKEFLAGS is one of the command line to make, and comes from outside.
        """
        if self.make is not None and not self._is_on_command_line_of(self.make):
            raise ScaffoldError(
                f"{VARIABLE} is taken from the command line of the make that renews alone",
                hint=f"`make renew {VARIABLE}='…'`, also where another make calls that; nothing of "
                "MAKEFLAGS is run, and `:=` is not taken",
            )

    def run(self, folder: Path, name: str, place: Path) -> str:
        """Run it in a folder, for the bundle of that name at a place.

        Return why it failed, nothing where it did not.
        """
        kept = {key: text for key, text in os.environ.items() if key not in NOT_FOR_HOOKS}
        # It may go elsewhere before it looks there.
        words = ("/bin/sh", "-c", f'{self.command} "$@"', VARIABLE, str(place.resolve()))
        done = subprocess.run(
            words,
            cwd=folder,
            env={**kept, NAME_VARIABLE: name},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode < 0:
            return f"it was ended by signal {-done.returncode}"
        return f"it ended with {done.returncode}" if done.returncode else ""

    def _is_on_command_line_of(self, process: int) -> bool:
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        except OSError:  # systems that have no /proc do not tell where a word ends
            return f" {VARIABLE}={self.command}" in _line_of(process)
        given = (os.fsdecode(word).partition("=") for word in words)
        return any(
            name.strip() == VARIABLE and text.strip() == self.command for name, _, text in given
        )


def _line_of(process: int) -> str:
    with suppress(OSError):
        words = ("ps", "-o", "args=", "-p", f"{process}")
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return ""


def before_signing(folder: Path, names: Sequence[str], hook: Hook) -> None:
    """Note for which components, by their names, a hook is going to be owed.

    Raises ScaffoldError where the hook may not be run or nothing can be noted: then nothing is to
    be signed.
    """
    hook.check()
    with disk.lock(folder, wait=LOCK_SECONDS):
        owedhooks.note_due(folder, names)
