"""`tls-scaffold sign`: what make would sign with cfssl, in one process and by content."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from tls_scaffold.disk.folder import inside, lock_or_refusal
from tls_scaffold.disk.plainfiles import content
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.makefiles import landlock, makefile
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.makefiles.makefile import MAKEFILE, Survey, Unread
from tls_scaffold.makefiles.ourmakefile import outputs_with_own_commands
from tls_scaffold.words import meant

if TYPE_CHECKING:
    from tls_scaffold.signing.rounds import Done
    from tls_scaffold.signing.signings import Progress

WAIT = 60.0
CA = "ca"
COMPONENTS = "COMPONENTS.md"


def sign(
    folder: Path,
    names: Sequence[str],
    *,
    force: bool,
    processes: int,
    progress: "Progress",
    own_lines: bool = False,
) -> "Done":
    """Sign what is missing in `folder` or differs from its request or profile; with `force`, all that is named.

    No names mean every component; `ca` is the CA, which is made where it is missing and never signed again.
    With `own_lines` the Makefile's lines that call cfssl are left to make.
    `processes` 0 takes as many as there are processors. `progress` is given the number of certificates and yields
    what to call when some are done. Raises ScaffoldError with every problem, before anything is written; that nothing
    can be written is one where something is to be signed. What goes wrong when something has been signed (by a CA that
    is signed here itself, say) is in the answer beside that. Lines that call cfssl in a way that is not understood are
    told where every component is asked for.
    """
    with lock_or_refusal(folder, wait=WAIT) as refusal:
        found = _survey(folder)
        from tls_scaffold.signing import rounds, signings

        chosen = _named(found.own if own_lines else found.signings, names)
        # Nothing is read any more behind the signing: an error there would hide what was signed.
        text = "" if names else content(folder, MAKEFILE).decode("utf-8", "replace")
        done, put = rounds.Done({}, 0), set[str]()
        try:
            for each in rounds.in_turn(chosen):
                planned = rounds.look(folder, each, found.signings, force=force)
                if refusal and planned.done.signed:
                    raise refusal
                done += planned.done
                if not refusal:
                    signings.carry_out(planned, processes or _processors(), progress, tell=put.add)
        except (ScaffoldError, OSError) as error:
            if not put:
                raise
            signed = {path: reasons for path, reasons in done.signed.items() if path in put}
            done = replace(done, signed=signed, problem=error)
    done = replace(done, reloads=_reloads(folder, done.signed))
    if names:
        return done
    return replace(
        done,
        left=() if own_lines else _left(text, found.unread),
        not_run=_not_run(text, done.signed),
    )


def sign_set(folder: Path, into: str, *, processes: int, progress: "Progress") -> "Done":
    """Make a new set in the folder `into` below `folder`: a CA, and all that the component lines ask for.

    Nothing else is written and no lock taken: whoever puts the set in place does that then. Arguments, answer and
    errors are those of `sign`.
    """
    target = inside(folder, into)
    found = _survey(folder)
    from tls_scaffold.signing import rounds, signings

    planned = rounds.look(folder, found.own, found.own, force=True, target=target)
    signings.carry_out(planned, processes or _processors(), progress, tell=lambda _: None)
    return planned.done


def _survey(folder: Path) -> Survey:
    """Return what make would sign. What does that is loaded meanwhile."""
    with ca_kept(folder), ExitStack() as stack:
        reading = _Reading(folder)
        stack.callback(reading.end)
        from tls_scaffold.signing import rounds, signings  # noqa: F401

        return reading.result()


def _reloads(folder: Path, signed: Iterable[str]) -> dict[str, str]:
    """Return who has to be told of a new certificate, by its path: the last cell of its row in COMPONENTS.md."""
    try:
        table = content(folder, COMPONENTS).decode("utf-8", "replace") if signed else ""
    except ScaffoldError:
        return {}
    rows = (
        line.strip().strip("|").split(" | ") for line in table.splitlines() if line.startswith("| ")
    )
    by_name = {row[0].strip(): row[-1].strip() for row in rows if len(row) > 1}
    found = {path: by_name.get(path.rpartition("/")[2].removesuffix(".pem"), "") for path in signed}
    return {path: told for path, told in found.items() if told}


def _not_run(text: str, signed: Collection[str]) -> tuple[str, ...]:
    """Return the components that were signed without the commands that stand below their lines in a Makefile."""
    below = outputs_with_own_commands(text) if signed else {}
    return tuple(name for output, name in below.items() if f"{output}.pem" in signed)


def _left(text: str, unread: Collection[Unread]) -> tuple[Problem, ...]:
    """Return each command of a Makefile that is left to make, with its place."""
    if not unread:
        return ()
    from tls_scaffold.makefiles.origins import Origins

    origins = Origins(text)
    return tuple(Problem(origins.of_unread(each), each.line) for each in unread)


class _Reading(Thread):
    """Lets make read its Makefile while this process reads its own modules: both take a tenth of a second.

    No executor of `concurrent.futures`: what that runs at each fork swallows a Ctrl-C which comes at that moment.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._found = Survey(())
        self._error: BaseException | None = None
        self.start()

    def end(self) -> None:
        """End what make still runs, where something else went wrong meanwhile."""
        while self.is_alive():
            landlock.end_all_processes()
            self.join(0.1)

    def run(self) -> None:
        try:
            self._found = _understood(makefile.survey_req(self._folder))
        except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
            self._error = error

    def result(self) -> Survey:
        """Return what make would sign, or raise what went wrong."""
        self.join()
        if self._error:
            raise self._error
        return self._found


