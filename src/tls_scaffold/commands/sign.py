"""`tls-scaffold sign`: what make would sign with cfssl, in one process and by content."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from tls_scaffold.commands import keysingit
from tls_scaffold.commands.reloads import who_reloads
from tls_scaffold.commands.results import Result
from tls_scaffold.disk.folder import lock_or_refusal
from tls_scaffold.disk.obstacles import inside
from tls_scaffold.disk.plainfiles import makefile_text
from tls_scaffold.disk.safekeeping import ca_kept
from tls_scaffold.errors import Problem, ScaffoldError
from tls_scaffold.inventory.custody import KeyPlace
from tls_scaffold.inventory.keptfolder import check_format, check_is_folder
from tls_scaffold.makefiles import makefile
from tls_scaffold.makefiles.componentlines import ONE_NAME, doubled_lines
from tls_scaffold.makefiles.gencert import Signing, Unread
from tls_scaffold.makefiles.maketexts import MAKEFILES
from tls_scaffold.makefiles.origins import Origins
from tls_scaffold.makefiles.ourmakefile import outputs_with_own_commands
from tls_scaffold.makefiles.survey import Survey
from tls_scaffold.paths import ARCHIVE, CA, CERTS
from tls_scaffold.signing.canumbers import check_newest
from tls_scaffold.signing.capassword import CAPassword
from tls_scaffold.signing.custodies import check_followed, custody_of
from tls_scaffold.signing.execution import Means, Told, sign_round
from tls_scaffold.signing.naming import signings_of_names
from tls_scaffold.signing.pins import restore_pinned_ca
from tls_scaffold.signing.rounds import Done, Round, plan_round, split_into_rounds
from tls_scaffold.spelling import escaped, listed


def sign(
    folder: Path,
    names: Sequence[str],
    means: Means,
    *,
    force: bool,
    own_lines: bool = False,
) -> Done:
    """Sign what is missing in `folder` or differs from its request or profile.

    With `force` all that is named is signed. No names mean every component; `ca` is the CA, which
    is made where it is missing and never signed again. With `own_lines` the Makefile's lines that
    call cfssl are left to make.

    Raises ScaffoldError with every problem, before anything is written; that nothing can be written
    is one where something is to be signed. What goes wrong when something has been signed (by a CA
    that is signed here itself, say) is in the answer beside that. Lines that call cfssl in a way
    that is not understood are told where every component is asked for.
    """
    _require_makefile(folder)
    if not os.path.lexists(folder / ARCHIVE):
        _refuse_first(folder, names, force=force, own_lines=own_lines)
    with lock_or_refusal(folder) as refusal:
        check_followed(folder)
        check_newest(folder)
        if not refusal:
            restore_pinned_ca(folder)
        survey = _survey_makefile(folder)
        chosen = signings_of_names(_signable(survey, names, own_lines=own_lines), names)
        # Nothing is read any more behind the signing: an error there would hide what was signed.
        text = "" if names else makefile_text(folder)
        done = Done({}, 0)
        in_place: set[str] = set()
        unshared: dict[str, None] = {}
        told = Told(in_place.add, unshared.setdefault)
        try:
            for each in split_into_rounds(chosen):
                planned = _planned(folder, each, survey, names, force=force)
                if refusal and planned.done.signed:
                    raise refusal
                done += planned.done
                if not refusal:
                    sign_round(planned, means, told)
        except (ScaffoldError, OSError) as error:
            if not in_place:
                raise
            signed = {path: reasons for path, reasons in done.signed.items() if path in in_place}
            done = replace(done, signed=signed, problem=error)
    done = replace(done, warnings=(*done.warnings, *_effects(folder, chosen, done.signed)))
    done = replace(done, reloads=who_reloads(folder, done.signed), unshared=tuple(unshared))
    if names:
        return done
    unread = [each for each in survey.unread if not each.on_request]
    left = () if own_lines else _lines_left_to_make(text, unread)
    if not own_lines and not survey.asked and not done.signed:
        done = replace(done, warnings=(*done.warnings, *_on_request(survey)))
    return replace(done, left=left, not_run=_commands_not_run(text, done.signed))


def _refuse_first(folder: Path, names: Sequence[str], *, force: bool, own_lines: bool) -> None:
    """Raise what signing would be refused for, before the lock makes `archive/`.

    Nobody has worked in the folder yet; if somebody does meanwhile, who has the lock decides.
    """
    if custody_of(folder).key is KeyPlace.REMOTE and not (folder / CA).exists():
        return  # the record may have it, and to put it back the folder is held
    check_format(folder)
    try:
        check_followed(folder)
        check_newest(folder)
        survey = _survey_makefile(folder)
        chosen = signings_of_names(_signable(survey, names, own_lines=own_lines), names)
        _planned(folder, split_into_rounds(chosen)[0], survey, names, force=force)
    except ScaffoldError:
        if not os.path.lexists(folder / ARCHIVE):
            raise


def _planned(
    folder: Path, signings: Sequence[Signing], survey: Survey, names: Sequence[str], *, force: bool
) -> Round:
    """Return what a round is to do; ScaffoldError with every problem."""
    planned = plan_round(folder, signings, survey.signings, force=force)
    _check_cas_are_known(survey, planned)
    if names and planned.waiting:  # the key of its own profile is not here
        raise ScaffoldError("what was asked for can't be signed", planned.waiting)
    return planned


def _check_cas_are_known(survey: Survey, planned: Round) -> None:
    """Refuse to make a CA that a line makes which can't be followed."""
    made = {each.certificate_path for each in survey.signings if each.makes_ca or each.flags}
    unknown = [path for path in planned.new_cas if path not in made]
    if survey.unread and unknown and not survey.own:
        raise ScaffoldError(
            f"no line that can be followed makes the CA `{unknown[0]}`, and nothing is signed",
            map(str, survey.unread),
            "`make` makes the CA; then `tls-scaffold sign` signs with it",
        )


