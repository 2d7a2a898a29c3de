"""One round of signing in a folder: plan, make the CA where there is none, sign, flush, and only then move."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.folder import inside
from tls_scaffold.disk.workfolders import clear_leftovers
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEY, CA_REQUEST, CERTS
from tls_scaffold.signing import authority, batch, issuer, pairs, plan, signer

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with the reasons; and how many certificates were as they are asked for.

    `left` has, as where and what, the commands of the Makefile that sign in a way that is not understood; `not_run` the
    components with commands of their own, which make would have run had it signed them; `problem` is what ended the
    signing when something had been signed.
    """

    signed: dict[str, tuple[str, ...]]
    kept: int
    left: tuple[tuple[str, str], ...] = ()
    not_run: tuple[str, ...] = ()
    problem: ScaffoldError | OSError | None = None

    def __add__(self, other: "Done") -> "Done":
        """Return what two rounds signed and kept."""
        return Done({**self.signed, **other.signed}, self.kept + other.kept)


@dataclass(frozen=True)
class Round:
    """What one round is to do: the CAs to put in place and the certificates to sign, as of one moment.

    `keys` holds the path of each CA's key by that of its certificate, `new` the CAs that are made.
    """

    signings: Sequence[Signing]
    keys: Mapping[str, str]
    new: Mapping[str, tuple[signer.Signed, issuer.CA]]
    wanted: Sequence[plan.Wanted]
    now: datetime

    @property
    def done(self) -> Done:
        """What there is to tell when it is carried out."""
        made = dict.fromkeys(self.new, (plan.MISSING,))
        reasons = {f"{each.signing.output}.pem": each.reasons for each in self.wanted}
        return Done({**made, **reasons}, len(self.signings) - len(self.wanted))


def in_turn(signings: Sequence[Signing]) -> tuple[tuple[Signing, ...], ...]:
    """Return signings in rounds, one at least: a CA that another CA signs comes in a round before what it signs.

    Raises ScaffoldError for those that would sign each other.
    """
    rounds: list[tuple[Signing, ...]] = []
    rest = signings
    while rest:
        coming = {f"{each.output}.pem" for each in rest}
        able: list[Signing] = []
        waiting: list[Signing] = []
        for each in rest:
            (waiting if each.ca in coming and each.ca != f"{each.output}.pem" else able).append(each)
        if not able:
            circle = [each for each in rest if any(other.ca == f"{each.output}.pem" for other in rest)]
            problems = [f"`{each.output}.pem`: `{each.ca}` signs it" for each in circle]
            raise ScaffoldError("CAs would sign each other", problems)
        rounds.append(tuple(able))
        rest = waiting
    return tuple(rounds) or ((),)


def look(folder: Path, signings: Sequence[Signing], every: Sequence[Signing], *, force: bool) -> Round:
    """Find out which of `signings` are missing or differ, all with `force`, and which CA is to be made for them.

    Of `every` signing of the folder nothing may be there where a CA is made. Nothing is written. Raises ScaffoldError
    with every problem.
    """
    now = signer.utc_now()
    keys = {each.ca: each.ca_key for each in signings} or _without_names(folder, every)
    nameless = [f"{each.name}: `{each.request}`" for each in signings if not each.ca]
    if nameless:
        raise ScaffoldError("lines of the Makefile name no CA", nameless, f"`-ca {CA} -ca-key {CA_KEY}` does")
    there = {path: authority.find(folder, path, key) for path, key in keys.items()}
    for each in every:
        if f"{each.output}.pem" in keys and not there[f"{each.output}.pem"]:
            raise ScaffoldError(
                f"the CA `{each.output}.pem` is missing", hint=f"`tls-scaffold sign {each.output}` does it"
            )
    outputs = {ca: [signing.output for signing in every if signing.ca == ca] for ca in there}
    new = {
        path: authority.make(folder, path, keys[path], now, outputs[path])
        for path, certificate in there.items()
        if not certificate
    }
    of_plan = {path: certificate or new[path][1].certificate for path, certificate in there.items()}
    signers = {each.ca for each in every}
    changing = [
        each
        for each in signings
        if f"{each.output}.pem" not in signers or not _is_ca_that_is_there(folder, each, every)
    ]
    return Round(signings, keys, new, plan.wanted(folder, changing, of_plan, now, force=force), now)