def _understood(found: Survey) -> Survey:
    if found.strange:
        hint = "a line is `req-NAME CERTIFICATE: REQUEST ; $(sign) [FLAGS] $<`; more commands go on lines below it"
        lines = map(str, found.strange)
        raise ScaffoldError(
            "lines of the Makefile are not understood, and nothing is signed", lines, hint
        )
    return found


def _named(signings: Iterable[Signing], names: Sequence[str]) -> tuple[Signing, ...]:
    """Return the signings of these names, each certificate once; all of them if there are no names."""
    by_output = {signing.output: signing for signing in signings}
    if not names:
        return tuple(by_output.values())
    known = _known(by_output.values())
    problems = [problem for name in names if name != CA for problem in _problem(name, known)]
    if problems:
        listed = ", ".join(
            f"`{name}`" for name in dict.fromkeys(each.name for each in by_output.values())
        )
        raise ScaffoldError(
            "no such component in the Makefile",
            problems,
            f"its components are {listed}" if listed else "it has none",
        )
    chosen = (known[name][0] for name in names if name != CA)
    return tuple({each.output: each for each in chosen}.values())


def _known(signings: Collection[Signing]) -> dict[str, list[Signing]]:
    """Return what each name may mean: what it is the path of, else the name of, else the last part of the path."""
    known: dict[str, list[Signing]] = {}
    for names_of in (_paths, _name, _last_part):
        found: dict[str, list[Signing]] = {}
        for signing in signings:
            for name in names_of(signing):
                found.setdefault(name, []).append(signing)
        known = {**found, **known}
    return known


def _paths(signing: Signing) -> tuple[str, ...]:
    return signing.output, f"{signing.output}.pem"


def _name(signing: Signing) -> tuple[str, ...]:
    return (signing.name,)


def _last_part(signing: Signing) -> tuple[str, ...]:
    return (Path(signing.output).name,)


def _problem(name: str, known: Mapping[str, Sequence[Signing]]) -> Iterator[str]:
    outputs = [each.output for each in known.get(name, ())]
    if not outputs:
        yield f"`{name}`{meant(name, known)}"
    elif len(outputs) > 1:
        yield f"`{name}` may be {' or '.join(f'`{output}`' for output in outputs)}: say which"


def _processors() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
