"""One round of signing in a folder: plan, make the CA where there is none, sign, flush, and only then move."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import telling
from tls_scaffold.disk.folder import inside
from tls_scaffold.disk.healing import clear_leftovers
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.paths import CA, CA_KEY, CERTS
from tls_scaffold.signing import authority, batch, pairs, plan, signer

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with the reasons; and how many certificates were as they are asked for.

    `left` has, as where and what, the commands of the Makefile that sign in a way that is not understood.
    """

    signed: dict[str, tuple[str, ...]]
    kept: int
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Round:
    """What one round is to do: the CAs to put in place and the certificates to sign, as of one moment.

    `keys` holds the path of each CA's key by that of its certificate, `new` the CAs that are made.
    """

    signings: Sequence[Signing]
    keys: Mapping[str, str]
    new: Mapping[str, tuple[signer.Signed, signer.CA]]
    wanted: Sequence[plan.Wanted]
    now: datetime

    @property
    def done(self) -> Done:
        """What there is to tell when it is carried out."""
        made = dict.fromkeys(self.new, (plan.MISSING,))
        reasons = {f"{each.signing.output}.pem": each.reasons for each in self.wanted}
        return Done({**made, **reasons}, len(self.signings) - len(self.wanted))


def look(folder: Path, signings: Sequence[Signing], every: Sequence[Signing], *, force: bool) -> Round:
    """Find out which of `signings` are missing or differ, all with `force`, and which CA is to be made for them.

    Of `every` signing of the folder nothing may be there where a CA is made. Nothing is written. Raises ScaffoldError
    with every problem.
    """
    now = signer.utc_now()
    keys = {signing.ca: signing.ca_key for signing in signings} or {CA: CA_KEY}
    there = {path: authority.find(folder, path, key) for path, key in keys.items()}
    outputs = {ca: [signing.output for signing in every if signing.ca == ca] for ca in there}
    new = {
        path: authority.make(folder, path, keys[path], now, outputs[path])
        for path, certificate in there.items()
        if not certificate
    }
    of_plan = {path: certificate or new[path][1].certificate for path, certificate in there.items()}
    return Round(signings, keys, new, plan.wanted(folder, signings, of_plan, now, force=force), now)


def carry_out(folder: Path, planned: Round, *, processes: int, progress: Progress) -> Done:
    """Make the CAs and sign what a round wants; the folder's lock is held since it was planned.

    Raises ScaffoldError where a CA can't sign or the disk refuses; every pair is then an old or a new one.
    """
    _clear_beside(folder, planned.signings)
    for path, (signed, _) in planned.new.items():
        authority.put(folder, path, signed)
    if planned.wanted:
        able = {
            path: planned.new[path][1] if path in planned.new else authority.load(folder, path, key)
            for path, key in planned.keys.items()
        }
        _write(folder, planned.wanted, able, planned.now, processes, progress)
    return planned.done


def _clear_beside(folder: Path, signings: Sequence[Signing]) -> None:
    """Remove what killed runs left beside outputs: those outside `certs/` are seen by no other healing."""
    for directory in {signing.output.rpartition("/")[0] for signing in signings} - {CERTS}:
        with telling(folder), suppress(ScaffoldError):  # what lies outside of the folder is not ours
            clear_leftovers(inside(folder, f"{directory or '.'}/-").parent)


def _write(
    folder: Path,
    wanted: Sequence[plan.Wanted],
    cas: Mapping[str, signer.CA],
    now: datetime,
    processes: int,
    progress: Progress,
) -> None:
    """Sign into workshops, flush them all, and only then move the files into place."""
    outputs = [each.signing.output.rpartition("/")[::2] for each in wanted]
    parents = {directory: folder / directory for directory in dict(outputs)}
    with telling(folder), suppress(FileNotFoundError):
        (folder / CERTS).chmod(0o700)
    with ExitStack() as stack:
        works = {parent: stack.enter_context(pairs.workshop(parent)) for parent in dict.fromkeys(parents.values())}
        jobs = [
            batch.Job(name, each.request, each.profile, cas[each.signing.ca], works[parents[directory]])
            for (directory, name), each in zip(outputs, wanted, strict=True)
        ]
        with progress(len(jobs)) as update:
            folders = batch.sign(jobs, now, processes, update)
        pairs.flush(dict.fromkeys(folders))
        staged: dict[Path, list[tuple[Path, str]]] = {parent: [] for parent in works}
        for work, (directory, name) in zip(folders, outputs, strict=True):
            staged[parents[directory]].append((work, name))
        for parent, files in staged.items():
            pairs.place(parent, files)
