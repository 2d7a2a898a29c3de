"""What a step of `rotate` did, and what a person has to do then: in words, and for programs."""

from collections.abc import Iterator
from pathlib import Path

from tls_scaffold.commands.reloads import who_reloads
from tls_scaffold.commands.results import Result
from tls_scaffold.commands.rotate import Turned
from tls_scaffold.commands.typed import as_typed, scaffold_command
from tls_scaffold.paths import CA, OLD_CAS, TRUSTS
from tls_scaffold.signing.rotationabort import Aborted
from tls_scaffold.signing.rotationstart import Started
from tls_scaffold.spelling import MINUTE, UTC_TIME


def started(folder: Path, done: Started | None, turned: Turned) -> Iterator[str]:
    """Yield what was done, a line each, when another CA was put in place.

    `done` is None where an earlier run put it there.
    """
    if not done:
        yield f"{turned.ca} was put in place before; the bundles are made that are left to do"
        return
    yield from _signed(folder, turned)
    yield f"{done.ca} is `{done.new.cn}` now, which ends {done.new.not_after:{MINUTE}}"
    if done.cross:
        yield f"  the CA that it follows, `{done.old.cn}`, is {OLD_CAS[done.ca]}"
        yield f"  {TRUSTS[done.ca]} holds both"
    else:
        yield f"  `{done.old.cn}` is in the archive alone, and {TRUSTS[done.ca]} lacks it"
    yield f"  what was there is in {done.shelf}/"


def after_start(turned: Turned) -> Iterator[str]:
    """Yield what a person has to do when another CA was put in place, in order."""
    ca = turned.ca
    if turned.stage is None:
        yield "1. members: lay out the new pair and trust file of each, and restart all of them;"
        yield "   those that were restarted and those that were not refuse each other, so it is one"
        yield "   interruption, until most of them have been: make it short"
        yield "2. clients: lay out their pairs and trust files, and restart them: until then they"
        yield "   are refused, and so is whoever has the stolen key, by each member of step 1"
        return
    number = 1
    if ca == CA:
        yield "1. lay out the clients' new pairs, both files of a pair at the same moment"
        number = 2
    whose = "the members' new pairs" if ca == CA else "the members' new pairs for their peers"
    yield f"{number}. lay out {whose}, and {TRUSTS[ca]}, which holds both CAs: no member has to be"
    yield "   restarted, and a restart at any moment is no harm"
    yield f"{number + 1}. when all show their new certificates: `tls-scaffold rotate trust`"
    yield "`tls-scaffold rotate status --live` has all steps, and says how far members are"
    if turned.until:
        yield f"all of it before {turned.until:{MINUTE}}, when the cross certificate ends"


def trusting(turned: Turned) -> Iterator[str]:
    """Yield what was done when the old CA was taken out of the trust file."""
    path = TRUSTS[turned.ca]
    yield f"{path} holds the new CA alone" if turned.written else f"{path} held the new CA alone"


def after_trust(turned: Turned) -> Iterator[str]:
    """Yield what a person has to do when the old CA was taken out of the trust file."""
    yield f"1. lay out {TRUSTS[turned.ca]} on each member and restart it, one after another; a"
    yield "   client that shows an old certificate still is refused from then on"
    if turned.ca == CA:
        yield "2. lay it out for the clients, and restart those that read it at their start alone"
    number = 3 if turned.ca == CA else 2
    yield f"{number}. when all have been restarted with it: `tls-scaffold rotate finish`"
    yield "`tls-scaffold rotate abort` goes back, until the first member has been restarted"


def finished(turned: Turned) -> Iterator[str]:
    """Yield what was done when a rotation was ended."""
    yield "the certificates have no cross certificate behind them any more, and are the same"
    yield f"the old CA and its key are in {turned.shelf}/certs/"


def after_finish() -> Iterator[str]:
    """Yield what a person has to do when a rotation was ended."""
    yield "lay out the certificates at any time: those with the cross certificate behind them go on"
    yield "(`status --live` calls these `to be replaced`)"
    yield "nothing of the old CA is taken any more: its key in archive/ can go where nobody gets it"


def given_up(folder: Path, done: Aborted, turned: Turned) -> Iterator[str]:
    """Yield what was done when a rotation was given up."""
    yield from _signed(folder, turned)
    yield from (f"put {path} back" for path in done.restored)
    yield f"{done.ca} is the CA that was before; what was there is in {done.shelf}/"


def after_abort(turned: Turned) -> Iterator[str]:
    """Yield what a person has to do when a rotation was given up."""
    yield f"lay out the pairs and {TRUSTS[turned.ca]} again: until then new certificates that are"
    yield "laid out go on being taken by whoever trusts the old CA"


def bundled(turned: Turned) -> Iterator[str]:
    """Yield which bundles were made anew."""
    yield from (f"made dist/{name} anew" for name in turned.bundles.made)


def result(command: str, folder: Path, turned: Turned, *then: str) -> str:
    """Return what was done as JSON in the shape that all commands share; `then` are next steps."""
    shape = Result(
        f"rotate {command}",
        str(folder),
        changed=turned.changed,
        written=turned.written,
        archived=turned.archived if turned.shelf else (),
        archive=turned.shelf or None,
        signed=turned.signed,
        warnings=tuple(as_typed(each, folder) for each in turned.warnings),
        next=tuple(f"{scaffold_command(folder)} rotate {step}" for step in then),
    )
    return shape.to_json(
        {
            "ca": turned.ca,
            "stage": turned.stage.value if turned.stage else None,
            "until": f"{turned.until:{UTC_TIME}}" if turned.until else None,
            "bundles": list(turned.bundles.made),
        }
    )


def _signed(folder: Path, turned: Turned) -> Iterator[str]:
    reloads = who_reloads(folder, turned.signed)
    for path in turned.signed:
        yield f"signed {path}"
        if path in reloads:
            yield f"  {reloads[path]}"
