"""Many certificates signed at once: by child processes, where that pays."""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tls_scaffold.cfssl.profiles import Profile
from tls_scaffold.cfssl.requests import Request
from tls_scaffold.errors import ScaffoldError
from tls_scaffold.signing import issuer, pairs, signer
from tls_scaffold.signing.remotesigner import RemoteSigner
from tls_scaffold.signing.signer import Signed

if TYPE_CHECKING:
    from multiprocessing.pool import IMapIterator, Pool

# Quick keys: 96 of ecdsa-256 take 28 ms with two children, 29 without, and fewer are quicker
# without. A key of RSA takes longer than to start a child.
PAYS_QUICK, PAYS_SLOW = 96, 2
REMOTE_AT_ONCE = 16  # threads: what is done elsewhere is waited for
QUICK_AT_ONCE = 8  # a child takes so many: to ask for each would cost as much as to sign it
PATIENCE = 1.0  # seconds until it is looked whether all children live


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being in `work`, under `name`."""

    name: str
    request: Request
    profile: Profile
    ca: issuer.CA | RemoteSigner
    work: Path


def sign_all(
    jobs: Sequence[Job], now: datetime, processes: int, progress: Callable[[int], None]
) -> Generator[Signed, None, None]:
    """Sign every job, write its files, and yield what was signed in the order of the jobs.

    `progress` is told how many more are done. Raises ScaffoldError if one could not be signed or
    written. Whoever takes less than all has to close the generator: then no file is written any
    more.
    """
    if any(isinstance(job.ca, RemoteSigner) for job in jobs):
        yield from _in_threads(jobs, now, progress)
        return
    has_slow_keys = any(job.request.key.algo == "rsa" for job in jobs)
    pool = None
    if processes > 1 and len(jobs) >= (PAYS_SLOW if has_slow_keys else PAYS_QUICK):
        pool = _start_children(jobs, now, min(processes, len(jobs)))
    if pool is None:
        for job in jobs:
            yield _sign_one(job, now)
            progress(1)
        return
    with pool:
        size = 1 if has_slow_keys else QUICK_AT_ONCE
        parts = [range(first, min(first + size, len(jobs))) for first in range(0, len(jobs), size)]
        for signed in _while_children_live(pool.imap(_sign_part, parts)):
            progress(len(signed))
            yield from signed


def _in_threads(
    jobs: Sequence[Job], now: datetime, progress: Callable[[int], None]
) -> Iterator[Signed]:
    """Sign by servers, several at once; the first that fails ends it, and those not begun."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(REMOTE_AT_ONCE) as threads:
        try:
            waiting = [threads.submit(_sign_one, job, now) for job in jobs]
            for each in waiting:
                yield each.result()
                progress(1)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _start_children(jobs: Sequence[Job], now: datetime, count: int) -> "Pool | None":
    """Return children that can be asked to sign; None where they can't be had."""
    from multiprocessing import get_context

    # Threads took 1.4 times as long for 1,000 users, since `cryptography` holds Python's lock
    # while it makes EC keys. Children that are forked have the jobs, and with them the keys of
    # the CAs, which can't be sent to them.
    try:
        return get_context("fork").Pool(count, _start_child, (jobs, now, os.getpid()))
    except (ImportError, OSError):  # no semaphores: in containers /dev/shm may be missing
        return None


def _while_children_live(results: "IMapIterator[list[Signed]]") -> Iterator[list[Signed]]:
    """Yield what children answer; ScaffoldError if one was killed, whose answer never comes."""
    from multiprocessing import TimeoutError as NoAnswerYet
    from multiprocessing import active_children

    children = active_children()
    while True:
        try:
            signed = results.next(PATIENCE)
        except StopIteration:
            return
        except NoAnswerYet:
            # A pool starts another one in its place, and waits for the first for ever.
            if any(child.exitcode is not None for child in children):
                raise ScaffoldError(
                    "a child that signs was killed", hint="is there too little memory? `--jobs 1`"
                ) from None
            continue
        yield signed


_shared: tuple[Sequence[Job], datetime, int]


def _start_child(jobs: Sequence[Job], now: datetime, parent: int) -> None:
    global _shared  # noqa: PLW0603 - a pool gives its children nothing else to keep
    _shared = jobs, now, parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us


def _sign_part(numbers: range) -> list[Signed]:
    jobs, now, parent = _shared
    signed = []
    for number in numbers:
        if os.getppid() != parent:
            os._exit(1)  # it was killed: nobody will put this in place, and we hold its lock
        signed.append(_sign_one(jobs[number], now))
    return signed


def _sign_one(job: Job, now: datetime) -> Signed:
    if isinstance(job.ca, RemoteSigner):
        signed = job.ca.sign(job.request, job.profile, now)
    else:
        signed = signer.sign(job.request, job.profile, job.ca, now)
    pairs.stage_pair(job.work, job.name, signed.contents)
    return signed
