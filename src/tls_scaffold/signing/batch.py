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
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

# Quick keys: 96 of ecdsa-256 take 28 ms with two children, 29 without, and fewer are quicker
# without. A key of RSA takes longer than to start a child.
PAYS_QUICK, PAYS_SLOW = 96, 2
REMOTE_AT_ONCE = 16  # threads: what is done elsewhere is waited for


@dataclass(frozen=True)
class Job:
    """One certificate to sign; its files come into being in `work`, under `name`.

    `path` is where the certificate goes then, for messages.
    """

    name: str
    path: str
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
    if processes > 1 and len(jobs) >= (PAYS_SLOW if has_slow_keys else PAYS_QUICK):
        yield from _in_children(jobs, now, min(processes, len(jobs)), progress)
        return
    for job in jobs:
        yield _sign_one(job, now)
        progress(1)


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


def _in_children(
    jobs: Sequence[Job], now: datetime, count: int, progress: Callable[[int], None]
) -> Iterator[Signed]:
    """Sign by child processes, each of which has every `count`th job and a pipe of its own.

    A pool would share locks among them: one that is killed while it holds one, as where memory is
    short, would be waited for for ever, by the end of the pool too.
    """
    children: list[tuple[ForkProcess, Connection]] = []
    try:
        children.extend(_start_child(jobs[first::count], now) for first in range(count))
        for number in range(len(jobs)):
            try:
                answer = children[number % count][1].recv()
            except EOFError:
                raise ScaffoldError(
                    "a child that signs was killed", hint="is there too little memory? `--jobs 1`"
                ) from None
            if isinstance(answer, BaseException):
                raise answer
            progress(1)
            yield answer
    finally:
        for child, answers in children:
            child.kill()  # where all is answered it has ended
            answers.close()
        for child, _ in children:
            child.join()


def _start_child(jobs: Sequence[Job], now: datetime) -> "tuple[ForkProcess, Connection]":
    """Start a child that signs, and return it with the pipe that it answers in."""
    from multiprocessing import get_context

    # Threads took 1.4 times as long for 1,000 users, since `cryptography` holds Python's lock
    # while it makes EC keys. Children that are forked have the jobs, and with them the keys of
    # the CAs, which can't be sent to them.
    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(jobs, now, os.getpid(), writer))
    try:
        child.start()
    except OSError as error:
        reader.close()
        raise ScaffoldError(
            f"no child that signs can be started: {error.strerror}", hint="`--jobs 1` needs none"
        ) from None
    finally:
        writer.close()  # so that it ends with the child, and no other child has it
    return child, reader


def _answer(jobs: Sequence[Job], now: datetime, parent: int, answers: "Connection") -> None:
    """Sign, as a child, one job after another; an error is the last answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent ends us
    for job in jobs:
        if os.getppid() != parent:
            os._exit(1)  # it was killed: nobody will put this in place, and we hold its lock
        try:
            answers.send(_sign_one(job, now))
        except BrokenPipeError:
            os._exit(1)
        except Exception as error:  # noqa: BLE001 - our parent raises it
            answers.send(error)
            return


def _sign_one(job: Job, now: datetime) -> Signed:
    if isinstance(job.ca, RemoteSigner):
        signed = job.ca.sign(job.request, job.profile, now, job.path)
    else:
        signed = _signed_here(job, job.ca, now)
    pairs.stage_pair(job.work, job.name, signed.contents)
    return signed


def _signed_here(job: Job, ca: issuer.CA, now: datetime) -> Signed:
    try:
        return signer.sign(job.request, job.profile, ca, now)
    except ScaffoldError as error:  # which knows the CN, and several may have one
        raise ScaffoldError(
            f"`{job.path}` is not signed: {error.summary}", error.problems, error.hint
        ) from None
