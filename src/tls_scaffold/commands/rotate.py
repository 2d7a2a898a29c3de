"""`tls-scaffold rotate`: another CA takes the place of a folder's, while the cluster runs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tls_scaffold.bundles.settings import DIST
from tls_scaffold.commands.bundlesagain import LaidOut, lay_out_stale
from tls_scaffold.commands.rotationrefusals import (
    check_can_rotate,
    check_none_is_under_way,
    rotation_under_way,
    signings_of,
    signings_of_components_alone,
)
from tls_scaffold.disk.folder import lock_kept
from tls_scaffold.disk.locking import LOCK_SECONDS
from tls_scaffold.disk.plainfiles import plain_or_empty
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.live.rotationgates import Step
from tls_scaffold.paths import CHAINS, OLD_CAS, TRUSTS
from tls_scaffold.signing import certificates, rotationabort, rotationend, rotationstart
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.execution import Means
from tls_scaffold.signing.foldercas import followed_ca
from tls_scaffold.signing.hangingfiles import hanging_files
from tls_scaffold.signing.rotation import Rotation, Stage, rotation_of
from tls_scaffold.signing.rotationabort import Aborted
from tls_scaffold.signing.rotationstart import Started

AskMembers = Callable[[Rotation, Step], tuple[str, ...]]
"""Asks live members before a step: returns warnings, or raises ScaffoldError if one forbids it."""


def nobody(_rotation: Rotation, _step: Step) -> tuple[str, ...]:
    """Ask no member."""
    return ()


@dataclass(frozen=True)
class Turned:
    """What a step did: to which CA, by its path, and which stage the rotation is in then.

    `stage` is None where none is under way any more, `shelf` empty where nothing went to the
    archive. `written` are the paths of what got another content beside what was `signed`, `until`
    is when the cross certificate ends.
    """

    ca: str
    stage: Stage | None
    changed: bool = True
    shelf: str = ""
    signed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    until: datetime | None = None
    bundles: LaidOut = field(default_factory=LaidOut)


def start(
    folder: Path, ca: str, means: Means, now: datetime, *, is_compromised: bool
) -> tuple[Started | None, Turned]:
    """Put another CA in the place of that of a path; see `rotationstart.start`.

    Where an earlier run did that, and was killed before all bundles were made, they are made now,
    and nothing is started. Raises ScaffoldError, before anything is written, where a rotation is
    under way, or the CA is one that is not made here.
    """
    resumed = (
        _rest_of_compromised(folder, ca, now) if is_compromised else _rest_of_start(folder, ca)
    )
    if resumed:
        return None, resumed
    with lock_kept(folder, wait=LOCK_SECONDS):
        check_none_is_under_way(folder)
        check_newest(folder)
        check_can_rotate(folder, ca, is_compromised=is_compromised)
        signings = signings_of_components_alone(folder, ca)
        started = rotationstart.start(
            folder, ca, signings, means, now, is_compromised=is_compromised
        )
    bundles = lay_out_stale(folder)
    stage = None if is_compromised else Stage.REPLACING
    others = () if is_compromised else (CHAINS[ca], OLD_CAS[ca])
    return started, Turned(
        ca,
        stage,
        shelf=started.shelf,
        signed=tuple(started.done.signed),
        written=(ca, TRUSTS[ca], *others),
        archived=(ca,),
        warnings=(
            *started.done.warnings,
            *started.done.readmitted,
            *started.done.unshared,
            *bundles.warnings,
        ),
        until=started.cross.not_after if started.cross else None,
        bundles=bundles,
    )


def _rest_of_start(folder: Path, ca: str) -> Turned | None:
    """Make the bundles that a start which was killed has left; None where it left none."""
    with lock_kept(folder, wait=LOCK_SECONDS):
        rotation = rotation_of(folder)
    if not (rotation and rotation.ca == ca and rotation.stage is Stage.REPLACING):
        return None
    bundles = lay_out_stale(folder)
    if not bundles.made:
        return None
    until = rotation.cross.not_after if rotation.cross else None
    return Turned(ca, rotation.stage, warnings=bundles.warnings, until=until, bundles=bundles)


def _rest_of_compromised(folder: Path, ca: str, now: datetime) -> Turned | None:
    """Make the bundles that a start which was killed has left; None where it left none.

    These hang on the CA that today's has followed: until they are made nobody needs yet another
    one. Raises ScaffoldError where such a bundle can't be laid out.
    """
    with lock_kept(folder, wait=LOCK_SECONDS):
        if rotation_of(folder) or not (compromised := _followed(folder, ca)):
            return None
        left = hanging_files(folder, compromised, signings_of(folder, ca), now)
        hangs = [each for each in left if each.startswith(f"`{DIST}/")]
    if not hangs:
        return None
    bundles = lay_out_stale(folder)
    if bundles.left:
        raise ScaffoldError(
            f"`{ca}` is another CA already, and not all bundles could be made with it",
            bundles.left,
            "mend that and run the same again, or move these bundles away: then yet another CA "
            "is made",
        )
    return Turned(ca, None, warnings=bundles.told, bundles=bundles) if bundles.made else None


def _followed(folder: Path, ca: str) -> Rotation | None:
    """Return a CA of today and the one that it has followed, as what is over; None without one."""
    with suppress(ScaffoldError):
        new = certificates.read(plain_or_empty(folder / ca), ca)
        if old := followed_ca(folder, new, ca):
            return Rotation(ca, Stage.FINISHING, old, new, None)
    return None


def trust(folder: Path, now: datetime, ask: AskMembers = nobody) -> Turned:
    """Let the trust file hold the new CA alone, and make the bundles anew.

    Raises ScaffoldError where a member that runs, or a file that is laid out, still shows a
    certificate of the old CA.
    """
    with lock_kept(folder, wait=LOCK_SECONDS):
        rotation = rotation_under_way(folder)
        _check_stage(rotation, Stage.REPLACING, Stage.TRUSTING)
        old = tuple(hanging_files(folder, rotation, signings_of(folder, rotation.ca), now))
        warnings = _asked(ask, rotation, Step.TRUST, old)
        if old:
            raise ScaffoldError(
                "not all has the new certificates: members that trust the new CA alone refuse them",
                old,
                "lay out what `make` and `tls-scaffold bundle` make; what nobody uses, move away",
            )
        changed = rotationend.trust_new_alone(folder, rotation)
    bundles = lay_out_stale(folder)
    return Turned(
        rotation.ca,
        Stage.TRUSTING,
        changed=changed or bool(bundles.made),
        written=(TRUSTS[rotation.ca],) if changed else (),
        warnings=(*warnings, *bundles.warnings),
        bundles=bundles,
    )


def finish(
    folder: Path, now: datetime, ask: AskMembers = nobody, *, is_forced: bool = False
) -> Turned:
    """Take the cross certificate from behind each certificate, and the old CA to the archive.

    Raises ScaffoldError, before anything is written, where others are to trust the old CA still,
    where a member hangs on it, and, unless it `is_forced`, where a file does.
    """
    with lock_kept(folder, wait=LOCK_SECONDS):
        rotation = rotation_under_way(folder)
        _check_stage(rotation, Stage.TRUSTING, Stage.FINISHING)
        rotationend.check_nobody_trusts_old(folder, rotation)
        signings = signings_of(folder, rotation.ca)
        reasons = tuple(hanging_files(folder, rotation, signings, now))
        warnings = _asked(ask, rotation, Step.FINISH, () if is_forced else reasons)
        if reasons and not is_forced:
            raise ScaffoldError(
                "the old CA is still needed: nothing was changed",
                reasons,
                "lay out new ones, and what nobody uses, move away; `--force` goes on for what is "
                "gone for good or can't be reached: it will be refused",
            )
        shelf = rotationend.take_out_cross(folder, rotation, signings)
    bundles = lay_out_stale(folder)
    with lock_kept(folder, wait=LOCK_SECONDS):  # last: until then the same again goes on
        if rotation_of(folder) is not None:
            shelf = rotationend.take_out_old(folder, rotation.ca, shelf)
    return Turned(
        rotation.ca,
        None,
        shelf=shelf,
        archived=(OLD_CAS[rotation.ca], CHAINS[rotation.ca]),
        written=tuple(each.certificate_path for each in signings),
        warnings=(*warnings, *reasons, *bundles.warnings),
        bundles=bundles,
    )


def abort(
    folder: Path, means: Means, now: datetime, ask: AskMembers = nobody
) -> tuple[Aborted, Turned]:
    """Give the new CA up again; see `rotationabort.abort`.

    Raises ScaffoldError, before anything is written, where a member takes certificates of the new
    CA alone.
    """
    with lock_kept(folder, wait=LOCK_SECONDS):
        rotation = rotation_under_way(folder)
        _check_stage(rotation, Stage.REPLACING, Stage.TRUSTING, Stage.ABORTING)
        warnings: tuple[str, ...] = ()
        if rotation.stage is not Stage.ABORTING:
            check_can_rotate(folder, rotation.ca)
            warnings = ask(rotation, Step.ABORT)
        signings = signings_of(folder, rotation.ca)
        aborted = rotationabort.abort(folder, rotation, signings, means, now)
    bundles = lay_out_stale(folder)
    with lock_kept(folder, wait=LOCK_SECONDS):  # last: until then the same again goes on
        if rotation_of(folder) is not None:
            shelf = rotationend.take_out_old(folder, aborted.ca, aborted.shelf)
            aborted = replace(aborted, shelf=shelf)
    return aborted, Turned(
        aborted.ca,
        None,
        shelf=aborted.shelf,
        signed=tuple(aborted.done.signed),
        written=(aborted.ca, TRUSTS[aborted.ca], *aborted.restored),
        archived=(aborted.ca,),
        warnings=(
            *warnings,
            *aborted.done.warnings,
            *aborted.done.readmitted,
            *aborted.done.unshared,
            *bundles.warnings,
        ),
        bundles=bundles,
    )


def _check_stage(rotation: Rotation, *allowed: Stage) -> None:
    if rotation.stage in allowed:
        return
    reasons = {
        Stage.REPLACING: (
            f"`{TRUSTS[rotation.ca]}` holds the old CA still, and so does who was given it",
            "`tls-scaffold rotate trust` comes first, then one restart of each member with that",
        ),
        Stage.FINISHING: (
            f"the cross certificate, `{CHAINS[rotation.ca]}`, is not there",
            "`tls-scaffold rotate finish` goes on; was it moved away by hand, put it back",
        ),
        Stage.ABORTING: (
            "the old CA is in its place again: an abort was killed",
            "`tls-scaffold rotate abort` goes on",
        ),
    }
    reason, hint = reasons[rotation.stage]
    raise ScaffoldError(f"nothing was changed: {reason}", hint=hint)


def _asked(
    ask: AskMembers, rotation: Rotation, step: Step, others: Sequence[str]
) -> tuple[str, ...]:
    """Ask members before a step; what `others` hold it up is told with what they do."""
    try:
        return ask(rotation, step)
    except ScaffoldError as error:
        raise ScaffoldError(error.summary, (*error.problems, *others), error.hint) from error