def _effects(folder: Path, signings: Iterable[Signing], signed: Collection[str]) -> Iterator[str]:
    """Say which copies of what was signed make would have renewed, and which keys git takes."""
    for each in signings:
        if each.copies and each.certificate_path in signed:
            places = ", ".join(f"`{copy}`" for copy in each.copies)
            yield f"`{each.certificate_path}` has a copy that only `make` puts there: {places}"
    if not all(path.startswith(f"{CERTS}/") for path in signed):
        yield from keysingit.warnings(folder)


def _on_request(survey: Survey) -> Iterator[str]:
    """Say what can be asked for where plain `make` signs nothing."""
    if survey.signings:
        named = listed([each.name for each in survey.signings])
        nothing = f"plain `make` (`{survey.default}`) signs nothing"
        yield f"{nothing}: name what other targets sign, {named}"


def _signable(survey: Survey, names: Sequence[str], *, own_lines: bool) -> tuple[Signing, ...]:
    """Return what can be asked for: by its name also what plain `make` does not sign."""
    if own_lines:
        return survey.own
    return survey.signings if names else survey.asked


def warnings(done: Done) -> list[str]:
    """Return what is otherwise than somebody may expect, and what was left undone, a line each."""
    left = "signs in a way that is not understood, what it asks for is left to make"
    return [
        *map(escaped, done.warnings),
        *done.readmitted,
        *done.unshared,
        *done.waiting,
        *(f"{each.place} {left}: {escaped(each.message)}" for each in done.left),
        *(
            f"the commands below the line of `{name}` were not run, `make req-{name}` signs it "
            "again and runs them"
            for name in done.not_run
        ),
    ]


def result(folder: Path, done: Done) -> Result:
    """Return what was signed in the shape that all commands share."""
    return Result(
        "sign",
        str(folder),
        changed=bool(done.signed),
        signed=tuple(done.signed),
        warnings=tuple(warnings(done)),
    )


def sign_set(folder: Path, into: str, means: Means) -> Done:
    """Make a new set in the folder `into` below `folder`: a CA, and all that our lines ask for.

    Nothing else is written and no lock taken: whoever puts the set in place does that then.
    Arguments, answer and errors are those of `sign`.
    """
    check_format(folder)  # which no lock asks for here
    target = inside(folder, into)
    own = _survey_makefile(folder).own
    planned = plan_round(folder, own, own, force=True, target=target)
    unshared: dict[str, None] = {}
    told = Told(lambda _: None, unshared.setdefault)
    sign_round(planned, means, told)
    return replace(planned.done, unshared=tuple(unshared))


def _require_makefile(folder: Path) -> None:
    """Refuse a folder in which make would read nothing, before anything is made in it."""
    check_is_folder(folder)
    if not any(os.path.lexists(folder / name) for name in MAKEFILES):
        raise ScaffoldError(
            f"`{folder}` has no Makefile",
            hint="`-C DIR` names another folder, `tls-scaffold new` makes one",
        )


def _survey_makefile(folder: Path) -> Survey:
    """Return what make would sign; ScaffoldError if lines of ours are among what can't be read."""
    with ca_kept(folder):
        survey = makefile.survey_makefile(folder)
    if doubled := [problem for _, problem in doubled_lines(makefile_text(folder))]:
        raise ScaffoldError(
            "component lines share a target, and nothing is signed", doubled, ONE_NAME
        )
    if survey.strange:
        raise ScaffoldError(
            "lines of the Makefile are not understood, and nothing is signed",
            map(str, survey.strange),
            "a line is `req-NAME CERTIFICATE: REQUEST ; $(sign) [FLAGS] $<`;"
            " more commands go on lines below it",
        )
    return survey


def _commands_not_run(text: str, signed: Collection[str]) -> tuple[str, ...]:
    """Return the signed components that have commands of their own below their lines."""
    below = outputs_with_own_commands(text) if signed else {}
    return tuple(name for output, name in below.items() if f"{output}.pem" in signed)


def _lines_left_to_make(text: str, unread: Collection[Unread]) -> tuple[Problem, ...]:
    """Return each command of a Makefile that is left to make, with its place."""
    if not unread:
        return ()
    origins = Origins(text)
    return tuple(origins.told_unread(each) for each in unread)


def quiet_means(password: CAPassword) -> Means:
    """Return what there is to sign with, where nobody is shown how far it is."""
    return Means(processor_count(), lambda _count: nullcontext(lambda _done: None), password)


def processor_count() -> int:
    """Return how many processors this process may use."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
