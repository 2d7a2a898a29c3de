"""One round of signing in a folder: plan, make the CA where there is none, sign, flush, and only then move."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold.disk.files import flush_directory, telling
from tls_scaffold.disk.folder import inside
from tls_scaffold.disk.healing import CERTS, clear_leftovers
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.makefiles.gencert import Signing
from tls_scaffold.signing import authority, batch, pairs, plan, signer

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with the reasons; and how many certificates were as they are asked for."""

    signed: dict[str, tuple[str, ...]]
    kept: int


def sign(folder: Path, signings: Sequence[Signing], *, force: bool, processes: int, progress: Progress) -> Done:
    """Sign those of `signings` that are missing or differ, all with `force`; the folder's lock is held.

    Raises ScaffoldError with every problem, before anything is written.
    """
    now = signer.utc_now()
    keys = {signing.ca: signing.ca_key for signing in signings} or {authority.OURS: "certs/ca-key.pem"}
    there = {path: authority.find(folder, path, key) for path, key in keys.items()}
    new = {
        path: authority.make(folder, path, keys[path], now) for path, certificate in there.items() if not certificate
    }
    of_plan = {path: certificate or new[path][1].certificate for path, certificate in there.items()}
    wanted = plan.wanted(folder, signings, of_plan, now, force=force)
    _clear_beside(folder, signings)
    for path, (signed, _) in new.items():
        authority.put(folder, path, signed)
    if wanted:
        able = {path: new[path][1] if path in new else authority.load(folder, path, keys[path]) for path in keys}
        _write(folder, wanted, able, now, processes, progress)
    reasons = {f"{each.signing.output}.pem": each.reasons for each in wanted}
    made = dict.fromkeys(new, (plan.MISSING,))
    return Done({**made, **reasons}, len(signings) - len(wanted))


def _clear_beside(folder: Path, signings: Sequence[Signing]) -> None:
    """Remove what killed runs left beside outputs: those outside `certs/` are seen by no other healing."""
    for directory in {signing.output.rpartition("/")[0] for signing in signings} - {CERTS}:
        with telling(folder), suppress(ScaffoldError):  # what lies outside of the folder is not ours
            clear_leftovers(inside(folder, f"{directory or '.'}/-").parent)


def _write(
    folder: Path,
    wanted: Sequence[plan.Wanted],
    cas: dict[str, signer.CA],
    now: datetime,
    processes: int,
    progress: Progress,
) -> None:
    """Sign into workshops, flush them all, and only then move the files into place."""
    bases = [folder / each.signing.output for each in wanted]
    parents = list(dict.fromkeys(base.parent for base in bases))
    with telling(folder), suppress(FileNotFoundError):
        (folder / CERTS).chmod(0o700)
    with ExitStack() as stack:
        works = {parent: stack.enter_context(pairs.workshop(parent)) for parent in parents}
        jobs = [
            batch.Job(base.name, each.request, each.profile, cas[each.signing.ca], works[base.parent])
            for base, each in zip(bases, wanted, strict=True)
        ]
        with progress(len(jobs)) as update:
            done = batch.sign(jobs, now, processes, update)
        pairs.flush(path for work in {job.work for job in done} for path in work.iterdir())
        for job, base in zip(done, bases, strict=True):
            pairs.place(job.work, job.name, str(base))
        for parent in parents:
            flush_directory(parent)
