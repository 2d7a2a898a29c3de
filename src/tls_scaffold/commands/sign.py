"""`tls-scaffold sign`: what make would sign with cfssl, in one process and by content."""

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tls_scaffold.disk.folder import lock
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.gencert import Signing

if TYPE_CHECKING:
    from tls_scaffold.signing.signings import Done, Progress

WAIT = 60.0
CA = "ca"


def sign(folder: Path, names: Sequence[str], *, force: bool, processes: int, progress: "Progress") -> "Done":
    """Sign what is missing in `folder` or differs from its request or profile; with `force`, all that is named.

    No names mean every component; `ca` is the CA, which is made where it is missing and never signed again.
    `processes` 0 takes as many as there are processors. `progress` is given the number of certificates and yields
    what to call when some are done. Raises ScaffoldError with every problem, before anything is written.
    """
    with lock(folder, "tls-scaffold sign", wait=WAIT):
        reading = _Reading(folder)
        from tls_scaffold.signing import signings

        chosen = _named(reading.result(), names)
        return signings.sign(folder, chosen, force=force, processes=processes or _processors(), progress=progress)


class _Reading(Thread):
    """Lets make read its Makefile while this process reads its own modules: both take a tenth of a second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._found: tuple[Signing, ...] = ()
        self._error: ScaffoldError | None = None
        self.start()

    def run(self) -> None:
        try:
            self._found = makefile.read(self._folder)
        except ScaffoldError as error:
            self._error = error

    def result(self) -> tuple[Signing, ...]:
        """Return what make would sign, or raise what went wrong."""
        self.join()
        if self._error:
            raise self._error
        return self._found


def _named(signings: Iterable[Signing], names: Sequence[str]) -> tuple[Signing, ...]:
    """Return the signings of these names, each certificate once; all of them if there are no names."""
    by_output = {signing.output: signing for signing in signings}
    if not names:
        return tuple(by_output.values())
    by_name = {name: each for each in by_output.values() for name in (Path(each.output).name, each.name)}
    unknown = [name for name in names if name not in by_name and name != CA]
    if unknown:
        raise ScaffoldError(
            "no such component in the Makefile",
            [f"`{name}`{_meant(name, by_name)}" for name in unknown],
            hint=f"its components are {', '.join(f'`{name}`' for name in by_name)}" if by_name else "it has none",
        )
    chosen = (by_name[name] for name in names if name != CA)
    return tuple({each.output: each for each in chosen}.values())


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f": did you mean `{close[0]}`?" if close else ""


def _processors() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