def _without_names(folder: Path, every: Sequence[Signing]) -> dict[str, str]:
    """Return the CAs to make where no component is asked for: ours, or in a folder of another form those it names."""
    signed = {f"{each.output}.pem" for each in every}
    named = {each.ca: each.ca_key for each in every if each.ca and each.ca not in signed}
    return named if named and not (folder / CA_REQUEST).exists() else {CA: CA_KEY}


def _is_ca_that_is_there(folder: Path, signing: Signing, every: Sequence[Signing]) -> bool:
    """Tell whether a signing's certificate is a CA of others and is there: like every CA it is never signed again.

    Raises ScaffoldError if half of it is missing, or all of it where something that it signed is there.
    """
    path = f"{signing.output}.pem"
    its_own = [each for each in every if each.ca == path]
    if signing in its_own:  # a mistake, of which the plan tells
        return False
    if authority.find(folder, path, its_own[0].ca_key):
        return True
    authority.check_no_orphans(folder, path, [each.output for each in its_own])
    return False


def carry_out(folder: Path, planned: Round, processes: int, progress: Progress, *, tell: Tell) -> None:
    """Make the CAs and sign what a round wants; the folder's lock is held since it was planned.

    `tell` is given the path of each certificate when it is in its place, so that an error hides none.
    Raises ScaffoldError where a CA can't sign or the disk refuses; every pair is then an old or a new one, or lacks its
    certificate, and is signed by the next run.
    """
    _clear_beside(folder, planned.signings)
    for path, (signed, _) in planned.new.items():
        authority.put(folder, path, signed)
        tell(path)
    if planned.wanted:
        able = {
            path: planned.new[path][1] if path in planned.new else authority.load(folder, path, key)
            for path, key in planned.keys.items()
        }
        _write(folder, planned, able, processes, progress, tell)


def _clear_beside(folder: Path, signings: Sequence[Signing]) -> None:
    """Remove what killed runs left beside outputs: those outside `certs/` are seen by no other healing."""
    for directory in {signing.output.rpartition("/")[0] for signing in signings} - {CERTS}:
        with telling(folder), suppress(ScaffoldError):  # what lies outside of the folder is not ours
            clear_leftovers(inside(folder, f"{directory or '.'}/-").parent)


def _write(
    folder: Path,
    planned: Round,
    cas: Mapping[str, issuer.CA],
    processes: int,
    progress: Progress,
    tell: Tell,
) -> None:
    """Sign into workshops, flush them all, and only then move the files into place."""
    bases = [each.signing.output.rpartition("/") for each in planned.wanted]
    parents = {directory: folder / directory for directory, _, _ in bases}
    with telling(folder), suppress(FileNotFoundError):
        (folder / CERTS).chmod(0o700)
    with ExitStack() as stack:
        works = {parent: stack.enter_context(pairs.workshop(parent)) for parent in dict.fromkeys(parents.values())}
        jobs = [
            batch.Job(name, each.request, each.profile, cas[each.signing.ca], works[parents[directory]])
            for (directory, _, name), each in zip(bases, planned.wanted, strict=True)
        ]
        with progress(len(jobs)) as update:
            folders = batch.sign(jobs, planned.now, processes, update)
        pairs.flush(dict.fromkeys(folders))
        staged: dict[str, list[tuple[Path, str]]] = {directory: [] for directory in parents}
        for work, (directory, _, name) in zip(folders, bases, strict=True):
            staged[directory].append((work, name))
        for directory, files in staged.items():
            pairs.place(parents[directory], files, partial(_tell_path, tell, directory))


def _tell_path(tell: Tell, directory: str, name: str) -> None:
    tell(f"{directory}/{name}.pem" if directory else f"{name}.pem")
