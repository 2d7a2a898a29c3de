"""`tls-scaffold sign`: what make would sign with cfssl, in one process and by content."""

import difflib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_scaffold import authority, batch, makefile, pairs, plan, signer
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.files import flush_directory, telling
from tls_scaffold.folder import CERTS, lock
from tls_scaffold.gencert import Signing

WAIT = 60.0
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Done:
    """What was signed, by path, each with the reasons; and how many certificates were as they are asked for."""

    signed: dict[str, tuple[str, ...]]
    kept: int


def sign(folder: Path, names: Sequence[str], *, force: bool, processes: int, progress: Progress) -> Done:
    """Sign what is missing in `folder` or differs from its request or profile; with `force`, all that is named.

    No names mean every component; `ca` is the CA, which is made where it is missing and never signed again.
    `processes` 0 takes as many as there are processors. `progress` is given the number of certificates and yields
    what to call when some are done. Raises ScaffoldError with every problem, before anything is written.
    """
    with lock(folder, "tls-scaffold sign", wait=WAIT):
        signings = _named(makefile.read(folder), names)
        return _sign(folder, signings, force=force, processes=processes or _processors(), progress=progress)


def _sign(folder: Path, signings: Sequence[Signing], *, force: bool, processes: int, progress: Progress) -> Done:
    now = signer.utc_now()
    keys = {signing.ca: signing.ca_key for signing in signings} or {authority.OURS: "certs/ca-key.pem"}
    there = {path: authority.find(folder, path, key) for path, key in keys.items()}
    new = {path: authority.make(folder, path, now) for path, certificate in there.items() if not certificate}
    of_plan = {path: certificate or new[path][1].certificate for path, certificate in there.items()}
    wanted = plan.wanted(folder, signings, of_plan, now, force=force)
    for path, (signed, _) in new.items():
        authority.put(folder, path, signed)
    if wanted:
        able = {path: new[path][1] if path in new else authority.load(folder, path, keys[path]) for path in keys}
        _write(folder, wanted, able, now, processes, progress)
    reasons = {f"{each.signing.output}.pem": each.reasons for each in wanted}
    made = dict.fromkeys(new, (plan.MISSING,))
    return Done({**made, **reasons}, len(signings) - len(wanted))


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
            batch.sign(jobs, now, processes, update)
        pairs.flush(path for work in works.values() for path in work.iterdir())
        for base in bases:
            pairs.place(works[base.parent], base.name, base)
        for parent in parents:
            flush_directory(parent)


def _named(signings: Iterable[Signing], names: Sequence[str]) -> tuple[Signing, ...]:
    """Return the signings of these names, each certificate once; all of them if there are no names."""
    by_output = {signing.output: signing for signing in signings}
    if not names:
        return tuple(by_output.values())
    by_name = {name: each for each in by_output.values() for name in (Path(each.output).name, each.name)}
    unknown = [name for name in names if name not in by_name and name != authority.NAME]
    if unknown:
        raise ScaffoldError(
            "no such component in the Makefile",
            [f"`{name}`{_meant(name, by_name)}" for name in unknown],
            hint=f"its components are {', '.join(f'`{name}`' for name in by_name)}" if by_name else "it has none",
        )
    chosen = (by_name[name] for name in names if name != authority.NAME)
    return tuple({each.output: each for each in chosen}.values())


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f": did you mean `{close[0]}`?" if close else ""


def _processors() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
