"""Many certificates signed at once: by child processes, where that pays."""

import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.signing import issuer, pairs, signer
from tls_scaffold.signing.signer import Signed

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

# Certificates: to start children takes as long as to sign so many with quick keys.
PAYS = {"ecdsa": 48, "ed25519": 48, "rsa": 2}
AT_ONCE = 8  # certificates that a child takes, so that none waits long for the others at the end


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being in `work`, under `name`."""

    name: str
    request: Request
    profile: Profile
    ca: issuer.CA
    work: Path


def sign_all(
    jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]
) -> Generator[Signed, None, None]:
    """Sign every job, write its files, and yield what was signed in the order of the jobs.

    `progress` is told how many more are done. Raises ScaffoldError if one could not be signed or
    written. Whoever takes less than all has to close the generator: then no file is written any
    more.
    """
    pool = _start_children(jobs, now, min(processes, len(jobs)))
    if pool is None:
        for job in jobs:
            yield _sign_one(job, now)
            progress(1)
        return
    with pool:
        for signed in pool.imap(_sign_number, range(len(jobs)), AT_ONCE):
            progress(1)
            yield signed


def _start_children(jobs: Sequence[Job], now: datetime, count: int) -> "Pool | None":
    """Return children that can be asked to sign; None where they don't pay, or can't be had."""
    if count <= 1 or len(jobs) < min(PAYS[job.request.key.algo] for job in jobs):
        return None
    from multiprocessing import get_context

    # Threads took 1.4 times as long for 1,000 users, since `cryptography` holds Python's lock
    # while it makes EC keys. Children that are forked have the jobs, and with them the keys of
    # the CAs, which can't be sent to them.
    try:
        return get_context("fork").Pool(count, _start_child, (jobs, now))
    except (ImportError, OSError):  # no semaphores: in containers /dev/shm may be missing
        return None


_shared: tuple[Sequence[Job], datetime]


def _start_child(jobs: Sequence[Job], now: datetime) -> None:
    global _shared  # noqa: PLW0603 - a pool gives its children nothing else to keep
    _shared = jobs, now
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us


def _sign_number(number: int) -> Signed:
    jobs, now = _shared
    return _sign_one(jobs[number], now)


def _sign_one(job: Job, now: datetime) -> Signed:
    signed = signer.sign(job.request, job.profile, job.ca, now)
    pairs.stage_pair(job.work, job.name, signed.contents)
    return signed
